/* SPDX-License-Identifier: Apache-2.0
 * embedder.h: batches through the provider. In: slices of jobs. Out: their vectors in the jobs' memory, or a code and an error in each job that
 * failed. Failures that may pass are tried again; a job that cannot be embedded does not fail those that share its batch; a circuit breaker counts.
 * Several threads may run batches at once, each with texts of its own; a job may be in several of them. */
#ifndef WICK_SERVER_EMBEDDER_H
#define WICK_SERVER_EMBEDDER_H
#include <pthread.h>
#include "server/breaker.h"
#include "server/queue.h"

typedef struct wick_embedder {
    wick_provider *provider;
    struct wick_metrics *metrics;
    unsigned n_retries;
    const atomic_int *hurry; /* 2: no more retries */
    size_t dimension, cut;   /* of whole vectors, and where a job does not ask for a length */
    pthread_mutex_t mutex;   /* of the breaker, and of code and error of jobs that are being embedded */
    wick_breaker breaker;
    atomic_int phase;             /* the breaker's, for readers without the mutex */
    _Atomic double open_until_ms; /* where the phase is not closed */
} wick_embedder;

/* The texts of one batch under way, put together. */
typedef struct wick_embedder_texts {
    const char **texts; /* [max_texts] */
    size_t *text_bytes;
    const char **seconds; /* [max_texts] of pairs; NULL in it: none */
    size_t *second_bytes;
} wick_embedder_texts;

void wick_embedder_open(wick_embedder *embedder, wick_provider *provider, const wick_lane_options *options,
                        const atomic_int *hurry);
void wick_embedder_close(wick_embedder *embedder);

/* False: out of memory. All zeros may be cleared, too. */
bool wick_embedder_texts_init(wick_embedder_texts *texts, size_t max_texts);
void wick_embedder_texts_clear(wick_embedder_texts *texts);

/* Embeds all of batch, on the calling thread alone (wick_embed_options.side_by_side) or on all that the provider has. texts: of this thread. A job's code and error are written only
 * where it fails. */
void wick_embedder_run(wick_embedder *embedder, wick_embedder_texts *texts, const wick_batch *batch, bool side_by_side);

/* Fails a job, of which other batches may be under way; its first failure stays. */
void wick_embedder_fail(wick_embedder *embedder, wick_job *job, int code, const wick_error *error);
bool wick_embedder_has_failed(wick_embedder *embedder, const wick_job *job);

/* Where the breaker is open and a trial is due: asks for the provider's health, and closes the breaker or opens it again. */
void wick_embedder_try(wick_embedder *embedder);
/* Milliseconds until that; 0: now, or the breaker is not open. */
double wick_embedder_wait_ms(wick_embedder *embedder);
/* The error of jobs that are refused because the breaker is open. */
int wick_embedder_refuse(const wick_embedder *embedder, wick_error *error);

#endif
