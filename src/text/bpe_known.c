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
    wick_token_trie trie; /* of the tokens' bytes */
    wick_bpe_origins origins;
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
    const size_t n_ids = model->vocabulary->n_ids;
    known->origins.when = wick_arena_take(&known->arena, n_ids, sizeof *known->origins.when);
    known->origins.parts = wick_arena_take(&known->arena, n_ids, sizeof *known->origins.parts);
    known->trie = model->vocabulary->whole; /* it is there where words are looked up as a whole */
    const bool is_made =
        known->origins.when && known->origins.parts && (model->ignore_merges || make_trie(model, known));
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

static uint32_t when_of(const wick_bpe_known *known, uint32_t id)
{
    return atomic_load_explicit(&known->origins.when[id], memory_order_relaxed);
}

static void set_when(const wick_bpe_known *known, uint32_t id, uint32_t when)
{
    atomic_store_explicit(&known->origins.when[id], when, memory_order_release);
}

/* Merges a token's text, notes how its parts came about, and whether it is sound. Returns its `when`. */
static __attribute__((noinline)) uint32_t meet(const wick_bpe *model, const wick_bpe_known *known, uint32_t id,
                                               const char *text, size_t n)
{
    wick_bpe_symbol symbols[WICK_KNOWN_BYTES];
    const size_t n_symbols = wick_bpe_plain_symbols(model, text, n, symbols);
    for (size_t i = 0; i < n_symbols; i++)
        set_when(known, symbols[i].id, WICK_WHEN_SYMBOL);
    const size_t n_left = n_symbols > 0 ? wick_bpe_merge_noting(model, symbols, n_symbols, &known->origins) : 0;
    if (n_left != 1 || symbols[0].id != id)
        set_when(known, id, WICK_WHEN_UNSOUND);
    return when_of(known, id);
}

/* Whether the token text[0..n) is sound. What was noted of it and its parts is seen from here on. */
static bool is_sound(const wick_bpe *model, const wick_bpe_known *known, uint32_t id, const char *text, size_t n)
{
    uint32_t when = atomic_load_explicit(&known->origins.when[id], memory_order_acquire);
    if (when == WICK_WHEN_NOT_MET)
        when = meet(model, known, id, text, n);
    return when >= WICK_WHEN_SYMBOL;
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

/* Whether two sound tokens fit. Goes back through the merges of both, the latest first; before each of them the part that it takes stood there. Of merges of equal rank the left token's
 * came first; a crossing of that rank stands between the two. */
static bool fit(const wick_bpe *model, const wick_bpe_known *known, uint32_t left, uint32_t right)
{
    const wick_bpe_parts *parts = known->origins.parts;
    uint32_t left_when = when_of(known, left), right_when = when_of(known, right);
    if (wick_bpe_rank(model, left, right) != WICK_NO_RANK)
        return false;
    for (size_t n = 0; left_when > WICK_WHEN_SYMBOL || right_when > WICK_WHEN_SYMBOL; n++) {
        if (n == 2 * WICK_KNOWN_BYTES) /* tokens have fewer merges, unless a file is damaged */
            return false;
        uint32_t limit; /* the crossing is merged if its rank is lower */
        if (left_when > right_when) {
            limit = left_when - WICK_WHEN_MERGED;
            left = atomic_load_explicit(&parts[left].right, memory_order_relaxed);
            left_when = when_of(known, left);
        } else {
            limit = right_when - WICK_WHEN_MERGED + 1;
            right = atomic_load_explicit(&parts[right].left, memory_order_relaxed);
            right_when = when_of(known, right);
        }
        if (wick_bpe_rank(model, left, right) < limit)
            return false;
    }
    return true;
}

/* The tokens that text[0..n) begins with: a bit for the place of each one's last byte, and the trie's slots. */
static uint64_t find_tokens(const wick_token_trie *trie, const char *text, size_t n, uint32_t slots[WICK_KNOWN_BYTES])
{
    const wick_trie_node *nodes = trie->nodes;
    uint32_t at = 0, first_last = nodes[0].first_last;
    uint64_t found = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t next = (first_last >> 1) + (uint8_t)text[i];
        const wick_trie_node node = nodes[next];
        if (node.parent != at)
            break;
        slots[i] = at = next;
        first_last = node.first_last;
        found |= (uint64_t)(first_last & 1) << i;
    }
    return found;
}

static bool lay(const wick_bpe *model, const wick_bpe_known *known, const char *word, size_t n,
                wick_bpe_symbol *symbols, size_t *n_symbols)
{
    uint32_t slots[WICK_KNOWN_BYTES];
    uint64_t shorter[WICK_KNOWN_BYTES]; /* of each token that was laid: what else there was in its place */
    uint64_t dead = 0;                  /* places from which there is no way on */
    size_t n_out = 0, at = 0, tries_left = TRIES_A_BYTE * n + MORE_TRIES;
    uint64_t found = find_tokens(&known->trie, word, n, slots);
    while (tries_left-- > 0) {
        found &= ~(dead >> at >> 1);
        if (found == 0) { /* back to the token before, for a shorter one */
            if (n_out-- == 0)
                return false;
            dead |= (uint64_t)1 << at;
            at = n_out > 0 ? symbols[n_out - 1].end : 0;
            found = find_tokens(&known->trie, word + at, n - at, slots) & shorter[n_out];
            continue;
        }
        const unsigned last = 63u - (unsigned)__builtin_clzll(found);
        const uint32_t id = known->trie.numbers[slots[last]];
        found ^= (uint64_t)1 << last;
        if (!is_sound(model, known, id, word + at, last + 1) ||
            (n_out > 0 && !fit(model, known, symbols[n_out - 1].id, id)))
            continue;
        at += last + 1;
        symbols[n_out] = (wick_bpe_symbol){id, (uint32_t)at};
        shorter[n_out++] = found;
        if (at == n) {
            *n_symbols = n_out;
            return true;
        }
        found = find_tokens(&known->trie, word + at, n - at, slots);
    }
    return false;
}

bool wick_bpe_known_lay(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols, size_t *n_symbols)
{
    return n <= WICK_KNOWN_BYTES && wick_bpe_known_is_made(model->known) &&
           lay(model, model->known, word, n, symbols, n_symbols);
}
