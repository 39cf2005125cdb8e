/* SPDX-License-Identifier: Apache-2.0
 * bpe_known.c: laying words out of tokens (bpe_known.h): the longest token first; where one does not fit, the next shorter one; where none does, back to the token before. */
#include "text/bpe_known.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "text/bpe_merge.h"
#include "text/bpe_symbols.h"
#include "text/byte_level.h"

/* Making it takes about as long as merging so many bytes for each token. */
#define BYTES_A_TOKEN 4
/* So many tokens are tried for each byte of a word, and a few more; then it is merged. This bounds the time that a file made to be slow can take. */
#define TRIES_A_BYTE 2
#define MORE_TRIES 8

enum { NOT_MADE, BEING_MADE, MADE, NOT_TO_BE_MADE };

struct wick_bpe_known {
    _Atomic int state; /* what follows is there once it is MADE */
    wick_arena arena;
    wick_token_trie trie;     /* of the tokens' bytes */
    wick_bpe_origin *origins; /* by id */
};

/* ---- making it ------------------------------------------------------------------------------------------------------ */

wick_bpe_known *wick_bpe_known_new(wick_arena *arena)
{
    return wick_arena_take(arena, 1, sizeof(wick_bpe_known));
}

void wick_bpe_known_clear(wick_bpe_known *known)
{
    if (known)
        wick_arena_clear(&known->arena);
}

/* The length of a token's text; 0: there is none, or it is too long. */
static size_t length_of(const wick_bpe *model, const char *text)
{
    const size_t n = text ? strlen(text) : 0;
    return n <= (model->byte_level ? 2 : 1) * WICK_KNOWN_BYTES ? n : 0;
}

/* The tokens' keys; behind ByteLevel the bytes that they stand for are written to `bytes`. Returns how many there are. */
static size_t list_keys(const wick_bpe *model, wick_trie_key *keys, char *bytes)
{
    size_t n_keys = 0;
    for (size_t id = 0; id < model->vocabulary->n_ids; id++) {
        const char *text = model->vocabulary->texts[id];
        size_t n = length_of(model, text);
        if (n > 0 && model->byte_level) {
            if (!wick_byte_level_bytes(text, n, bytes, &n))
                continue;
            text = bytes;
            bytes += n;
        }
        if (n > 0 && n <= WICK_KNOWN_BYTES)
            keys[n_keys++] = (wick_trie_key){text, (uint32_t)n, (uint32_t)id};
    }
    return n_keys;
}

static bool make_trie(const wick_bpe *model, wick_bpe_known *known)
{
    const size_t n_ids = model->vocabulary->n_ids;
    size_t n_bytes = 1;
    for (size_t id = 0; id < n_ids; id++)
        n_bytes += length_of(model, model->vocabulary->texts[id]);
    wick_trie_key *keys = calloc(n_ids + 1, sizeof *keys);
    char *bytes = malloc(n_bytes);
    const bool is_made =
        keys && bytes &&
        wick_token_trie_build(&known->arena, keys, list_keys(model, keys, bytes), &known->trie) == WICK_OK;
    free(keys);
    free(bytes);
    return is_made;
}

static void make(const wick_bpe *model, wick_bpe_known *known)
{
    int none = NOT_MADE;
    if (!atomic_compare_exchange_strong(&known->state, &none, BEING_MADE))
        return;
    known->origins = wick_arena_take(&known->arena, model->vocabulary->n_ids, sizeof *known->origins);
    known->trie = model->vocabulary->whole; /* it is there where words are looked up as a whole */
    const bool is_made = known->origins && (model->ignore_merges || make_trie(model, known));
    atomic_store_explicit(&known->state, is_made ? MADE : NOT_TO_BE_MADE, memory_order_release);
}

void wick_bpe_known_count(const wick_bpe *model, size_t n, wick_encoding_state *state)
{
    state->bpe.n_merged += n;
    if (model->known && state->bpe.n_merged >= BYTES_A_TOKEN * model->vocabulary->n_ids &&
        atomic_load_explicit(&model->known->state, memory_order_relaxed) == NOT_MADE)
        make(model, model->known);
}

bool wick_bpe_known_is_made(const wick_bpe_known *known)
{
    return known && atomic_load_explicit(&known->state, memory_order_acquire) == MADE;
}

/* ---- tokens that are met for the first time ------------------------------------------------------------------------- */

static uint32_t when_of(const wick_bpe_origin *origin)
{
    return atomic_load_explicit(&origin->when, memory_order_relaxed);
}

/* Merges a token's text, notes how its parts came about, and whether it is sound. Returns its `when`. */
static uint32_t meet(const wick_bpe *model, const wick_bpe_known *known, uint32_t id, const char *text, size_t n)
{
    wick_bpe_symbol symbols[WICK_KNOWN_BYTES];
    wick_bpe_origin *origin = &known->origins[id];
    const size_t n_symbols = wick_bpe_plain_symbols(model, text, n, symbols);
    for (size_t i = 0; i < n_symbols; i++)
        atomic_store_explicit(&known->origins[symbols[i].id].when, WICK_WHEN_SYMBOL, memory_order_release);
    const size_t n_left = n_symbols > 0 ? wick_bpe_merge_noting(model, symbols, n_symbols, known->origins) : 0;
    if (n_left != 1 || symbols[0].id != id)
        atomic_store_explicit(&origin->when, WICK_WHEN_UNSOUND, memory_order_release);
    return when_of(origin);
}

/* Whether the token text[0..n) is sound. What was noted of it and its parts is seen from here on. */
static bool is_sound(const wick_bpe *model, const wick_bpe_known *known, uint32_t id, const char *text, size_t n)
{
    uint32_t when = atomic_load_explicit(&known->origins[id].when, memory_order_acquire);
    if (when == WICK_WHEN_NOT_MET)
        when = meet(model, known, id, text, n);
    return when >= WICK_WHEN_SYMBOL;
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

/* Whether two sound tokens fit. Goes back through the merges of both, the latest first; before each of them the part that it takes stood there. Of merges of equal rank the left token's
 * came first; a crossing of that rank stands between the two. */
static bool fit(const wick_bpe *model, const wick_bpe_origin *origins, uint32_t left, uint32_t right)
{
    uint32_t left_when = when_of(&origins[left]), right_when = when_of(&origins[right]);
    if (wick_bpe_rank(model, left, right) != WICK_NO_RANK)
        return false;
    for (size_t n = 0; left_when > WICK_WHEN_SYMBOL || right_when > WICK_WHEN_SYMBOL; n++) {
        if (n == 2 * WICK_KNOWN_BYTES) /* tokens have fewer merges, unless a file is damaged */
            return false;
        uint32_t limit; /* the crossing is merged if its rank is lower */
        if (left_when > right_when) {
            limit = left_when - WICK_WHEN_MERGED;
            left = atomic_load_explicit(&origins[left].right, memory_order_relaxed);
            left_when = when_of(&origins[left]);
        } else {
            limit = right_when - WICK_WHEN_MERGED + 1;
            right = atomic_load_explicit(&origins[right].left, memory_order_relaxed);
            right_when = when_of(&origins[right]);
        }
        if (wick_bpe_rank(model, left, right) < limit)
            return false;
    }
    return true;
}

static bool lay(const wick_bpe *model, const wick_bpe_known *known, const char *word, size_t n,
                wick_bpe_symbol *symbols, size_t *n_symbols)
{
    size_t n_out = 0, at = 0, reach = n; /* the next token begins at `at` and is at most as long as `reach` */
    size_t tries_left = TRIES_A_BYTE * n + MORE_TRIES;
    uint64_t dead = 0; /* places from which there is no way on */
    while (tries_left-- > 0) {
        uint32_t id;
        const size_t length = wick_token_trie_longest(&known->trie, word + at, reach, &id);
        const size_t end = at + length;
        if (length == 0) { /* back to the token before, for a shorter one */
            if (n_out == 0)
                return false;
            dead |= (uint64_t)1 << at;
            at = --n_out > 0 ? symbols[n_out - 1].end : 0;
            reach = symbols[n_out].end - at - 1;
        } else if (!(dead >> end & 1) && is_sound(model, known, id, word + at, length) &&
                   (n_out == 0 || fit(model, known->origins, symbols[n_out - 1].id, id))) {
            symbols[n_out++] = (wick_bpe_symbol){id, (uint32_t)end};
            *n_symbols = n_out;
            if (end == n)
                return true;
            at = end;
            reach = n - at;
        } else {
            reach = length - 1;
        }
    }
    return false;
}

bool wick_bpe_known_lay(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols, size_t *n_symbols)
{
    return n <= WICK_KNOWN_BYTES && wick_bpe_known_is_made(model->known) &&
           lay(model, model->known, word, n, symbols, n_symbols);
}
