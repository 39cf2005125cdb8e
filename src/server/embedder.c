/* SPDX-License-Identifier: Apache-2.0
 * embedder.c: calls of the provider: retries, breaker, isolation of what cannot be embedded; see embedder.h.
 *
 * The provider is asked for whole vectors that are not scaled. They are cut and normalised here, by the function that providers use themselves, so
 * that jobs which differ in that go through the engine together, and get the bits that a call of their own would have given them. */
#include "server/embedder.h"
#include "server/embedder_rows.h"
#include "base/error.h"
#include "base/log.h"
#include "provider/provider.h"
#include "provider/vectors.h"
#include "server/metrics.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Before the first retry; twice as long before each further one. Short: the jobs that wait behind are likely to fail alike. */
#define BACKOFF_MS 10
#define MAX_BACKOFF_MS 200

int wick_embedder_open(wick_embedder *embedder, wick_provider *provider, const wick_lane_options *options,
                       size_t max_texts, const atomic_int *hurry, wick_error *error)
{
    embedder->provider = provider;
    embedder->metrics = options->metrics;
    embedder->n_retries = options->n_retries;
    embedder->hurry = hurry;
    embedder->dimension = provider->dimension;
    embedder->cut = wick_provider_dimension(provider);
    wick_breaker_init(&embedder->breaker, options->breaker_failures, options->breaker_open_ms);
    atomic_init(&embedder->phase, WICK_BREAKER_CLOSED);
    atomic_init(&embedder->open_until_ms, 0);
    embedder->texts = malloc(max_texts * sizeof *embedder->texts);
    embedder->text_bytes = malloc(max_texts * sizeof *embedder->text_bytes);
    embedder->seconds = malloc(max_texts * sizeof *embedder->seconds);
    embedder->second_bytes = malloc(max_texts * sizeof *embedder->second_bytes);
    if (embedder->texts && embedder->text_bytes && embedder->seconds && embedder->second_bytes)
        return WICK_OK;
    return wick_fail_memory(error, "the lane's batch");
}

void wick_embedder_close(wick_embedder *embedder)
{
    free(embedder->texts);
    free(embedder->text_bytes);
    free(embedder->seconds);
    free(embedder->second_bytes);
}

/* ---- the breaker ---- */

/* The caller's fault, which says nothing about the provider. */
static bool is_input_error(int code)
{
    return code == WICK_E_INVALID_INPUT || code == WICK_E_UNSUPPORTED || code == WICK_E_MODEL_NOT_FOUND;
}

static void publish(wick_embedder *embedder)
{
    const wick_breaker *breaker = &embedder->breaker;
    atomic_store(&embedder->open_until_ms, breaker->opened_ms + breaker->open_ms);
    atomic_store(&embedder->phase, (int)breaker->phase);
}

static void note_failure(wick_embedder *embedder, const wick_error *error)
{
    if (!wick_breaker_fail(&embedder->breaker, wick_now_ms()))
        return;
    publish(embedder);
    wick_log(WICK_LOG_ERROR, "provider %s failed %u times in a row, requests are refused for %.0f ms: %s",
             wick_provider_name(embedder->provider), embedder->breaker.n_failures, embedder->breaker.open_ms,
             error->message);
}

static void note(wick_embedder *embedder, int code, const wick_error *error)
{
    if (code == WICK_OK)
        wick_breaker_succeed(&embedder->breaker); /* closed already: calls are made in no other phase */
    else if (!is_input_error(code))
        note_failure(embedder, error);
}

static bool is_open(const wick_embedder *embedder)
{
    return embedder->breaker.phase != WICK_BREAKER_CLOSED;
}

void wick_embedder_try(wick_embedder *embedder)
{
    if (!wick_breaker_try(&embedder->breaker, wick_now_ms()))
        return;
    publish(embedder);
    wick_error error = {0};
    if (wick_provider_health_check(embedder->provider, &error) == WICK_OK) {
        wick_breaker_succeed(&embedder->breaker);
        publish(embedder);
        wick_log(WICK_LOG_WARN, "provider %s serves again", wick_provider_name(embedder->provider));
    } else {
        note_failure(embedder, &error);
    }
}

int wick_embedder_refuse(const wick_embedder *embedder, wick_error *error)
{
    return wick_fail(error, WICK_E_UNAVAILABLE, "provider", "try again later", "provider %s is failing",
                     wick_provider_name(embedder->provider));
}

/* ---- calls ---- */

static void back_off(unsigned n_retries_before)
{
    const unsigned ms = n_retries_before < 5 ? BACKOFF_MS << n_retries_before : MAX_BACKOFF_MS;
    const struct timespec time = {0, (ms < MAX_BACKOFF_MS ? ms : MAX_BACKOFF_MS) * 1000000L};
    nanosleep(&time, NULL);
}

/* What a call gave: vectors, or rows. */
typedef struct answer {
    wick_embed_response vectors;
    wick_rows_response rows;
} answer;

static void answer_clear(answer *got)
{
    wick_embed_response_clear(&got->vectors);
    wick_rows_response_clear(&got->rows);
}

static int ask_vectors(wick_embedder *embedder, size_t first, size_t n, const wick_job *job,
                       wick_embed_response *response, wick_error *error)
{
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = embedder->texts + first;
    request.text_bytes = embedder->text_bytes + first;
    request.n_texts = n;
    request.options = job->options;
    request.options.size = sizeof request.options;
    request.options.normalize = false;
    request.options.dimensions = embedder->dimension;
    return wick_provider_embed_batch(embedder->provider, &request, response, error);
}

/* Texts [first, first + n) of the batch, with what job's options ask of the provider. */
static int call(wick_embedder *embedder, size_t first, size_t n, const wick_job *job, answer *out, wick_error *error)
{
    for (unsigned attempt = 0;; attempt++) {
        *error = (wick_error){0};
        const int rc = job->wanted == WICK_WANT_VECTORS
                           ? ask_vectors(embedder, first, n, job, &out->vectors, error)
                           : wick_embedder_ask_rows(embedder, first, n, job, &out->rows, error);
        note(embedder, rc, error);
        if (rc == WICK_OK || is_input_error(rc) || !error->retriable || attempt >= embedder->n_retries)
            return rc;
        if (is_open(embedder) || atomic_load(embedder->hurry) == 2)
            return rc;
        back_off(attempt);
    }
}

/* ---- what a call came to ---- */

/* The first failure of a job stays. */
static void fail_slice(wick_embedder *embedder, const wick_slice *slice, int code, const wick_error *error)
{
    wick_job *job = slice->job;
    if (job->code != WICK_OK)
        return;
    job->code = code;
    job->error = *error;
    job->error.code = code;
    size_t index; /* in the slice; in the job from now on */
    if (wick_error_of_text(error, &index))
        snprintf(job->error.where, sizeof job->error.where, "texts[%zu]", slice->first + index);
    if (strstr(error->message, WICK_NOT_FINITE))
        wick_metrics_nonfinite(embedder->metrics);
}

/* rows: [slice->n, dimension] */
static void deliver_vectors(wick_embedder *embedder, const wick_slice *slice, const float *rows)
{
    wick_job *job = slice->job;
    size_t dimension;
    wick_error error;
    if (job->code != WICK_OK)
        return;
    int rc = wick_dimension_check(&job->options, embedder->dimension, embedder->cut, &dimension, &error);
    if (rc != WICK_OK) {
        fail_slice(embedder, slice, rc, &error);
        return;
    }
    float *out = job->out + slice->first * dimension;
    for (size_t i = 0; i < slice->n; i++) {
        if (wick_vector_finish(rows + i * embedder->dimension, dimension, job->options.normalize, out + i * dimension))
            continue;
        wick_error inner;
        wick_fail(&inner, WICK_E_INTERNAL, NULL, "report it", WICK_NOT_FINITE);
        rc = wick_fail_text(i, &inner, &error);
        fail_slice(embedder, slice, rc, &error);
        return;
    }
}

/* row: where the slice begins in the answer. */
static void deliver_slice(wick_embedder *embedder, const wick_slice *slice, const answer *from, size_t row)
{
    wick_error error;
    int rc = WICK_OK;
    if (slice->job->wanted == WICK_WANT_VECTORS)
        deliver_vectors(embedder, slice, from->vectors.embeddings + row * embedder->dimension);
    else if (slice->job->code == WICK_OK)
        rc = wick_job_append_rows(slice->job, &from->rows, row, slice->n, &error);
    if (rc != WICK_OK)
        fail_slice(embedder, slice, rc, &error);
}

/* Each slice on its own, after the batch failed for what is likely to be one job's fault. */
static void run_apart(wick_embedder *embedder, const wick_batch *batch)
{
    answer got = {0};
    wick_error error;
    for (size_t i = 0; i < batch->n_slices; i++) {
        const wick_slice *slice = &batch->slices[i];
        if (slice->job->code != WICK_OK)
            continue;
        const int rc = is_open(embedder) ? wick_embedder_refuse(embedder, &error)
                                         : call(embedder, slice->row, slice->n, slice->job, &got, &error);
        if (rc == WICK_OK)
            deliver_slice(embedder, slice, &got, 0);
        else
            fail_slice(embedder, slice, rc, &error);
    }
    answer_clear(&got);
}

/* The slice's texts, to where the batch has them. */
static void take_slice(wick_embedder *embedder, const wick_slice *slice)
{
    const wick_job *job = slice->job;
    const size_t first = slice->first, row = slice->row, n = slice->n;
    memcpy(embedder->texts + row, job->texts + first, n * sizeof *embedder->texts);
    memcpy(embedder->text_bytes + row, job->text_bytes + first, n * sizeof *embedder->text_bytes);
    for (size_t i = 0; i < n; i++) {
        embedder->seconds[row + i] = job->seconds ? job->seconds[first + i] : NULL;
        embedder->second_bytes[row + i] = job->seconds ? job->second_bytes[first + i] : 0;
    }
}

void wick_embedder_run(wick_embedder *embedder, const wick_batch *batch)
{
    for (size_t i = 0; i < batch->n_slices; i++)
        take_slice(embedder, &batch->slices[i]);
    answer got = {0};
    wick_error error;
    const int rc = call(embedder, 0, batch->n_texts, batch->slices[0].job, &got, &error);
    const bool is_shared = batch->n_slices > 1;
    if (rc != WICK_OK && is_shared && (is_input_error(rc) || !error.retriable)) {
        answer_clear(&got);
        run_apart(embedder, batch);
        return;
    }
    for (size_t i = 0; i < batch->n_slices; i++) {
        const wick_slice *slice = &batch->slices[i];
        if (rc == WICK_OK)
            deliver_slice(embedder, slice, &got, slice->row);
        else
            fail_slice(embedder, slice, rc, &error);
    }
    answer_clear(&got);
}
