/* SPDX-License-Identifier: Apache-2.0
 * attention.h: one head of one sequence, as attention.c hands it to the ways of computing it. */
#ifndef WICK_CPU_ATTENTION_H
#define WICK_CPU_ATTENTION_H
#include "cpu/forward.h"

typedef struct wick_head {
    const float *query, *key, *value; /* [n_rows, head_dim], rows `stride` apart */
    float *context;                   /* [n_rows, head_dim], rows hidden_size apart */
    size_t n_rows, stride;
} wick_head;

/* One way: prepare, once a head, and then rows [row, row + n) of the queries, n at most rows_at_once. Both use the thread's scratch. */
typedef struct wick_attention_way {
    size_t (*rows_at_once)(const wick_kernels *kernels); /* at most WICK_ATTENTION_ROWS */
    void (*prepare)(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch);
    void (*attend)(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch, size_t row,
                   size_t n);
} wick_attention_way;

/* Products in bf16 (attention_bf16.c). */
extern const wick_attention_way wick_attention_bf16;

/* scores[n, n_rows] -> softmax without the division; inverse_sums[n] = 1 / the rows' sums. */
void wick_attention_softmax(const wick_cpu_model *model, const wick_head *h, float *scores, size_t ld_scores, size_t n,
                            float *inverse_sums);
/* Rows [row, row + n) of the context times inverse_sums. */
void wick_attention_scale(const wick_cpu_model *model, const wick_head *h, size_t row, size_t n,
                          const float *inverse_sums);

#endif
