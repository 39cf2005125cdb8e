/* SPDX-License-Identifier: Apache-2.0
 * store.c: one repository of the hub cache, open for writing. In: the cache's path, a checked name. Out: descriptors of its folders, below which
 * everything is opened without following links: nobody who may write there can lead a write to somewhere else. */
#include "hub/store_internal.h"
#include "base/error.h"
#include "base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif
#include <time.h>
#include <unistd.h>

/* What filling a disk to the last byte would do to others; huggingface_hub leaves nothing either, file systems keep 5 % for root. */
#define SPARE_BYTES ((uint64_t)1 << 20)

int wick_store_fail(const wick_hub_store *store, const char *what, wick_error *error)
{
    const char *mend = "check the hub cache's disk";
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
        mend = "free some space, or put the cache elsewhere (HF_HUB_CACHE, cache_dir); what came so far is kept";
        break;
    case EROFS:
    case EACCES:
    case EPERM:
        mend = "let this user write to the hub cache, or choose another one (HF_HUB_CACHE, cache_dir)";
        break;
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY:
        mend = "something else, perhaps a link, stands where the cache has a folder or file: look at it and remove it";
        break;
    case EMFILE:
    case ENFILE:
        mend = "raise the limit of open files (ulimit -n)";
        break;
    default:
        break;
    }
    return wick_fail_errno(error, WICK_E_IO, store->folder ? store->folder : store->cache, mend, what);
}

int wick_store_folder(int fd, const char *name, bool make)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int folder = openat(fd, name, flags);
    if (folder >= 0 || errno != ENOENT || !make)
        return folder;
    if (mkdirat(fd, name, 0755) != 0 && errno != EEXIST)
        return -1;
    return openat(fd, name, flags);
}

int wick_store_parent(int fd, const char *path, const char **last)
{
    char part[WICK_HUB_MAX_PATH + 1];
    int folder = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; folder >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        const size_t n = (size_t)(slash - path);
        if (n >= sizeof part) {
            close(folder);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, n);
        part[n] = '\0';
        const int below = wick_store_folder(folder, part, true);
        const int number = errno;
        close(folder);
        errno = number;
        folder = below;
    }
    *last = path;
    return folder;
}

bool wick_store_sync(int fd)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    return rc == 0 || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
}

/* Random, for a process number says little where containers share a cache: each has a process 1. */
void wick_store_temporary(char out[WICK_STORE_TEMPORARY_BYTES])
{
    static atomic_uint counter;
    uint64_t number = 0;
    if (getentropy(&number, sizeof number) != 0)
        number = ((uint64_t)getpid() << 32) ^ (uint64_t)time(NULL);
    snprintf(out, WICK_STORE_TEMPORARY_BYTES, ".wick-%016llx-%u.tmp", (unsigned long long)number,
             atomic_fetch_add(&counter, 1));
}

/* The cache itself is the user's choice, links in its path included. */
static int make_path(char *path)
{
    for (char *c = path + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            const int made = mkdir(path, 0755);
            const int number = errno;
            *c = '/';
            if (made != 0 && number != EEXIST && number != EROFS && number != EACCES) {
                errno = number;
                return -1;
            }
        }
    const int made = mkdir(path, 0755);
    const int number = errno;
    if (made == 0 || wick_path_is_folder(path))
        return 0;
    errno = number;
    return -1;
}

/* Tells programs that back files up that all this can be got again (bford.info/cachedir). */
static void tag_cache(int cache_fd)
{
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n";
    const int fd = openat(cache_fd, "CACHEDIR.TAG", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    if (write(fd, tag, sizeof tag - 1) != (ssize_t)(sizeof tag - 1))
        unlinkat(cache_fd, "CACHEDIR.TAG", 0);
    close(fd);
}

static int open_folders(wick_hub_store *store, const char *name, wick_error *error)
{
    const int cache_fd = open(store->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache_fd < 0)
        return wick_store_fail(store, "cannot open the hub cache", error);
    store->repo_fd = wick_store_folder(cache_fd, name, true);
    if (store->repo_fd >= 0)
        store->blobs_fd = wick_store_folder(store->repo_fd, "blobs", true);
    const int rc = store->blobs_fd >= 0 ? WICK_OK : wick_store_fail(store, "cannot make the model's folder", error);
    if (rc == WICK_OK) {
        const int locks = wick_store_folder(cache_fd, ".locks", true);
        store->locks_fd = locks >= 0 ? wick_store_folder(locks, name, true) : -1;
        if (locks >= 0)
            close(locks);
        tag_cache(cache_fd);
    }
    close(cache_fd);
    return rc;
}

int wick_hub_store_open(const char *cache, const char *repo, bool (*should_stop)(void *user), void *user,
                        wick_hub_store **out, wick_error *error)
{
    wick_hub_name parsed;
    *out = NULL;
    if (strchr(repo, '@') || wick_hub_name_parse(repo, &parsed, NULL) != WICK_OK)
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", "a name is org/name", "not a model's name: %s", repo);
    wick_hub_store *store = calloc(1, sizeof *store);
    if (!store)
        return wick_fail_memory(error, "the hub cache");
    *store = (wick_hub_store){.repo_fd = -1,
                              .blobs_fd = -1,
                              .locks_fd = -1,
                              .should_stop = should_stop,
                              .user = user,
                              .cache = strdup(cache)};
    char *folder = store->cache ? wick_hub_repo_folder(cache, repo) : NULL;
    int rc = folder ? WICK_OK : wick_fail_memory(error, "the hub cache's path");
    if (rc == WICK_OK && make_path(store->cache) != 0)
        rc = wick_store_fail(store, "cannot make the hub cache", error);
    store->folder = folder;
    if (rc == WICK_OK)
        rc = open_folders(store, strrchr(folder, '/') ? strrchr(folder, '/') + 1 : folder, error);
    if (rc != WICK_OK) {
        wick_hub_store_close(store);
        return rc;
    }
    *out = store;
    return WICK_OK;
}

void wick_hub_store_close(wick_hub_store *store)
{
    if (!store)
        return;
    const int fds[] = {store->repo_fd, store->blobs_fd, store->locks_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(store->cache);
    free(store->folder);
    free(store);
}

bool wick_hub_store_is_there(const wick_hub_store *store)
{
    struct stat by_name, by_fd;
    return stat(store->folder, &by_name) == 0 && fstat(store->repo_fd, &by_fd) == 0 && by_name.st_ino == by_fd.st_ino &&
           by_name.st_dev == by_fd.st_dev;
}

bool wick_hub_store_has(const wick_hub_store *store, const wick_hub_file *file)
{
    struct stat status; /* huggingface_hub may have put a link to a store that repositories share: reading follows it */
    return wick_hub_is_digest(file->digest) && fstatat(store->blobs_fd, file->digest, &status, 0) == 0 &&
           S_ISREG(status.st_mode) && (uint64_t)status.st_size == file->size_bytes;
}

uint64_t wick_hub_store_partial(const wick_hub_store *store, const wick_hub_file *file)
{
    char name[112];
    struct stat status;
    snprintf(name, sizeof name, "%s.incomplete", file->digest);
    if (fstatat(store->blobs_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size > file->size_bytes)
        return 0;
    return (uint64_t)status.st_size;
}

int wick_hub_store_read(const wick_hub_store *store, const wick_hub_file *file, size_t max_bytes, char **text,
                        size_t *n, wick_error *error)
{
    if (file->size_bytes > max_bytes || !wick_hub_is_digest(file->digest))
        return wick_fail(error, WICK_E_CORRUPT, store->folder, NULL, "%s has %llu bytes, at most %zu are read",
                         file->path, (unsigned long long)file->size_bytes, max_bytes);
    const int fd = openat(store->blobs_fd, file->digest, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return wick_store_fail(store, "cannot read a blob", error);
    const size_t n_wanted = (size_t)file->size_bytes;
    size_t n_read = 0;
    char *bytes = malloc(n_wanted + 1);
    int rc = bytes ? WICK_OK : wick_fail_memory(error, file->path);
    while (rc == WICK_OK && n_read < n_wanted) {
        const ssize_t now = read(fd, bytes + n_read, n_wanted - n_read);
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            rc = wick_store_fail(store, "cannot read a blob", error);
        else if (now == 0)
            rc = wick_fail(error, WICK_E_CORRUPT, store->folder, "try again", "the blob of %s became shorter",
                           file->path);
        else
            n_read += (size_t)now;
    }
    close(fd);
    if (rc != WICK_OK) {
        free(bytes);
        return rc;
    }
    bytes[n_read] = '\0';
    *text = bytes;
    *n = n_read;
    return WICK_OK;
}

int wick_hub_store_check_room(const wick_hub_store *store, uint64_t size_bytes, wick_error *error)
{
    struct statvfs status;
    if (size_bytes == 0 || fstatvfs(store->blobs_fd, &status) != 0 || status.f_blocks == 0)
        return WICK_OK; /* writing will tell; a file system without a size is one that does not know it */
    const uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    if (free_bytes >= SPARE_BYTES && free_bytes - SPARE_BYTES >= size_bytes)
        return WICK_OK;
    return wick_fail(error, WICK_E_IO, store->folder,
                     "free some space, or put the cache elsewhere (HF_HUB_CACHE, cache_dir)",
                     "the disk is too full: %llu MB are needed, %llu MB are free",
                     (unsigned long long)(size_bytes / 1000000 + 1), (unsigned long long)(free_bytes / 1000000));
}

char *wick_hub_store_snapshot(const wick_hub_store *store, const char *commit)
{
    char *snapshots = wick_path_join(store->folder, "snapshots");
    char *path = snapshots ? wick_path_join(snapshots, commit) : NULL;
    free(snapshots);
    return path;
}
