/* SPDX-License-Identifier: Apache-2.0
 * bpe_merge.c: merging symbols (bpe_merge.h). Words of a few symbols, which are nearly all, are merged in place in short arrays; longer ones by a heap over a linked list, in
 * O(n log n) whatever the word. Both give what the package's heap gives: a pair's tokens only ever grow, so that of all pairs that stand the lowest (rank, place) is next. */
#include "text/bpe_merge.h"

#include <stdatomic.h>

#define NOWHERE UINT32_MAX

/* Of neighbours in a short word: the rank, and below it the place, so that the lowest of all is the merge that goes next. */
#define PLACE_BITS 32
#define NEVER ((uint64_t)WICK_NO_RANK << PLACE_BITS)

static uint64_t key_of(const wick_bpe *model, uint32_t left, uint32_t right, size_t place)
{
    return (uint64_t)wick_bpe_rank(model, left, right) << PLACE_BITS | place;
}

/* The ranks of neighbours in a word that is nothing but bytes come from a table. */
static void rank_pairs(const wick_bpe *model, const wick_bpe_symbol *symbols, size_t n, const char *bytes,
                       uint64_t *keys)
{
    if (bytes) {
        for (size_t i = 0; i + 1 < n; i++)
            keys[i] =
                (uint64_t)model->byte_ranks[(size_t)(uint8_t)bytes[i] << 8 | (uint8_t)bytes[i + 1]] << PLACE_BITS | i;
    } else {
        for (size_t i = 0; i + 1 < n; i++)
            keys[i] = key_of(model, symbols[i].id, symbols[i + 1].id, i);
    }
}

/* keys: [n], n >= 1. */
static uint64_t lowest_of(const uint64_t *keys, size_t n)
{
    uint64_t lowest = keys[0], other = keys[n - 1];
    for (size_t i = 1; i + 1 < n; i += 2) {
        lowest = keys[i] < lowest ? keys[i] : lowest;
        other = keys[i + 1] < other ? keys[i + 1] : other;
    }
    return lowest < other ? lowest : other;
}

/* A merge of two tokens that were noted. It counts if it is later than theirs. */
static void note(const wick_bpe_origins *origins, uint32_t id, uint32_t left, uint32_t right, uint32_t rank)
{
    const uint32_t when = rank + WICK_WHEN_MERGED; /* files do not have so many merges that this overflows */
    const uint32_t of_left = atomic_load_explicit(&origins->when[left], memory_order_relaxed);
    const uint32_t of_right = atomic_load_explicit(&origins->when[right], memory_order_relaxed);
    const bool rises = of_left >= WICK_WHEN_SYMBOL && of_right >= WICK_WHEN_SYMBOL && of_left < when && of_right < when;
    atomic_store_explicit(&origins->parts[id].left, left, memory_order_relaxed);
    atomic_store_explicit(&origins->parts[id].right, right, memory_order_relaxed);
    atomic_store_explicit(&origins->when[id], rises ? when : WICK_WHEN_UNSOUND, memory_order_release);
}

/* In place; returns how many symbols are left. n <= WICK_SHORT_WORD; bytes: the word, where symbol i is its byte i; else NULL. origins: where merges are noted, or NULL. */
static inline __attribute__((always_inline)) size_t merge_short(const wick_bpe *model, wick_bpe_symbol *symbols,
                                                                size_t n, const char *bytes,
                                                                const wick_bpe_origins *origins)
{
    uint64_t keys[WICK_SHORT_WORD]; /* of symbol i and the next */
    rank_pairs(model, symbols, n, bytes, keys);
    while (n > 1) {
        const uint64_t lowest = lowest_of(keys, n - 1);
        if (lowest >= NEVER)
            break;
        const size_t best = (uint32_t)lowest;
        const uint32_t id = model->merged[lowest >> PLACE_BITS];
        if (origins)
            note(origins, id, symbols[best].id, symbols[best + 1].id, (uint32_t)(lowest >> PLACE_BITS));
        symbols[best] = (wick_bpe_symbol){id, symbols[best + 1].end};
        n--;
        for (size_t i = best + 1; i < n; i++) {
            symbols[i] = symbols[i + 1];
            keys[i - 1] = keys[i] - 1; /* it has moved */
        }
        if (best > 0)
            keys[best - 1] = key_of(model, symbols[best - 1].id, id, best - 1);
        if (best + 1 < n)
            keys[best] = key_of(model, id, symbols[best + 1].id, best);
    }
    return n;
}

size_t wick_bpe_merge_noting(const wick_bpe *model, wick_bpe_symbol *symbols, size_t n, const wick_bpe_origins *origins)
{
    return merge_short(model, symbols, n, NULL, origins);
}

static void sift_down(uint64_t *heap, size_t n, size_t at)
{
    const uint64_t key = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (heap[child] >= key)
            break;
        heap[at] = heap[child];
    }
    heap[at] = key;
}

static void push(uint64_t *heap, size_t *n, uint64_t key)
{
    size_t at = (*n)++;
    for (; at > 0 && heap[(at - 1) / 2] > key; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = key;
}

static uint64_t pop(uint64_t *heap, size_t *n)
{
    const uint64_t key = heap[0];
    heap[0] = heap[--*n];
    if (*n > 1)
        sift_down(heap, *n, 0);
    return key;
}

/* The rank of the pair that begins at symbol i, for the heap; it is remembered. */
static uint32_t look_up(const wick_bpe *model, const wick_bpe_symbol *symbols, wick_bpe_link *links, uint32_t i)
{
    return links[i].rank = wick_bpe_rank(model, symbols[i].id, symbols[links[i].next].id);
}

static uint64_t heap_key(uint32_t rank, uint32_t i)
{
    return (uint64_t)rank << 32 | i;
}

static size_t fill_heap(const wick_bpe *model, const wick_bpe_symbol *symbols, size_t n, wick_bpe_link *links,
                        uint64_t *heap)
{
    size_t n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        links[i] = (wick_bpe_link){i > 0 ? i - 1 : NOWHERE, i + 1 < n ? i + 1 : NOWHERE, WICK_NO_RANK};
        if (i + 1 < n && look_up(model, symbols, links, i) != WICK_NO_RANK)
            heap[n_heap++] = heap_key(links[i].rank, i);
    }
    for (size_t i = n_heap / 2; i-- > 0;)
        sift_down(heap, n_heap, i);
    return n_heap;
}

/* As merge_short, for any length. links: [n]; heap: [3 * n], since each merge brings two pairs and there are n - 1 at first and n - 1 merges. */
static size_t merge_long(const wick_bpe *model, wick_bpe_symbol *symbols, size_t n, wick_bpe_link *links,
                         uint64_t *heap)
{
    size_t n_heap = fill_heap(model, symbols, n, links, heap), n_left = 0;
    while (n_heap > 0) {
        const uint64_t key = pop(heap, &n_heap);
        const uint32_t i = (uint32_t)key;
        wick_bpe_link *link = &links[i];
        if (link->rank != key >> 32) /* the pair is no more */
            continue;
        const uint32_t right = link->next;
        symbols[i] = (wick_bpe_symbol){model->merged[link->rank], symbols[right].end};
        link->next = links[right].next;
        link->rank = links[right].rank = WICK_NO_RANK;
        if (link->next != NOWHERE) {
            links[link->next].previous = i;
            if (look_up(model, symbols, links, i) != WICK_NO_RANK)
                push(heap, &n_heap, heap_key(link->rank, i));
        }
        if (link->previous != NOWHERE && look_up(model, symbols, links, link->previous) != WICK_NO_RANK)
            push(heap, &n_heap, heap_key(links[link->previous].rank, link->previous));
    }
    for (uint32_t i = 0; i != NOWHERE; i = links[i].next)
        symbols[n_left++] = symbols[i];
    return n_left;
}

size_t wick_bpe_merge_symbols(const wick_bpe *model, wick_bpe_symbol *symbols, size_t n, const char *bytes,
                              wick_encoding_state *state)
{
    if (n <= WICK_SHORT_WORD)
        return merge_short(model, symbols, n, bytes, NULL);
    if (!wick_bpe_reserve_links(state, n))
        return 0;
    return merge_long(model, symbols, n, state->bpe.links, state->bpe.heap);
}
