/* SPDX-License-Identifier: Apache-2.0
 * store_blob.c: making a blob: its lock, its incomplete file, the check, its final name. In: what the listing says of a file. Out: blobs/DIGEST with that
 * digest, synced, or nothing of that name. Called by pull.c, by several threads at a time.
 *
 * An incomplete file that an earlier try left is taken only if nobody else could have a hand in it: regular, this user's, one name, writable by nobody else.
 * Otherwise it is removed and begun anew. What is checked is the file behind our descriptor, and the name is looked at again after the rename. */
#include "hub/store_internal.h"
#include "base/error.h"
#include "base/log.h"
#include "hub/digest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 50

static int cancelled(const wick_hub_store *store, wick_error *error)
{
    return wick_fail(error, WICK_E_UNAVAILABLE, store->folder, "try again; what came so far is kept", "cancelled");
}

/* Opens the lock's file; another user's, which may only be read, locks as well. Negative: errno says why. */
static int open_lock(const wick_hub_store *store, const char *name)
{
    const int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int fd = openat(store->locks_fd, name, O_RDWR | O_CREAT | flags, 0644);
    if (fd < 0 && errno == EACCES)
        fd = openat(store->locks_fd, name, O_RDONLY | flags);
    return fd;
}

/* Whether a lock on this file keeps anybody else out: some network file systems grant every one. */
static bool lock_holds(const wick_hub_store *store, const char *name)
{
    const int second = open_lock(store, name);
    const bool holds = second < 0 || flock(second, LOCK_EX | LOCK_NB) != 0;
    if (second >= 0)
        close(second);
    return holds;
}

/* Whether name still is the file behind fd; who held the lock may have removed it. */
static bool is_same_file(int folder, const char *name, int fd)
{
    struct stat by_name, by_fd;
    return fstatat(folder, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 &&
           by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

/* Waits until the lock is ours. *lock_fd is -1 where there are no locks here. */
static int take_lock(wick_hub_store *store, const char *name, void (*waiting)(void *user), void *user, int *lock_fd,
                     wick_error *error)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    bool is_told = false;
    *lock_fd = -1;
    while (store->locks_fd >= 0) {
        const int fd = open_lock(store, name);
        if (fd < 0)
            break;
        const int locked = flock(fd, LOCK_EX | LOCK_NB);
        const int number = errno;
        if (locked == 0 && is_same_file(store->locks_fd, name, fd)) {
            if (lock_holds(store, name)) {
                *lock_fd = fd;
                return WICK_OK;
            }
            close(fd);
            break;
        }
        close(fd);
        if (locked == 0)
            continue;
        if (number != EWOULDBLOCK && number != EINTR)
            break;
        if (!is_told && waiting)
            waiting(user);
        is_told = true;
        if (store->should_stop && store->should_stop(store->user))
            return cancelled(store, error);
        nanosleep(&pause, NULL);
    }
    wick_log(WICK_LOG_DEBUG, "no locks in %s: each process downloads for itself", store->cache);
    return WICK_OK;
}

/* Nobody else can write to the file, now or through a descriptor or a name of it. */
static bool is_ours_alone(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() && status.st_nlink == 1 &&
           (status.st_mode & 0022) == 0;
}

static int open_incomplete(wick_hub_store *store, const wick_hub_file *file, wick_hub_incomplete *incomplete,
                           wick_error *error)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    struct stat status;
    int fd = openat(store->blobs_fd, incomplete->name, flags);
    if (fd >= 0 && (!is_ours_alone(fd) || fstat(fd, &status) != 0 || (uint64_t)status.st_size > file->size_bytes)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        incomplete->have_bytes = (uint64_t)status.st_size;
    } else {
        if (unlinkat(store->blobs_fd, incomplete->name, 0) != 0 && errno != ENOENT)
            return wick_store_fail(store, "cannot replace an incomplete file", error);
        fd = openat(store->blobs_fd, incomplete->name, flags | O_CREAT | O_EXCL, 0644);
        if (fd < 0)
            return wick_store_fail(store, "cannot make an incomplete file", error);
        if (fstat(fd, &status) == 0 && (status.st_mode & 0022)) /* a default ACL may give more than was asked for */
            fchmod(fd, status.st_mode & 0755);
    }
    incomplete->fd = fd;
    return WICK_OK;
}

static void let_go(wick_hub_incomplete *incomplete)
{
    if (incomplete->fd >= 0)
        close(incomplete->fd);
    if (incomplete->lock_fd >= 0)
        close(incomplete->lock_fd); /* the lock goes with it; its file stays: removing it would race */
    free(incomplete);
}

int wick_hub_store_begin(wick_hub_store *store, const wick_hub_file *file, void (*waiting)(void *user), void *user,
                         wick_hub_incomplete **out, wick_error *error)
{
    char lock_name[80];
    *out = NULL;
    if (!wick_hub_is_digest(file->digest))
        return wick_fail(error, WICK_E_INVALID_INPUT, file->path, NULL, "not a digest");
    wick_hub_incomplete *incomplete = calloc(1, sizeof *incomplete);
    if (!incomplete)
        return wick_fail_memory(error, "a download");
    incomplete->fd = -1;
    snprintf(lock_name, sizeof lock_name, "%s.lock", file->digest);
    int rc = take_lock(store, lock_name, waiting, user, &incomplete->lock_fd, error);
    if (rc == WICK_OK && wick_hub_store_has(store, file)) {
        let_go(incomplete);
        return WICK_OK;
    }
    char own[WICK_STORE_TEMPORARY_BYTES] = "";
    if (incomplete->lock_fd < 0)
        wick_store_temporary(own);
    snprintf(incomplete->name, sizeof incomplete->name, "%s%s.incomplete", file->digest, own);
    if (rc == WICK_OK)
        rc = open_incomplete(store, file, incomplete, error);
    if (rc != WICK_OK) {
        let_go(incomplete);
        return rc;
    }
    *out = incomplete;
    return WICK_OK;
}

void wick_hub_store_leave(wick_hub_store *store, wick_hub_incomplete *incomplete)
{
    if (!incomplete)
        return;
    struct stat status; /* nothing came, or nobody will look for it under this name: not worth a file */
    if (incomplete->lock_fd < 0 || (fstat(incomplete->fd, &status) == 0 && status.st_size == 0))
        unlinkat(store->blobs_fd, incomplete->name, 0);
    let_go(incomplete);
}

static int check_content(wick_hub_store *store, const wick_hub_file *file, int fd, wick_error *error)
{
    char hex[65] = "";
    uint64_t size_bytes = 0;
    int rc = wick_hub_digest_file(fd, file->kind, &size_bytes, hex, store->should_stop, store->user, error);
    if (rc != WICK_OK || (size_bytes == file->size_bytes && strcmp(hex, file->digest) == 0))
        return rc;
    static const char mend[] = "try again; if it stays so, the hub or something on the way to it changes files";
    if (size_bytes != file->size_bytes)
        rc = wick_fail(error, WICK_E_CORRUPT, store->folder, mend, "%s has %llu bytes, the hub's list says %llu",
                       file->path, (unsigned long long)size_bytes, (unsigned long long)file->size_bytes);
    else
        rc = wick_fail(error, WICK_E_CORRUPT, store->folder, mend, "%s is not what the hub's list says: %s is %s",
                       file->path, file->kind == WICK_HUB_SHA256 ? "its SHA-256" : "its git SHA-1", hex);
    if (error)
        error->retriable = true;
    return rc;
}

/* fsync, and what macOS has for it: there fsync leaves the bytes in the disk's own cache, which a crash of the machine alone would lose. */
static int sync_file(wick_hub_store *store, int fd, wick_error *error)
{
    return wick_store_sync(fd) ? WICK_OK : wick_store_fail(store, "cannot sync a file", error);
}

int wick_hub_store_finish(wick_hub_store *store, const wick_hub_file *file, wick_hub_incomplete *incomplete,
                          wick_error *error)
{
    int rc = check_content(store, file, incomplete->fd, error);
    if (rc == WICK_E_CORRUPT) /* not worth resuming; whoever has the file open writes to nothing that has a name */
        unlinkat(store->blobs_fd, incomplete->name, 0);
    if (rc == WICK_OK)
        rc = sync_file(store, incomplete->fd, error);
    if (rc == WICK_OK && renameat(store->blobs_fd, incomplete->name, store->blobs_fd, file->digest) != 0)
        rc = wick_store_fail(store, "cannot name a blob", error);
    if (rc == WICK_OK && !is_same_file(store->blobs_fd, file->digest, incomplete->fd))
        rc = wick_fail(error, WICK_E_IO, store->folder, "find out who else writes to the hub cache",
                       "somebody replaced %s while it was checked", file->path);
    if (rc == WICK_OK)
        rc = sync_file(store, store->blobs_fd, error);
    let_go(incomplete);
    return rc;
}
