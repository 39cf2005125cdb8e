/* SPDX-License-Identifier: Apache-2.0
 * pull_internal.h: what the files of a pull share.
 *   pull.c          cached, offline or the hub: which folder serves
 *   pull_remote.c   the hub: commit, listing, choice, then the names
 *   pull_files.c    getting blobs, side by side, with progress */
#ifndef WICK_HUB_PULL_INTERNAL_H
#define WICK_HUB_PULL_INTERNAL_H
#include "hub/choose.h"
#include "hub/pull.h"
#include "hub/store.h"
#include <pthread.h>
#include <stdatomic.h>

/* One pull from the hub. */
typedef struct wick_pull {
    const char *asked; /* as the caller named it */
    const wick_hub_name *name;
    const char *cache;
    const wick_hub_endpoint *endpoint;
    const wick_hub_pull_options *options;
    wick_hub_client *client; /* the calling thread's */
    wick_hub_store *store;
    wick_hub_listing listing;
    wick_hub_choice choice;
    atomic_bool has_failed;     /* one file did: the others stop */
    pthread_mutex_t lock;       /* of what follows */
    const wick_hub_file **todo; /* [n_todo] the largest first */
    size_t n_todo, next;
    wick_hub_progress progress; /* of all; path and the file's own numbers are filled for each call */
    uint64_t downloaded_bytes;
    bool may_tell;   /* the sums are known */
    bool has_waited; /* it was told in the log */
    int code;        /* of the first that failed */
    wick_error failure;
} wick_pull;

/* For clients and the store: the caller wants to stop, or a file failed. */
bool wick_pull_should_stop(void *pull);
/* Makes sure that the blob is there. */
int wick_pull_file(wick_pull *pull, wick_hub_client *client, const wick_hub_file *file, wick_error *error);
/* All of the choice, up to four at a time. */
int wick_pull_files(wick_pull *pull, wick_error *error);

/* commit (41 bytes) of the revision, and its files in the cache. out->folder and commit are filled; from_cache where nothing had to be got. */
int wick_pull_remote(wick_pull *pull, const char *cached_commit, wick_hub_pulled *out, wick_error *error);

#endif
