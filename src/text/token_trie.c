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
/* Most vocabularies have no more, so that the arrays seldom grow. */
#define SLOTS_A_KEY 2
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
    uint32_t counts[N_BYTES];
    size_t first_open; /* no word of `taken` before this one has a free bit */
} builder;

/* Room for `capacity` slots, a multiple of WORD_BITS; what is there stays as it is. */
static bool resize(builder *b, size_t capacity)
{
    void *nodes = realloc(b->nodes, capacity * sizeof *b->nodes);
    b->nodes = nodes ? nodes : b->nodes;
    void *numbers = realloc(b->numbers, capacity * sizeof *b->numbers);
    b->numbers = numbers ? numbers : b->numbers;
    void *taken = realloc(b->taken, capacity / WORD_BITS * sizeof *b->taken);
    b->taken = taken ? taken : b->taken;
    return nodes && numbers && taken;
}

/* The same for the first time. */
static bool begin_slots(builder *b, size_t capacity)
{
    b->nodes = wick_large_take(capacity * sizeof *b->nodes);
    b->numbers = wick_large_take(capacity * sizeof *b->numbers);
    b->taken = wick_large_take(capacity / WORD_BITS * sizeof *b->taken);
    return b->nodes && b->numbers && b->taken;
}

/* Room for slots [0, n). It grows by a quarter: what is not touched costs no time. */
static bool reserve(builder *b, size_t n)
{
    size_t capacity = b->capacity + b->capacity / 4, n_bytes;
    if (n <= b->capacity)
        return true;
    capacity = (capacity > n ? capacity : n) + FIRST_SLOTS;
    capacity -= capacity % WORD_BITS;
    if (capacity > UINT32_MAX / 2 || !wick_mul_size(capacity, sizeof *b->nodes, &n_bytes))
        return false;
    if (!(b->capacity == 0 ? begin_slots(b, capacity) : resize(b, capacity)))
        return false;
    memset(b->nodes + b->capacity, 0xFF, (capacity - b->capacity) * sizeof *b->nodes); /* WICK_TRIE_FREE */
    memset(b->numbers + b->capacity, 0, (capacity - b->capacity) * sizeof *b->numbers);
    memset(b->taken + b->capacity / WORD_BITS, 0, (capacity - b->capacity) / WORD_BITS * sizeof *b->taken);
    b->capacity = capacity;
    return true;
}

static uint8_t byte_at(const wick_trie_key *key, uint32_t depth)
{
    return (uint8_t)key->text[depth];
}

/* Sorts keys [low, high) by the byte at depth, which all have; equal ones keep their order. */
static void sort_small(wick_trie_key *keys, uint32_t low, uint32_t high, uint32_t depth)
{
    for (uint32_t i = low + 1; i < high; i++) {
        wick_trie_key key = keys[i];
        uint32_t j = i;
        for (; j > low && byte_at(&keys[j - 1], depth) > byte_at(&key, depth); j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* Appends a group of the keys with one label; its slot comes later. */
static void push_group(builder *b, const group *parent, uint32_t low, uint32_t high)
{
    b->stack[b->n_stack++] = (group){.low = low, .high = high, .depth = parent->depth + 1};
}

/* Parts a group by the next byte, which all its keys have: a group on the stack for every label. Returns how many. */
static size_t part_small(builder *b, const group *g, uint8_t *labels)
{
    size_t n_labels = 0;
    sort_small(b->keys, g->low, g->high, g->depth);
    for (uint32_t i = g->low, next; i < g->high; i = next) {
        uint8_t label = byte_at(&b->keys[i], g->depth);
        for (next = i + 1; next < g->high && byte_at(&b->keys[next], g->depth) == label;)
            next++;
        labels[n_labels++] = label;
        push_group(b, g, i, next);
    }
    return n_labels;
}

/* The same by counting; the counts are 0 before and after. */
static size_t part_counting(builder *b, const group *g, uint8_t *labels)
{
    uint32_t *places = b->counts, at = g->low;
    uint8_t first = 255, last = 0;
    size_t n_labels = 0;
    for (uint32_t i = g->low; i < g->high; i++) {
        uint8_t label = byte_at(&b->keys[i], g->depth);
        places[label]++;
        first = label < first ? label : first;
        last = label > last ? label : last;
    }
    for (unsigned label = first; label <= last; label++) {
        uint32_t n = places[label];
        places[label] = at;
        if (n == 0)
            continue;
        labels[n_labels++] = (uint8_t)label;
        push_group(b, g, at, at + n);
        at += n;
    }
    if (n_labels > 1) {
        for (uint32_t i = g->low; i < g->high; i++)
            b->spare[places[byte_at(&b->keys[i], g->depth)]++] = b->keys[i];
        memcpy(b->keys + g->low, b->spare + g->low, (g->high - g->low) * sizeof *b->keys);
    }
    memset(places + first, 0, (last - first + 1u) * sizeof *places);
    return n_labels;
}

/* Bits `from` to from + 63 of the bitmap: which slots are taken. Past the array's end none is. */
static uint64_t taken_from(const builder *b, size_t from)
{
    size_t word = from / WORD_BITS, bit = from % WORD_BITS, n_words = b->capacity / WORD_BITS;
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
    if (end > b->capacity && !reserve(b, end))
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

/* A key ends at the node. */
static void end_key(builder *b, uint32_t slot, uint32_t number)
{
    b->nodes[slot].first_last |= 1;
    b->numbers[slot] = number;
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

/* Moves the keys of the group that end at its node to the front and gives the node their number; returns where the others begin. */
static uint32_t end_keys(builder *b, const group *g)
{
    uint32_t n_ended = 0, low = g->high;
    for (uint32_t i = g->low; i < g->high; i++)
        if (b->keys[i].n_bytes == g->depth)
            b->spare[n_ended++] = b->keys[i];
    if (n_ended == 0)
        return g->low;
    for (uint32_t i = g->high; i-- > g->low;)
        if (b->keys[i].n_bytes > g->depth)
            b->keys[--low] = b->keys[i];
    memcpy(b->keys + g->low, b->spare, n_ended * sizeof *b->keys);
    end_key(b, g->slot, b->spare[n_ended - 1].number);
    return low;
}

/* Takes the group on top of the stack and puts those of its node's children there. */
static int part_node(builder *b)
{
    group g = b->stack[--b->n_stack];
    uint8_t labels[N_BYTES];
    uint32_t first = 0;
    if (g.high - g.low == 1)
        return place_rest(b, &b->keys[g.low], g.depth, g.slot);
    g.low = end_keys(b, &g);
    if (g.low == g.high)
        return WICK_OK;
    size_t n_labels = g.high - g.low <= SMALL_GROUP ? part_small(b, &g, labels) : part_counting(b, &g, labels);
    int code = place_children(b, g.slot, labels, n_labels, &first);
    for (size_t i = 0; i < n_labels; i++)
        b->stack[b->n_stack - n_labels + i].slot = first + labels[i];
    return code;
}

static int build(builder *b, size_t n_keys)
{
    /* Slot 0 is the root; those up to 255 stay free, so that no first child is before the array. */
    if (!reserve(b, N_BYTES + SLOTS_A_KEY * n_keys))
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
        b.stack = calloc(n_keys + 1, sizeof *b.stack);
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
