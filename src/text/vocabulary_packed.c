/* SPDX-License-Identifier: Apache-2.0
 * vocabulary_packed.c: writing and reading the list (vocabulary_packed.h). It comes from a file: lengths, UTF-8 and ends are all checked. */
#include "text/vocabulary_packed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define HEAD_BYTES 4
#define NO_TOKEN 65535u
#define MAX_IDS ((size_t)1 << 24) /* more than any model has embeddings */
#define PATH "vocabulary"

static size_t read_u16(const uint8_t *bytes)
{
    return bytes[0] | (size_t)bytes[1] << 8;
}

static void write_u16(uint8_t *bytes, size_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

typedef struct token {
    const char *text; /* NULL: no token has the id */
    size_t n;
} token;

/* By id. NULL: not of the kind that the list holds, or (*out_of_memory) no memory. */
static token *list_tokens(const wick_json *vocab, size_t *n_ids, bool *out_of_memory)
{
    const size_t limit = wick_json_count(vocab) + MAX_IDS;
    token *tokens = NULL;
    *n_ids = 0;
    for (const wick_json_member *it = wick_json_first(vocab); it; it = wick_json_next(vocab, it)) {
        int64_t id;
        size_t n;
        wick_json_key(it, &n);
        if (!wick_json_integer(wick_json_value(it), &id) || id < 0 || (uint64_t)id >= limit || id >= (int64_t)MAX_IDS ||
            n >= NO_TOKEN)
            return NULL;
        *n_ids = (size_t)id >= *n_ids ? (size_t)id + 1 : *n_ids;
    }
    tokens = calloc(*n_ids + 1, sizeof *tokens);
    *out_of_memory = !tokens;
    for (const wick_json_member *it = wick_json_first(vocab); it && tokens; it = wick_json_next(vocab, it)) {
        int64_t id = 0;
        token one;
        one.text = wick_json_key(it, &one.n);
        wick_json_integer(wick_json_value(it), &id);
        if (tokens[id].text) { /* two tokens of one id: reading the whole document says so */
            free(tokens);
            return NULL;
        }
        tokens[id] = one;
    }
    return tokens;
}

int wick_vocabulary_pack(const wick_json *vocab, uint8_t **out, size_t *n, wick_error *error)
{
    size_t n_ids = 0;
    bool out_of_memory = false;
    *out = NULL;
    if (wick_json_type_of(vocab) != WICK_JSON_OBJECT)
        return WICK_OK;
    token *tokens = list_tokens(vocab, &n_ids, &out_of_memory);
    if (out_of_memory)
        return wick_fail_memory(error, "the packed vocabulary");
    if (!tokens)
        return WICK_OK;
    *n = HEAD_BYTES;
    for (size_t i = 0; i < n_ids; i++)
        *n += 2 + (tokens[i].text ? tokens[i].n : 0);
    uint8_t *at = *out = malloc(*n);
    if (at) {
        write_u16(at, n_ids);
        write_u16(at + 2, n_ids >> 16);
        at += HEAD_BYTES;
    }
    for (size_t i = 0; i < n_ids && at; i++) {
        write_u16(at, tokens[i].text ? tokens[i].n : NO_TOKEN);
        at += 2;
        if (!tokens[i].text)
            continue;
        memcpy(at, tokens[i].text, tokens[i].n);
        at += tokens[i].n;
    }
    free(tokens);
    return *out ? WICK_OK : wick_fail_memory(error, "the packed vocabulary");
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* keys: [n_ids]. The texts stay in the list. */
static int list_keys(const wick_reading *reading, size_t n_ids, wick_trie_key *keys, size_t *n_text_bytes,
                     wick_vocabulary *out)
{
    const uint8_t *at = reading->vocabulary->bytes + HEAD_BYTES, *end = at + reading->vocabulary->n - HEAD_BYTES;
    *n_text_bytes = 0;
    for (size_t id = 0; id < n_ids; id++) {
        if (end - at < 2)
            return wick_field_corrupt(reading, PATH, "ends before its last token");
        const size_t n = read_u16(at);
        at += 2;
        if (n == NO_TOKEN)
            continue;
        if ((size_t)(end - at) < n)
            return wick_field_corrupt(reading, PATH, "ends within the token of id %zu", id);
        if (memchr(at, 0, n) || !wick_utf8_valid((const char *)at, n, NULL))
            return wick_field_corrupt(reading, PATH, "has a token that is no text, of id %zu", id);
        keys[out->n_entries++] = (wick_trie_key){(const char *)at, (uint32_t)n, (uint32_t)id};
        *n_text_bytes += n + 1;
        out->n_ids = id + 1;
        at += n;
    }
    return at == end ? WICK_OK : wick_field_corrupt(reading, PATH, "goes on behind its last token");
}

int wick_vocabulary_unpack(const wick_reading *reading, size_t n_added, const wick_vocabulary_index *index,
                           wick_vocabulary *out)
{
    const wick_vocabulary_list *list = reading->vocabulary;
    size_t n_text_bytes = 0;
    *out = (wick_vocabulary){0};
    if (list->n < HEAD_BYTES)
        return wick_field_corrupt(reading, PATH, "has no beginning");
    const size_t n_ids = read_u16(list->bytes) | read_u16(list->bytes + 2) << 16;
    if (n_ids > MAX_IDS || n_ids > (list->n - HEAD_BYTES) / 2)
        return wick_field_corrupt(reading, PATH, "says that it has %zu ids", n_ids);
    wick_trie_key *keys = malloc((n_ids + 1) * sizeof *keys);
    if (!keys)
        return wick_fail_memory(reading->error, "the tokenizer's vocabulary");
    int code = list_keys(reading, n_ids, keys, &n_text_bytes, out);
    out->capacity = (out->n_ids > out->n_entries ? out->n_ids : out->n_entries) + n_added;
    if (code == WICK_OK)
        code = wick_vocabulary_copy_texts(reading, keys, out->n_entries, n_text_bytes);
    if (code == WICK_OK)
        code = wick_vocabulary_build(reading, keys, index, out);
    free(keys);
    return code;
}

int wick_vocabulary_read(const wick_reading *reading, const wick_json *vocab, size_t n_added,
                         const wick_vocabulary_index *index, wick_vocabulary *out)
{
    if (reading->tokens)
        return wick_vocabulary_take(reading, reading->tokens, n_added, index, out);
    return reading->vocabulary ? wick_vocabulary_unpack(reading, n_added, index, out)
                               : wick_vocabulary_load(reading, vocab, n_added, index, out);
}
