/* SPDX-License-Identifier: Apache-2.0
 * store.h: writing one repository of the hub cache, as huggingface_hub lays it out, so that both use each other's downloads:
 *
 *     CACHE/models--ORG--NAME/blobs/DIGEST                 0644; DIGEST.incomplete while it comes
 *     CACHE/models--ORG--NAME/snapshots/COMMIT/PATH        -> ../../blobs/DIGEST (as many .. as PATH is deep); a hard link or a copy where there are no symbolic links
 *     CACHE/models--ORG--NAME/refs/REVISION                the commit
 *     CACHE/models--ORG--NAME/.no_exist/COMMIT/PATH        empty: asked for, and not there
 *     CACHE/.locks/models--ORG--NAME/DIGEST.lock           flock'ed while a blob is made
 *
 * Every name is checked and opened relative to the repository's descriptor without following links, so that nothing outside the cache is ever written. Errors: WICK_E_IO (full, read-only, no permission:
 * each says the mend), WICK_E_INVALID_INPUT for a name that is none. */
#ifndef WICK_HUB_STORE_H
#define WICK_HUB_STORE_H
#include "hub/cache.h"
#include "hub/listing.h"

typedef struct wick_hub_store wick_hub_store;

/* Makes the folders that are missing. cache: the cache's path (wick_hub_cache_dir). should_stop (may be NULL) is asked while waiting and hashing. */
int wick_hub_store_open(const char *cache, const char *repo, bool (*should_stop)(void *user), void *user,
                        wick_hub_store **out, wick_error *error);
void wick_hub_store_close(wick_hub_store *store);

/* Whether the repository's folder still is where it was: somebody may remove a model while it comes. */
bool wick_hub_store_is_there(const wick_hub_store *store);
/* Whether the blob is there with its size. */
bool wick_hub_store_has(const wick_hub_store *store, const wick_hub_file *file);
/* How many bytes of the file an earlier try left: a guess, for progress alone. */
uint64_t wick_hub_store_partial(const wick_hub_store *store, const wick_hub_file *file);
/* Reads a blob of at most max_bytes into malloc'ed *text, with a terminator. */
int wick_hub_store_read(const wick_hub_store *store, const wick_hub_file *file, size_t max_bytes, char **text,
                        size_t *n, wick_error *error);
/* WICK_E_IO where the disk cannot take so many bytes more. */
int wick_hub_store_check_room(const wick_hub_store *store, uint64_t size_bytes, wick_error *error);

/* A blob that is being made, under its lock. */
typedef struct wick_hub_incomplete {
    int fd;              /* DIGEST.incomplete, open for reading and writing */
    uint64_t have_bytes; /* what an earlier try left */
    int lock_fd;         /* -1: this file system has no locks; the file's name is our own then */
    char name[128];      /* the digest, a name of our own where there is no lock, ".incomplete": 115 bytes at most */
} wick_hub_incomplete;

/* Takes the lock and opens what an earlier try left. Another process may have finished the blob while this one waited: *out is NULL then, with WICK_OK.
 * waiting (may be NULL) is called once where the lock is somebody else's. Any number of threads may call this and what follows at a time. */
int wick_hub_store_begin(wick_hub_store *store, const wick_hub_file *file, void (*waiting)(void *user), void *user,
                         wick_hub_incomplete **out, wick_error *error);
/* Checks size and digest of what is in fd, syncs, renames to the blob's name, lets the lock go. WICK_E_CORRUPT (retriable; the incomplete file is gone) where they differ. Frees incomplete. */
int wick_hub_store_finish(wick_hub_store *store, const wick_hub_file *file, wick_hub_incomplete *incomplete,
                          wick_error *error);
/* Lets the lock go and keeps what came for a later try. Frees incomplete; accepts NULL. */
void wick_hub_store_leave(wick_hub_store *store, wick_hub_incomplete *incomplete);

/* Links the snapshot's path to its blob, however the file system does; replaces what stands there, atomically. */
int wick_hub_store_link(wick_hub_store *store, const char *commit, const wick_hub_file *file, wick_error *error);
/* Notes that the commit has no such path. */
int wick_hub_store_note_absent(wick_hub_store *store, const char *commit, const char *path, wick_error *error);
/* Points refs/revision at the commit, atomically. Nothing for a revision that is the commit. */
int wick_hub_store_set_ref(wick_hub_store *store, const char *revision, const char *commit, wick_error *error);
/* The snapshot's folder, malloc'ed. NULL: out of memory. */
char *wick_hub_store_snapshot(const wick_hub_store *store, const char *commit);

#endif
