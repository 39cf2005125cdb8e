/* SPDX-License-Identifier: Apache-2.0
 * bpe.c: running the BPE model (bpe.h): a long word is cut into parts that no token joins; a part's tokens are those kept from the last time (word_cache.h), or it is laid out of tokens
 * (bpe_known.h), or its symbols (bpe_symbols.h) are merged (bpe_merge.h). */
#include <string.h>

#include "base/utf8.h"
#include "text/ascii.h"
#include "text/bpe_known.h"
#include "text/bpe_merge.h"
#include "text/bpe_symbols.h"

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
        while (before + wick_bpe_written_bytes((uint8_t)word[first]) <= begin)
            before += wick_bpe_written_bytes((uint8_t)word[first++]);
        size_t last = first;
        for (uint32_t at = before; (at += wick_bpe_written_bytes((uint8_t)word[last])) < symbols[i].end;)
            last++;
        wick_encoding_push(state, (int32_t)symbols[i].id, origins[first], origins[last] + 1, false);
    }
}

static void keep_word(wick_cached_word *place, wick_word_key key, const wick_bpe_symbol *symbols, size_t n)
{
    if (n == 0 || n > WICK_CACHED_TOKENS)
        return;
    place->key = key;
    place->n_tokens = (uint8_t)n;
    for (size_t i = 0; i < WICK_CACHED_TOKENS; i++) {
        const size_t from = i < n ? i : n - 1;
        place->ids[i] = (int32_t)symbols[from].id;
        place->ends[i] = (uint8_t)symbols[from].end;
    }
}

/* The word's symbols, merged: *n of them. False: their ends are those of written bytes; or out of memory. */
static bool merge(const wick_bpe *model, const char *word, size_t n_bytes, wick_encoding_state *state, size_t *n)
{
    wick_bpe_symbol *symbols = state->bpe.symbols;
    const size_t n_plain = wick_bpe_plain_symbols(model, word, n_bytes, symbols);
    const size_t n_symbols = n_plain > 0 ? n_plain : wick_bpe_any_symbols(model, word, n_bytes, symbols);
    const bool are_bytes = model->byte_level && n_plain > 0;
    *n = wick_bpe_merge_symbols(model, symbols, n_symbols, are_bytes ? word : NULL, state);
    return are_bytes || !model->byte_level;
}

/* The same, as it is faster. */
static bool find_symbols(const wick_bpe *model, const char *word, size_t n_bytes, wick_encoding_state *state, size_t *n)
{
    if (!wick_bpe_reserve_symbols(state, WICK_MAX_WRITTEN_BYTES * n_bytes)) {
        *n = 0;
        return false;
    }
    if (wick_bpe_known_lay(model, word, n_bytes, state->bpe.symbols, n))
        return true;
    wick_bpe_known_count(model, n_bytes, state);
    return merge(model, word, n_bytes, state, n);
}

/* A word, or a part of one that nothing outside of it merges with. */
static void run_part(const wick_bpe *model, const char *word, const uint32_t *origins, size_t n,
                     wick_encoding_state *state)
{
    wick_word_key key = {0};
    wick_cached_word *place = NULL;
    size_t n_symbols;
    uint32_t id;
    if (n <= WICK_CACHED_BYTES) {
        key = wick_cached_key(word, n);
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
    if (find_symbols(model, word, n, state, &n_symbols)) {
        give_symbols(state->bpe.symbols, n_symbols, origins, state);
        if (place)
            keep_word(place, key, state->bpe.symbols, n_symbols);
    } else if (!state->out_of_memory) {
        give_written(state->bpe.symbols, n_symbols, word, origins, state);
    }
}

/* The text of U+2581, which stands for a space. */
#define MARK "\xE2\x96\x81"
#define N_MARK 3

/* Where the next mark begins behind one or more at `at`, or behind what else stands there; n: there is none. */
static size_t next_mark(const char *word, size_t at, size_t n)
{
    while (at < n && memcmp(word + at, MARK, N_MARK) == 0)
        at += N_MARK;
    while (at < n) {
        const wick_bytes16 first = (wick_bytes16)(wick_ascii_load(word + at) == (uint8_t)MARK[0]);
        const wick_bytes16 second = (wick_bytes16)(wick_ascii_load(word + at + 1) == (uint8_t)MARK[1]);
        const unsigned n_other = wick_ascii_leading(~(first & second));
        at += n_other;
        if (n_other < WICK_ASCII_STEP && at < n) {
            if (word[at + 2] == MARK[2])
                return at;
            at++;
        }
    }
    return n;
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
        if (!wick_bpe_joins(model, left, right) && wick_bpe_character_id(model, left) >= 0 &&
            wick_bpe_character_id(model, right) >= 0)
            break;
        at += length;
    }
    return at;
}

void wick_bpe_run(const wick_bpe *model, const char *word, const uint32_t *origins, size_t n,
                  wick_encoding_state *state)
{
    size_t mark = model->marks_begin ? 0 : n; /* nothing before it merges with what follows */
    if (state->words.serial != model->serial) {
        state->bpe.n_merged = 0;
        if (!wick_word_cache_claim(&state->words, model->serial)) {
            state->out_of_memory = true;
            return;
        }
    }
    for (size_t at = 0, end; at < n && !state->out_of_memory; at = end) {
        mark = at == mark ? next_mark(word, at, n) : mark;
        end = mark - at <= WICK_KNOWN_BYTES || !model->can_cut ? mark : end_of_part(model, word, at, mark);
        run_part(model, word + at, origins + at, end - at, state);
    }
}
