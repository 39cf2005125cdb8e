/* SPDX-License-Identifier: Apache-2.0
 * engine_options.c: flags, environment and config file -> one set of settings -> an open provider. Called by every
 * command that needs a model. The environment comes in through wick_config_load, which lets it beat the file. */
#include "cli/engine_options.h"

static void prefer(const char **value, const char *otherwise)
{
    if (!*value)
        *value = otherwise;
}

int wick_settings_load(wick_settings *settings, wick_error *error)
{
    int status = wick_config_load(settings->config_path, &settings->config, error);
    if (status)
        return status;
    const wick_config *config = settings->config;
    prefer(&settings->device, config->device);
    prefer(&settings->model, config->model);
    /* A provider that a flag names is alone: the file's fallback belongs to the file's provider. */
    settings->fallback = settings->provider ? NULL : config->fallback;
    settings->n_retries = config->retries;
    prefer(&settings->provider, config->provider);
    prefer(&settings->dtype, config->dtype);
    prefer(&settings->cache_dir, config->cache_dir);
    return 0;
}

void wick_settings_fill(const wick_settings *settings, wick_provider_options *options)
{
    wick_provider_options_init(options);
    wick_model_options_init(&options->model_options);
    options->provider = settings->provider;
    options->model = settings->model;
    options->fallback = settings->fallback;
    options->n_retries = (unsigned)settings->n_retries;
    options->model_options.device = settings->device;
    options->model_options.strict_device = settings->strict_device;
    options->model_options.dtype = settings->dtype;
    options->model_options.cache_dir = settings->cache_dir;
    options->model_options.n_threads = (unsigned)settings->n_threads;
    options->model_options.max_seq_length = settings->max_seq_length;
}

int wick_settings_open(const wick_settings *settings, wick_provider **out, wick_error *error)
{
    wick_provider_options options;
    wick_settings_fill(settings, &options);
    return wick_provider_open(&options, out, error);
}

void wick_settings_clear(wick_settings *settings)
{
    wick_config_free(settings->config);
    *settings = (wick_settings){0};
}
