/* SPDX-License-Identifier: Apache-2.0
 * plan.c: cutting a batch. Side by side, the longest sequences are taken first (Graham 1969): what is left at the end is small, and the threads
 * finish at about the same time. */
#include "cpu/plan.h"

#include <string.h>

/* Below so many tokens a thread, reading all the weights in each thread costs more than the barriers do. */
#define LEAST_ROWS_A_THREAD 48
#define N_BUCKETS 256

static size_t length_of(const wick_packed_batch *batch, size_t sequence)
{
    return batch->offsets[sequence + 1] - batch->offsets[sequence];
}

/* A stable counting sort into buckets of nearly equal length, the longest first. */
static void order_by_length(wick_plan *plan, const wick_packed_batch *batch, size_t first, size_t longest)
{
    uint32_t begins[N_BUCKETS + 1] = {0};
    for (size_t i = 0; i < plan->n_sequences; i++)
        begins[N_BUCKETS - length_of(batch, first + i) * (N_BUCKETS - 1) / longest]++;
    for (size_t i = 1; i <= N_BUCKETS; i++)
        begins[i] += begins[i - 1];
    /* Backwards, so that equals keep their order: begins[b] counts what stands in buckets up to b. */
    for (size_t i = plan->n_sequences; i-- > 0;)
        plan->order[--begins[N_BUCKETS - length_of(batch, first + i) * (N_BUCKETS - 1) / longest]] =
            (uint32_t)(first + i);
}

static void cut(wick_plan *plan, const wick_packed_batch *batch, size_t target)
{
    size_t rows = 0;
    plan->n_chunks = 0;
    for (size_t i = 0; i < plan->n_sequences; i++) {
        size_t n = length_of(batch, plan->order[i]);
        if (i == 0 || rows + n > target) {
            plan->starts[plan->n_chunks++] = (uint32_t)i;
            rows = 0;
        }
        rows += n;
    }
    plan->starts[plan->n_chunks] = (uint32_t)plan->n_sequences;
}

void wick_plan_make(wick_plan *plan, const wick_packed_batch *batch, size_t first, unsigned n_threads,
                    size_t alone_rows)
{
    size_t left = batch->n_sequences - first, rows = 0, longest = 1, n = n_threads;
    plan->n_sequences = left < WICK_PLAN_SEQUENCES ? left : WICK_PLAN_SEQUENCES;
    for (size_t i = 0; i < plan->n_sequences; i++) {
        size_t length = length_of(batch, first + i);
        plan->order[i] = (uint32_t)(first + i);
        longest = length > longest ? length : longest;
        rows += length;
    }
    plan->together = n > 1 && (rows < n * LEAST_ROWS_A_THREAD || longest > rows / n || longest > WICK_LONGEST_ALONE);
    if (plan->together) {
        cut(plan, batch, WICK_TOGETHER_ROWS);
        return;
    }
    /* As many chunks as threads, or a multiple, so that all end at about the same time. */
    size_t n_rounds = (rows + n * alone_rows - 1) / (n * alone_rows);
    size_t target = n_rounds > 0 ? (rows + n * n_rounds - 1) / (n * n_rounds) : 1;
    order_by_length(plan, batch, first, longest);
    cut(plan, batch, target < alone_rows ? target : alone_rows);
}
