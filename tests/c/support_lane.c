/* SPDX-License-Identifier: Apache-2.0
 * support_lane.c: the fake provider and jobs of support_lane.h. */
#include "support_lane.h"
#include "base/error.h"
#include "provider/vectors.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static pthread_mutex_t done_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done_changed = PTHREAD_COND_INITIALIZER;
static unsigned n_done;

void support_sleep_ms(unsigned ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static bool begins(const char *text, size_t n, const char *with)
{
    return n >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static int fake_vectors(support_fake *fake, const wick_embed_request *request, float *out, wick_error *error)
{
    const size_t n_values = request->options.dimensions > 0 ? request->options.dimensions : SUPPORT_DIMENSION;
    for (size_t i = 0; i < request->n_texts; i++) {
        const char *text = request->texts[i];
        const size_t n = wick_text_length(request->texts, request->text_bytes, i);
        float vector[SUPPORT_DIMENSION];
        wick_error inner;
        if (begins(text, n, "bad") || begins(text, n, "poison")) {
            wick_fail(&inner, text[0] == 'b' ? WICK_E_INVALID_INPUT : WICK_E_INTERNAL, NULL, NULL,
                      "a text that cannot be embedded");
            return wick_fail_text(i, &inner, error);
        }
        fake->n_gone += begins(text, n, "gone");
        for (size_t d = 0; d < SUPPORT_DIMENSION; d++) {
            uint32_t hash = 2166136261u + (uint32_t)d;
            for (size_t b = 0; b < n; b++)
                hash = (hash ^ (unsigned char)text[b]) * 16777619u;
            vector[d] = (float)(int32_t)hash * 0x1p-31f;
        }
        if (begins(text, n, "nan"))
            memcpy(out + i * n_values, (float[SUPPORT_DIMENSION]){NAN, 0}, n_values * sizeof *out);
        else
            wick_vector_finish(vector, n_values, request->options.normalize, out + i * n_values);
    }
    return WICK_OK;
}

static void raise_to(atomic_uint *most, unsigned n)
{
    unsigned before = atomic_load(most);
    while (before < n && !atomic_compare_exchange_weak(most, &before, n)) {
    }
}

/* Cores that the call has. */
static unsigned enter(support_fake *fake, const wick_embed_request *request)
{
    const bool alone = request->options.side_by_side;
    const unsigned n_cores = alone || fake->side_by_side.n_calls == 0 ? 1 : fake->side_by_side.n_calls;
    raise_to(&fake->n_inside_most, atomic_fetch_add(&fake->n_inside, 1) + 1);
    raise_to(&fake->n_cores_most, atomic_fetch_add(&fake->n_cores_inside, n_cores) + n_cores);
    if (alone) {
        fake->n_alone++;
        raise_to(&fake->n_texts_alone_most, (unsigned)request->n_texts);
    }
    return n_cores;
}

static bool has_stuck(const wick_embed_request *request)
{
    for (size_t i = 0; i < request->n_texts; i++)
        if (begins(request->texts[i], wick_text_length(request->texts, request->text_bytes, i), "stuck"))
            return true;
    return false;
}

static int fake_embed(void *state, const wick_embed_request *request, float *out, wick_usage *usage, wick_error *error)
{
    support_fake *fake = state;
    const unsigned n_cores = enter(fake, request);
    const bool can_be_caught = has_stuck(request);
    pthread_mutex_lock(&fake->mutex);
    fake->n_calls++;
    fake->n_texts += (unsigned)request->n_texts;
    pthread_cond_broadcast(&fake->changed);
    while (fake->is_stuck || (fake->is_caught && can_be_caught))
        pthread_cond_wait(&fake->changed, &fake->mutex);
    const int code = fake->failure_code;
    pthread_mutex_unlock(&fake->mutex);
    if (fake->ms_a_call > 0)
        support_sleep_ms(fake->ms_a_call);
    int n_failures = atomic_load(&fake->n_failures);
    while (n_failures > 0 && !atomic_compare_exchange_weak(&fake->n_failures, &n_failures, n_failures - 1)) {
    }
    const int rc =
        n_failures > 0 ? wick_fail(error, code, "fake", NULL, "told to fail") : fake_vectors(fake, request, out, error);
    atomic_fetch_sub(&fake->n_cores_inside, n_cores);
    atomic_fetch_sub(&fake->n_inside, 1);
    return rc;
}

static int fake_info(const void *state, wick_model_info *info, wick_error *error)
{
    info->dimension = SUPPORT_DIMENSION;
    info->max_tokens = info->max_seq_length = 512;
    return WICK_OK;
}

static wick_side_by_side fake_side_by_side(const void *state)
{
    return ((const support_fake *)state)->side_by_side;
}

static const wick_provider_ops fake_ops = {
    .name = "fake", .embed = fake_embed, .info = fake_info, .side_by_side = fake_side_by_side};

void support_fake_init(support_fake *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->provider = (wick_provider){&fake_ops, fake, "fake/model", SUPPORT_DIMENSION};
    fake->failure_code = WICK_E_UNAVAILABLE;
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->changed, NULL);
}

void support_fake_clear(support_fake *fake)
{
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->mutex);
}

static void set_stuck(support_fake *fake, bool is_stuck, bool is_caught)
{
    pthread_mutex_lock(&fake->mutex);
    fake->is_stuck = is_stuck;
    fake->is_caught = is_caught;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->mutex);
}

void support_fake_hold(support_fake *fake)
{
    set_stuck(fake, true, false);
}

void support_fake_catch(support_fake *fake)
{
    set_stuck(fake, false, true);
}

void support_fake_release(support_fake *fake)
{
    set_stuck(fake, false, false);
}

void support_fake_wait_calls(support_fake *fake, unsigned n_calls)
{
    pthread_mutex_lock(&fake->mutex);
    while (fake->n_calls < n_calls)
        pthread_cond_wait(&fake->changed, &fake->mutex);
    pthread_mutex_unlock(&fake->mutex);
}

static void job_done(wick_job *job)
{
    support_job *own = job->user;
    pthread_mutex_lock(&done_mutex);
    assert_false(own->is_done); /* once */
    own->is_done = true;
    own->done_ms = wick_now_ms();
    own->order = ++n_done;
    pthread_cond_broadcast(&done_changed);
    pthread_mutex_unlock(&done_mutex);
}

support_job *support_job_new(const char *name, size_t n, uint32_t tokens_each, uint64_t client)
{
    support_job *own = calloc(1, sizeof *own);
    char **texts = calloc(n, sizeof *texts);
    size_t *text_bytes = calloc(n, sizeof *text_bytes);
    uint32_t *n_tokens = calloc(n, sizeof *n_tokens);
    assert_true(own && texts && text_bytes && n_tokens);
    for (size_t i = 0; i < n; i++) {
        char text[64];
        text_bytes[i] = (size_t)snprintf(text, sizeof text, "%s %zu", name, i);
        texts[i] = strdup(text);
        assert_non_null(texts[i]);
        n_tokens[i] = tokens_each;
    }
    own->job = (wick_job){.texts = (const char *const *)texts,
                          .text_bytes = text_bytes,
                          .n_tokens = n_tokens,
                          .n_texts = n,
                          .client = client};
    wick_embed_options_init(&own->job.options);
    own->job.done = job_done;
    own->job.user = own;
    return own;
}

void support_job_free(support_job *own)
{
    if (own->job.out)
        assert_true(own->job.out[own->job.n_texts * own->dimension] == 99.0f);
    for (size_t i = 0; i < own->job.n_texts; i++)
        free((void *)own->job.texts[i]);
    free((void *)own->job.texts);
    free((void *)own->job.text_bytes);
    free((void *)own->job.n_tokens);
    free(own->job.out);
    free(own);
}

/* Memory for the vectors, where there is none yet: of SUPPORT_DIMENSION unless the test set another. */
static void give_memory(support_job *own)
{
    if (own->dimension == 0)
        own->dimension = SUPPORT_DIMENSION;
    if (own->job.options.dimensions > 0 && own->job.options.dimensions < own->dimension)
        own->dimension = own->job.options.dimensions;
    if (own->job.out)
        return;
    own->job.out = calloc(own->job.n_texts * own->dimension + 1, sizeof *own->job.out);
    assert_non_null(own->job.out);
    own->job.out[own->job.n_texts * own->dimension] = 99.0f;
}

void support_job_submit(wick_lane *lane, support_job *own)
{
    give_memory(own);
    assert_int_equal(wick_lane_submit(lane, &own->job, NULL), WICK_SUBMITTED);
}

void support_job_wait(support_job *own)
{
    pthread_mutex_lock(&done_mutex);
    while (!own->is_done)
        pthread_cond_wait(&done_changed, &done_mutex);
    pthread_mutex_unlock(&done_mutex);
}

bool support_job_is_done(support_job *own)
{
    pthread_mutex_lock(&done_mutex);
    const bool is_done = own->is_done;
    pthread_mutex_unlock(&done_mutex);
    return is_done;
}

void support_job_check(support_job *own, wick_provider *provider)
{
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = own->job.texts;
    request.text_bytes = own->job.text_bytes;
    request.n_texts = own->job.n_texts;
    request.options = own->job.options;
    wick_embed_response response = {0};
    if (own->job.code != WICK_OK)
        fail_msg("%s", own->job.error.message);
    assert_int_equal(wick_provider_embed_batch(provider, &request, &response, NULL), WICK_OK);
    assert_int_equal(response.dimension, own->dimension);
    assert_memory_equal(response.embeddings, own->job.out, own->job.n_texts * own->dimension * sizeof(float));
    wick_embed_response_clear(&response);
}

wick_lane_options support_lane_options(void)
{
    return (wick_lane_options){.batch_tokens = 1024, .queue_tokens = 100000};
}

wick_lane *support_lane_open(wick_provider *provider, const wick_lane_options *options)
{
    wick_lane *lane = NULL;
    wick_error error = {0};
    if (wick_lane_open(provider, options, &lane, &error) != WICK_OK)
        fail_msg("%s", error.message);
    return lane;
}

void support_lane_check_empty(const wick_lane *lane)
{
    const wick_lane_state state = wick_lane_get_state(lane);
    assert_int_equal(state.n_jobs, 0);
    assert_int_equal(state.n_tokens, 0);
    assert_false(wick_lane_is_full(lane, SIZE_MAX)); /* an empty queue takes any job: nothing is charged any more */
}

support_job *support_lane_occupy(support_fake *fake, wick_lane *lane)
{
    const unsigned n_calls = fake->n_calls;
    support_job *job = support_job_new("first", 1, 1, 77);
    support_fake_hold(fake);
    support_job_submit(lane, job);
    support_fake_wait_calls(fake, n_calls + 1);
    return job;
}
