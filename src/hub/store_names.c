/* SPDX-License-Identifier: Apache-2.0
 * store_names.c: the names by which blobs and commits are found: snapshots/COMMIT/PATH, .no_exist/COMMIT/PATH, refs/REVISION. Each is made in the
 * repository's folder, where no reader looks for names, and renamed, so that a reader sees the old one or the new one. Folders are walked without following links.
 * Where a file system has no symbolic links, a snapshot's file is a hard link to its blob, else a copy: huggingface_hub and readers take either. */
#include "hub/store_internal.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)64 << 10)

static int not_a_name(const char *what, wick_error *error)
{
    return wick_fail(error, WICK_E_INVALID_INPUT, "the hub cache", NULL, "not a name that may be written: %s", what);
}

/* Opens the folder that top/commit/path lies in. Negative: errno says why. */
static int open_place(const wick_hub_store *store, const char *top, const char *commit, const char *path,
                      const char **last)
{
    char whole[WICK_HUB_MAX_PATH + 80];
    snprintf(whole, sizeof whole, "%s/%s/%s", top, commit, path);
    const int fd = wick_store_parent(store->repo_fd, whole, last);
    if (fd >= 0)
        *last = strrchr(path, '/') ? strrchr(path, '/') + 1 : path; /* whole does not outlive this call */
    return fd;
}

static bool link_says(int folder, const char *name, const char *target)
{
    char text[WICK_HUB_MAX_PATH * 2];
    const ssize_t n = readlinkat(folder, name, text, sizeof text);
    return n >= 0 && (size_t)n == strlen(target) && memcmp(text, target, (size_t)n) == 0;
}

/* Puts the temporary in its place, or removes it. */
static int settle(const wick_hub_store *store, int folder, const char *temporary, const char *name, const char *what,
                  wick_error *error)
{
    if (renameat(store->repo_fd, temporary, folder, name) == 0)
        return wick_store_sync(folder) ? WICK_OK : wick_store_fail(store, what, error);
    const int rc = wick_store_fail(store, what, error);
    unlinkat(store->repo_fd, temporary, 0);
    return rc;
}

/* What symlink says on FAT, exFAT, network shares and FUSE; EPERM also where nothing may be written, which the next step then says again. */
static bool knows_no_links(int number)
{
#if ENOTSUP != EOPNOTSUPP
    if (number == ENOTSUP)
        return true;
#endif
    return number == EPERM || number == EOPNOTSUPP || number == ENOSYS;
}

/* Copies from's bytes to to, and syncs them. False: errno says why. */
static bool copy_bytes(const wick_hub_store *store, int from, int to)
{
    char block[COPY_BYTES];
    for (;;) {
        const ssize_t n = read(from, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 && wick_store_sync(to);
        if (store->should_stop && store->should_stop(store->user)) {
            errno = ECANCELED;
            return false;
        }
        for (ssize_t at = 0, now; at < n; at += now) {
            now = write(to, block + at, (size_t)(n - at));
            if (now < 0 && errno != EINTR)
                return false;
            now = now < 0 ? 0 : now;
        }
    }
}

/* The blob under a second name in the repository's folder. False: errno says why, and there is no such name. */
static bool duplicate_blob(const wick_hub_store *store, const char *digest, const char *temporary)
{
    if (linkat(store->blobs_fd, digest, store->repo_fd, temporary, 0) == 0)
        return true;
    const int from = openat(store->blobs_fd, digest, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const int to =
        from >= 0 ? openat(store->repo_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644) : -1;
    const bool is_whole = to >= 0 && copy_bytes(store, from, to);
    const int number = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    if (to >= 0 && !is_whole)
        unlinkat(store->repo_fd, temporary, 0);
    errno = number;
    return is_whole;
}

static bool point_at_blob(const wick_hub_store *store, const char *target, const char *digest, const char *temporary)
{
    return symlinkat(target, store->repo_fd, temporary) == 0 ||
           (knows_no_links(errno) && duplicate_blob(store, digest, temporary));
}

int wick_hub_store_link(wick_hub_store *store, const char *commit, const wick_hub_file *file, wick_error *error)
{
    static const char what[] = "cannot link a file into its snapshot";
    if (!wick_hub_is_commit(commit) || !wick_hub_is_digest(file->digest) || !wick_hub_path_is_safe(file->path))
        return not_a_name(file->path, error);
    char target[2 * WICK_HUB_MAX_PATH], temporary[WICK_STORE_TEMPORARY_BYTES];
    size_t n = 0; /* snapshots/COMMIT, and what lies between */
    memcpy(target, "../../", 6);
    n += 6;
    for (const char *c = file->path; *c; c++)
        if (*c == '/') {
            memcpy(target + n, "../", 3);
            n += 3;
        }
    snprintf(target + n, sizeof target - n, "blobs/%s", file->digest);
    const char *name;
    const int folder = open_place(store, "snapshots", commit, file->path, &name);
    if (folder < 0)
        return wick_store_fail(store, what, error);
    int rc = WICK_OK;
    if (!link_says(folder, name, target)) {
        wick_store_temporary(temporary);
        rc = point_at_blob(store, target, file->digest, temporary) ? settle(store, folder, temporary, name, what, error)
                                                                   : wick_store_fail(store, what, error);
    }
    close(folder);
    return rc;
}

int wick_hub_store_note_absent(wick_hub_store *store, const char *commit, const char *path, wick_error *error)
{
    static const char what[] = "cannot note that a file is not there";
    if (!wick_hub_is_commit(commit) || !wick_hub_path_is_safe(path))
        return not_a_name(path, error);
    const char *name;
    const int folder = open_place(store, ".no_exist", commit, path, &name);
    if (folder < 0)
        return wick_store_fail(store, what, error);
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    const int rc = fd >= 0 ? WICK_OK : wick_store_fail(store, what, error);
    if (fd >= 0)
        close(fd);
    close(folder);
    return rc;
}

static bool file_says(int folder, const char *name, const char *text)
{
    char found[64];
    const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, found, sizeof found);
    close(fd);
    return n >= 0 && (size_t)n == strlen(text) && memcmp(found, text, (size_t)n) == 0;
}

static int write_ref(const wick_hub_store *store, int folder, const char *name, const char *commit, wick_error *error)
{
    static const char what[] = "cannot write a reference";
    char temporary[WICK_STORE_TEMPORARY_BYTES];
    wick_store_temporary(temporary);
    const int fd = openat(store->repo_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return wick_store_fail(store, what, error);
    const ssize_t n = (ssize_t)strlen(commit);
    const ssize_t written = write(fd, commit, (size_t)n);
    if (written >= 0 && written != n)
        errno = ENOSPC;
    int rc = written == n && wick_store_sync(fd) ? WICK_OK : wick_store_fail(store, what, error);
    close(fd);
    if (rc != WICK_OK)
        unlinkat(store->repo_fd, temporary, 0);
    else
        rc = settle(store, folder, temporary, name, what, error);
    return rc;
}

int wick_hub_store_set_ref(wick_hub_store *store, const char *revision, const char *commit, wick_error *error)
{
    wick_hub_name parsed;
    char name[WICK_HUB_MAX_REVISION + 8], path[WICK_HUB_MAX_REVISION + 8];
    const int n = snprintf(name, sizeof name, "a/b@%s", revision); /* what a revision may be, cache.c knows */
    if (!wick_hub_is_commit(commit) || n < 0 || (size_t)n >= sizeof name ||
        wick_hub_name_parse(name, &parsed, NULL) != WICK_OK || strcmp(parsed.revision, revision) != 0)
        return not_a_name(revision, error);
    if (strcmp(revision, commit) == 0)
        return WICK_OK;
    snprintf(path, sizeof path, "refs/%s", revision);
    const char *last;
    const int folder = wick_store_parent(store->repo_fd, path, &last);
    if (folder < 0)
        return wick_store_fail(store, "cannot write a reference", error);
    const int rc = file_says(folder, last, commit) ? WICK_OK : write_ref(store, folder, last, commit, error);
    close(folder);
    return rc;
}
