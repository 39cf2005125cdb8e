/* SPDX-License-Identifier: Apache-2.0
 * store_internal.h: what the files of the store share.
 *   store.c        opening a repository of the cache, looking at blobs, room on the disk
 *   store_blob.c   locks, incomplete files, checking and naming blobs
 *   store_names.c  snapshots, .no_exist, refs: names that point at blobs and commits */
#ifndef WICK_HUB_STORE_INTERNAL_H
#define WICK_HUB_STORE_INTERNAL_H
#include "hub/store.h"

struct wick_hub_store {
    char *cache, *folder; /* paths, for messages and for the caller */
    int repo_fd, blobs_fd,
        locks_fd; /* CACHE/models--ORG--NAME, its blobs, CACHE/.locks/models--ORG--NAME (-1: cannot be made) */
    bool (*should_stop)(void *user);
    void *user;
};

/* WICK_E_IO from errno, with the mend for a full disk, a read-only cache and so on. what: "cannot write a blob". */
int wick_store_fail(const wick_hub_store *store, const char *what, wick_error *error);
/* Opens folder name below fd without following a link, making it first where make is set. Negative: errno says why. */
int wick_store_folder(int fd, const char *name, bool make);
/* Opens the folder that path ("a/b/file") lies in, making those between; *last becomes "file". path was checked. Negative: errno says why. */
int wick_store_parent(int fd, const char *path, const char **last);
/* fsync; a file system that has none for such a file (folders on network shares) is no failure. False: errno says why. */
bool wick_store_sync(int fd);
#define WICK_STORE_TEMPORARY_BYTES 40 /* ".wick-", 16 digits, "-", 10 digits, ".tmp" and the terminator: 38 */
/* A name for a file that is to be renamed: no two threads or processes of this host get the same. */
void wick_store_temporary(char out[WICK_STORE_TEMPORARY_BYTES]);

#endif
