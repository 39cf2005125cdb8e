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

void wick_embedder_open(wick_embedder *embedder, wick_provider *provider, const wick_lane_options *options,
                        const atomic_int *hurry)
{
    embedder->provider = provider;
    embedder->metrics = options->metrics;
    embedder->n_retries = options->n_retries;
    embedder->hurry = hurry;
    embedder->dimension = provider->dimension;
    embedder->cut = wick_provider_dimension(provider);
    pthread_mutex_init(&embedder->mutex, NULL);
    wick_breaker_init(&embedder->breaker, options->breaker_failures, options->breaker_open_ms);
    atomic_init(&embedder->phase, WICK_BREAKER_CLOSED);
    atomic_init(&embedder->open_until_ms, 0);
}

void wick_embedder_close(wick_embedder *embedder)
{
    pthread_mutex_destroy(&embedder->mutex);
}

bool wick_embedder_texts_init(wick_embedder_texts *texts, size_t max_texts)
{
    texts->texts = malloc(max_texts * sizeof *texts->texts);
    texts->text_bytes = malloc(max_texts * sizeof *texts->text_bytes);
    texts->seconds = malloc(max_texts * sizeof *texts->seconds);
    texts->second_bytes = malloc(max_texts * sizeof *texts->second_bytes);
    return texts->texts && texts->text_bytes && texts->seconds && texts->second_bytes;
}

void wick_embedder_texts_clear(wick_embedder_texts *texts)
{
    free(texts->texts);
    free(texts->text_bytes);
    free(texts->seconds);
    free(texts->second_bytes);
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

/* With the mutex held. */
static void note_failure(wick_embedder *embedder, const wick_error *error)
{
    if (!wick_breaker_fail(&embedder->breaker, wick_now_ms()))
        return;
    publish(embedder);
    wick_log(WICK_LOG_ERROR, "provider %s failed %u times in a row, requests are refused for %.0f ms: %s",
             wick_provider_name(embedder->provider), embedder->breaker.n_failures, embedder->breaker.open_ms,
             error->message);
}

/* A call that began before the breaker opened says nothing by succeeding after it. */
static void note(wick_embedder *embedder, int code, const wick_error *error)
{
    pthread_mutex_lock(&embedder->mutex);
    if (code == WICK_OK && embedder->breaker.phase == WICK_BREAKER_CLOSED)
        wick_breaker_succeed(&embedder->breaker);
    else if (code != WICK_OK && !is_input_error(code))
        note_failure(embedder, error);
    pthread_mutex_unlock(&embedder->mutex);
}

static bool is_open(const wick_embedder *embedder)
{
    return atomic_load(&embedder->phase) != WICK_BREAKER_CLOSED;
}

static bool begin_trial(wick_embedder *embedder)
{
    pthread_mutex_lock(&embedder->mutex);
    const bool is_due = wick_breaker_try(&embedder->breaker, wick_now_ms());
    if (is_due)
        publish(embedder);
    pthread_mutex_unlock(&embedder->mutex);
    return is_due;
}

void wick_embedder_try(wick_embedder *embedder)
{
    if (!begin_trial(embedder))
        return;
    wick_error error = {0};
    const int rc = wick_provider_health_check(embedder->provider, &error);
    pthread_mutex_lock(&embedder->mutex);
    if (rc == WICK_OK) {
        wick_breaker_succeed(&embedder->breaker);
        publish(embedder);
        wick_log(WICK_LOG_WARN, "provider %s serves again", wick_provider_name(embedder->provider));
    } else {
        note_failure(embedder, &error);
    }
    pthread_mutex_unlock(&embedder->mutex);
}

double wick_embedder_wait_ms(wick_embedder *embedder)
{
    pthread_mutex_lock(&embedder->mutex);
    const double ms = wick_breaker_wait_ms(&embedder->breaker, wick_now_ms());
    pthread_mutex_unlock(&embedder->mutex);
    return ms;
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

/* One batch under way. */
typedef struct run {
    wick_embedder *embedder;
    const wick_embedder_texts *texts;
    bool side_by_side;
} run;

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

static int ask_vectors(const run *own, size_t first, size_t n, const wick_job *job, wick_embed_response *response,
                       wick_error *error)
{
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = own->texts->texts + first;
    request.text_bytes = own->texts->text_bytes + first;
    request.n_texts = n;
    request.options = job->options;
    request.options.size = sizeof request.options;
    request.options.normalize = false;
    request.options.dimensions = own->embedder->dimension;
    request.options.side_by_side = own->side_by_side;
    return wick_provider_embed_batch(own->embedder->provider, &request, response, error);
}

/* Texts [first, first + n) of the batch, with what job's options ask of the provider. */
static int call(const run *own, size_t first, size_t n, const wick_job *job, answer *out, wick_error *error)
{
    wick_embedder *embedder = own->embedder;
    for (unsigned attempt = 0;; attempt++) {
        *error = (wick_error){0};
        const int rc = job->wanted == WICK_WANT_VECTORS ? ask_vectors(own, first, n, job, &out->vectors, error)
                                                        : wick_embedder_ask_rows(embedder, own->texts, first, n, job,
                                                                                 own->side_by_side, &out->rows, error);
        note(embedder, rc, error);
        if (rc == WICK_OK || is_input_error(rc) || !error->retriable || attempt >= embedder->n_retries)
            return rc;
        if (is_open(embedder) || atomic_load(embedder->hurry) == 2)
            return rc;
        back_off(attempt);
    }
}

/* ---- what a call came to ---- */

bool wick_embedder_has_failed(wick_embedder *embedder, const wick_job *job)
{
    pthread_mutex_lock(&embedder->mutex);
    const bool has_failed = job->code != WICK_OK;
    pthread_mutex_unlock(&embedder->mutex);
    return has_failed;
}

void wick_embedder_fail(wick_embedder *embedder, wick_job *job, int code, const wick_error *error)
{
    pthread_mutex_lock(&embedder->mutex);
    if (job->code == WICK_OK) {
        job->code = code;
        job->error = *error;
        job->error.code = code;
    }
    pthread_mutex_unlock(&embedder->mutex);
}

static void fail_slice(wick_embedder *embedder, const wick_slice *slice, int code, const wick_error *error)
{
    wick_error own = *error;
    size_t index; /* in the slice; in the job from now on */
    if (wick_error_of_text(error, &index))
        snprintf(own.where, sizeof own.where, "texts[%zu]", slice->first + index);
    if (wick_embedder_has_failed(embedder, slice->job))
        return;
    wick_embedder_fail(embedder, slice->job, code, &own);
    if (strstr(error->message, WICK_NOT_FINITE))
        wick_metrics_nonfinite(embedder->metrics);
}

/* rows: [slice->n, dimension] */
static void deliver_vectors(wick_embedder *embedder, const wick_slice *slice, const float *rows)
{
    wick_job *job = slice->job;
    size_t dimension;
    wick_error error;
    if (wick_embedder_has_failed(embedder, job))
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
    else if (!wick_embedder_has_failed(embedder, slice->job))
        rc = wick_job_append_rows(slice->job, &from->rows, row, slice->n, &error);
    if (rc != WICK_OK)
        fail_slice(embedder, slice, rc, &error);
}

/* Each slice on its own, after the batch failed for what is likely to be one job's fault. */
static void run_apart(const run *own, const wick_batch *batch)
{
    wick_embedder *embedder = own->embedder;
    answer got = {0};
    wick_error error;
    for (size_t i = 0; i < batch->n_slices; i++) {
        const wick_slice *slice = &batch->slices[i];
        if (wick_embedder_has_failed(embedder, slice->job))
            continue;
        const int rc = is_open(embedder) ? wick_embedder_refuse(embedder, &error)
                                         : call(own, slice->row, slice->n, slice->job, &got, &error);
        if (rc == WICK_OK)
            deliver_slice(embedder, slice, &got, 0);
        else
            fail_slice(embedder, slice, rc, &error);
    }
    answer_clear(&got);
}

/* The slice's texts, to where the batch has them. */
static void take_slice(wick_embedder_texts *to, const wick_slice *slice)
{
    const wick_job *job = slice->job;
    const size_t first = slice->first, row = slice->row, n = slice->n;
    memcpy(to->texts + row, job->texts + first, n * sizeof *to->texts);
    memcpy(to->text_bytes + row, job->text_bytes + first, n * sizeof *to->text_bytes);
    for (size_t i = 0; i < n; i++) {
        to->seconds[row + i] = job->seconds ? job->seconds[first + i] : NULL;
        to->second_bytes[row + i] = job->seconds ? job->second_bytes[first + i] : 0;
    }
}

void wick_embedder_run(wick_embedder *embedder, wick_embedder_texts *texts, const wick_batch *batch, bool side_by_side)
{
    const run own = {embedder, texts, side_by_side};
    for (size_t i = 0; i < batch->n_slices; i++)
        take_slice(texts, &batch->slices[i]);
    answer got = {0};
    wick_error error;
    const int rc = call(&own, 0, batch->n_texts, batch->slices[0].job, &got, &error);
    const bool is_shared = batch->n_slices > 1;
    if (rc != WICK_OK && is_shared && (is_input_error(rc) || !error.retriable)) {
        answer_clear(&got);
        run_apart(&own, batch);
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
