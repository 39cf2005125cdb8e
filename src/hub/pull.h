/* SPDX-License-Identifier: Apache-2.0
 * pull.h: a model's name -> a folder in the cache that has all its files, downloading what is missing. Called by src/provider (opening by name) and src/cli/pull.c. */
#ifndef WICK_HUB_PULL_H
#define WICK_HUB_PULL_H
#include "hub/fetch.h"

typedef struct wick_hub_progress {
    const char *path;                        /* the file that this is about; NULL: the model as a whole */
    uint64_t have_bytes, size_bytes;         /* of the file */
    uint64_t all_have_bytes, all_size_bytes; /* of all files to get; what was there before counts as had */
    size_t n_files, n_done;
    bool waits; /* for another process that is getting the same file */
} wick_hub_progress;

typedef struct wick_hub_pull_options {
    const char *cache_dir;         /* NULL: as wick_hub_cache_dir */
    const wick_hub_timing *timing; /* NULL: the defaults */
    bool refresh; /* ask the hub for the revision's commit though one is cached; opening a model does not */
    void (*progress)(void *user, const wick_hub_progress *progress); /* may be NULL; one thread at a time */
    bool (*should_stop)(
        void *
            user); /* may be NULL; asked a few times a second, by several threads; true ends with WICK_E_UNAVAILABLE, "cancelled" */
    void *user;
    /* Whether the model may be run, asked with modules.json (or NULL) and config.json (NULL: a StaticEmbedding has none) before anything large comes. NULL: whatever has the files. src/hub does not know src/model: the engine's check is
     * put here by wick_model_pull (provider/pull.h), which is what everybody but tests calls. */
    int (*check)(void *check_user, const char *modules, size_t n_modules, const char *config, size_t n_config,
                 wick_error *error);
    void *check_user;
} wick_hub_pull_options;

typedef struct wick_hub_pulled {
    char *folder; /* malloc'ed */
    char commit[41];
    uint64_t downloaded_bytes;
    bool
        from_cache; /* the hub could not be reached, or need not be: the cached files serve (logged where it could not) */
} wick_hub_pulled;

/* Finds or gets the model. A path is only looked at. Errors: those of fetch.h, store.h and cache.h; WICK_E_MODEL_NOT_FOUND names the nearest cached names; WICK_E_UNSUPPORTED (no safetensors, an architecture that does not run)
 * comes before any large file. options may be NULL. *out is {0} after an error. */
int wick_hub_pull(const char *name, const wick_hub_pull_options *options, wick_hub_pulled *out, wick_error *error);
void wick_hub_pulled_clear(wick_hub_pulled *pulled);

#endif
