/* SPDX-License-Identifier: Apache-2.0
 * plan.h: how a batch is cut into chunks of whole sequences, and whether threads take chunks side by side or share each one. Only time depends
 * on a plan, never a bit of a vector. Called by backend_cpu.c. */
#ifndef WICK_CPU_PLAN_H
#define WICK_CPU_PLAN_H
#include "backend.h"

/* Sequences planned at once; larger batches are taken in several rounds. */
#define WICK_PLAN_SEQUENCES 1024
/* Tokens of a chunk that one thread takes alone, by default and at the most: its activations fit the second-level cache (1 MB, 2 MB), and the weights are
 * read once for all of them. */
#define WICK_ALONE_ROWS 128
#define WICK_MOST_ALONE_ROWS 256
/* Tokens of a call that has one core (backend.h) with which the core does nearly all that it can do, so that nobody need wait for more (docs/speed.md); of models whose weights are so large that
 * reading them is most of the work, as many as it takes through the weights at once. */
#define WICK_CALL_ROWS 64
#define WICK_CALL_SMALL_WEIGHTS ((size_t)128 << 20) /* bytes */
/* A longer sequence is never taken by one thread of several: each of them would need activations for it. */
#define WICK_LONGEST_ALONE 1024
/* Tokens of a chunk that all threads share. */
#define WICK_TOGETHER_ROWS 512

typedef struct wick_plan {
    bool together;      /* all threads share each chunk; else each thread takes chunks of its own */
    size_t n_sequences; /* taken in this round */
    size_t n_chunks;
    uint32_t order[WICK_PLAN_SEQUENCES]; /* sequences of the batch, the longest first where threads work side by side */
    uint32_t starts[WICK_PLAN_SEQUENCES + 1]; /* chunk i: order[starts[i]] .. order[starts[i + 1]] */
} wick_plan;

/* Plans the batch's sequences from `first` on, as far as a round goes. A chunk holds one sequence, or several of no more than alone_rows
 * (together: WICK_TOGETHER_ROWS) tokens in all. */
void wick_plan_make(wick_plan *plan, const wick_packed_batch *batch, size_t first, unsigned n_threads,
                    size_t alone_rows);

#endif
