/* SPDX-License-Identifier: Apache-2.0
 * unigram_load.c: tokenizer.json's Unigram "model" -> unigram.h. The vocabulary is a list of [token, score]; a token's id is its place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "text/score.h"
#include "text/token_list.h"
#include "text/unigram.h"
#include "text/word_cache.h"

#define PATH "model"
#define VOCAB "model.vocab"
/* What the tokenizers package, and SentencePiece before it, takes off the lowest score for an unknown character. */
#define UNKNOWN_PENALTY 10.0

/* The score that the tokenizers package makes of the number's decimal. The document's has become an f64 already: the shortest decimal of that one is what
 * programs write. Such a document is rare (token_list.h). */
static bool read_score(const wick_json *value, double *out)
{
    char text[WICK_DOUBLE_TEXT_BYTES];
    double nearest;
    return wick_json_number(value, &nearest) && isfinite(nearest) &&
           wick_score_read(text, wick_double_to_text(nearest, text), out);
}

/* Reads the list: keys [n], whose texts stay the document's, and scores [n]. */
static int list_tokens(const wick_reading *reading, const wick_json *vocab, wick_trie_key *keys, double *scores,
                       size_t *n_text_bytes)
{
    const size_t n_tokens = wick_json_count(vocab);
    *n_text_bytes = 0;
    for (size_t id = 0; id < n_tokens; id++) {
        const wick_json *entry = wick_json_at(vocab, id);
        size_t n;
        const char *token = wick_json_string(wick_json_at(entry, 0), &n);
        if (wick_json_type_of(entry) != WICK_JSON_ARRAY || wick_json_count(entry) != 2 || !token ||
            !read_score(wick_json_at(entry, 1), &scores[id]))
            return wick_field_corrupt(reading, VOCAB, "has an entry %zu that is not a token and a score", id);
        keys[id] = (wick_trie_key){.text = token, .n_bytes = (uint32_t)n, .number = (uint32_t)id};
        *n_text_bytes += n + 1;
    }
    return WICK_OK;
}

static int build(const wick_reading *reading, wick_trie_key *keys, const double *scores, wick_vocabulary *vocabulary,
                 wick_unigram *out)
{
    static const wick_vocabulary_index index = {.kind = WICK_INDEX_TRIE};
    for (size_t id = 0; id < vocabulary->n_entries; id++)
        if (!(fabs(scores[id]) <= WICK_UNIGRAM_MAX_SCORE))
            return wick_field_corrupt(reading, VOCAB, "gives the token \"%.*s\" the score %g",
                                      (int)(keys[id].n_bytes < 60 ? keys[id].n_bytes : 60), keys[id].text, scores[id]);
    out->scores = scores;
    return wick_vocabulary_build(reading, keys, &index, vocabulary);
}

/* Fills the vocabulary and the scores from the document's list. */
static int load_document(const wick_reading *reading, const wick_json *vocab, size_t n_added,
                         wick_vocabulary *vocabulary, wick_unigram *out)
{
    const size_t n = wick_json_count(vocab);
    size_t n_text_bytes = 0;
    *vocabulary = (wick_vocabulary){.n_ids = n, .n_entries = n, .capacity = n + n_added};
    if (wick_json_type_of(vocab) != WICK_JSON_ARRAY)
        return wick_field_corrupt(reading, PATH, "has %s as \"vocab\", not an array",
                                  wick_json_type_name(wick_json_type_of(vocab)));
    double *scores = wick_arena_take(reading->arena, n, sizeof *scores);
    wick_trie_key *keys = malloc((n + 1) * sizeof *keys); /* less than the document itself takes */
    int code = keys && scores ? list_tokens(reading, vocab, keys, scores, &n_text_bytes)
                              : wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    if (code == WICK_OK)
        code = wick_vocabulary_copy_texts(reading, keys, n, n_text_bytes);
    if (code == WICK_OK)
        code = build(reading, keys, scores, vocabulary, out);
    free(keys);
    return code;
}

/* The same from a list that was read already. */
static int load_list(const wick_reading *reading, wick_token_list *list, size_t n_added, wick_vocabulary *vocabulary,
                     wick_unigram *out)
{
    *vocabulary = (wick_vocabulary){.n_ids = list->n, .n_entries = list->n, .capacity = list->n + n_added};
    double *scores = list->scores;
    if (!wick_arena_adopt(reading->arena, scores))
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    list->scores = NULL;
    const int code = wick_vocabulary_adopt_texts(reading, list);
    return code == WICK_OK ? build(reading, list->keys, scores, vocabulary, out) : code;
}

/* The score of an unknown character, and the tokens of bytes. */
static void prepare(bool byte_fallback, wick_unigram *out)
{
    double lowest = INFINITY;
    for (size_t id = 0; id < out->vocabulary->n_entries; id++)
        lowest = out->scores[id] < lowest ? out->scores[id] : lowest;
    out->unknown_score = lowest - UNKNOWN_PENALTY;
    for (unsigned byte = 0; byte < 256; byte++) {
        char token[8];
        const int n = snprintf(token, sizeof token, "<0x%02X>", byte);
        out->byte_ids[byte] = byte_fallback ? (int32_t)wick_vocabulary_id(out->vocabulary, token, (size_t)n) : -1;
    }
}

int wick_unigram_load(const wick_reading *reading, const wick_json *value, size_t n_added, wick_vocabulary *vocabulary,
                      wick_unigram *out)
{
    static const char *const known[] = {"type", "unk_id", "vocab", "byte_fallback", NULL};
    bool byte_fallback = false;
    int64_t unknown = 0;
    *out = (wick_unigram){.vocabulary = vocabulary, .serial = wick_word_cache_serial()};
    int code = wick_fields_check(reading, value, PATH, known);
    const wick_json *unk_id = wick_json_get(value, "unk_id");
    if (code == WICK_OK && wick_json_type_of(unk_id) == WICK_JSON_NULL)
        code = wick_field_unsupported(reading, PATH, "a Unigram without an unknown token", "\"unk_id\": an id");
    if (code == WICK_OK)
        code = wick_field_integer(reading, value, PATH, "unk_id", &unknown);
    if (code == WICK_OK && wick_json_get(value, "byte_fallback"))
        code = wick_field_bool(reading, value, PATH, "byte_fallback", &byte_fallback);
    if (code == WICK_OK)
        code = reading->tokens ? load_list(reading, reading->tokens, n_added, vocabulary, out)
                               : load_document(reading, wick_json_get(value, "vocab"), n_added, vocabulary, out);
    if (code != WICK_OK)
        return code;
    if (unknown < 0 || (uint64_t)unknown >= vocabulary->n_entries)
        return wick_field_corrupt(reading, PATH, "has the \"unk_id\" %lld, outside of the vocabulary's %zu tokens",
                                  (long long)unknown, vocabulary->n_entries);
    out->unknown_id = (int32_t)unknown;
    prepare(byte_fallback, out);
    return WICK_OK;
}
