/* SPDX-License-Identifier: Apache-2.0
 * workspace.h: the memory that encoding needs beside the weights, taken once: activations and scratch, a set of each for every thread. */
#ifndef WICK_CPU_WORKSPACE_H
#define WICK_CPU_WORKSPACE_H
#include "cpu/forward.h"

typedef struct wick_workspace {
    unsigned n_threads;
    size_t n_tokens;               /* of the longest sequence that it is for */
    wick_activations *activations; /* [n_threads]; the first serves the team when all work together */
    wick_thread_scratch *scratch;  /* [n_threads] */
    void *memory;
    size_t memory_bytes;
} wick_workspace;

/* For chunks as plan.h makes them, of sequences of up to n_tokens. Pages that are never used are never resident. */
int wick_workspace_open(const wick_cpu_model *model, unsigned n_threads, size_t n_tokens, wick_workspace *out,
                        wick_error *error);
/* Makes it one for sequences of n_tokens <= max_tokens where it is not, larger than needed, so that it seldom happens. On an error it stays as it is. */
int wick_workspace_reach(const wick_cpu_model *model, size_t n_tokens, wick_workspace *workspace, wick_error *error);
void wick_workspace_close(wick_workspace *workspace);

#endif
