/* SPDX-License-Identifier: Apache-2.0
 * bpe_load_tables.c: from a BPE model's vocabulary and merges to the tables beside them (bpe_load.h): characters, neighbours, pairs of bytes, whole words. */
#include "text/bpe_load.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_level.h"

#define PATH "model"

/* The code point of a token that is one character and not ASCII; else 0. */
static uint32_t single_character(const char *text, size_t n)
{
    uint32_t c = 0;
    return text && n > 1 && wick_utf8_decode(text, &c) == n ? c : 0;
}

/* Behind ByteLevel characters are bytes: the table stays empty. */
static int load_characters(wick_bpe_loading *l)
{
    const char *const *texts = l->vocabulary->texts;
    const size_t n_ids = l->out->byte_level ? 0 : l->vocabulary->n_ids;
    size_t n = 0, n_slots = 16;
    for (size_t id = 0; id < n_ids; id++)
        n += single_character(texts[id], l->lengths[id]) != 0;
    while (n_slots / 2 < n)
        n_slots *= 2;
    wick_char_id *slots = wick_arena_take(l->reading->arena, n_slots, sizeof *slots);
    if (!slots)
        return wick_fail_memory(l->reading->error, "the tokenizer's characters");
    for (size_t id = 0; id < n_ids; id++) {
        const uint32_t c = single_character(texts[id], l->lengths[id]);
        if (c == 0)
            continue;
        size_t at = wick_character_slot(c);
        while (slots[at & (n_slots - 1)].code_point != 0)
            at++;
        slots[at & (n_slots - 1)] = (wick_char_id){c, (int32_t)id};
    }
    l->out->characters = slots;
    l->out->character_mask = n_slots - 1;
    return WICK_OK;
}

/* ---- neighbours ----------------------------------------------------------------------------------------------------- */

#define MIN_JOIN_BITS ((size_t)1 << 16) /* all pairs of bytes */
#define MAX_JOIN_BITS ((size_t)1 << 22)
/* So many bits for each byte of the tokens: of pairs of characters that no token has, few share a bit with one that some has. */
#define BITS_A_BYTE 4

static void mark_joins(wick_bpe_loading *l, uint64_t *joins, const char *text, size_t n)
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
static int load_joins(wick_bpe_loading *l)
{
    const size_t n_ids = l->vocabulary->n_ids;
    size_t n_bytes = 0, n_longest = 0, n_bits = MIN_JOIN_BITS;
    for (size_t id = 0; id < n_ids; id++) {
        n_bytes += l->lengths[id];
        n_longest = l->lengths[id] > n_longest ? l->lengths[id] : n_longest;
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
    for (size_t id = 0; id < n_ids; id++) {
        size_t n = l->lengths[id];
        const char *text = l->vocabulary->texts[id];
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

static int load_byte_ranks(wick_bpe_loading *l)
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
static size_t list_words(const wick_bpe_loading *l, wick_trie_key *keys, char *bytes)
{
    size_t n_keys = 0;
    for (size_t id = 0; id < l->vocabulary->n_ids; id++) {
        size_t n = l->lengths[id];
        const char *text = l->vocabulary->texts[id];
        if (n == 0)
            continue;
        if (l->out->byte_level) {
            if (!wick_byte_level_bytes(text, n, bytes, &n))
                continue;
            text = bytes;
            bytes += n;
        }
        keys[n_keys++] = (wick_trie_key){text, (uint32_t)n, (uint32_t)id};
    }
    return n_keys;
}

static int load_words(wick_bpe_loading *l)
{
    size_t n_bytes = 1;
    for (size_t id = 0; id < l->vocabulary->n_ids; id++)
        n_bytes += l->lengths[id];
    wick_trie_key *keys = calloc(l->vocabulary->n_ids + 1, sizeof *keys);
    char *bytes = malloc(n_bytes);
    int code;
    if (keys && bytes)
        code = wick_vocabulary_build_trie(l->reading, PATH ".vocab", keys, list_words(l, keys, bytes),
                                          &l->vocabulary->whole);
    else
        code = wick_fail_memory(l->reading->error, "the tokenizer's vocabulary");
    free(keys);
    free(bytes);
    return code;
}

int wick_bpe_load_tables(wick_bpe_loading *l)
{
    int code = load_characters(l);
    if (code == WICK_OK)
        code = load_joins(l);
    if (code == WICK_OK && l->out->byte_level)
        code = load_byte_ranks(l);
    l->out->can_cut = can_cut(l->out);
    if (code == WICK_OK && l->out->ignore_merges)
        code = load_words(l);
    return code;
}
