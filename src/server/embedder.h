/* SPDX-License-Identifier: Apache-2.0
 * embedder.h: one batch through the provider. In: slices of jobs. Out: their vectors in the jobs' memory, or a code and an error in each job that
 * failed. Failures that may pass are tried again; a job that cannot be embedded does not fail those that share its batch; a circuit breaker counts.
 * One thread at a time (lane.c's), but for phase and open_until_ms. */
#ifndef WICK_SERVER_EMBEDDER_H
#define WICK_SERVER_EMBEDDER_H
#include "server/breaker.h"
#include "server/queue.h"

typedef struct wick_embedder {
    wick_provider *provider;
    struct wick_metrics *metrics;
    unsigned n_retries;
    const atomic_int *hurry; /* 2: no more retries */
    size_t dimension, cut;   /* of whole vectors, and where a job does not ask for a length */
    const char **texts;      /* [max_texts] of the call under way */
    size_t *text_bytes;
    const char **seconds; /* [max_texts] of pairs; NULL in it: none */
    size_t *second_bytes;
    wick_breaker breaker;
    atomic_int phase;             /* the breaker's, for other threads */
    _Atomic double open_until_ms; /* where the phase is not closed */
} wick_embedder;

int wick_embedder_open(wick_embedder *embedder, wick_provider *provider, const wick_lane_options *options,
                       size_t max_texts, const atomic_int *hurry, wick_error *error);
void wick_embedder_close(wick_embedder *embedder);

/* Embeds all of batch. A job's code and error are written only where it fails. */
void wick_embedder_run(wick_embedder *embedder, const wick_batch *batch);

/* Where the breaker is open and a trial is due: asks for the provider's health, and closes the breaker or opens it again. */
void wick_embedder_try(wick_embedder *embedder);
/* The error of jobs that are refused because the breaker is open. */
int wick_embedder_refuse(const wick_embedder *embedder, wick_error *error);

#endif
