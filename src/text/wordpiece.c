/* SPDX-License-Identifier: Apache-2.0
 * wordpiece.c: loading and running the WordPiece model (wordpiece.h). */
#include "text/wordpiece.h"

#include "text/vocabulary_packed.h"

#define PATH "model"

int wick_wordpiece_load(const wick_reading *reading, const wick_json *value, size_t n_added,
                        wick_vocabulary *vocabulary, wick_wordpiece *out)
{
    static const char *const known[] = {"type",  "unk_token", "continuing_subword_prefix", "max_input_chars_per_word",
                                        "vocab", NULL};
    const char *unknown, *prefix;
    size_t unknown_bytes, prefix_bytes;
    int64_t max_chars = 0;
    int code = wick_fields_check(reading, value, PATH, known);
    if (code == WICK_OK)
        code = wick_field_string(reading, value, PATH, "unk_token", &unknown, &unknown_bytes);
    if (code == WICK_OK)
        code = wick_field_string(reading, value, PATH, "continuing_subword_prefix", &prefix, &prefix_bytes);
    if (code == WICK_OK)
        code = wick_field_integer(reading, value, PATH, "max_input_chars_per_word", &max_chars);
    if (code == WICK_OK && max_chars < 0)
        code = wick_field_corrupt(reading, PATH, "has %lld as \"max_input_chars_per_word\"", (long long)max_chars);
    if (code == WICK_OK)
        code = wick_vocabulary_read(reading, wick_json_get(value, "vocab"), n_added,
                                    &(wick_vocabulary_index){WICK_INDEX_TRIES, prefix, prefix_bytes}, vocabulary);
    if (code != WICK_OK)
        return code;
    int64_t id = wick_vocabulary_id(vocabulary, unknown, unknown_bytes);
    if (id < 0)
        return wick_field_corrupt(reading, PATH, "has no token \"%.60s\" (\"unk_token\") in its vocabulary", unknown);
    *out = (wick_wordpiece){.vocabulary = vocabulary, .unknown_id = (int32_t)id, .max_word_chars = (size_t)max_chars};
    return WICK_OK;
}

bool wick_wordpiece_is_too_long(const wick_wordpiece *model, const char *word, size_t n)
{
    size_t n_chars = 0;
    for (size_t i = 0; i < n; i++)
        n_chars += ((uint8_t)word[i] & 0xC0) != 0x80;
    return n_chars > model->max_word_chars;
}

void wick_wordpiece_run(const wick_wordpiece *model, const char *word, const uint32_t *origins, size_t n,
                        wick_encoding_state *state)
{
    const wick_token_trie *trie = &model->vocabulary->whole;
    size_t n_tokens = state->n_tokens;
    if (!wick_encoding_reserve(state, n)) /* no token is empty */
        return;
    for (size_t at = 0; at < n; trie = &model->vocabulary->tails) {
        uint32_t id;
        size_t length = wick_token_trie_longest(trie, word + at, n - at, &id);
        if (length == 0) { /* one unknown piece makes the whole word unknown */
            wick_encoding_push(state, model->unknown_id, origins[0], origins[n - 1] + 1, false);
            return;
        }
        state->ids[n_tokens] = (int32_t)id;
        state->starts[n_tokens] = origins[at];
        state->ends[n_tokens] = origins[at + length - 1] + 1;
        state->is_special[n_tokens++] = false;
        at += length;
    }
    state->n_tokens = n_tokens;
}
