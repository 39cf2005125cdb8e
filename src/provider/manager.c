/* SPDX-License-Identifier: Apache-2.0
 * manager.c: opens the provider that options or the configuration name (AkiDB's EmbeddingManager). In: a name. Out: a provider, or an
 * error that says that it is not built in or not known. */
#include "base/error.h"
#include "provider/provider.h"
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
    provider->dimension = info.dimension;
    *out = provider;
    return WICK_OK;
}

int wick_provider_open(const wick_provider_options *given, wick_provider **out, wick_error *error)
{
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
    const char *name = options.provider && options.provider[0] ? options.provider : WICK_DEFAULT_PROVIDER;
    const char *model = options.model && options.model[0] ? options.model : WICK_DEFAULT_MODEL;
    return open_named(name, model, &inner, out, error);
}

int wick_provider_open_config(const wick_config *config, wick_provider **out, wick_error *error)
{
    *out = NULL;
    if (!config)
        return wick_fail(error, WICK_E_INVALID_INPUT, "config", NULL, "no configuration was given");
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.provider = config->provider;
    options.model = config->model;
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
    free(provider->model);
    free(provider);
}
