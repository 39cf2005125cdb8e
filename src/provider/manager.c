/* SPDX-License-Identifier: Apache-2.0
 * manager.c: opens the provider that options or the configuration name (AkiDB's EmbeddingManager). In: a name. Out: a provider, or an
 * error that says that it is not built in or not known. */
#include "base/error.h"
#include "base/log.h"
#include "provider/embedded.h"
#include "provider/fallback.h"
#include "provider/settings.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const wick_provider_ops *ops;
} providers[] = {
    {"candle", &wick_provider_candle},
    {"native", &wick_provider_candle},
    {"mlx", &wick_provider_mlx},
    {"mock", &wick_provider_mock},
};

static const wick_provider_ops *find(const char *name)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++)
        if (strcmp(name, providers[i].name) == 0)
            return providers[i].ops;
    return NULL;
}

static int open_named(const char *name, const char *model, const wick_model_options *options, wick_provider **out,
                      wick_error *error)
{
    const wick_provider_ops *ops = find(name);
    if (!ops)
        return wick_choice_check("provider", name, wick_provider_names, "provider", error);
    wick_provider *provider = calloc(1, sizeof *provider);
    if (!provider || !(provider->model = strdup(model))) {
        free(provider);
        return wick_fail_memory(error, "the provider");
    }
    provider->ops = ops;
    int rc = ops->open(model, options, &provider->state, error);
    wick_model_info info = {.size = sizeof info};
    if (rc == WICK_OK)
        rc = ops->info(provider->state, &info, error);
    if (rc != WICK_OK) {
        wick_provider_close(provider);
        return rc;
    }
    provider->dimension = info.max_dimensions > 0 ? info.max_dimensions : info.dimension;
    provider->cut = info.dimension;
    provider->kind = info.kind;
    *out = provider;
    return WICK_OK;
}

/* The provider with one that may stand in for it; or that one alone, where the first cannot be opened. */
static int open_pair(const wick_provider_options *options, wick_provider **out, wick_error *error)
{
    wick_error failure = {0};
    wick_provider_options second = *options;
    second.provider = options->fallback;
    int rc = wick_choice_check("provider", options->fallback, wick_provider_names, "fallback", error);
    if (rc == WICK_OK)
        rc = wick_choice_check("provider", options->provider, wick_provider_names, "provider", error);
    if (rc == WICK_OK)
        rc = wick_fallback_check(options->provider, options->fallback, "fallback", error);
    if (rc != WICK_OK)
        return rc;
    wick_provider *first = NULL;
    rc = open_named(options->provider, options->model, &options->model_options, &first, &failure);
    if (rc == WICK_OK && wick_kind_purpose(first->kind) != WICK_WANT_VECTORS) {
        *out = first; /* what is compared are vectors */
        return rc;
    }
    if (rc == WICK_OK)
        rc = wick_fallback_new(first, &second, wick_provider_open, 0, &first->fallback, &failure);
    if (rc == WICK_OK) {
        *out = first;
        return rc;
    }
    wick_provider_close(first);
    if (wick_fallback_helps_open(rc)) {
        wick_log(WICK_LOG_WARN, "provider %s cannot be opened, %s serves in its place: %s", options->provider,
                 options->fallback, failure.message);
        return open_named(options->fallback, options->model, &options->model_options, out, error);
    }
    if (error)
        *error = failure;
    return rc;
}

int wick_provider_open(const wick_provider_options *given, wick_provider **out, wick_error *error)
{
    if (!out)
        return wick_fail_null(error, "out");
    *out = NULL;
    wick_provider_options options;
    wick_provider_options_init(&options);
    int rc = wick_options_take(&options, sizeof options, given, "options", error);
    /* The options inside have a size of their own; 0 means that they were left alone. */
    wick_model_options inner;
    wick_model_options_init(&inner);
    const size_t end = offsetof(wick_provider_options, model_options) + sizeof inner.size;
    if (rc == WICK_OK && given && given->size >= end && given->model_options.size > 0)
        rc = wick_options_take(&inner, sizeof inner, &given->model_options, "options.model_options", error);
    if (rc != WICK_OK)
        return rc;
    options.model_options = inner;
    if (!options.provider || !options.provider[0])
        options.provider = WICK_DEFAULT_PROVIDER;
    if (!options.model || !options.model[0])
        options.model = wick_default_model();
    if (!options.fallback || !options.fallback[0] || wick_provider_is_same(options.provider, options.fallback))
        rc = open_named(options.provider, options.model, &inner, out, error);
    else
        rc = open_pair(&options, out, error);
    if (rc == WICK_OK)
        (*out)->n_retries = options.n_retries < WICK_MAX_RETRIES ? options.n_retries : WICK_MAX_RETRIES;
    return rc;
}

int wick_provider_open_config(const wick_config *config, wick_provider **out, wick_error *error)
{
    if (!out)
        return wick_fail_null(error, "out");
    *out = NULL;
    if (!config)
        return wick_fail_null(error, "config");
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.provider = config->provider;
    options.model = config->model;
    options.fallback = config->fallback;
    options.n_retries = (unsigned)config->retries;
    options.model_options.device = config->device;
    options.model_options.dtype = config->dtype;
    options.model_options.cache_dir = config->cache_dir;
    return wick_provider_open(&options, out, error);
}

void wick_provider_close(wick_provider *provider)
{
    if (!provider)
        return;
    if (provider->state)
        provider->ops->close(provider->state);
    wick_fallback_free(provider->fallback);
    free(provider->model);
    free(provider);
}
