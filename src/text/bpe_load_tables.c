/* SPDX-License-Identifier: Apache-2.0
 * bpe_load_tables.c: from a BPE model's vocabulary and merges to the tables beside them (bpe_load.h): characters, neighbours, pairs of bytes, whole words. */
#include "text/bpe_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_level.h"

#define PATH "model"
/* What stands for a space. */
#define MARK 0x2581u
#define MARK_TEXT "\xE2\x96\x81"
#define N_MARK 3

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
        n += single_character(texts[id], l->vocabulary->lengths[id]) != 0;
    while (n_slots / 2 < n)
        n_slots *= 2;
    wick_char_id *slots = wick_arena_take(l->reading->arena, n_slots, sizeof *slots);
    if (!slots)
        return wick_fail_memory(l->reading->error, "the tokenizer's characters");
    for (size_t id = 0; id < n_ids; id++) {
        const uint32_t c = single_character(texts[id], l->vocabulary->lengths[id]);
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
/* Many merges have the same two characters: of pairs that none has, few share a bit with one that some has. */
#define BITS_A_MERGE 16

int wick_bpe_begin_joins(wick_bpe_loading *l, size_t n_merges)
{
    size_t n_bits = MIN_JOIN_BITS;
    while (!l->out->byte_level && n_bits < MAX_JOIN_BITS && n_bits / BITS_A_MERGE < n_merges)
        n_bits *= 2;
    l->joins = wick_arena_take(l->reading->arena, n_bits / 64, sizeof *l->joins);
    if (!l->joins)
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    l->out->joins = l->joins;
    l->out->join_mask = n_bits - 1;
    memset(l->bytes_of, 0xFF, sizeof l->bytes_of); /* -1 */
    for (int byte = 0; byte < 256; byte++)
        l->bytes_of[wick_byte_level_character((uint8_t)byte)] = (int16_t)byte;
    return WICK_OK;
}

/* The character, or behind ByteLevel the byte, that the character at text is. False: it stands for no byte. */
static bool symbol_at(const wick_bpe_loading *l, const char *text, uint32_t *out)
{
    wick_utf8_decode(text, out);
    if (!l->out->byte_level)
        return true;
    if (*out >= WICK_BYTE_LEVEL_CHARACTERS || l->bytes_of[*out] < 0)
        return false;
    *out = (uint32_t)l->bytes_of[*out];
    return true;
}

/* Neighbours in a token that merging gives met when two tokens were merged: one ended the left one, the other began the right one. */
void wick_bpe_mark_join(wick_bpe_loading *l, const char *left, size_t n_left, const char *right)
{
    size_t begin = n_left - 1;
    uint32_t last, first;
    while (begin > 0 && ((uint8_t)left[begin] & 0xC0) == 0x80)
        begin--;
    if (!symbol_at(l, left + begin, &last) || !symbol_at(l, right, &first))
        return;
    l->joins_mark |= (first == MARK) & (last != MARK);
    const size_t bit = wick_join_bit(l->out->byte_level, last, first) & l->out->join_mask;
    l->joins[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* No merge has a token that a mark begins on its right unless one that a mark ends is on its left, and what stands before a mark ends with none: a character, or the token of a byte, or the
 * unknown one. So no merge crosses the place before a mark. */
static bool do_marks_begin(const wick_bpe_loading *l)
{
    const wick_bpe *model = l->out;
    const char *unknown = model->unknown_id >= 0 ? l->vocabulary->texts[model->unknown_id] : NULL;
    const size_t n = unknown ? l->vocabulary->lengths[model->unknown_id] : 0;
    const bool is_unknown = n >= N_MARK && memcmp(unknown + n - N_MARK, MARK_TEXT, N_MARK) == 0;
    return model->can_cut && !model->byte_level && !l->joins_mark && !is_unknown &&
           wick_vocabulary_id(l->vocabulary, MARK_TEXT, N_MARK) >= 0;
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
    uint32_t *ranks = wick_arena_take(l->reading->arena, WICK_BYTE_PAIRS, sizeof *ranks);
    if (!ranks)
        return wick_fail_memory(l->reading->error, "the tokenizer's merges");
    for (size_t pair = 0; pair < WICK_BYTE_PAIRS; pair++) {
        const int32_t left = first_ids[pair >> 8], right = first_ids[pair & 0xFF];
        ranks[pair] = WICK_NO_RANK;
        if (left >= 0 && right >= 0 && wick_bpe_joins(l->out, (uint32_t)(pair >> 8), pair & 0xFF))
            ranks[pair] = wick_bpe_rank(l->out, (uint32_t)left, (uint32_t)right);
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
        size_t n = l->vocabulary->lengths[id];
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
        n_bytes += l->vocabulary->lengths[id];
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
    if (code == WICK_OK && l->out->byte_level)
        code = load_byte_ranks(l);
    l->out->can_cut = can_cut(l->out);
    l->out->marks_begin = do_marks_begin(l);
    if (code == WICK_OK && l->out->ignore_merges)
        code = load_words(l);
    return code;
}
