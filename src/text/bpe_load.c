/* SPDX-License-Identifier: Apache-2.0
 * bpe_load.c: tokenizer.json's "model" of type BPE -> the tables of bpe.h. */
#include "text/bpe.h"

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

typedef struct loading {
    const wick_reading *reading;
    wick_vocabulary *vocabulary;
    wick_bpe *out;
    char *joined; /* [n_joined] room for the text that two tokens make */
    size_t n_joined;
} loading;

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

/* The code point of a token that is one character and not ASCII; else 0. */
static uint32_t single_character(const wick_vocabulary *vocabulary, const wick_token_slot *slot)
{
    uint32_t c = 0;
    const char *text = slot->length > 0 ? vocabulary->texts[slot->number] : "";
    return slot->length > 1 && wick_utf8_decode(text, &c) == slot->length ? c : 0;
}

static int load_characters(loading *l)
{
    const wick_token_map *map = &l->vocabulary->by_text;
    size_t n = 0, n_slots = 16;
    for (size_t i = 0; i <= map->mask; i++)
        n += single_character(l->vocabulary, &map->slots[i]) != 0;
    while (n_slots / 2 < n)
        n_slots *= 2;
    wick_char_id *slots = wick_arena_take(l->reading->arena, n_slots, sizeof *slots);
    if (!slots)
        return wick_fail_memory(l->reading->error, "the tokenizer's characters");
    for (size_t i = 0; i <= map->mask; i++) {
        const uint32_t c = single_character(l->vocabulary, &map->slots[i]);
        if (c == 0)
            continue;
        size_t at = wick_character_slot(c);
        while (slots[at & (n_slots - 1)].code_point != 0)
            at++;
        slots[at & (n_slots - 1)] = (wick_char_id){c, (int32_t)map->slots[i].number};
    }
    l->out->characters = slots;
    l->out->character_mask = n_slots - 1;
    return WICK_OK;
}

static int find_unknown(loading *l, const wick_json *value)
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

static int64_t id_of(const loading *l, part p)
{
    return wick_vocabulary_id(l->vocabulary, p.text, p.n);
}

/* The id of the token whose text is that of the two together. */
static int64_t id_of_joined(loading *l, part left, part right)
{
    const size_t n = left.n + right.n; /* of one document: no overflow */
    if (n > l->n_joined) {
        char *joined = realloc(l->joined, 2 * n);
        if (!joined)
            return -1;
        l->joined = joined;
        l->n_joined = 2 * n;
    }
    memcpy(l->joined, left.text, left.n);
    memcpy(l->joined + left.n, right.text, right.n);
    return wick_vocabulary_id(l->vocabulary, l->joined, n);
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

static int add_merge(loading *l, wick_merge *slots, size_t mask, const wick_json *value, size_t index, uint32_t rank)
{
    part left, right;
    char path[WICK_FIELD_PATH_BYTES];
    snprintf(path, sizeof path, PATH ".merges[%zu]", index);
    if (!read_merge(value, &left, &right))
        return wick_field_corrupt(l->reading, path, "is not two tokens");
    const int64_t left_id = id_of(l, left), right_id = id_of(l, right), id = id_of_joined(l, left, right);
    if (left_id < 0 || right_id < 0 || id < 0)
        return wick_field_corrupt(l->reading, path, "names \"%.40s%.40s\", of which the vocabulary lacks %s", left.text,
                                  right.text, left_id < 0 || right_id < 0 ? "a part" : "the whole");
    const wick_merge merge = {(uint32_t)left_id, (uint32_t)right_id, rank, (uint32_t)id};
    return put_merge(slots, mask, merge) ? WICK_OK
                                         : wick_field_corrupt(l->reading, path, "is made to collide with others");
}

/* The first line of merges.txt, which some files have among the merges. */
static bool is_version(const wick_json *value)
{
    const char *text = wick_json_string(value, NULL);
    return text && strncmp(text, "#version", 8) == 0;
}

static int load_filter(loading *l)
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

static int load_merges(loading *l, const wick_json *list)
{
    const size_t n = wick_json_count(list);
    size_t n_slots = 16;
    uint32_t rank = 0;
    if (wick_json_type_of(list) != WICK_JSON_ARRAY)
        return wick_field_corrupt(l->reading, PATH, "has no list \"merges\"");
    while (n_slots / 4 * 3 < n)
        n_slots *= 2;
    wick_merge *slots = wick_arena_take(l->reading->arena, n_slots, sizeof *slots);
    if (!slots)
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    for (size_t i = 0; i < n_slots; i++)
        slots[i].rank = WICK_NO_RANK;
    int code = WICK_OK;
    for (size_t i = 0; i < n && code == WICK_OK; i++) {
        const wick_json *value = wick_json_at(list, i);
        if (!is_version(value))
            code = add_merge(l, slots, n_slots - 1, value, i, rank++);
    }
    l->out->merges = slots;
    l->out->merge_mask = n_slots - 1;
    return code == WICK_OK ? load_filter(l) : code;
}

/* ---- neighbours ----------------------------------------------------------------------------------------------------- */

#define MIN_JOIN_BITS ((size_t)1 << 16) /* all pairs of bytes */
#define MAX_JOIN_BITS ((size_t)1 << 22)
/* So many bits for each byte of the tokens: of pairs of characters that no token has, few share a bit with one that some has. */
#define BITS_A_BYTE 4

static void mark_joins(loading *l, uint64_t *joins, const char *text, size_t n)
{
    uint32_t left = 0, right;
    for (size_t at = 0; at < n; left = right) {
        const unsigned length = l->out->byte_level ? 1 : wick_utf8_decode(text + at, &right);
        right = l->out->byte_level ? (uint8_t)text[at] : right;
        if (at > 0) {
            const size_t bit = wick_join_bit(l->out->byte_level, left, right) & l->out->join_mask;
            joins[bit / 64] |= (uint64_t)1 << bit % 64;
        }
        at += length;
    }
}

/* The neighbours in every token: more than those that merging gives, and no fewer. */
static int load_joins(loading *l)
{
    const wick_token_map *map = &l->vocabulary->by_text;
    size_t n_bytes = 0, n_longest = 0, n_bits = MIN_JOIN_BITS;
    for (size_t i = 0; i <= map->mask; i++) {
        n_bytes += map->slots[i].length;
        n_longest = map->slots[i].length > n_longest ? map->slots[i].length : n_longest;
    }
    while (!l->out->byte_level && n_bits < MAX_JOIN_BITS && n_bits / BITS_A_BYTE < n_bytes)
        n_bits *= 2;
    uint64_t *joins = wick_arena_take(l->reading->arena, n_bits / 64, sizeof *joins);
    char *bytes = malloc(n_longest + 1);
    if (!joins || !bytes) {
        free(bytes);
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    }
    l->out->joins = joins;
    l->out->join_mask = n_bits - 1;
    for (size_t i = 0; i <= map->mask; i++) {
        size_t n = map->slots[i].length;
        const char *text = n > 0 ? l->vocabulary->texts[map->slots[i].number] : NULL;
        if (n == 0 || (l->out->byte_level && !wick_byte_level_bytes(text, n, bytes, &n)))
            continue;
        mark_joins(l, joins, l->out->byte_level ? bytes : text, n);
    }
    free(bytes);
    return WICK_OK;
}

/* Parts are the same as the whole unless characters are left out, which moves all that follow, or words are looked up as a whole. */
static bool can_cut(const wick_bpe *model)
{
    bool has_all = !model->ignore_merges;
    for (unsigned byte = 0; byte < 256; byte++)
        has_all &= model->byte_level
                       ? model->first_ids[byte] >= 0
                       : model->unknown_id >= 0 || (model->byte_fallback && model->fallback_ids[byte] >= 0);
    return has_all;
}

static int load_byte_ranks(loading *l)
{
    const int32_t *first_ids = l->out->first_ids;
    int32_t *ranks = wick_arena_take(l->reading->arena, WICK_BYTE_PAIRS, sizeof *ranks);
    if (!ranks)
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    for (size_t pair = 0; pair < WICK_BYTE_PAIRS; pair++) {
        const int32_t left = first_ids[pair >> 8], right = first_ids[pair & 0xFF];
        ranks[pair] = INT32_MAX;
        if (left >= 0 && right >= 0 && wick_bpe_joins(l->out, (uint32_t)(pair >> 8), pair & 0xFF)) {
            const uint32_t rank = wick_bpe_merge(l->out, (uint32_t)left, (uint32_t)right)->rank;
            ranks[pair] = rank < INT32_MAX ? (int32_t)rank : INT32_MAX;
        }
    }
    l->out->byte_ranks = ranks;
    return WICK_OK;
}

/* ---- tokens as whole words ------------------------------------------------------------------------------------------ */

/* Behind ByteLevel a token's key is the bytes that it stands for, which are written to `bytes`; one that stands for none is left out. Returns how many there are. */
static size_t list_words(const loading *l, wick_trie_key *keys, char *bytes)
{
    const wick_token_map *map = &l->vocabulary->by_text;
    size_t n_keys = 0;
    for (size_t i = 0; i <= map->mask; i++) {
        size_t n = map->slots[i].length;
        if (n == 0)
            continue;
        const char *text = l->vocabulary->texts[map->slots[i].number];
        if (l->out->byte_level) {
            if (!wick_byte_level_bytes(text, n, bytes, &n))
                continue;
            text = bytes;
            bytes += n;
        }
        keys[n_keys++] = (wick_trie_key){text, (uint32_t)n, map->slots[i].number};
    }
    return n_keys;
}

static int load_words(loading *l)
{
    const wick_token_map *map = &l->vocabulary->by_text;
    size_t n_bytes = 1;
    for (size_t i = 0; i <= map->mask; i++)
        n_bytes += map->slots[i].length;
    wick_trie_key *keys = calloc(l->vocabulary->n_entries + 1, sizeof *keys);
    char *bytes = malloc(n_bytes);
    int code = WICK_E_NO_MEMORY;
    if (keys && bytes)
        code = wick_token_trie_build(l->reading->arena, keys, list_words(l, keys, bytes), &l->vocabulary->whole);
    free(keys);
    free(bytes);
    if (code == WICK_E_CORRUPT)
        return wick_field_corrupt(l->reading, PATH, "has tokens that are made to take up room");
    return code == WICK_OK ? WICK_OK : wick_fail_memory(l->reading->error, "the tokenizer's vocabulary");
}

int wick_bpe_load(const wick_reading *reading, const wick_json *value, size_t n_added, bool byte_level,
                  wick_vocabulary *vocabulary, wick_bpe *out)
{
    const wick_vocabulary_index index = {.kind = WICK_INDEX_TABLE};
    loading l = {.reading = reading, .vocabulary = vocabulary, .out = out};
    *out = (wick_bpe){.vocabulary = vocabulary, .byte_level = byte_level, .serial = wick_word_cache_serial()};
    int code = load_options(reading, value, out);
    if (code == WICK_OK)
        code = wick_vocabulary_read(reading, wick_json_get(value, "vocab"), n_added, &index, vocabulary);
    if (code == WICK_OK) {
        find_bytes(vocabulary, out);
        code = find_unknown(&l, value);
    }
    if (code == WICK_OK)
        code = load_characters(&l);
    if (code == WICK_OK)
        code = load_merges(&l, wick_json_get(value, "merges"));
    if (code == WICK_OK)
        code = load_joins(&l);
    if (code == WICK_OK && byte_level)
        code = load_byte_ranks(&l);
    out->can_cut = can_cut(out);
    if (code == WICK_OK && out->ignore_merges)
        code = load_words(&l);
    free(l.joined);
    return code;
}
