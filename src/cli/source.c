/* SPDX-License-Identifier: Apache-2.0
 * source.c: see source.h. In: a file descriptor. Out: bytes, lines, batches; errors that name file and line. */
#include "cli/source.h"
#include "base/error.h"
#include "base/utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char byte_order_mark[3] = {'\xEF', '\xBB', '\xBF'};

/* Appends to the buffer what one read gives. */
static int read_more(wick_source *source, wick_error *error)
{
    if (source->position) {
        memmove(source->buffer, source->buffer + source->position, source->n - source->position);
        source->n -= source->position;
        source->position = 0;
    }
    ssize_t n;
    do
        n = read(source->fd, source->buffer + source->n, WICK_SOURCE_BYTES - source->n);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return wick_fail_errno(error, WICK_E_IO, source->name, NULL, "cannot read");
    source->at_end = n == 0;
    source->n += (size_t)n;
    source->read_bytes += (uint64_t)n;
    return 0;
}

static int skip_byte_order_mark(wick_source *source, wick_error *error)
{
    while (source->n < sizeof byte_order_mark && !source->at_end &&
           !memcmp(source->buffer, byte_order_mark, source->n)) {
        int status = read_more(source, error);
        if (status)
            return status;
    }
    if (source->n >= sizeof byte_order_mark && !memcmp(source->buffer, byte_order_mark, sizeof byte_order_mark))
        source->position = sizeof byte_order_mark;
    return 0;
}

int wick_source_open(wick_source *source, const char *path, wick_error *error)
{
    bool is_stdin = !strcmp(path, "-");
    struct stat status;
    snprintf(source->name, sizeof source->name, "%s", is_stdin ? "standard input" : path);
    source->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (source->fd < 0 || fstat(source->fd, &status))
        return wick_fail_errno(error, WICK_E_IO, source->name, "name a file that is there and may be read",
                               "cannot read");
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return wick_fail_errno(error, WICK_E_IO, source->name, "name a file", "cannot read");
    }
    source->may_wait = !S_ISREG(status.st_mode);
    source->size_bytes = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    return 0;
}

void wick_source_close(wick_source *source)
{
    if (source->fd > STDIN_FILENO)
        close(source->fd);
    source->fd = -1;
}

int wick_source_fill(wick_source *source, size_t n_wanted, size_t *n_available, wick_error *error)
{
    int status = 0;
    while (!status && source->n - source->position < n_wanted && !source->at_end) {
        bool is_first = source->read_bytes == 0;
        status = read_more(source, error);
        if (!status && is_first)
            status = skip_byte_order_mark(source, error);
    }
    *n_available = source->n - source->position;
    return status;
}

bool wick_source_ready(wick_source *source, wick_error *error)
{
    while (source->may_wait && !source->at_end) {
        size_t n = source->n - source->position;
        if (n == WICK_SOURCE_BYTES || memchr(source->buffer + source->position, '\n', n))
            return true;
        struct pollfd waiting = {.fd = source->fd, .events = POLLIN};
        if (poll(&waiting, 1, 0) <= 0)
            return false;
        if (read_more(source, error))
            return true; /* the reader meets the failure again and reports it */
    }
    return true;
}

/* ---- batches
 * --------------------------------------------------------------------------------------------------------- */

void wick_text_batch_empty(wick_text_batch *batch)
{
    batch->n_texts = batch->n_bytes = 0;
}

void wick_text_batch_free(wick_text_batch *batch)
{
    free(batch->texts);
    free(batch->text_bytes);
    free(batch->lines);
    free(batch->bytes);
    *batch = (wick_text_batch){0};
}

/* Text i is found through its end: until seal, text_bytes[i] holds where text i ends. */
size_t wick_text_batch_open_bytes(const wick_text_batch *batch)
{
    return batch->n_bytes - (batch->n_texts ? batch->text_bytes[batch->n_texts - 1] : 0);
}

int wick_text_batch_append(wick_text_batch *batch, const char *data, size_t n, wick_error *error)
{
    if (n > batch->bytes_capacity - batch->n_bytes) {
        size_t capacity = batch->bytes_capacity ? batch->bytes_capacity : WICK_SOURCE_BYTES;
        while (capacity - batch->n_bytes < n)
            if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
                return wick_fail_memory(error, "the texts");
        char *bytes = realloc(batch->bytes, capacity);
        if (!bytes)
            return wick_fail_memory(error, "the texts");
        batch->bytes = bytes;
        batch->bytes_capacity = capacity;
    }
    if (n)
        memcpy(batch->bytes + batch->n_bytes, data, n);
    batch->n_bytes += n;
    return 0;
}

static int grow_texts(wick_text_batch *batch, wick_error *error)
{
    size_t capacity = batch->texts_capacity ? 2 * batch->texts_capacity : 64;
    const char **texts = realloc(batch->texts, capacity * sizeof *texts);
    if (texts)
        batch->texts = texts;
    size_t *text_bytes = realloc(batch->text_bytes, capacity * sizeof *text_bytes);
    if (text_bytes)
        batch->text_bytes = text_bytes;
    uint64_t *lines = realloc(batch->lines, capacity * sizeof *lines);
    if (lines)
        batch->lines = lines;
    if (!texts || !text_bytes || !lines)
        return wick_fail_memory(error, "the texts");
    batch->texts_capacity = capacity;
    return 0;
}

int wick_text_batch_end_text(wick_text_batch *batch, uint64_t line, wick_error *error)
{
    if (batch->n_texts == batch->texts_capacity) {
        int status = grow_texts(batch, error);
        if (status)
            return status;
    }
    batch->text_bytes[batch->n_texts] = batch->n_bytes;
    batch->lines[batch->n_texts++] = line;
    return 0;
}

void wick_text_batch_seal(wick_text_batch *batch)
{
    size_t begin = 0;
    for (size_t i = 0; i < batch->n_texts; i++) {
        size_t end = batch->text_bytes[i];
        batch->texts[i] = batch->bytes ? batch->bytes + begin : "";
        batch->text_bytes[i] = end - begin;
        begin = end;
    }
}

/* ---- lines
 * ----------------------------------------------------------------------------------------------------------- */

void wick_source_place(const wick_source *source, uint64_t line, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%s, line %llu", source->name, (unsigned long long)line);
}

static int fail_long(const wick_source *source, wick_error *error)
{
    char where[320];
    wick_source_place(source, source->line + 1, where, sizeof where);
    return wick_fail(error, WICK_E_INVALID_INPUT, where, "split the text, or check that the file is text",
                     "the line is longer than %zu MB", WICK_MAX_LINE_BYTES >> 20);
}

int wick_source_read_line(wick_source *source, wick_text_batch *batch, bool *got, wick_error *error)
{
    *got = false;
    size_t line_bytes = 0;
    for (size_t n;;) {
        int status = wick_source_fill(source, 1, &n, error);
        if (status)
            return status;
        if (n == 0)
            break;
        *got = true;
        const char *begin = source->buffer + source->position;
        const char *line_end = memchr(begin, '\n', n);
        if (line_end)
            n = (size_t)(line_end - begin);
        if (n > WICK_MAX_LINE_BYTES - line_bytes)
            return fail_long(source, error);
        status = wick_text_batch_append(batch, begin, n, error);
        if (status)
            return status;
        line_bytes += n;
        source->position += n + (line_end != NULL);
        if (line_end) {
            source->line++;
            if (line_bytes && batch->bytes[batch->n_bytes - 1] == '\r')
                batch->n_bytes--;
            return 0;
        }
    }
    if (*got)
        source->line++;
    return 0;
}

int wick_source_check_utf8(const wick_source *source, const char *text, size_t n, uint64_t first_line,
                           wick_error *error)
{
    size_t bad;
    if (wick_utf8_valid(text, n, &bad))
        return 0;
    size_t column = bad;
    for (size_t i = 0; i < bad; i++) {
        if (text[i] == '\n') {
            first_line++;
            column = bad - i - 1;
        }
    }
    char where[320];
    wick_source_place(source, first_line, where, sizeof where);
    return wick_fail(error, WICK_E_INVALID_INPUT, where, "convert the file to UTF-8",
                     "invalid UTF-8 at byte %zu of the text", column + 1);
}
