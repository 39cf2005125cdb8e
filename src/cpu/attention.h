/* SPDX-License-Identifier: Apache-2.0
 * attention.h: one head of one sequence, as attention.c hands it to the ways of computing it, and what all ways share (attention_scores.c). */
#ifndef WICK_CPU_ATTENTION_H
#define WICK_CPU_ATTENTION_H
#include "cpu/forward.h"

typedef struct wick_head {
    const float *query, *key, *value; /* [n_rows, head_dim], rows `stride` apart */
    float *context;                   /* [n_rows, head_dim], rows context_stride apart */
    size_t n_rows, stride, context_stride;
    const float *biases; /* NULL, or by distance: biases[d] of a key d tokens behind the query, -n_rows < d < n_rows */
    size_t before, behind; /* keys j of query i are seen where i - before <= j <= i + behind */
} wick_head;

/* Keys [first, last). */
typedef struct wick_keys {
    size_t first, last;
} wick_keys;

/* Those that any of the queries [row, row + n) sees. */
static inline wick_keys wick_keys_seen(const wick_head *h, size_t row, size_t n)
{
    const size_t end = row + n - 1;
    return (wick_keys){row > h->before ? row - h->before : 0,
                       h->behind < h->n_rows - 1 - end ? end + h->behind + 1 : h->n_rows};
}

/* The same, from the beginning of a panel of keys on. */
static inline wick_keys wick_keys_in_panels(const wick_kernels *kernels, const wick_head *h, size_t row, size_t n)
{
    wick_keys keys = wick_keys_seen(h, row, n);
    keys.first -= keys.first % kernels->panel_width;
    return keys;
}

/* One way: the keys and values of a head are prepared, which serve the queries of all heads that read them; then the queries; and then rows [row, row + n) of these are taken, n at
 * most rows_at_once. All use the thread's scratch. */
typedef struct wick_attention_way {
    size_t (*rows_at_once)(const wick_kernels *kernels); /* at most WICK_ATTENTION_ROWS */
    void (*prepare_keys)(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch);
    void (*prepare_queries)(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch);
    void (*attend)(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch, size_t row,
                   size_t n);
} wick_attention_way;

/* Products in bf16 (attention_bf16.c). */
extern const wick_attention_way wick_attention_bf16;

/* scores[n, keys] of the queries from `row` on -> biases and softmax, without the division; 0 where a key is not seen; inverse_sums[n] = 1 / the rows' sums. */
void wick_attention_softmax(const wick_cpu_model *model, const wick_head *h, wick_keys keys, float *scores,
                            size_t ld_scores, size_t row, size_t n, float *inverse_sums);
/* Rows [row, row + n) of the context times inverse_sums. */
void wick_attention_scale(const wick_cpu_model *model, const wick_head *h, size_t row, size_t n,
                          const float *inverse_sums);

#endif
