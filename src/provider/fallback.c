/* SPDX-License-Identifier: Apache-2.0
 * fallback.c: the first provider, its retries, and who stands in for it; see fallback.h.
 *
 * What failed for the first provider's own sake (WICK_E_UNAVAILABLE, or retriable) is tried again n_retries times, then given to the second. The first rests then; after that, one call
 * tries it, while the others stay with the second. What a caller sent wrong never falls back.
 *
 * An index must not come to hold vectors of two models. The second is opened with the first's model and dtype; it serves only if dimension and the length that texts are cut at
 * are the same, and if the vector of a known text, embedded by the first when it was opened, points the same way. */
#include "provider/fallback.h"
#include "base/error.h"
#include "base/log.h"
#include "provider/vectors.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REST_MS 30000.0
#define FIRST_PAUSE_MS 10 /* before the first retry; twice as long before each further one */
#define MAX_PAUSE_MS 200
/* int8 against f32 has 0.995 and more on any text; another model has nothing like it. */
#define LEAST_COSINE 0.99

static const char known_text[] = "The ferry leaves the harbour at dawn.";

struct wick_fallback {
    wick_provider_options options;
    char *strings[5];
    wick_provider_open_fn open;
    double rest_ms;
    float *known; /* [dimension] the first's vector of known_text */
    size_t max_seq_length;
    pthread_mutex_t mutex;           /* of opening */
    double refused_until_ms;         /* the second could not be opened, or gives other vectors */
    _Atomic(wick_provider *) second; /* NULL: not needed yet */
    _Atomic double rests_until_ms;   /* of the first; 0: it serves */
};

/* ---- which pairs ---- */

bool wick_provider_is_same(const char *a, const char *b)
{
    const char *own_a = strcmp(a, "native") == 0 ? "candle" : a, *own_b = strcmp(b, "native") == 0 ? "candle" : b;
    return strcmp(own_a, own_b) == 0;
}

int wick_fallback_check(const char *provider, const char *name, const char *where, wick_error *error)
{
    const bool is_mock = strcmp(provider, "mock") == 0, is_mock_name = strcmp(name, "mock") == 0;
    if (is_mock == is_mock_name)
        return WICK_OK;
    return wick_fail(error, WICK_E_INVALID_INPUT, where, "name a provider that runs the same model, or none",
                     "%s cannot stand in for %s: their vectors have nothing to do with each other", name, provider);
}

bool wick_fallback_helps_open(int code)
{
    return code == WICK_E_UNAVAILABLE;
}

/* The provider's fault, not the caller's nor the machine's. */
static bool may_pass(int code, const wick_error *error)
{
    return code == WICK_E_UNAVAILABLE || code == WICK_E_TIMEOUT || (code == WICK_E_INTERNAL && error->retriable);
}

/* ---- the known text ---- */

static int embed_known(const wick_provider *provider, float *out, wick_error *error)
{
    const char *text = known_text;
    wick_usage usage;
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = &text;
    request.n_texts = 1;
    request.options.normalize = true;
    request.options.dimensions = provider->dimension;
    return provider->ops->embed(provider->state, &request, out, &usage, error);
}

static int max_seq_length(const wick_provider *provider, size_t *out, wick_error *error)
{
    wick_model_info info = {.size = sizeof info};
    const int rc = provider->ops->info(provider->state, &info, error);
    *out = info.max_seq_length;
    return rc;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double sum = 0, sum_a = 0, sum_b = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
        sum_a += (double)a[i] * (double)a[i];
        sum_b += (double)b[i] * (double)b[i];
    }
    return sum / sqrt(sum_a * sum_b); /* NaN, which is not enough, where one is of zeros */
}

static int check_second(const wick_fallback *own, const wick_provider *first, const wick_provider *second,
                        wick_error *error)
{
    size_t length;
    int rc = max_seq_length(second, &length, error);
    float *known = rc == WICK_OK ? calloc(second->dimension, sizeof *known) : NULL;
    if (rc == WICK_OK && !known)
        rc = wick_fail_memory(error, "the fallback's vector");
    if (rc == WICK_OK)
        rc = embed_known(second, known, error);
    if (rc == WICK_OK && (second->dimension != first->dimension || length != own->max_seq_length ||
                          !(cosine(known, own->known, first->dimension) >= LEAST_COSINE)))
        rc = wick_fail(error, WICK_E_UNSUPPORTED, "fallback", "name a provider that runs the same model, or none",
                       "%s gives other vectors than %s", second->ops->name, first->ops->name);
    free(known);
    return rc;
}

/* ---- new and free ---- */

void wick_fallback_free(wick_fallback *own)
{
    if (!own)
        return;
    wick_provider_close(atomic_load(&own->second));
    for (size_t i = 0; i < sizeof own->strings / sizeof own->strings[0]; i++)
        free(own->strings[i]);
    pthread_mutex_destroy(&own->mutex);
    free(own->known);
    free(own);
}

static bool copy_strings(wick_fallback *own)
{
    wick_model_options *model = &own->options.model_options;
    const char **const texts[] = {&own->options.provider, &own->options.model, &model->device, &model->dtype,
                                  &model->cache_dir};
    bool is_whole = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        own->strings[i] = *texts[i] ? strdup(*texts[i]) : NULL;
        is_whole = is_whole && (own->strings[i] || !*texts[i]);
        *texts[i] = own->strings[i];
    }
    return is_whole;
}

int wick_fallback_new(wick_provider *first, const wick_provider_options *options, wick_provider_open_fn open,
                      double rest_ms, wick_fallback **out, wick_error *error)
{
    *out = NULL;
    wick_fallback *own = calloc(1, sizeof *own);
    if (!own)
        return wick_fail_memory(error, "the fallback");
    pthread_mutex_init(&own->mutex, NULL);
    own->options = *options;
    own->options.fallback = NULL;
    own->options.n_retries = 0;
    own->open = open;
    own->rest_ms = rest_ms > 0 ? rest_ms : REST_MS;
    own->known = calloc(first->dimension, sizeof *own->known);
    int rc = copy_strings(own) && own->known ? WICK_OK : wick_fail_memory(error, "the fallback");
    if (rc == WICK_OK)
        rc = max_seq_length(first, &own->max_seq_length, error);
    if (rc == WICK_OK)
        rc = embed_known(first, own->known, error);
    if (rc != WICK_OK) {
        wick_fallback_free(own);
        return rc;
    }
    *out = own;
    return WICK_OK;
}

/* ---- the second ---- */

/* The mutex is held. NULL: there is none, which the log says once in a while. */
static wick_provider *open_second(wick_fallback *own, const wick_provider *first)
{
    wick_provider *second = NULL;
    wick_error error = {0};
    if (wick_now_ms() < own->refused_until_ms)
        return NULL;
    int rc = own->open(&own->options, &second, &error);
    if (rc == WICK_OK)
        rc = check_second(own, first, second, &error);
    if (rc == WICK_OK) {
        atomic_store(&own->second, second);
        return second;
    }
    wick_log(WICK_LOG_ERROR, "the fallback %s does not serve: %s (%s)", own->options.provider, error.message,
             error.where);
    wick_provider_close(second);
    own->refused_until_ms = wick_now_ms() + own->rest_ms;
    return NULL;
}

static wick_provider *take_second(wick_fallback *own, const wick_provider *first)
{
    wick_provider *second = atomic_load(&own->second);
    if (second)
        return second;
    pthread_mutex_lock(&own->mutex);
    second = atomic_load(&own->second);
    if (!second)
        second = open_second(own, first);
    pthread_mutex_unlock(&own->mutex);
    return second;
}

/* ---- embedding ---- */

static void pause_before(unsigned n_before)
{
    const unsigned ms = n_before < 5 ? FIRST_PAUSE_MS << n_before : MAX_PAUSE_MS;
    const struct timespec time = {0, (ms < MAX_PAUSE_MS ? ms : MAX_PAUSE_MS) * 1000000L};
    nanosleep(&time, NULL);
}

static int embed_first(wick_provider *first, unsigned n_retries, const wick_embed_request *request, float *out,
                       wick_usage *usage, wick_error *error)
{
    for (unsigned attempt = 0;; attempt++) {
        *error = (wick_error){0};
        const int rc = first->ops->embed(first->state, request, out, usage, error);
        if (rc == WICK_OK || !may_pass(rc, error) || attempt >= n_retries)
            return rc;
        pause_before(attempt);
    }
}

/* True: the first is left alone. False: it is to be called; where it rested, this call is the one that tries it, and *is_trial. */
static bool is_resting(wick_fallback *own, bool *is_trial)
{
    double until = atomic_load(&own->rests_until_ms);
    const double now = wick_now_ms();
    *is_trial = false;
    if (until == 0)
        return false;
    if (now < until || !atomic_compare_exchange_strong(&own->rests_until_ms, &until, now + own->rest_ms))
        return true;
    *is_trial = true;
    return false;
}

static void note_failure(const wick_provider *first, const wick_error *error)
{
    wick_fallback *own = first->fallback;
    if (atomic_exchange(&own->rests_until_ms, wick_now_ms() + own->rest_ms) == 0)
        wick_log(WICK_LOG_WARN, "provider %s failed, %s serves in its place and %s is tried again every %.0f s: %s",
                 first->ops->name, own->options.provider, first->ops->name, own->rest_ms / 1000, error->message);
}

int wick_fallback_embed(wick_provider *first, const wick_embed_request *request, float *out, wick_usage *usage,
                        wick_error *error)
{
    wick_fallback *own = first->fallback;
    wick_error failure = {0}, *told = error ? error : &failure;
    bool is_trial = false, has_rested = own && is_resting(own, &is_trial);
    wick_provider *second = has_rested ? take_second(own, first) : NULL;
    if (second)
        return second->ops->embed(second->state, request, out, usage, told);
    const int rc = embed_first(first, is_trial ? 0 : first->n_retries, request, out, usage, told);
    if (!own || (rc != WICK_OK && !may_pass(rc, told)))
        return rc;
    if (rc == WICK_OK) {
        if (is_trial && atomic_exchange(&own->rests_until_ms, 0) != 0)
            wick_log(WICK_LOG_WARN, "provider %s serves again", first->ops->name);
        return rc;
    }
    second = take_second(own, first);
    if (!second)
        return rc;
    note_failure(first, told);
    return second->ops->embed(second->state, request, out, usage, told);
}

const wick_provider *wick_fallback_serving(const wick_provider *provider)
{
    const wick_fallback *own = provider->fallback;
    const wick_provider *second = own ? atomic_load(&own->second) : NULL;
    return second && atomic_load(&own->rests_until_ms) != 0 ? second : provider;
}
