/* SPDX-License-Identifier: Apache-2.0
 * bpe_load.c: tokenizer.json's "model" of type BPE -> the tables of bpe.h. */
#include "text/bpe_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/vocabulary_packed.h"

#define PATH "model"
/* A probe this long never happens by chance at a load of three quarters. */
#define MAX_PROBES 4096

/* ---- options -------------------------------------------------------------------------------------------------------- */

static int check_absent(const wick_reading *reading, const wick_json *value, const char *key)
{
    size_t n = 0;
    const wick_json *found = wick_json_get(value, key);
    const char *text = wick_json_string(found, &n);
    if (!text && wick_json_type_of(found) != WICK_JSON_NULL)
        return wick_field_corrupt(reading, PATH, "has %s as \"%s\", not a string",
                                  wick_json_type_name(wick_json_type_of(found)), key);
    return n == 0 ? WICK_OK : wick_field_unsupported(reading, PATH, key, "none");
}

/* Tokens that change from call to call are no use to anybody who compares vectors. */
static int check_dropout(const wick_reading *reading, const wick_json *value)
{
    double dropout = 0;
    const wick_json *found = wick_json_get(value, "dropout");
    if (wick_json_type_of(found) != WICK_JSON_NULL && !wick_json_number(found, &dropout))
        return wick_field_corrupt(reading, PATH, "has a \"dropout\" that is not a number");
    return dropout == 0 ? WICK_OK : wick_field_unsupported(reading, PATH, "dropout", "null, 0");
}

static int load_flag(const wick_reading *reading, const wick_json *value, const char *key, bool *out)
{
    *out = false;
    return wick_json_get(value, key) ? wick_field_bool(reading, value, PATH, key, out) : WICK_OK;
}

static int load_options(const wick_reading *reading, const wick_json *value, wick_bpe *out)
{
    static const char *const known[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "ignore_merges",
                                        "vocab",
                                        "merges",
                                        NULL};
    int code = wick_fields_check(reading, value, PATH, known);
    if (code == WICK_OK)
        code = check_dropout(reading, value);
    if (code == WICK_OK)
        code = check_absent(reading, value, "continuing_subword_prefix");
    if (code == WICK_OK)
        code = check_absent(reading, value, "end_of_word_suffix");
    if (code == WICK_OK)
        code = load_flag(reading, value, "fuse_unk", &out->fuse_unknown);
    if (code == WICK_OK)
        code = load_flag(reading, value, "byte_fallback", &out->byte_fallback);
    if (code == WICK_OK)
        code = load_flag(reading, value, "ignore_merges", &out->ignore_merges);
    return code;
}

/* ---- characters ----------------------------------------------------------------------------------------------------- */

static void find_bytes(const wick_vocabulary *vocabulary, wick_bpe *out)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        unsigned n = (unsigned)snprintf(text, sizeof text, "<0x%02X>", byte);
        out->fallback_ids[byte] = (int32_t)wick_vocabulary_id(vocabulary, text, n);
        n = wick_utf8_encode(out->byte_level ? wick_byte_level_character((uint8_t)byte) : byte, text);
        out->first_ids[byte] = out->byte_level || byte < 0x80 ? (int32_t)wick_vocabulary_id(vocabulary, text, n) : -1;
    }
}

static int find_unknown(wick_bpe_loading *l, const wick_json *value)
{
    size_t n;
    const wick_json *found = wick_json_get(value, "unk_token");
    const char *text = wick_json_string(found, &n);
    l->out->unknown_id = -1;
    if (!text && wick_json_type_of(found) != WICK_JSON_NULL)
        return wick_field_corrupt(l->reading, PATH, "has %s as \"unk_token\", not a string",
                                  wick_json_type_name(wick_json_type_of(found)));
    if (!text)
        return WICK_OK;
    l->out->unknown_id = (int32_t)wick_vocabulary_id(l->vocabulary, text, n);
    bool needed = !l->out->byte_level; /* where all bytes are there nothing is unknown */
    for (unsigned byte = 0; byte < 256; byte++)
        needed |= l->out->first_ids[byte] < 0;
    if (l->out->unknown_id < 0 && needed)
        return wick_field_corrupt(l->reading, PATH, "has no token \"%.60s\" (\"unk_token\") in its vocabulary", text);
    return WICK_OK;
}

/* ---- merges --------------------------------------------------------------------------------------------------------- */

typedef struct part {
    const char *text;
    size_t n;
} part;

/* ["a", "b"], or "a b" as files were written before 2024. */
static bool read_merge(const wick_json *value, part *left, part *right)
{
    if (wick_json_type_of(value) == WICK_JSON_ARRAY) {
        left->text = wick_json_string(wick_json_at(value, 0), &left->n);
        right->text = wick_json_string(wick_json_at(value, 1), &right->n);
        return wick_json_count(value) == 2 && left->text && right->text;
    }
    size_t n;
    const char *text = wick_json_string(value, &n);
    const char *space = text ? memchr(text, ' ', n) : NULL;
    if (!space)
        return false;
    *left = (part){text, (size_t)(space - text)};
    *right = (part){space + 1, n - left->n - 1};
    return !memchr(right->text, ' ', right->n);
}

static int64_t id_of(const wick_bpe_loading *l, part p)
{
    return wick_vocabulary_id(l->vocabulary, p.text, p.n);
}

/* The id of the token whose text is that of the two together. */
static int64_t id_of_joined(wick_bpe_loading *l, part left, part right)
{
    const size_t n = left.n + right.n; /* of one document: no overflow */
    const char *guessed = l->guess < l->vocabulary->n_ids ? l->vocabulary->texts[l->guess] : NULL;
    if (guessed && l->lengths[l->guess] == n && memcmp(guessed, left.text, left.n) == 0 &&
        memcmp(guessed + left.n, right.text, right.n) == 0)
        return (int64_t)l->guess++;
    if (n > l->n_joined) {
        char *joined = realloc(l->joined, 2 * n);
        if (!joined)
            return -1;
        l->joined = joined;
        l->n_joined = 2 * n;
    }
    memcpy(l->joined, left.text, left.n);
    memcpy(l->joined + left.n, right.text, right.n);
    const int64_t id = wick_vocabulary_id(l->vocabulary, l->joined, n);
    l->guess = (size_t)(id + 1);
    return id;
}

/* Of equal pairs the last counts. */
static bool put_merge(wick_merge *slots, size_t mask, wick_merge merge)
{
    size_t at = (size_t)wick_merge_hash(merge.left, merge.right);
    for (size_t n_probes = 0; n_probes < MAX_PROBES; n_probes++, at++) {
        wick_merge *slot = &slots[at & mask];
        if (slot->rank == WICK_NO_RANK || (slot->left == merge.left && slot->right == merge.right)) {
            *slot = merge;
            return true;
        }
    }
    return false;
}

/* How many bytes of a text are shown in an error. */
static int shown(size_t n)
{
    return n < 40 ? (int)n : 40;
}

static int add_merge(wick_bpe_loading *l, wick_merge *slots, size_t mask, part left, part right, size_t index,
                     uint32_t rank)
{
    const int64_t left_id = id_of(l, left), right_id = id_of(l, right), id = id_of_joined(l, left, right);
    char path[WICK_FIELD_PATH_BYTES];
    if (left_id >= 0 && right_id >= 0 && id >= 0 &&
        put_merge(slots, mask, (wick_merge){(uint32_t)left_id, (uint32_t)right_id, rank, (uint32_t)id}))
        return WICK_OK;
    snprintf(path, sizeof path, PATH ".merges[%zu]", index);
    if (left_id >= 0 && right_id >= 0 && id >= 0)
        return wick_field_corrupt(l->reading, path, "is made to collide with others");
    return wick_field_corrupt(l->reading, path, "names \"%.*s%.*s\", of which the vocabulary lacks %s", shown(left.n),
                              left.text, shown(right.n), right.text,
                              left_id < 0 || right_id < 0 ? "a part" : "the whole");
}

/* The first line of merges.txt, which some files have among the merges. */
static bool is_version(const char *text, size_t n)
{
    return n >= 8 && memcmp(text, "#version", 8) == 0;
}

/* Merges of the document. */
static int add_merges(wick_bpe_loading *l, wick_merge *slots, size_t mask, const wick_json *list)
{
    int code = WICK_OK;
    uint32_t rank = 0;
    for (size_t i = 0; i < wick_json_count(list) && code == WICK_OK; i++) {
        const wick_json *value = wick_json_at(list, i);
        part left, right;
        char path[WICK_FIELD_PATH_BYTES];
        size_t n;
        const char *text = wick_json_string(value, &n);
        if (text && is_version(text, n))
            continue;
        snprintf(path, sizeof path, PATH ".merges[%zu]", i);
        code = read_merge(value, &left, &right) ? add_merge(l, slots, mask, left, right, i, rank++)
                                                : wick_field_corrupt(l->reading, path, "is not two tokens");
    }
    return code;
}

/* Those of a list that was read already. A version among them is no list's: it has the form of two tokens of which the vocabulary lacks one, so that the document is read. */
static int add_listed(wick_bpe_loading *l, wick_merge *slots, size_t mask, const wick_token_list *list)
{
    int code = WICK_OK;
    for (size_t i = 0; i < list->n_merges && code == WICK_OK; i++) {
        const wick_listed_merge *m = &list->merges[i];
        code = is_version(m->left, m->n_left) ? wick_field_corrupt(l->reading, PATH, "has a version among its merges")
                                              : add_merge(l, slots, mask, (part){m->left, m->n_left},
                                                          (part){m->right, m->n_right}, i, (uint32_t)i);
    }
    return code;
}

static int load_filter(wick_bpe_loading *l)
{
    const size_t n_bits = (l->out->merge_mask + 1) * WICK_FILTER_BITS;
    uint64_t *filter = wick_arena_take(l->reading->arena, n_bits / 64, sizeof *filter);
    if (!filter)
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    for (size_t i = 0; i <= l->out->merge_mask; i++) {
        const wick_merge *merge = &l->out->merges[i];
        const size_t bit = wick_filter_bit(wick_merge_hash(merge->left, merge->right)) & (n_bits - 1);
        if (merge->rank != WICK_NO_RANK)
            filter[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    l->out->filter = filter;
    l->out->filter_mask = n_bits - 1;
    return WICK_OK;
}

static int load_merges(wick_bpe_loading *l, const wick_json *list)
{
    const wick_token_list *read = l->reading->tokens;
    const size_t n = read ? read->n_merges : wick_json_count(list);
    size_t n_slots = 16;
    if (wick_json_type_of(list) != WICK_JSON_ARRAY)
        return wick_field_corrupt(l->reading, PATH, "has no list \"merges\"");
    while (n_slots / 4 * 3 < n)
        n_slots *= 2;
    wick_merge *slots = wick_arena_take(l->reading->arena, n_slots, sizeof *slots);
    if (!slots)
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    for (size_t i = 0; i < n_slots; i++)
        slots[i].rank = WICK_NO_RANK;
    int code = read ? add_listed(l, slots, n_slots - 1, read) : add_merges(l, slots, n_slots - 1, list);
    l->out->merges = slots;
    l->out->merge_mask = n_slots - 1;
    return code == WICK_OK ? load_filter(l) : code;
}

/* A token's length is told by the table that finds it. */
static int list_lengths(wick_bpe_loading *l)
{
    const wick_token_map *map = &l->vocabulary->by_text;
    l->lengths = calloc(l->vocabulary->n_ids + 1, sizeof *l->lengths);
    if (!l->lengths)
        return wick_fail_memory(l->reading->error, "the tokenizer's vocabulary");
    for (size_t i = 0; i <= map->mask; i++)
        if (map->slots[i].length > 0)
            l->lengths[map->slots[i].number] = map->slots[i].length;
    return WICK_OK;
}

int wick_bpe_load(const wick_reading *reading, const wick_json *value, size_t n_added, bool byte_level,
                  wick_vocabulary *vocabulary, wick_bpe *out)
{
    const wick_vocabulary_index index = {.kind = WICK_INDEX_TABLE};
    wick_bpe_loading l = {.reading = reading, .vocabulary = vocabulary, .out = out};
    *out = (wick_bpe){.vocabulary = vocabulary, .byte_level = byte_level, .serial = wick_word_cache_serial()};
    int code = load_options(reading, value, out);
    if (code == WICK_OK)
        code = wick_vocabulary_read(reading, wick_json_get(value, "vocab"), n_added, &index, vocabulary);
    if (code == WICK_OK) {
        find_bytes(vocabulary, out);
        code = find_unknown(&l, value);
    }
    if (code == WICK_OK)
        code = list_lengths(&l);
    if (code == WICK_OK)
        code = load_merges(&l, wick_json_get(value, "merges"));
    if (code == WICK_OK)
        code = wick_bpe_load_tables(&l);
    free(l.lengths);
    free(l.joined);
    return code;
}
