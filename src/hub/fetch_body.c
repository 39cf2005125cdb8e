/* SPDX-License-Identifier: Apache-2.0
 * fetch_body.c: where a reply's bytes go: into memory up to a cap, or into a file, after a look at whether they are the bytes asked for. In: decoded bytes as they come, the reply's head. Called by
 * fetch_request.c. */
#include "hub/fetch_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_MS 200
/* So much of an error's page is read, so that its connection can be used again. */
#define MAX_THROWN_BYTES 65536
#define FIRST_ROOM 16384

static bool refuse(wick_fetch *f, wick_fetch_refusal why)
{
    f->refusal = why;
    f->sink_errno = errno;
    return false;
}

bool wick_fetch_empty(wick_fetch *f)
{
    int rc;
    do
        rc = ftruncate(f->fd, 0);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return refuse(f, WICK_FETCH_NO_WRITE);
    f->have_bytes = 0;
    return true;
}

/* At the first byte of a small reply. */
static bool begin_memory(wick_fetch *f)
{
    if (f->head.status == 206)
        return refuse(f, WICK_FETCH_WRONG_RANGE);
    /* Encodings within encodings grow a few bytes into hours of work. */
    if (f->head.n_encodings > 1)
        return refuse(f, WICK_FETCH_ENCODED);
    return f->head.n_encodings > 0 || f->head.content_bytes == UINT64_MAX || f->head.content_bytes <= f->max_bytes ||
           refuse(f, WICK_FETCH_TOO_MUCH);
}

/* At the first byte of a file. */
static bool begin_file(wick_fetch *f)
{
    const wick_fetch_head *head = &f->head;
    if (head->n_encodings > 0)
        return refuse(f, WICK_FETCH_ENCODED);
    if (head->status == 206) {
        const uint64_t left = f->size_bytes - f->have_bytes;
        if (f->have_bytes == 0 || head->range_start != f->have_bytes)
            return refuse(f, WICK_FETCH_WRONG_RANGE);
        if ((head->range_size != UINT64_MAX && head->range_size != f->size_bytes) || head->range_end >= f->size_bytes ||
            (head->content_bytes != UINT64_MAX && head->content_bytes > left))
            return refuse(f, WICK_FETCH_WRONG_SIZE);
        return true;
    }
    if (head->content_bytes != UINT64_MAX && head->content_bytes != f->size_bytes)
        return refuse(f, WICK_FETCH_WRONG_SIZE);
    return f->have_bytes == 0 || wick_fetch_empty(f); /* a server that does not resume sends all of it */
}

static bool to_memory(wick_fetch *f, const char *data, size_t n)
{
    if (n > f->max_bytes - f->n_body)
        return refuse(f, WICK_FETCH_TOO_MUCH);
    if (f->n_body + n + 1 > f->body_room) { /* below max_bytes + 1 both: no overflow */
        size_t room = f->body_room ? f->body_room : FIRST_ROOM;
        while (room < f->n_body + n + 1)
            room *= 2;
        char *grown = realloc(f->body, room);
        if (!grown)
            return refuse(f, WICK_FETCH_NO_MEMORY);
        f->body = grown;
        f->body_room = room;
    }
    memcpy(f->body + f->n_body, data, n);
    f->n_body += n;
    return true;
}

static bool to_file(wick_fetch *f, const char *data, size_t n)
{
    if (n > f->size_bytes - f->have_bytes)
        return refuse(f, WICK_FETCH_TOO_MUCH);
    while (n > 0) {
        const ssize_t written = pwrite(f->fd, data, n, (off_t)f->have_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return refuse(f, WICK_FETCH_NO_WRITE);
        data += written;
        n -= (size_t)written;
        f->have_bytes += (uint64_t)written;
    }
    if (f->progress && f->last_byte_ms - f->last_progress_ms >= PROGRESS_MS) {
        f->last_progress_ms = f->last_byte_ms;
        f->progress(f->user, f->have_bytes);
    }
    return true;
}

bool wick_fetch_take(wick_fetch *f, const char *data, size_t n)
{
    f->last_byte_ms = wick_fetch_now_ms();
    f->n_received += n;
    if (f->head.status < 200 || f->head.status >= 300) { /* what an error's page says is not ours to show */
        f->n_thrown += n;
        return f->n_thrown <= MAX_THROWN_BYTES || refuse(f, WICK_FETCH_ENOUGH);
    }
    const bool is_first = !f->has_begun;
    f->has_begun = true;
    if (f->fd < 0)
        return (!is_first || begin_memory(f)) && to_memory(f, data, n);
    return (!is_first || begin_file(f)) && to_file(f, data, n);
}
