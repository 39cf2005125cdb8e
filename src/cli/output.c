/* SPDX-License-Identifier: Apache-2.0
 * output.c: see output.h. In: bytes from writer.c and the commands. Out: a file that is whole or not there. */
#include "cli/output.h"
#include "base/error.h"
#include "base/number.h"
#include "cli/interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 16)
#define WRITE_MEND "check the free space and the permissions"

struct wick_output {
    int fd;
    bool is_stdout;
    bool can_patch;
    int failed;           /* errno of the first failure, or 0 */
    off_t begin;          /* where the stream began in the file */
    char *final_path;     /* NULL: written directly */
    char *temporary_path; /* NULL once renamed or removed */
    char name[256];       /* for errors */
    size_t n;
    char buffer[BUFFER_BYTES];
};

/* ---- opening
 * ------------------------------------------------------------------------------------------------------- */

static wick_output *new_output(const char *name)
{
    wick_output *output = calloc(1, sizeof *output);
    if (output) {
        output->fd = -1;
        snprintf(output->name, sizeof output->name, "%s", name);
    }
    return output;
}

/* Creates "folder/.name.PID-N.partial" beside the final path, exclusively. */
static int create_temporary(wick_output *output)
{
    char folder[PATH_MAX], base[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", output->final_path);
    snprintf(base, sizeof base, "%s", output->final_path);
    size_t size = strlen(output->final_path) + 64;
    output->temporary_path = malloc(size);
    if (!output->temporary_path)
        return ENOMEM;
    const char *dir = dirname(folder), *leaf = basename(base);
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        /* A long name is cut so that ours still fits NAME_MAX. */
        snprintf(output->temporary_path, size, "%s/.%.200s.%ld-%u.partial", dir, leaf, (long)getpid(), attempt);
        if (!wick_interrupt_guard(output->temporary_path))
            return ENAMETOOLONG;
        output->fd = open(output->temporary_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (output->fd >= 0)
            return 0;
        int failed = errno;
        wick_interrupt_guard(NULL);
        if (failed != EEXIST)
            return failed;
    }
    return EEXIST;
}

/* Decides how path is written. Returns 0 or an errno. */
static int open_path(wick_output *output, const char *path)
{
    struct stat there;
    bool exists = stat(path, &there) == 0;
    if (!exists && errno != ENOENT)
        return errno;
    if (exists && S_ISDIR(there.st_mode))
        return EISDIR;
    if (exists && !S_ISREG(there.st_mode)) {
        output->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return output->fd < 0 ? errno : 0;
    }
    if (exists && access(path, W_OK))
        return errno;
    /* A link stays a link: the file behind it is replaced. */
    output->final_path = exists ? realpath(path, NULL) : strdup(path);
    if (!output->final_path)
        return errno;
    if (strlen(output->final_path) >= PATH_MAX)
        return ENAMETOOLONG;
    size_t n = strlen(path);
    if (n && path[n - 1] == '/')
        return EISDIR;
    int failed = create_temporary(output);
    if (failed) {
        free(output->temporary_path);
        output->temporary_path = NULL;
        return failed;
    }
    if (exists && fchmod(output->fd, there.st_mode & 0777))
        return errno;
    output->can_patch = true;
    return 0;
}

static void look_at_stdout(wick_output *output)
{
    struct stat status;
    output->fd = STDOUT_FILENO;
    output->is_stdout = true;
    int flags = fcntl(output->fd, F_GETFL);
    if (fstat(output->fd, &status) || !S_ISREG(status.st_mode) || flags < 0 || (flags & O_APPEND))
        return;
    output->begin = lseek(output->fd, 0, SEEK_CUR);
    output->can_patch = output->begin >= 0;
}

int wick_output_open(const char *path, wick_output **out, wick_error *error)
{
    bool is_stdout = !path || !strcmp(path, "-");
    wick_output *output = new_output(is_stdout ? "standard output" : path);
    if (!output)
        return wick_fail_memory(error, "the output buffer");
    if (is_stdout) {
        look_at_stdout(output);
    } else {
        int failed = open_path(output, path);
        if (failed) {
            wick_output_close(output);
            errno = failed;
            return wick_fail_errno(error, WICK_E_IO, path,
                                   "name a file in a folder that is there and may be written to", "cannot write");
        }
    }
    *out = output;
    return 0;
}

int wick_output_open_spool(wick_output **out, wick_error *error)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    if (!folder || !*folder)
        folder = "/tmp";
    wick_output *output = new_output(folder);
    if (!output)
        return wick_fail_memory(error, "the output buffer");
    if (snprintf(path, sizeof path, "%s/wick-XXXXXX", folder) >= (int)sizeof path)
        errno = ENAMETOOLONG;
    else
        output->fd = mkstemp(path);
    if (output->fd < 0) {
        int status = wick_fail_errno(error, WICK_E_IO, folder,
                                     "point TMPDIR at a folder with room for the vectors, or use --output FILE",
                                     "cannot create a temporary file");
        wick_output_close(output);
        return status;
    }
    unlink(path);
    output->can_patch = true;
    *out = output;
    return 0;
}

/* ---- writing
 * ------------------------------------------------------------------------------------------------------- */

static void write_all(wick_output *output, const char *data, size_t n)
{
    while (n && !output->failed) {
        ssize_t written = write(output->fd, data, n);
        if (written > 0) {
            data += written;
            n -= (size_t)written;
        } else if (written < 0 && errno == EPIPE) {
            wick_interrupt_die(SIGPIPE);
        } else if (written < 0 && errno != EINTR) {
            output->failed = errno;
        }
    }
}

static void empty_buffer(wick_output *output)
{
    write_all(output, output->buffer, output->n);
    output->n = 0;
}

void wick_output_write(wick_output *output, const void *data, size_t n)
{
    if (n > BUFFER_BYTES - output->n)
        empty_buffer(output);
    if (n > BUFFER_BYTES) {
        write_all(output, data, n);
        return;
    }
    memcpy(output->buffer + output->n, data, n);
    output->n += n;
}

void wick_output_text(wick_output *output, const char *text)
{
    wick_output_write(output, text, strlen(text));
}

void wick_output_format(wick_output *output, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n > 0)
        wick_output_write(output, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void wick_output_float(wick_output *output, float value)
{
    if (WICK_FLOAT_TEXT_BYTES > BUFFER_BYTES - output->n)
        empty_buffer(output);
    output->n += wick_float_to_text(value, output->buffer + output->n);
}

void wick_output_json_string(wick_output *output, const char *text, size_t n)
{
    wick_output_write(output, "\"", 1);
    size_t begin = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        wick_output_write(output, text + begin, i - begin);
        begin = i + 1;
        if (c == '"' || c == '\\')
            wick_output_format(output, "\\%c", c);
        else if (c == '\n')
            wick_output_text(output, "\\n");
        else if (c == '\t')
            wick_output_text(output, "\\t");
        else
            wick_output_format(output, "\\u%04x", c);
    }
    wick_output_write(output, text + begin, n - begin);
    wick_output_write(output, "\"", 1);
}

int wick_output_flush(wick_output *output, wick_error *error)
{
    empty_buffer(output);
    if (!output->failed)
        return 0;
    errno = output->failed;
    return wick_fail_errno(error, WICK_E_IO, output->name, WRITE_MEND, "cannot write");
}

bool wick_output_is_terminal(const wick_output *output)
{
    return isatty(output->fd);
}

bool wick_output_can_patch(const wick_output *output)
{
    return output->can_patch;
}

int wick_output_patch(wick_output *output, uint64_t offset, const void *data, size_t n, wick_error *error)
{
    int status = wick_output_flush(output, error);
    for (size_t done = 0; !status && done < n;) {
        ssize_t written =
            pwrite(output->fd, (const char *)data + done, n - done, output->begin + (off_t)(offset + done));
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            status = wick_fail_errno(error, WICK_E_IO, output->name, WRITE_MEND, "cannot write");
    }
    return status;
}

int wick_output_read(wick_output *output, uint64_t offset, void *data, size_t n, wick_error *error)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(output->fd, (char *)data + done, n - done, output->begin + (off_t)(offset + done));
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return wick_fail_errno(error, WICK_E_IO, output->name, NULL, "cannot read the temporary file");
    }
    return 0;
}

int wick_output_copy(wick_output *output, wick_output *spool, wick_error *error)
{
    int status = wick_output_flush(spool, error);
    if (status)
        return status;
    empty_buffer(output);
    off_t offset = 0;
    for (;;) {
        ssize_t n = pread(spool->fd, output->buffer, BUFFER_BYTES, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return wick_fail_errno(error, WICK_E_IO, spool->name, NULL, "cannot read the temporary file");
        if (n == 0)
            return wick_output_flush(output, error);
        output->n = (size_t)n;
        empty_buffer(output);
        offset += n;
    }
}

/* ---- the end
 * ------------------------------------------------------------------------------------------------------- */

/* The rename itself is to survive a power cut too; a file system that cannot sync a folder does without. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    int fd = open(dirname(folder), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (fsync(fd))
            errno = 0;
        close(fd);
    }
}

static int close_fd(wick_output *output)
{
    int fd = output->fd;
    output->fd = -1;
    /* Network file systems report a full disk only here. EBADF: we were started without a standard output and wrote
     * nothing. */
    return close(fd) && errno != EINTR ? errno : 0;
}

int wick_output_finish(wick_output *output, wick_error *error)
{
    int status = wick_output_flush(output, error);
    if (status)
        return status;
    int failed = 0;
    if (output->final_path && fsync(output->fd) && errno != EINVAL && errno != EROFS)
        failed = errno;
    if (!failed)
        failed = close_fd(output);
    if (!failed && output->final_path && rename(output->temporary_path, output->final_path))
        failed = errno;
    if (failed) {
        errno = failed;
        return wick_fail_errno(error, WICK_E_IO, output->name, WRITE_MEND, "cannot write");
    }
    if (output->final_path) {
        free(output->temporary_path);
        output->temporary_path = NULL;
        wick_interrupt_guard(NULL);
        sync_folder(output->final_path);
    }
    return 0;
}

void wick_output_close(wick_output *output)
{
    if (!output)
        return;
    if (output->temporary_path) {
        unlink(output->temporary_path);
        wick_interrupt_guard(NULL);
    }
    if (output->fd >= 0 && !output->is_stdout)
        close(output->fd);
    free(output->temporary_path);
    free(output->final_path);
    free(output);
}
