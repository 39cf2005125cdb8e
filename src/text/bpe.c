/* SPDX-License-Identifier: Apache-2.0
 * bpe.c: running the BPE model (bpe.h): a word is cut into parts that no token joins, each part's characters become symbols, these are merged (bpe_merge.c), and the tokens
 * of short words are kept for the next time. */
#include "text/bpe_merge.h"

#include <string.h>

#include "base/utf8.h"
#include "text/byte_level.h"

/* Of the character that stands for a byte. */
#define MAX_WRITTEN_BYTES 2

/* ---- a symbol for each character ------------------------------------------------------------------------------------ */

/* What is being built. */
typedef struct building {
    wick_bpe_symbol *symbols;
    size_t n;
    uint32_t end;             /* of the last symbol, in bytes */
    uint32_t n_unknown_bytes; /* of unknown characters that wait to be one token; 0: none */
} building;

static void add_symbol(building *b, int32_t id, uint32_t n_bytes)
{
    b->end += n_bytes;
    b->symbols[b->n++] = (wick_bpe_symbol){(uint32_t)id, b->end};
}

static void end_unknown(building *b, int32_t unknown_id)
{
    if (b->n_unknown_bytes > 0)
        add_symbol(b, unknown_id, b->n_unknown_bytes);
    b->n_unknown_bytes = 0;
}

static bool has_fallback(const wick_bpe *model, const char *character, unsigned n)
{
    if (!model->byte_fallback)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (model->fallback_ids[(uint8_t)character[i]] < 0)
            return false;
    return true;
}

/* A character that the vocabulary lacks. Unknown ones wait for others behind them, also where byte tokens stand in between: so does the package. */
static void add_unknown(const wick_bpe *model, building *b, const char *character, unsigned n, uint32_t n_bytes)
{
    if (has_fallback(model, character, n)) {
        for (unsigned i = 0; i < n; i++)
            add_symbol(b, model->fallback_ids[(uint8_t)character[i]], 1);
        return;
    }
    if (model->unknown_id < 0)
        return; /* left out; what follows is counted as if it stood here */
    if (!model->fuse_unknown)
        end_unknown(b, model->unknown_id);
    b->n_unknown_bytes += n_bytes;
}

static int32_t id_of_character(const wick_bpe *model, uint32_t c)
{
    for (size_t at = wick_character_slot(c);; at++) {
        const wick_char_id *slot = &model->characters[at & model->character_mask];
        if (slot->code_point == c)
            return slot->id;
        if (slot->code_point == 0)
            return -1;
    }
}

/* Of any character; -1: the vocabulary lacks it. */
static int32_t id_of_any(const wick_bpe *model, uint32_t c)
{
    return c < 0x80 ? model->first_ids[c] : id_of_character(model, c);
}

static void add_characters(const wick_bpe *model, building *b, const char *word, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        const unsigned length = wick_utf8_decode(word + at, &c);
        const int32_t id = id_of_any(model, c);
        if (id >= 0) {
            end_unknown(b, model->unknown_id);
            add_symbol(b, id, length);
        } else {
            add_unknown(model, b, word + at, length, length);
        }
        at += length;
    }
    end_unknown(b, model->unknown_id);
}

/* How many bytes of UTF-8 the character takes that stands for a byte. */
static uint32_t written_bytes(uint8_t byte)
{
    return wick_byte_level_character(byte) < 0x80 ? 1 : 2;
}

/* Bytes, of which the vocabulary lacks some: places are counted in the characters that stand for them. */
static void add_written_bytes(const wick_bpe *model, building *b, const char *word, size_t n)
{
    for (size_t at = 0; at < n; at++) {
        const uint8_t byte = (uint8_t)word[at];
        char written[4];
        if (model->first_ids[byte] >= 0) {
            end_unknown(b, model->unknown_id);
            add_symbol(b, model->first_ids[byte], written_bytes(byte));
        } else {
            const unsigned length = wick_utf8_encode(wick_byte_level_character(byte), written);
            add_unknown(model, b, written, length, length);
        }
    }
    end_unknown(b, model->unknown_id);
}

/* Symbols of bytes that are all there. */
static bool add_bytes(const wick_bpe *model, building *b, const char *word, size_t n)
{
    int32_t all = 0;
    for (size_t at = 0; at < n; at++) {
        const int32_t id = model->first_ids[(uint8_t)word[at]];
        all |= id;
        b->symbols[at] = (wick_bpe_symbol){(uint32_t)id, (uint32_t)at + 1};
    }
    b->n = n;
    return all >= 0;
}

/* ---- a word --------------------------------------------------------------------------------------------------------- */

/* The symbols' tokens. */
static void give_symbols(const wick_bpe_symbol *symbols, size_t n, const uint32_t *origins, wick_encoding_state *state)
{
    uint32_t begin = 0;
    if (!wick_encoding_reserve(state, n))
        return;
    for (size_t i = 0; i < n; i++) {
        const size_t to = state->n_tokens++;
        state->ids[to] = (int32_t)symbols[i].id;
        state->starts[to] = origins[begin];
        state->ends[to] = origins[symbols[i].end - 1] + 1;
        state->is_special[to] = false;
        begin = symbols[i].end;
    }
}

/* The same where ends are counted in the characters that stand for word's bytes. */
static void give_written(const wick_bpe_symbol *symbols, size_t n, const char *word, const uint32_t *origins,
                         wick_encoding_state *state)
{
    size_t first = 0; /* the byte that place `before` lies in */
    uint32_t before = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t begin = i > 0 ? symbols[i - 1].end : 0;
        while (before + written_bytes((uint8_t)word[first]) <= begin)
            before += written_bytes((uint8_t)word[first++]);
        size_t last = first;
        for (uint32_t at = before; (at += written_bytes((uint8_t)word[last])) < symbols[i].end;)
            last++;
        wick_encoding_push(state, (int32_t)symbols[i].id, origins[first], origins[last] + 1, false);
    }
}

static void keep_word(wick_cached_word *place, const uint64_t key[WICK_CACHED_KEYS], size_t n_bytes,
                      const wick_bpe_symbol *symbols, size_t n)
{
    if (n > WICK_CACHED_TOKENS)
        return;
    memcpy(place->key, key, sizeof place->key);
    place->n_bytes = (uint8_t)n_bytes;
    place->n_tokens = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        place->ids[i] = (int32_t)symbols[i].id;
        place->ends[i] = (uint8_t)symbols[i].end;
    }
}

/* The word's symbols, merged: *n of them. False: their ends are those of written bytes; or out of memory. */
static bool tokenize(const wick_bpe *model, const char *word, size_t n_bytes, wick_encoding_state *state, size_t *n)
{
    wick_bpe_scratch *scratch = &state->bpe;
    building b = {0};
    bool is_plain = true;
    *n = 0;
    if (!wick_bpe_reserve_symbols(state, MAX_WRITTEN_BYTES * n_bytes))
        return false;
    b.symbols = scratch->symbols;
    if (!model->byte_level) {
        add_characters(model, &b, word, n_bytes);
    } else if (!add_bytes(model, &b, word, n_bytes)) {
        is_plain = false;
        b.n = 0;
        add_written_bytes(model, &b, word, n_bytes);
    }
    *n = wick_bpe_merge_symbols(model, b.symbols, b.n, model->byte_level && is_plain ? word : NULL, state);
    return is_plain;
}

/* A word, or a part of one that nothing outside of it merges with. */
static void run_part(const wick_bpe *model, const char *word, const uint32_t *origins, size_t n,
                     wick_encoding_state *state)
{
    uint64_t key[WICK_CACHED_KEYS] = {0};
    wick_cached_word *place = NULL;
    size_t n_symbols;
    uint32_t id;
    if (n <= WICK_CACHED_BYTES) {
        wick_cached_key(word, n, key);
        place = wick_word_cache_place(&state->words, key, n);
        if (wick_cached_is(place, key, n)) {
            wick_encoding_push_cached(state, place, origins);
            return;
        }
    }
    if (model->ignore_merges && wick_token_trie_longest(&model->vocabulary->whole, word, n, &id) == n) {
        wick_encoding_push(state, (int32_t)id, origins[0], origins[n - 1] + 1, false);
        return;
    }
    if (tokenize(model, word, n, state, &n_symbols)) {
        give_symbols(state->bpe.symbols, n_symbols, origins, state);
        if (place)
            keep_word(place, key, n, state->bpe.symbols, n_symbols);
    } else if (!state->out_of_memory) {
        give_written(state->bpe.symbols, n_symbols, word, origins, state);
    }
}

/* Where the first part of word[at, n) ends that no token goes beyond: between two characters of the vocabulary that no token has next to each other. What stands on
 * both sides are then symbols whose texts end and begin with these, and the text of what they merge into would have both. */
static size_t end_of_part(const wick_bpe *model, const char *word, size_t at, size_t n)
{
    uint32_t left, right;
    if (model->byte_level) {
        while (++at < n && wick_bpe_joins(model, (uint8_t)word[at - 1], (uint8_t)word[at])) {
        }
        return at;
    }
    for (at += wick_utf8_decode(word + at, &left); at < n; left = right) {
        const unsigned length = wick_utf8_decode(word + at, &right);
        if (!wick_bpe_joins(model, left, right) && id_of_any(model, left) >= 0 && id_of_any(model, right) >= 0)
            break;
        at += length;
    }
    return at;
}

void wick_bpe_run(const wick_bpe *model, const char *word, const uint32_t *origins, size_t n,
                  wick_encoding_state *state)
{
    if (state->words.serial != model->serial && !wick_word_cache_claim(&state->words, model->serial)) {
        state->out_of_memory = true;
        return;
    }
    for (size_t at = 0, end; at < n && !state->out_of_memory; at = end) {
        end = n <= WICK_CACHED_BYTES || !model->can_cut ? n : end_of_part(model, word, at, n);
        run_part(model, word + at, origins + at, end - at, state);
    }
}
