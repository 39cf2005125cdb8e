/* SPDX-License-Identifier: Apache-2.0
 * inventory.h: what the hub cache holds, removing it, and checking it. Whoever can write to the cache may have put anything there: nothing is opened through a link, and nothing outside the
 * cache is counted, read or removed. Called by src/cli/models.c and the server's list of models. */
#ifndef WICK_HUB_INVENTORY_H
#define WICK_HUB_INVENTORY_H
#include "hub/cache.h"
#include "hub/complete.h"

typedef struct wick_hub_revision {
    char commit[WICK_HUB_MAX_REVISION + 1]; /* the snapshot's folder */
    char refs[256];                         /* names that point at it: "main, v1"; as many as fit */
    uint64_t size_bytes;                    /* of its files */
    size_t n_files;
    double
        last_used; /* seconds since 1970, of its files' last reading or writing, as far as the file system keeps that; 0: not known */
    wick_hub_state state;
    char missing[WICK_HUB_MAX_PATH + 1]; /* where it is not complete */
} wick_hub_revision;

typedef struct wick_hub_model {
    char repo[WICK_HUB_MAX_NAME + 1];
    uint64_t size_bytes;       /* on disk; a file that several revisions share counts once */
    uint64_t incomplete_bytes; /* of these, what downloads left that have not come to their end */
    double last_used;
    wick_hub_revision *revisions; /* [n_revisions] the last used first */
    size_t n_revisions;
} wick_hub_model;

typedef struct wick_hub_inventory {
    char *cache;            /* the folder that was looked at */
    wick_hub_model *models; /* [n_models] by name */
    size_t n_models;
} wick_hub_inventory;

/* cache_dir: as wick_hub_cache_dir. A cache that is not there holds nothing; what cannot be read is passed over. *out is to be cleared in any case. */
int wick_hub_inventory_read(const char *cache_dir, wick_hub_inventory *out, wick_error *error);
void wick_hub_inventory_clear(wick_hub_inventory *inventory);

typedef struct wick_hub_removal {
    bool is_whole;                          /* the model goes with all revisions */
    size_t n_revisions;                     /* that go */
    char commit[WICK_HUB_MAX_REVISION + 1]; /* where one goes and others stay */
    char refs[256];                         /* its names */
    uint64_t size_bytes;                    /* that the disk gets back */
} wick_hub_removal;

/* "org/name": all of it; "org/name@revision": that snapshot, the references to it, and the blobs that no other snapshot has; all of it where no other is left. is_rehearsal: only tells
 * what would go. WICK_E_MODEL_NOT_FOUND, WICK_E_UNAVAILABLE (a download of it is under way), WICK_E_IO. */
int wick_hub_remove(const char *cache_dir, const char *name, bool is_rehearsal, wick_hub_removal *out,
                    wick_error *error);

typedef struct wick_hub_verify_options {
    const char *cache_dir;
    const char *name;   /* "org/name"; NULL: all models */
    bool remove_broken; /* blobs with another content than their name says: the next pull gets them again */
    /* Each thing that is wrong. path: "blobs/..." or "snapshots/...", ASCII without control characters. */
    void (*broken)(void *user, const char *repo, const char *path, const char *what);
    void (*progress)(void *user, uint64_t done_bytes, uint64_t all_bytes, const char *repo); /* may be NULL */
    bool (*should_stop)(void *user);                                                         /* may be NULL */
    void *user;
} wick_hub_verify_options;

typedef struct wick_hub_verified {
    size_t n_models, n_blobs, n_unknown; /* unknown: blobs whose name is no digest, which nothing can be said of */
    size_t n_broken, n_removed;
    uint64_t size_bytes;
} wick_hub_verified;

/* Hashes every blob; looks at every link and reference. What is broken is no error of the call's. WICK_E_MODEL_NOT_FOUND, WICK_E_UNAVAILABLE (no libcrypto, stopped). */
int wick_hub_verify(const wick_hub_verify_options *options, wick_hub_verified *out, wick_error *error);

#endif
