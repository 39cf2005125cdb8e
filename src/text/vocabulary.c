/* SPDX-License-Identifier: Apache-2.0
 * vocabulary.c: reading the model's tokens (vocabulary.h). The texts of all tokens stand in one block of the arena. */
#include "text/vocabulary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Ids may leave gaps, but not so many that a small file asks for much memory. */
#define MAX_UNUSED_IDS ((size_t)1 << 20)
#define PATH "model.vocab"
/* Of so many tokens the places are on their way to the cache. */
#define PROBES_AHEAD 16

/* Lists the entries, their texts still the document's, and checks every id; finds the largest one and how many bytes the texts take with
 * their terminators. keys: [wick_json_count(vocab)]. */
static int list_entries(const wick_reading *reading, const wick_json *vocab, wick_trie_key *keys, size_t *n_ids,
                        size_t *n_text_bytes)
{
    size_t n_entries = wick_json_count(vocab), limit = n_entries + MAX_UNUSED_IDS, i = 0;
    *n_ids = *n_text_bytes = 0;
    for (const wick_json_member *it = wick_json_first(vocab); it; it = wick_json_next(vocab, it)) {
        size_t n;
        int64_t id;
        const char *token = wick_json_key(it, &n);
        if (!wick_json_integer(wick_json_value(it), &id))
            return wick_field_corrupt(reading, PATH, "gives the token \"%.60s\" an id that is not an integer", token);
        if (id < 0 || (uint64_t)id >= limit)
            return wick_field_corrupt(reading, PATH, "gives the token \"%.60s\" the id %lld, outside of 0 to %zu",
                                      token, (long long)id, limit - 1);
        if ((size_t)id >= *n_ids)
            *n_ids = (size_t)id + 1;
        *n_text_bytes += n + 1; /* at most the file's size */
        keys[i++] = (wick_trie_key){.text = token, .n_bytes = (uint32_t)n, .number = (uint32_t)id};
    }
    return WICK_OK;
}

int wick_vocabulary_copy_texts(const wick_reading *reading, wick_trie_key *keys, size_t n_keys, size_t n_text_bytes)
{
    char *text = wick_arena_take(reading->arena, n_text_bytes + WICK_TOKEN_MAP_PAD, 1);
    if (!text)
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    for (size_t i = 0; i < n_keys; i++) {
        memcpy(text, keys[i].text, keys[i].n_bytes);
        text[keys[i].n_bytes] = '\0';
        keys[i].text = text;
        text += keys[i].n_bytes + 1;
    }
    return WICK_OK;
}

int wick_vocabulary_adopt_texts(const wick_reading *reading, wick_token_list *list)
{
    if (!wick_arena_adopt(reading->arena, list->texts))
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    list->texts = NULL;
    return WICK_OK;
}

/* Names the tokens' ids. Leaves out the empty token, which is never looked for; *n_keys are left. */
static int name_tokens(const wick_reading *reading, wick_vocabulary *out, wick_trie_key *keys, size_t *n_keys)
{
    int code = WICK_OK;
    *n_keys = 0;
    for (size_t i = 0; i < out->n_entries && code == WICK_OK; i++) {
        const wick_trie_key key = keys[i];
        code = wick_vocabulary_name(reading, out, PATH, key.text, key.number);
        if (out->lengths && code == WICK_OK)
            out->lengths[key.number] = key.n_bytes;
        keys[*n_keys] = key;
        *n_keys += key.n_bytes > 0;
    }
    return code;
}

/* Keeps the keys that begin with the prefix and more, without it; returns how many. */
static size_t cut_prefix(wick_trie_key *keys, size_t n_keys, const char *prefix, size_t prefix_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_keys; i++) {
        if (keys[i].n_bytes <= prefix_bytes || memcmp(keys[i].text, prefix, prefix_bytes) != 0)
            continue;
        keys[n] = keys[i];
        keys[n].text += prefix_bytes;
        keys[n++].n_bytes -= (uint32_t)prefix_bytes;
    }
    return n;
}

static int build_map(const wick_reading *reading, const wick_trie_key *keys, size_t n_keys, wick_vocabulary *out)
{
    if (!wick_token_map_init(&out->by_text, reading->scratch, n_keys, out->texts))
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    wick_token_probe probes[PROBES_AHEAD] = {{0}};
    for (size_t i = 0; i < n_keys + PROBES_AHEAD; i++) {
        wick_token_probe *probe = &probes[i % PROBES_AHEAD];
        if (i >= PROBES_AHEAD) {
            const wick_trie_key *key = &keys[i - PROBES_AHEAD];
            if (!wick_token_map_put_at(&out->by_text, *probe, key->text, key->n_bytes, key->number))
                return wick_field_corrupt(reading, PATH, "has tokens that are made to collide");
        }
        if (i < n_keys)
            *probe = wick_token_map_probe_padded(&out->by_text, keys[i].text, keys[i].n_bytes);
    }
    return out->by_text.n == n_keys ? WICK_OK : wick_field_corrupt(reading, PATH, "has a token twice");
}

int wick_vocabulary_build_trie(const wick_reading *reading, const char *path, wick_trie_key *keys, size_t n_keys,
                               wick_token_trie *out)
{
    const int code = wick_token_trie_build(reading->arena, keys, n_keys, out);
    if (code == WICK_E_INVALID_INPUT)
        return wick_field_corrupt(reading, path, "has a token of %" PRIu32 " bytes (id %" PRIu32 "), over %d",
                                  keys[0].n_bytes, keys[0].number, WICK_MAX_KEY_BYTES);
    if (code == WICK_E_CORRUPT)
        return wick_field_corrupt(reading, path, "has tokens that are made to take up room");
    return code == WICK_OK ? WICK_OK : wick_fail_memory(reading->error, "the tokenizer's vocabulary");
}

int wick_vocabulary_build(const wick_reading *reading, wick_trie_key *keys, const wick_vocabulary_index *index,
                          wick_vocabulary *out)
{
    size_t n_keys;
    out->texts = wick_arena_take(reading->arena, out->capacity, sizeof *out->texts);
    if (index->kind == WICK_INDEX_TABLE)
        out->lengths = wick_arena_take(reading->scratch, out->capacity, sizeof *out->lengths);
    if (!out->texts || (index->kind == WICK_INDEX_TABLE && !out->lengths))
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    int code = name_tokens(reading, out, keys, &n_keys);
    if (code != WICK_OK)
        return code;
    if (index->kind == WICK_INDEX_TABLE)
        return build_map(reading, keys, n_keys, out);
    code = wick_vocabulary_build_trie(reading, PATH, keys, n_keys, &out->whole);
    if (code == WICK_OK && index->kind == WICK_INDEX_TRIES) {
        n_keys = cut_prefix(keys, n_keys, index->prefix, index->prefix_bytes);
        code = wick_vocabulary_build_trie(reading, PATH, keys, n_keys, &out->tails);
    }
    return code;
}

int wick_vocabulary_load(const wick_reading *reading, const wick_json *vocab, size_t n_added,
                         const wick_vocabulary_index *index, wick_vocabulary *out)
{
    size_t n_text_bytes;
    *out = (wick_vocabulary){0};
    if (wick_json_type_of(vocab) != WICK_JSON_OBJECT)
        return wick_field_corrupt(reading, "model", "has %s as \"vocab\", not an object",
                                  wick_json_type_name(wick_json_type_of(vocab)));
    out->n_entries = wick_json_count(vocab);
    wick_trie_key *keys = malloc((out->n_entries + 1) * sizeof *keys); /* less than the document itself takes */
    if (!keys)
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    int code = list_entries(reading, vocab, keys, &out->n_ids, &n_text_bytes);
    out->capacity = (out->n_ids > out->n_entries ? out->n_ids : out->n_entries) + n_added;
    if (code == WICK_OK)
        code = wick_vocabulary_copy_texts(reading, keys, out->n_entries, n_text_bytes);
    if (code == WICK_OK)
        code = wick_vocabulary_build(reading, keys, index, out);
    free(keys);
    return code;
}

int wick_vocabulary_take(const wick_reading *reading, wick_token_list *list, size_t n_added,
                         const wick_vocabulary_index *index, wick_vocabulary *out)
{
    *out = (wick_vocabulary){.n_entries = list->n};
    for (size_t i = 0; i < list->n; i++) {
        const size_t id = list->keys[i].number;
        if (id >= list->n + MAX_UNUSED_IDS)
            return wick_field_corrupt(reading, PATH, "gives a token the id %zu, outside of 0 to %zu", id,
                                      list->n + MAX_UNUSED_IDS - 1);
        out->n_ids = id >= out->n_ids ? id + 1 : out->n_ids;
    }
    out->capacity = (out->n_ids > out->n_entries ? out->n_ids : out->n_entries) + n_added;
    const int code = wick_vocabulary_adopt_texts(reading, list);
    return code == WICK_OK ? wick_vocabulary_build(reading, list->keys, index, out) : code;
}

void wick_vocabulary_drop_table(wick_vocabulary *vocabulary)
{
    vocabulary->by_text = (wick_token_map){0};
    vocabulary->lengths = NULL;
}

int64_t wick_vocabulary_id(const wick_vocabulary *vocabulary, const char *token, size_t n)
{
    uint32_t id;
    if (vocabulary->by_text.slots)
        return n > 0 ? wick_token_map_find(&vocabulary->by_text, token, n) : -1;
    return n > 0 && wick_token_trie_longest(&vocabulary->whole, token, n, &id) == n ? (int64_t)id : -1;
}

int wick_vocabulary_name(const wick_reading *reading, wick_vocabulary *vocabulary, const char *path, const char *token,
                         size_t id)
{
    if (id >= vocabulary->capacity)
        return wick_field_corrupt(reading, path, "asks for the id %zu, outside of the vocabulary", id);
    if (vocabulary->texts[id])
        return wick_field_corrupt(reading, path, "gives the id %zu to \"%.60s\" and to \"%.60s\"", id,
                                  vocabulary->texts[id], token);
    vocabulary->texts[id] = token;
    if (id >= vocabulary->n_ids)
        vocabulary->n_ids = id + 1;
    return WICK_OK;
}
