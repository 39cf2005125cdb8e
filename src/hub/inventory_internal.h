/* SPDX-License-Identifier: Apache-2.0
 * inventory_internal.h: what the files of the inventory share.
 *   inventory.c         what the cache holds
 *   inventory_walk.c    looking into folders without following links
 *   inventory_remove.c  removing models and revisions
 *   inventory_verify.c  digests, links, references */
#ifndef WICK_HUB_INVENTORY_INTERNAL_H
#define WICK_HUB_INVENTORY_INTERNAL_H
#include "hub/inventory.h"
#include <sys/stat.h>

#define WICK_CACHE_MAX_FOLDERS 10000 /* models, revisions: more is nonsense or worse */
#define WICK_CACHE_BLOB_BYTES 256    /* of a blob's name */

/* A file, link or whatever is no folder, below a folder that is walked. */
typedef struct wick_cache_entry {
    const char *path;   /* below the folder: "1_Pooling/config.json" */
    int folder_fd;      /* that it lies in */
    const char *name;   /* in there */
    struct stat status; /* its own, where it is a link */
} wick_cache_entry;

/* Calls visit for everything below folder fd (which stays open) but folders, up to 100,000; what cannot be read is passed over. False from visit ends it. */
void wick_cache_walk(int fd, bool (*visit)(void *user, const wick_cache_entry *entry), void *user);
/* The names of the folders in fd, or of what is no folder; sorted, malloc'ed [*n_names], freed with wick_hub_names_free. WICK_E_NO_MEMORY. */
int wick_cache_names(int fd, bool folders, char ***names, size_t *n_names, wick_error *error);
/* Opens a folder without following a link. Negative: errno. */
int wick_cache_open_folder(int fd, const char *name);
/* Whether somebody holds a lock of the model's, whose folder is called so: a pull does, but for the moments between its files. */
bool wick_cache_is_pulled(int cache_fd, const char *folder);
/* Removes name with all that is in it, following no link. Errno where negative. */
int wick_cache_remove_tree(int fd, const char *name);

/* The blob that a snapshot's link leads to, if it leads into the repository's own blobs. */
bool wick_cache_blob_of(const wick_cache_entry *entry, char blob[WICK_CACHE_BLOB_BYTES]);
/* Whether a snapshot's folder may be called so: a reference or a user could name it, and it can be printed. */
bool wick_cache_is_snapshot(const char *name);
/* Text without what could move a cursor. */
void wick_cache_plain(const char *text, char *out, size_t n_out);

/* refs/NAME -> commit. */
typedef struct wick_cache_ref {
    char name[WICK_HUB_MAX_REVISION + 1], commit[WICK_HUB_MAX_REVISION + 1];
} wick_cache_ref;
/* malloc'ed; commits as they stand there, not checked. NULL: out of memory. */
wick_cache_ref *wick_cache_read_refs(int repo_fd, size_t *n_refs);

/* Whether name is org/name, and cache and repository open: *repo_fd, *cache_fd. WICK_E_MODEL_NOT_FOUND. */
int wick_cache_open_repo(const char *cache, const char *repo, int *cache_fd, int *repo_fd, wick_error *error);
/* "models--ORG--NAME". */
void wick_cache_folder_name(const char *repo, char out[WICK_HUB_MAX_NAME + 16]);

#endif
