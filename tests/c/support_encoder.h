/* SPDX-License-Identifier: Apache-2.0
 * support_encoder.h: the CPU backend alone, from token ids to vectors, for tests: on a tier, in a dtype, with some threads. Each function fails the test where something refuses. */
#ifndef WICK_TESTS_SUPPORT_ENCODER_H
#define WICK_TESTS_SUPPORT_ENCODER_H
#include "backend.h"

typedef struct support_backend {
    wick_pool *pool;
    wick_backend *backend;
    size_t dimension;
} support_backend;

/* tier: NULL or a name that this machine has. */
void support_backend_open(support_backend *out, const wick_model_files *files, const char *tier, const char *dtype,
                          unsigned n_threads);
void support_backend_close(support_backend *b);

/* Sequences of ids, one after another, and room for their vectors. */
typedef struct support_sequences {
    size_t n, dimension;
    int32_t *ids;
    uint32_t *offsets; /* [n + 1] */
    float *vectors;    /* [n, dimension] */
} support_sequences;

/* Room for n sequences of n_ids ids in all. */
support_sequences support_sequences_new(size_t n, size_t n_ids, size_t dimension);
void support_sequences_free(support_sequences *s);

/* Vectors of sequences [first, first + n) in one batch, to the same places of s->vectors. */
void support_backend_run(support_backend *b, support_sequences *s, size_t first, size_t n);
/* The same bits as in s->vectors: one by one, in pairs, all at once, and in another order. */
void support_same_in_batches(support_backend *b, const support_sequences *s, const char *label);

/* The cosine of a[n] and b[n]; the largest difference goes to *difference (may be NULL). */
double support_cosine(const float *a, const float *b, size_t n, double *difference);

#endif
