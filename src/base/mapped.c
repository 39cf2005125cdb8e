/* SPDX-License-Identifier: Apache-2.0
 * mapped.c: mmap for weights, plain reads for small files. Only regular files are taken: a FIFO or a device could block for ever. */
#include "base/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/large.h"

static const char mend_name[] = "name a file that is there and may be read";
static const char mend_size[] = "check that this is the file that was meant";
static const char mend_disk[] = "check the disk, and what the file system allows";

/* What make and rsync go by: which file it is, and when it was last changed. */
static uint64_t identity_of(const struct stat *status)
{
#ifdef __APPLE__
    const struct timespec changed = status->st_ctimespec, modified = status->st_mtimespec;
#else
    const struct timespec changed = status->st_ctim, modified = status->st_mtim;
#endif
    const uint64_t parts[] = {(uint64_t)status->st_dev,  (uint64_t)status->st_ino,   (uint64_t)status->st_size,
                              (uint64_t)modified.tv_sec, (uint64_t)modified.tv_nsec, (uint64_t)changed.tv_sec,
                              (uint64_t)changed.tv_nsec};
    return wick_hash64(parts, sizeof parts, 0);
}

/* identity: NULL, or filled. */
static int open_regular(const char *path, size_t *size_bytes, uint64_t *identity, wick_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return wick_fail_errno(error, WICK_E_IO, path, mend_name, "cannot open the file");
    struct stat status;
    if (fstat(fd, &status) != 0) {
        int code = wick_fail_errno(error, WICK_E_IO, path, mend_name, "cannot stat the file");
        close(fd);
        return code;
    }
    if (!S_ISREG(status.st_mode)) {
        close(fd);
        return wick_fail(error, WICK_E_IO, path, "name a file; a folder, pipe or device is none", "not a regular file");
    }
    if (status.st_size < 0 || (uintmax_t)status.st_size > SIZE_MAX) {
        close(fd);
        return wick_fail(error, WICK_E_CORRUPT, path, mend_name, "the file's size does not fit the address space");
    }
    *size_bytes = (size_t)status.st_size;
    if (identity)
        *identity = identity_of(&status);
    return fd;
}

int wick_mapped_open(const char *path, wick_mapped *out, wick_error *error)
{
    out->data = NULL;
    out->size_bytes = 0;
    size_t size_bytes = 0;
    int fd = open_regular(path, &size_bytes, &out->identity, error);
    if (fd < 0)
        return fd;
    if (size_bytes > 0) {
        void *data = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            int code = wick_fail_errno(error, WICK_E_IO, path, mend_disk, "cannot map the file");
            close(fd);
            return code;
        }
        out->data = data;
        out->size_bytes = size_bytes;
    }
    close(fd);
    return WICK_OK;
}

void wick_mapped_close(wick_mapped *mapped)
{
    if (!mapped)
        return;
    if (mapped->data)
        munmap((void *)(uintptr_t)mapped->data, mapped->size_bytes);
    mapped->data = NULL;
    mapped->size_bytes = 0;
}

void wick_mapped_release_pages(const void *data, size_t size_bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)data + page - 1) & ~(page - 1); /* whole pages only: neighbours may be in use */
    uintptr_t last = ((uintptr_t)data + size_bytes) & ~(page - 1);
    if (last > first)
        madvise((void *)first, last - first, MADV_DONTNEED);
}

int wick_file_identity(const char *path, uint64_t *identity, wick_error *error)
{
    size_t size_bytes;
    int fd = open_regular(path, &size_bytes, identity, error);
    if (fd < 0)
        return fd;
    close(fd);
    return WICK_OK;
}

int wick_file_read(const char *path, size_t max_bytes, char **out, size_t *out_bytes, wick_error *error)
{
    size_t size_bytes = 0;
    int fd = open_regular(path, &size_bytes, NULL, error);
    if (fd < 0)
        return fd;
    char *text = NULL;
    int code = WICK_OK;
    if (size_bytes > max_bytes) {
        code = wick_fail(error, WICK_E_CORRUPT, path, mend_size, "the file has %zu bytes, at most %zu are read",
                         size_bytes, max_bytes);
        goto done;
    }
    text = wick_large_take(size_bytes + 1); /* size_bytes <= max_bytes, which is far from SIZE_MAX in every caller */
    if (!text) {
        code = wick_fail_memory(error, path);
        goto done;
    }
    size_t filled = 0;
    while (filled < size_bytes) {
        ssize_t n = read(fd, text + filled, size_bytes - filled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            code = wick_fail_errno(error, WICK_E_IO, path, mend_disk, "cannot read the file");
            goto done;
        }
        if (n == 0)
            break; /* it became shorter meanwhile: what is there is what we parse */
        filled += (size_t)n;
    }
    text[filled] = '\0';
    *out = text;
    *out_bytes = filled;
    text = NULL;
done:
    free(text);
    close(fd);
    return code;
}
