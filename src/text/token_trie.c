/* SPDX-License-Identifier: Apache-2.0
 * token_trie.c: building the double array of token_trie.h. Nodes are taken from a stack of groups of keys that agree so far; a group is
 * parted by its next byte, and its children are put where all of them fit between those that are there. Slots are tried 64 at once on a
 * bitmap, over a bounded stretch, so that the time is linear in the keys' bytes whatever they are. */
#include "text/token_trie.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "base/checked.h"
#include "base/large.h"

#define N_BYTES 256
#define WORD_BITS 64
/* How many words of the bitmap are looked at for a place, counted from the end; then the array grows. */
#define SEARCH_WORDS 64
#define FIRST_SLOTS 4096
/* Few vocabularies have more, so that the arrays seldom grow. */
#define SLOTS_A_KEY 3
/* Groups up to this size are sorted by insertion. */
#define SMALL_GROUP 8
/* A vocabulary's array is about as long as it has nodes. Longer than so many times that: refused. */
#define MAX_SPARSITY 8
#define FREE_SPARSE_SLOTS ((size_t)1 << 16)

/* Keys [low, high) agree in their first `depth` bytes; their node is at `slot`. */
typedef struct group {
    uint32_t low, high, depth, slot;
} group;

typedef struct builder {
    wick_trie_key *keys, *spare; /* [n_keys] */
    group *stack;                /* groups are disjoint: at most n_keys of them, and the one being parted */
    size_t n_stack;
    wick_trie_node *nodes; /* [capacity] */
    uint32_t *numbers;     /* [capacity] */
    uint64_t *taken;       /* [capacity / WORD_BITS] bit set: the slot is */
    size_t capacity, n_slots, n_nodes;
    size_t n_ready; /* so many slots are free or filled, the others not written yet; a multiple of WORD_BITS */
    uint32_t counts[N_BYTES + 1];
    size_t first_open; /* no word of `taken` before this one has a free bit */
} builder;

/* Moves an array's first n_bytes to one of `bytes`. */
static bool move(void **array, size_t n_bytes, size_t bytes)
{
    void *moved = wick_large_take(bytes);
    if (moved && n_bytes > 0)
        memcpy(moved, *array, n_bytes);
    if (moved)
        free(*array);
    *array = moved ? moved : *array;
    return moved;
}

/* Memory for n slots and a quarter more. */
static bool grow(builder *b, size_t n)
{
    size_t capacity = b->capacity + b->capacity / 4, n_bytes;
    capacity = (capacity > n ? capacity : n) + FIRST_SLOTS;
    capacity -= capacity % WORD_BITS;
    if (capacity > UINT32_MAX / 2 || !wick_mul_size(capacity, sizeof *b->nodes, &n_bytes))
        return false;
    void *nodes = b->nodes, *numbers = b->numbers, *taken = b->taken;
    const bool has_grown = move(&nodes, b->n_ready * sizeof *b->nodes, n_bytes) &&
                           move(&numbers, b->n_ready * sizeof *b->numbers, capacity * sizeof *b->numbers) &&
                           move(&taken, b->n_ready / 8, capacity / 8);
    b->nodes = nodes;
    b->numbers = numbers;
    b->taken = taken;
    b->capacity = has_grown ? capacity : b->capacity;
    return has_grown;
}

/* Makes slots [0, n) ready, and some more: not all that there is room for, since what is not touched costs no time. */
static bool reserve(builder *b, size_t n)
{
    if (n <= b->n_ready)
        return true;
    if (n > b->capacity && !grow(b, n))
        return false;
    size_t ready = n + n / 8 + FIRST_SLOTS;
    ready = ready < b->capacity ? ready - ready % WORD_BITS : b->capacity;
    memset(b->nodes + b->n_ready, 0xFF, (ready - b->n_ready) * sizeof *b->nodes); /* WICK_TRIE_FREE */
    memset(b->numbers + b->n_ready, 0, (ready - b->n_ready) * sizeof *b->numbers);
    memset(b->taken + b->n_ready / WORD_BITS, 0, (ready - b->n_ready) / WORD_BITS * sizeof *b->taken);
    b->n_ready = ready;
    return true;
}

static uint8_t byte_at(const wick_trie_key *key, uint32_t depth)
{
    return (uint8_t)key->text[depth];
}

/* A key ends at the node. */
static void end_key(builder *b, uint32_t slot, uint32_t number)
{
    b->nodes[slot].first_last |= 1;
    b->numbers[slot] = number;
}

/* What a group is parted into: its keys with one label behind each other, those with labels[i] from lows[i] to lows[i + 1]. */
typedef struct parts {
    size_t n;
    uint8_t labels[N_BYTES];
    uint32_t lows[N_BYTES + 1];
} parts;

/* Keys by the byte at depth, those that end there before all. */
static uint32_t order_of(const wick_trie_key *key, uint32_t depth)
{
    return key->n_bytes == depth ? 0 : 1u + byte_at(key, depth);
}

/* Puts the keys of a small group in order; equal ones keep theirs. orders: of the keys then. */
static void sort_small(wick_trie_key *keys, uint32_t n, uint32_t depth, uint32_t *orders)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t order = order_of(&keys[i], depth);
        const wick_trie_key key = keys[i];
        uint32_t at = i;
        for (; at > 0 && orders[at - 1] > order; at--) {
            keys[at] = keys[at - 1];
            orders[at] = orders[at - 1];
        }
        keys[at] = key;
        orders[at] = order;
    }
}

/* Parts a group by the next byte; what ends at its node is no part. */
static void part_small(builder *b, const group *g, parts *out)
{
    uint32_t orders[SMALL_GROUP];
    const uint32_t n = g->high - g->low;
    wick_trie_key *keys = b->keys + g->low;
    uint32_t i = 0;
    sort_small(keys, n, g->depth, orders);
    for (; i < n && orders[i] == 0; i++)
        end_key(b, g->slot, keys[i].number);
    for (out->n = 0; i < n; i++) {
        if (out->n > 0 && out->labels[out->n - 1] == orders[i] - 1)
            continue;
        out->lows[out->n] = g->low + i;
        out->labels[out->n++] = (uint8_t)(orders[i] - 1);
    }
    out->lows[out->n] = g->high;
}

/* The same by counting; the counts are 0 before and after. */
static void part_counting(builder *b, const group *g, parts *out)
{
    uint32_t *places = b->counts, at = g->low, first = N_BYTES, last = 0;
    for (uint32_t i = g->low; i < g->high; i++) {
        const uint32_t order = order_of(&b->keys[i], g->depth);
        places[order]++;
        first = order < first ? order : first;
        last = order > last ? order : last;
    }
    const uint32_t n_ended = places[0];
    out->n = 0;
    for (uint32_t order = first; order <= last; order++) {
        const uint32_t n = places[order];
        places[order] = at;
        if (n > 0 && order > 0) {
            out->lows[out->n] = at;
            out->labels[out->n++] = (uint8_t)(order - 1);
        }
        at += n;
    }
    out->lows[out->n] = g->high;
    if (first < last) {
        for (uint32_t i = g->low; i < g->high; i++)
            b->spare[places[order_of(&b->keys[i], g->depth)]++] = b->keys[i];
        memcpy(b->keys + g->low, b->spare + g->low, (g->high - g->low) * sizeof *b->keys);
    }
    memset(places + first, 0, (last - first + 1) * sizeof *places);
    if (n_ended > 0)
        end_key(b, g->slot, b->keys[g->low + n_ended - 1].number);
}

/* Bits `from` to from + 63 of the bitmap: which slots are taken. Past the array's end none is. */
static uint64_t taken_from(const builder *b, size_t from)
{
    size_t word = from / WORD_BITS, bit = from % WORD_BITS, n_words = b->n_ready / WORD_BITS;
    uint64_t low = word < n_words ? b->taken[word] : 0;
    if (bit == 0)
        return low;
    uint64_t high = word + 1 < n_words ? b->taken[word + 1] : 0;
    return low >> bit | high << (WORD_BITS - bit);
}

/* Where the child for byte 0 would be, so that all children are on free slots. */
static size_t find_place(builder *b, const uint8_t *labels, size_t n_labels)
{
    size_t n_words = b->n_slots / WORD_BITS;
    while (b->first_open < n_words && b->taken[b->first_open] == ~(uint64_t)0)
        b->first_open++;
    size_t word = b->first_open;
    if (n_labels > 1 && n_words > SEARCH_WORDS && word < n_words - SEARCH_WORDS)
        word = n_words - SEARCH_WORDS;
    for (;; word++) { /* the slots from n_slots on are free */
        uint64_t taken = taken_from(b, word * WORD_BITS);
        for (size_t i = 1; i < n_labels && taken != ~(uint64_t)0; i++)
            taken |= taken_from(b, word * WORD_BITS + labels[i] - labels[0]);
        if (taken != ~(uint64_t)0)
            return word * WORD_BITS + (size_t)__builtin_ctzll(~taken) - labels[0];
    }
}

/* Puts the children of the node at `slot` into the array; *first: where the one for byte 0 would be. */
static int place_children(builder *b, uint32_t slot, const uint8_t *labels, size_t n_labels, uint32_t *first)
{
    size_t place = find_place(b, labels, n_labels), end = place + labels[n_labels - 1] + 1;
    if (end > b->n_ready && !reserve(b, end))
        return WICK_E_NO_MEMORY;
    b->nodes[slot].first_last += 2 * (uint32_t)place;
    for (size_t i = 0; i < n_labels; i++) {
        size_t child = place + labels[i];
        b->nodes[child] = (wick_trie_node){.parent = slot, .first_last = 0};
        b->taken[child / WORD_BITS] |= (uint64_t)1 << child % WORD_BITS;
    }
    b->n_nodes += n_labels;
    b->n_slots = end > b->n_slots ? end : b->n_slots;
    *first = (uint32_t)place;
    return b->n_slots > FREE_SPARSE_SLOTS && b->n_slots / MAX_SPARSITY > b->n_nodes ? WICK_E_CORRUPT : WICK_OK;
}

/* The rest of a key that is alone from here on: most nodes come about this way. */
static int place_rest(builder *b, const wick_trie_key *key, uint32_t depth, uint32_t slot)
{
    int code = WICK_OK;
    for (; depth < key->n_bytes && code == WICK_OK; depth++) {
        uint32_t first = 0;
        uint8_t label = byte_at(key, depth);
        code = place_children(b, slot, &label, 1, &first);
        slot = first + label;
    }
    if (code == WICK_OK)
        end_key(b, slot, key->number);
    return code;
}

/* Takes the group on top of the stack: its node's children and, of those with one key, all that follows; the others go on the stack. */
static int part_node(builder *b)
{
    const group g = b->stack[--b->n_stack];
    parts found;
    uint32_t first = 0;
    if (g.high - g.low <= SMALL_GROUP)
        part_small(b, &g, &found);
    else
        part_counting(b, &g, &found);
    int code = found.n > 0 ? place_children(b, g.slot, found.labels, found.n, &first) : WICK_OK;
    for (size_t i = 0; i < found.n && code == WICK_OK; i++) {
        const uint32_t low = found.lows[i], high = found.lows[i + 1], slot = first + found.labels[i];
        if (high - low == 1)
            code = place_rest(b, &b->keys[low], g.depth + 1, slot);
        else
            b->stack[b->n_stack++] = (group){low, high, g.depth + 1, slot};
    }
    return code;
}

static int build(builder *b, size_t n_keys)
{
    /* Slot 0 is the root; those up to 255 stay free, so that no first child is before the array. */
    if (!grow(b, N_BYTES + SLOTS_A_KEY * n_keys) || !reserve(b, N_BYTES + n_keys))
        return WICK_E_NO_MEMORY;
    b->nodes[0].first_last = 0;
    b->n_slots = N_BYTES;
    memset(b->taken, 0xFF, N_BYTES / 8);
    if (n_keys > 0)
        b->stack[b->n_stack++] = (group){.high = (uint32_t)n_keys};
    int code = WICK_OK;
    while (b->n_stack > 0 && code == WICK_OK)
        code = part_node(b);
    return code;
}

/* Gives the arrays to the arena, with room behind for the steps that lead nowhere, and no more than that. */
static int finish(builder *b, wick_arena *arena, wick_token_trie *out)
{
    const size_t n_slots = b->n_slots + N_BYTES;
    if (!reserve(b, n_slots))
        return WICK_E_NO_MEMORY;
    void *nodes = realloc(b->nodes, n_slots * sizeof *b->nodes);
    b->nodes = nodes ? nodes : b->nodes;
    void *numbers = realloc(b->numbers, n_slots * sizeof *b->numbers);
    b->numbers = numbers ? numbers : b->numbers;
    if (!nodes || !numbers || !wick_arena_adopt(arena, b->nodes))
        return WICK_E_NO_MEMORY;
    *out = (wick_token_trie){.nodes = b->nodes, .numbers = b->numbers, .n_slots = n_slots};
    b->nodes = NULL;
    if (!wick_arena_adopt(arena, b->numbers))
        return WICK_E_NO_MEMORY;
    b->numbers = NULL;
    return WICK_OK;
}

/* Whether no key is too long; else the first that is changes places with the first of all. */
static bool has_good_lengths(wick_trie_key *keys, size_t n_keys)
{
    for (size_t i = 0; i < n_keys; i++) {
        if (keys[i].n_bytes <= WICK_MAX_KEY_BYTES)
            continue;
        const wick_trie_key too_long = keys[i];
        keys[i] = keys[0];
        keys[0] = too_long;
        return false;
    }
    return true;
}

int wick_token_trie_build(wick_arena *arena, wick_trie_key *keys, size_t n_keys, wick_token_trie *out)
{
    builder b = {.keys = keys};
    int code = WICK_E_NO_MEMORY;
    if (!has_good_lengths(keys, n_keys))
        return WICK_E_INVALID_INPUT;
    if (n_keys < UINT32_MAX / 2) {
        b.spare = wick_large_take((n_keys + 1) * sizeof *b.spare);
        b.stack = malloc((n_keys + 1) * sizeof *b.stack);
    }
    if (b.spare && b.stack)
        code = build(&b, n_keys);
    if (code == WICK_OK)
        code = finish(&b, arena, out);
    free(b.spare);
    free(b.stack);
    free(b.nodes);
    free(b.numbers);
    free(b.taken);
    return code;
}
