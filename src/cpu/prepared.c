/* SPDX-License-Identifier: Apache-2.0
 * prepared.c: one file a model, tier and dtype:
 *
 *     bytes 0..4096            header (below), zeros
 *     bytes 4096..             payload: wick_cpu_model's memory as it is
 *
 * Named by a hash of the model's folder, the tier and the dtype, so that what was made of older weights is replaced. Written under a name of its own and
 * renamed: readers see a whole file or none. It is not synced: after a power failure the checksum tells. A writer holds a lock on its file, which the
 * system drops with the process: a file without one was left by a writer that was killed (Ctrl-C in the first start), and the next writer removes it. */
#include "cpu/prepared.h"

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
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mapped.h"

/* To be raised when the payload of the same weights changes: layout, packing, rounding, calibration. */
#define FORMAT 2
#define HEADER_BYTES ((size_t)4096)
#define BLOCK_BYTES ((size_t)1 << 20) /* hashed by one thread at a time */
#define BYTE_ORDER_MARK 0x01020304u

typedef struct header {
    char magic[16];
    char version[16]; /* the library's */
    char tier[16];
    uint32_t byte_order, format, compute, panel_width;
    uint64_t weights_identity, payload_bytes;
    uint64_t settings; /* hash of what config files, not weights, say (hash_settings) */
    uint64_t checksum; /* of the payload; not known before it is built */
} header;

/* Sizes; what calibration runs the model with; which Dense modules have a bias. All of it may change while the weights stay. */
static uint64_t hash_settings(const wick_model_files *files)
{
    uint64_t parts[11 + 3 * WICK_MAX_DENSE] = {
        files->n_layers,      files->hidden_size, files->n_heads,         files->vocab_size, files->intermediate_size,
        files->max_positions, files->max_tokens,  files->type_vocab_size, files->activation, files->n_dense};
    memcpy(&parts[10], &files->layer_norm_eps, sizeof parts[10]);
    for (size_t i = 0; i < files->n_dense; i++) {
        uint64_t *dense = &parts[11 + 3 * i];
        dense[0] = files->dense[i].in_features;
        dense[1] = files->dense[i].out_features;
        dense[2] = files->dense[i].linear.bias.data != NULL;
    }
    return wick_hash64(parts, sizeof parts, 0);
}

static header expected_header(const wick_cpu_model *model, size_t payload_bytes)
{
    header h;
    memset(&h, 0, sizeof h); /* padding too: headers are compared byte by byte */
    memcpy(h.magic, "wick prepared\n", 14);
    snprintf(h.version, sizeof h.version, "%s", WICK_VERSION);
    snprintf(h.tier, sizeof h.tier, "%s", model->kernels->tier);
    h.byte_order = BYTE_ORDER_MARK;
    h.format = FORMAT;
    h.compute = (uint32_t)model->compute;
    h.panel_width = (uint32_t)model->kernels->panel_width;
    h.weights_identity = model->files->weights_identity;
    h.payload_bytes = payload_bytes;
    h.settings = hash_settings(model->files);
    return h;
}

/* "FOLDER/0123456789abcdef.wick"; false: does not fit. */
static bool file_path(const char *folder, const wick_cpu_model *model, char *path, size_t n)
{
    char *real = realpath(model->files->path, NULL);
    const char *name = real ? real : model->files->path;
    uint64_t hash = wick_hash64(name, strlen(name), (uint64_t)model->compute);
    hash = wick_hash64(model->kernels->tier, strlen(model->kernels->tier), hash);
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
    wick_pool_run(pool, 0, checksum_worker, &job);
    return atomic_load(&job.sum);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* Ours, written by nobody else, of the right size. */
static bool is_trusted(int fd, size_t payload_bytes)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (uint64_t)status.st_size == HEADER_BYTES + payload_bytes;
}

static bool is_expected(const uint8_t *file, const wick_cpu_model *model, size_t payload_bytes, wick_pool *pool)
{
    header found, wanted = expected_header(model, payload_bytes);
    memcpy(&found, file, sizeof found);
    wanted.checksum = found.checksum;
    return memcmp(&found, &wanted, sizeof wanted) == 0 &&
           checksum(file + HEADER_BYTES, payload_bytes, pool) == found.checksum;
}

void *wick_prepared_open(const char *folder, const wick_cpu_model *model, size_t size_bytes, wick_pool *pool)
{
    char path[4096];
    if (!folder || !file_path(folder, model, path, sizeof path))
        return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    uint8_t *file = MAP_FAILED;
    if (is_trusted(fd, size_bytes))
        file = mmap(NULL, HEADER_BYTES + size_bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (file == MAP_FAILED)
        return NULL;
    if (!is_expected(file, model, size_bytes, pool)) {
        wick_log(WICK_LOG_DEBUG, "prepared weights are stale or damaged, building them anew: %s", path);
        munmap(file, HEADER_BYTES + size_bytes);
        return NULL;
    }
    /* The check has read everything; what is needed comes back when it is used. */
    wick_mapped_release_pages(file, HEADER_BYTES + size_bytes);
    return file + HEADER_BYTES;
}

void wick_prepared_close(void *payload, size_t size_bytes)
{
    if (payload)
        munmap((uint8_t *)payload - HEADER_BYTES, HEADER_BYTES + size_bytes);
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

static bool write_file(int fd, const wick_cpu_model *model, const void *payload, size_t size_bytes, wick_pool *pool)
{
    uint8_t page[HEADER_BYTES] = {0};
    header h = expected_header(model, size_bytes);
    h.checksum = checksum(payload, size_bytes, pool);
    memcpy(page, &h, sizeof h);
    return write_all(fd, page, sizeof page) && write_all(fd, payload, size_bytes);
}

/* "0123456789abcdef.wick.XXXXXX" */
static bool is_temporary_name(const char *name)
{
    static const char middle[] = ".wick.";
    return strspn(name, "0123456789abcdef") == 16 && strncmp(name + 16, middle, sizeof middle - 1) == 0 &&
           strlen(name) == 16 + sizeof middle - 1 + 6;
}

/* Removes what killed writers left. Best effort. */
static void remove_leftovers(const char *folder)
{
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
        if (!is_temporary_name(entry->d_name))
            continue;
        struct stat status;
        int fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
            flock(fd, LOCK_EX | LOCK_NB) == 0)
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

void wick_prepared_save(const char *folder, const wick_cpu_model *model, const void *payload, size_t size_bytes,
                        wick_pool *pool)
{
    char path[4096], temporary[4096 + 8];
    if (!folder || !file_path(folder, model, path, sizeof path))
        return;
    if (!is_within_limit(HEADER_BYTES + size_bytes)) {
        wick_log(WICK_LOG_DEBUG, "prepared weights cannot be kept in %s: larger than files may be", folder);
        return;
    }
    bool has_folder = make_folder(folder);
    if (has_folder)
        remove_leftovers(folder);
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = has_folder ? mkstemp(temporary) : -1; /* exclusive, 0600 */
    if (fd < 0) {
        wick_log(WICK_LOG_DEBUG, "prepared weights cannot be kept in %s: %s", folder, strerror(errno));
        return;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    flock(fd, LOCK_EX | LOCK_NB);
    if (!write_file(fd, model, payload, size_bytes, pool) || rename(temporary, path) != 0) {
        wick_log(WICK_LOG_DEBUG, "prepared weights cannot be kept in %s: %s", folder, strerror(errno));
        unlink(temporary);
    }
    close(fd); /* drops the lock, so only now; where this fails the checksum tells at the next start */
}
