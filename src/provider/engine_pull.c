/* SPDX-License-Identifier: Apache-2.0
 * engine_pull.c: from a name to a folder that the engine can open: cached, or downloaded now. src/hub knows nothing of architectures; what the engine runs is told to it here. */
#include "hub/cache.h"
#include "hub/complete.h"
#include "model/config.h"
#include "model/modules.h"
#include "provider/engine.h"
#include "provider/pull.h"
#include <stdlib.h>

static int check(void *user, const char *modules, size_t n_modules, const char *config, size_t n_config,
                 wick_error *error)
{
    wick_module_list list;
    wick_model_files files = {0};
    const wick_architecture *architecture = NULL;
    const int rc = modules ? wick_modules_parse(modules, n_modules, "modules.json", &list, error) : WICK_OK;
    if (rc != WICK_OK || (modules && list.pipeline == WICK_PIPELINE_STATIC)) /* which has no config.json that counts */
        return rc;
    return wick_model_config_parse(config, n_config, "config.json", &architecture, &files, error);
}

int wick_model_pull(const char *name, const wick_hub_pull_options *given, wick_hub_pulled *out, wick_error *error)
{
    wick_hub_pull_options options = given ? *given : (wick_hub_pull_options){0};
    if (!options.check)
        options.check = check;
    return wick_hub_pull(name, &options, out, error);
}

int wick_engine_folder(const char *name, const char *cache_dir, bool tokenizer_alone, char **folder, wick_error *error)
{
    const wick_hub_pull_options options = {.cache_dir = cache_dir};
    wick_hub_pulled pulled;
    *folder = NULL;
    if (tokenizer_alone && wick_hub_find(name, cache_dir, folder, NULL) == WICK_OK) {
        if (wick_hub_snapshot_has_tokenizer(*folder))
            return WICK_OK;
        free(*folder);
        *folder = NULL;
    }
    const int rc = wick_model_pull(name, &options, &pulled, error);
    *folder = pulled.folder; /* NULL after an error */
    return rc;
}
