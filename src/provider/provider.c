/* SPDX-License-Identifier: Apache-2.0
 * provider.c: AkiDB's interface (embed_batch, model_info, health_check) over any provider. In: a request. Out: a response whose memory
 * it owns. What all providers have in common is checked here, once. */
#include "provider/provider.h"
#include "base/checked.h"
#include "base/error.h"
#include "provider/fallback.h"
#include "provider/settings.h"
#include "provider/vectors.h"
#include <stdlib.h>
#include <string.h>

static const char health_text[] = "health check";

/* The request with all options present, whatever wick.h its caller knew. */
static int take_request(const wick_embed_request *given, wick_embed_request *request, wick_error *error)
{
    wick_embed_request_init(request);
    if (!given)
        return wick_fail_null(error, "request");
    int rc = wick_options_take(request, sizeof *request, given, "request", error);
    wick_embed_options_init(&request->options);
    const size_t end = offsetof(wick_embed_request, options) + sizeof given->options.size;
    if (rc == WICK_OK && given->size >= end && given->options.size > 0)
        rc = wick_options_take(&request->options, sizeof request->options, &given->options, "request.options", error);
    return rc;
}

int wick_provider_embed_batch(wick_provider *provider, const wick_embed_request *given, wick_embed_response *response,
                              wick_error *error)
{
    if (!provider || !response)
        return wick_fail_null(error, provider ? "response" : "provider");
    wick_embed_response_clear(response);
    wick_embed_request request;
    int rc = take_request(given, &request, error);
    if (rc != WICK_OK)
        return rc;
    if (request.model && request.model[0] && strcmp(request.model, provider->model) != 0)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, "request.model",
                         "ask for the model that is served, or for none", "model not found: %.200s (%.200s is served)",
                         request.model, provider->model);
    size_t dimension, n_values, n_bytes;
    rc = wick_kind_check(provider->kind, WICK_WANT_VECTORS, provider->model, error);
    if (rc != WICK_OK)
        return rc;
    rc = wick_texts_check(request.texts, request.text_bytes, request.n_texts, error);
    if (rc == WICK_OK)
        rc = wick_dimension_check(&request.options, provider->dimension, wick_provider_dimension(provider), &dimension,
                                  error);
    if (rc != WICK_OK)
        return rc;
    float *out = NULL;
    if (wick_mul_size(request.n_texts, dimension, &n_values) && wick_mul_size(n_values, sizeof *out, &n_bytes))
        out = malloc(n_bytes);
    if (!out)
        return wick_fail_memory(error, "the response's vectors");
    wick_usage usage = {0};
    rc = wick_fallback_embed(provider, &request, out, &usage, error);
    if (rc != WICK_OK) {
        free(out);
        return rc;
    }
    *response = (wick_embed_response){provider->model, out, request.n_texts, dimension, usage};
    return WICK_OK;
}

void wick_embed_response_clear(wick_embed_response *response)
{
    if (!response)
        return;
    free(response->embeddings);
    *response = (wick_embed_response){0};
}

int wick_provider_model_info(const wick_provider *provider, wick_model_info *info, wick_error *error)
{
    wick_model_info own = {.size = sizeof own};
    if (!provider || !info)
        return wick_fail_null(error, provider ? "info" : "provider");
    const wick_provider *serving = wick_fallback_serving(provider);
    int rc = serving->ops->info(serving->state, &own, error);
    if (rc != WICK_OK)
        return rc;
    own.model = provider->model;
    return wick_info_give(&own, info, error);
}

/* What the model is for, of one text. */
static int try_outputs(wick_provider *provider, wick_wanted wanted, wick_error *error)
{
    const char *text = health_text;
    wick_rows_response response = {0};
    wick_outputs_request request = {.wanted = wanted, .texts = &text, .n_texts = 1};
    wick_score_options_init(&request.score_options);
    wick_embed_options_init(&request.embed_options);
    const int rc = wick_provider_outputs(provider, &request, &response, error);
    wick_rows_response_clear(&response);
    return rc;
}

static int try_vector(wick_provider *provider, wick_error *error)
{
    const char *text = health_text;
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = &text;
    request.n_texts = 1;
    wick_embed_response response = {0};
    const int rc = wick_provider_embed_batch(provider, &request, &response, error);
    wick_embed_response_clear(&response);
    return rc;
}

int wick_provider_health_check(wick_provider *provider, wick_error *error)
{
    if (!provider)
        return wick_fail_null(error, "provider");
    const wick_wanted wanted = wick_kind_purpose(provider->kind);
    wick_error inner = {0};
    const int rc = wanted == WICK_WANT_VECTORS ? try_vector(provider, &inner) : try_outputs(provider, wanted, &inner);
    if (rc == WICK_OK)
        return WICK_OK;
    return wick_fail(error, WICK_E_UNAVAILABLE, inner.where, inner.mend, "health check failed: %s", inner.message);
}

const char *wick_provider_name(const wick_provider *provider)
{
    return wick_fallback_serving(provider)->ops->name;
}

const wick_tokenizer *wick_provider_tokenizer(const wick_provider *provider)
{
    return provider->ops->tokenizer ? provider->ops->tokenizer(provider->state) : NULL;
}

wick_side_by_side wick_provider_side_by_side(const wick_provider *provider)
{
    const wick_provider *serving = wick_fallback_serving(provider);
    return serving->ops->side_by_side ? serving->ops->side_by_side(serving->state) : (wick_side_by_side){0};
}
