/* SPDX-License-Identifier: Apache-2.0
 * prepared.c: one file a key:
 *
 *     bytes 0..4096            header (below), zeros
 *     bytes 4096..             payload
 *
 * Named by a hash of the source's path and the kind. Written under a name of its own and renamed: readers see a whole file or none. It is not synced: after a
 * power failure the checksum tells. A writer holds a lock on its file, which the system drops with the process: a file without one was left by a
 * writer that was killed (Ctrl-C in the first start), and the next writer removes it. The time of its last change says when a file was last used, to the day. */
#include "base/prepared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"

#define HEADER_BYTES ((size_t)4096)
#define BLOCK_BYTES ((size_t)1 << 20) /* hashed by one thread at a time */
#define BYTE_ORDER_MARK 0x01020304u
#define DAY_SECONDS (24 * 60 * 60)
#define UNUSED_DAYS 90 /* a file that was not used for so long is removed */

typedef struct header {
    char magic[16];
    char version[16]; /* the library's */
    char kind[32];
    uint32_t byte_order, format;
    uint64_t identity, settings, payload_bytes;
    uint64_t checksum; /* of the payload; not known before it is built */
} header;

static header expected_header(const wick_prepared_key *key, size_t payload_bytes)
{
    header h;
    memset(&h, 0, sizeof h); /* padding too: headers are compared byte by byte */
    memcpy(h.magic, "wick prepared\n", 14);
    snprintf(h.version, sizeof h.version, "%s", WICK_VERSION);
    snprintf(h.kind, sizeof h.kind, "%s", key->kind);
    h.byte_order = BYTE_ORDER_MARK;
    h.format = key->format;
    h.identity = key->identity;
    h.settings = key->settings;
    h.payload_bytes = payload_bytes;
    return h;
}

/* "FOLDER/0123456789abcdef.wick"; false: does not fit. */
static bool file_path(const char *folder, const wick_prepared_key *key, char *path, size_t n)
{
    char *real = realpath(key->source, NULL);
    const char *name = real ? real : key->source;
    uint64_t hash = wick_hash64(key->kind, strlen(key->kind), wick_hash64(name, strlen(name), 0));
    free(real);
    int length = snprintf(path, n, "%s/%016llx.wick", folder, (unsigned long long)hash);
    return length > 0 && (size_t)length < n;
}

/* ---- checksum ------------------------------------------------------------------------------------------------------ */

typedef struct checksum_job {
    const uint8_t *data;
    size_t n_bytes, n_blocks;
    atomic_size_t next;
    _Atomic uint64_t sum; /* of the blocks' hashes, each seeded by its place: their order does not matter */
} checksum_job;

static void checksum_worker(void *arg, unsigned thread_index)
{
    (void)thread_index;
    checksum_job *job = arg;
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->n_blocks) {
        size_t begin = i * BLOCK_BYTES, n = job->n_bytes - begin < BLOCK_BYTES ? job->n_bytes - begin : BLOCK_BYTES;
        atomic_fetch_add(&job->sum, wick_hash64(job->data + begin, n, i));
    }
}

static uint64_t checksum(const void *data, size_t n_bytes, wick_pool *pool)
{
    checksum_job job = {.data = data, .n_bytes = n_bytes, .n_blocks = (n_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES};
    atomic_init(&job.next, 0);
    atomic_init(&job.sum, n_bytes);
    if (pool)
        wick_pool_run(pool, 0, checksum_worker, &job);
    else
        checksum_worker(&job, 0);
    return atomic_load(&job.sum);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* Ours, written by nobody else, and large enough for a header. */
static bool is_trusted(int fd, size_t *payload_bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 || status.st_size < (off_t)HEADER_BYTES ||
        (uintmax_t)status.st_size > SIZE_MAX)
        return false;
    *payload_bytes = (size_t)status.st_size - HEADER_BYTES;
    if (status.st_mtime < time(NULL) - DAY_SECONDS)
        futimens(fd, NULL); /* in use; where it fails the file is made anew some day */
    return true;
}

static bool is_expected(const uint8_t *file, const wick_prepared_key *key, size_t payload_bytes, wick_pool *pool)
{
    header found, wanted = expected_header(key, payload_bytes);
    memcpy(&found, file, sizeof found);
    wanted.checksum = found.checksum;
    return memcmp(&found, &wanted, sizeof wanted) == 0 &&
           checksum(file + HEADER_BYTES, payload_bytes, pool) == found.checksum;
}

bool wick_prepared_open(const char *folder, const wick_prepared_key *key, wick_pool *pool, wick_prepared *out)
{
    char path[4096];
    size_t payload_bytes = 0;
    *out = (wick_prepared){0};
    if (!folder || !file_path(folder, key, path, sizeof path))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    uint8_t *file = MAP_FAILED;
    if (is_trusted(fd, &payload_bytes))
        file = mmap(NULL, HEADER_BYTES + payload_bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (file == MAP_FAILED)
        return false;
    if (!is_expected(file, key, payload_bytes, pool)) {
        wick_log(WICK_LOG_DEBUG, "the prepared %s is stale or damaged, building it anew: %s", key->kind, path);
        munmap(file, HEADER_BYTES + payload_bytes);
        return false;
    }
    *out = (wick_prepared){file + HEADER_BYTES, payload_bytes};
    return true;
}

void wick_prepared_close(wick_prepared *prepared)
{
    if (prepared->payload)
        munmap(prepared->payload - HEADER_BYTES, HEADER_BYTES + prepared->size_bytes);
    *prepared = (wick_prepared){0};
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* mkdir -p, for this user alone. */
static bool make_folder(const char *folder)
{
    char path[4096];
    size_t n = strlen(folder);
    if (n == 0 || n >= sizeof path)
        return false;
    memcpy(path, folder, n + 1);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700); /* what is there already is fine; the last one tells */
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool write_all(int fd, const void *data, size_t n)
{
    const uint8_t *bytes = data;
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

static bool write_file(int fd, const wick_prepared_key *key, const void *payload, size_t size_bytes, wick_pool *pool)
{
    uint8_t page[HEADER_BYTES] = {0};
    header h = expected_header(key, size_bytes);
    h.checksum = checksum(payload, size_bytes, pool);
    memcpy(page, &h, sizeof h);
    return write_all(fd, page, sizeof page) && write_all(fd, payload, size_bytes);
}

#define NAME_DIGITS 16
#define NAME_END ".wick"
#define TEMPORARY_END ".XXXXXX"

typedef enum name_kind { NAME_OTHER, NAME_WHOLE, NAME_TEMPORARY } name_kind;

/* "0123456789abcdef.wick", "0123456789abcdef.wick.XXXXXX" */
static name_kind kind_of_name(const char *name)
{
    const size_t whole = NAME_DIGITS + strlen(NAME_END), n = strlen(name);
    if (strspn(name, "0123456789abcdef") != NAME_DIGITS || strncmp(name + NAME_DIGITS, NAME_END, strlen(NAME_END)) != 0)
        return NAME_OTHER;
    if (n == whole)
        return NAME_WHOLE;
    return name[whole] == '.' && n == whole + strlen(TEMPORARY_END) ? NAME_TEMPORARY : NAME_OTHER;
}

/* A file of ours that nobody writes, and that is unfinished or was not used for months. */
static bool is_litter(int fd, name_kind kind)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           (kind == NAME_TEMPORARY || status.st_mtime < time(NULL) - (time_t)UNUSED_DAYS * DAY_SECONDS) &&
           flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Removes what killed writers left, and what is not used any more. Best effort. */
static void remove_litter(const char *folder)
{
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
        const name_kind kind = kind_of_name(entry->d_name);
        if (kind == NAME_OTHER)
            continue;
        int fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        if (is_litter(fd, kind))
            unlinkat(dirfd(entries), entry->d_name, 0);
        close(fd);
    }
    if (entries)
        closedir(entries);
}

/* Writing past the limit on the size of files would end the caller's process by a signal. */
static bool is_within_limit(size_t n_bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || n_bytes <= limit.rlim_cur;
}

#define MAX_TRIES 16

/* A file of its own for what is written, locked, so that nobody takes it for litter; its name replaces the X's that temporary ends in. -1: errno tells. */
static int make_temporary(char *temporary)
{
    char *end = temporary + strlen(temporary) - (strlen(TEMPORARY_END) - 1);
    for (int i = 0; i < MAX_TRIES; i++) {
        struct stat status;
        memcpy(end, &TEMPORARY_END[1], strlen(TEMPORARY_END) - 1);
        int fd = mkstemp(temporary); /* exclusive, 0600 */
        if (fd < 0)
            return -1;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        flock(fd, LOCK_EX); /* who holds it now removes the file at once */
        if (fstat(fd, &status) == 0 && status.st_nlink > 0)
            return fd;
        close(fd);
    }
    errno = EBUSY;
    return -1;
}

void wick_prepared_save(const char *folder, const wick_prepared_key *key, const void *payload, size_t size_bytes,
                        wick_pool *pool)
{
    char path[4096], temporary[4096 + 8];
    if (!folder || !file_path(folder, key, path, sizeof path))
        return;
    if (!is_within_limit(HEADER_BYTES + size_bytes)) {
        wick_log(WICK_LOG_DEBUG, "the prepared %s cannot be kept in %s: larger than files may be", key->kind, folder);
        return;
    }
    bool has_folder = make_folder(folder);
    if (has_folder)
        remove_litter(folder);
    snprintf(temporary, sizeof temporary, "%s" TEMPORARY_END, path);
    int fd = has_folder ? make_temporary(temporary) : -1;
    if (fd < 0) {
        wick_log(WICK_LOG_DEBUG, "the prepared %s cannot be kept in %s: %s", key->kind, folder, strerror(errno));
        return;
    }
    if (!write_file(fd, key, payload, size_bytes, pool) || rename(temporary, path) != 0) {
        wick_log(WICK_LOG_DEBUG, "the prepared %s cannot be kept in %s: %s", key->kind, folder, strerror(errno));
        unlink(temporary);
    }
    close(fd); /* drops the lock, so only now; where this fails the checksum tells at the next start */
}
