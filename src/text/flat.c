/* SPDX-License-Identifier: Apache-2.0
 * flat.c: writing and reading arrays in a block (flat.h). */
#include "text/flat.h"

#include <string.h>

#include "base/checked.h"

#define N_BYTES 256

wick_flat_span wick_flat_room(wick_flat_writer *w, size_t n, size_t size)
{
    size_t begin = (w->at + WICK_FLAT_ALIGNMENT - 1) / WICK_FLAT_ALIGNMENT * WICK_FLAT_ALIGNMENT, n_bytes, end;
    if (!wick_mul_size(n, size, &n_bytes) || !wick_add_size(begin, n_bytes, &end) || end > UINT32_MAX) {
        w->overflow = true;
        return (wick_flat_span){0};
    }
    w->at = end;
    return (wick_flat_span){begin, n};
}

wick_flat_span wick_flat_put(wick_flat_writer *w, const void *array, size_t n, size_t size)
{
    wick_flat_span s = wick_flat_room(w, n, size);
    if (w->bytes && n > 0)
        memcpy(w->bytes + s.begin, array, n * size);
    return s;
}

wick_flat_trie wick_flat_put_trie(wick_flat_writer *w, const wick_token_trie *trie)
{
    return (wick_flat_trie){wick_flat_put(w, trie->nodes, trie->n_slots, sizeof *trie->nodes),
                            wick_flat_put(w, trie->numbers, trie->n_slots, sizeof *trie->numbers)};
}

const void *wick_flat_view(wick_flat_reader *r, wick_flat_span s, size_t size)
{
    size_t n_bytes, end;
    if (s.n > SIZE_MAX || s.begin > r->n_bytes || !wick_mul_size((size_t)s.n, size, &n_bytes) ||
        !wick_add_size((size_t)s.begin, n_bytes, &end) || end > r->n_bytes || s.begin % WICK_FLAT_ALIGNMENT != 0) {
        r->is_bad = true;
        return NULL;
    }
    return r->bytes + s.begin;
}

void wick_flat_read_trie(wick_flat_reader *r, wick_flat_trie flat, uint64_t n_numbers, bool needed,
                         wick_token_trie *out)
{
    const wick_trie_node *nodes = wick_flat_view(r, flat.nodes, sizeof *nodes);
    const uint32_t *numbers = wick_flat_view(r, flat.numbers, sizeof *numbers);
    const size_t n = (size_t)flat.nodes.n;
    if (!needed && n == 0)
        return;
    wick_flat_expect(r, flat.nodes.n == flat.numbers.n && n >= N_BYTES);
    if (r->is_bad)
        return;
    /* the root has no parent, and no key is empty */
    uint32_t wrong = (nodes[0].first_last & 1) | ((nodes[0].first_last >> 1) > n - N_BYTES);
    const uint32_t last_first = n - N_BYTES < INT32_MAX ? (uint32_t)(n - N_BYTES) : INT32_MAX;
    const uint32_t end = n_numbers < UINT32_MAX ? (uint32_t)n_numbers : UINT32_MAX;
    for (size_t i = 1; i < n; i++) { /* without branches: many at once */
        const uint32_t is_node = nodes[i].parent != WICK_TRIE_FREE, first_last = nodes[i].first_last;
        wrong |= is_node & (uint32_t)((first_last >> 1) > last_first);
        wrong |= is_node & first_last & (uint32_t)(numbers[i] >= end);
    }
    wick_flat_expect(r, wrong == 0);
    *out = (wick_token_trie){.nodes = nodes, .numbers = numbers, .n_slots = n};
}
