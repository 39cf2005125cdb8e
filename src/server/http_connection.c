/* SPDX-License-Identifier: Apache-2.0
 * http_connection.c: a connection's life (the states stand in http_internal.h). In: bytes of a socket. Out: whole requests to on_request, malformed ones to
 * on_refused. An idle connection holds no buffer. Each request has one deadline for all of its bytes, whatever trickles in.
 * Loop thread alone; called by http_loop.c, and by http_exchange.c when a reply has been taken. */
#include "server/http_internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A refused client may go on sending what nobody reads: so long, and so much, until the connection is cut. */
#define LINGER_MS 2000
#define LINGER_BYTES ((size_t)1 << 20)
/* The most that one read takes: others wait meanwhile. */
#define READ_BYTES ((size_t)256 << 10)
/* Empty lines in front of a request that are passed over (RFC 9112, section 2.2). */
#define MAX_BLANK_BYTES 8

/* ---- opening and closing ------------------------------------------------------------------------------------------ */

static void on_readable(evutil_socket_t fd, short what, void *arg);

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    wick_exchange *own = arg;
    wick_http *http = own->http;
    wick_exchange_write(own);
    wick_connections_reap(http);
}

void wick_connection_want(wick_exchange *own, bool reading, bool writing)
{
    if (own->fd < 0)
        return;
    if (reading != own->is_reading)
        reading ? event_add(&own->read_event, NULL) : event_del(&own->read_event);
    if (writing != own->is_writable_wanted)
        writing ? event_add(&own->write_event, NULL) : event_del(&own->write_event);
    own->is_reading = reading;
    own->is_writable_wanted = writing;
}

void wick_connection_open(wick_http *http, int fd, const char *peer)
{
    wick_exchange *own = calloc(1, sizeof *own);
    if (!own) {
        close(fd);
        return;
    }
    own->http = http;
    own->fd = fd;
    snprintf(own->peer, sizeof own->peer, "%s", peer);
    event_assign(&own->read_event, http->base, fd, EV_READ | EV_PERSIST, on_readable, own);
    event_assign(&own->write_event, http->base, fd, EV_WRITE | EV_PERSIST, on_writable, own);
    own->next = http->connections;
    if (own->next)
        own->next->previous = own;
    http->connections = own;
    atomic_fetch_add(&http->n_connections, 1);
    /* Who connects is to say something: the first request's deadline runs from here. */
    own->deadline_ms = wick_http_now() + http->options.read_timeout_ms;
    wick_connection_want(own, true, false);
}

static void set_capacity(wick_exchange *own, char *in, size_t capacity)
{
    own->http->buffered_bytes += capacity - own->in_capacity;
    own->in = in;
    own->in_capacity = capacity;
}

static void drop_input(wick_exchange *own)
{
    free(own->in);
    set_capacity(own, NULL, 0);
    own->n_in = 0;
}

static void tell_gone(wick_exchange *own)
{
    atomic_store(&own->is_gone, true);
    if (own->gone_flag)
        atomic_store(own->gone_flag, true);
}

/* Closes the socket; what others may still hold stays. */
static void cut(wick_exchange *own)
{
    if (own->fd < 0)
        return;
    wick_connection_want(own, false, false);
    close(own->fd);
    own->fd = -1;
    own->deadline_ms = 0;
    tell_gone(own);
    atomic_fetch_sub(&own->http->n_connections, 1);
}

void wick_connection_free(wick_exchange *own)
{
    cut(own);
    drop_input(own);
    wick_exchange_forget_reply(own);
    free(own->fields);
    free(own);
}

void wick_connection_close(wick_exchange *own)
{
    if (own->state == CLOSED)
        return;
    cut(own);
    if (own->state == BUSY) /* somebody holds it: the reply ends it */
        return;
    own->state = CLOSED;
    wick_http *http = own->http;
    if (own->previous)
        own->previous->next = own->next;
    else
        http->connections = own->next;
    if (own->next)
        own->next->previous = own->previous;
    own->previous = NULL;
    own->next = http->dead;
    http->dead = own;
}

void wick_connections_reap(wick_http *http)
{
    wick_exchange *own = http->dead;
    http->dead = NULL;
    while (own) {
        wick_exchange *next = own->next;
        wick_connection_free(own);
        own = next;
    }
}

/* ---- from bytes to requests --------------------------------------------------------------------------------------- */

static void hand_over(wick_exchange *own, double now)
{
    own->state = BUSY;
    own->http->n_busy++;
    own->deadline_ms = 0;
    own->arrived_ms = now;
}

void wick_connection_refuse(wick_exchange *own, int status, const char *message)
{
    own->is_refused = own->must_close = own->must_linger = true;
    if (!own->has_head)
        own->head = (wick_http_head){.method = WICK_OTHER_METHOD};
    hand_over(own, wick_http_now());
    own->http->options.on_refused(own->http->options.user, own, status, message);
}

/* Empty lines in front of a request line. */
static void skip_blank_lines(wick_exchange *own)
{
    size_t n = 0;
    while (n + 1 < own->n_in && n < MAX_BLANK_BYTES && own->in[n] == '\r' && own->in[n + 1] == '\n')
        n += 2;
    if (n) {
        memmove(own->in, own->in + n, own->n_in - n);
        own->n_in -= n;
    }
}

static void send_continue(wick_exchange *own)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    /* Should the socket's buffer be full, the client goes on after a while by itself. */
    if (send(own->fd, line, sizeof line - 1, MSG_DONTWAIT | WICK_NO_SIGNAL) < 0)
        errno = 0;
}

/* The head is there: what follows? */
static void begin_body(wick_exchange *own)
{
    const wick_http_options *options = &own->http->options;
    const wick_http_head *head = &own->head;
    own->chunked = (wick_chunked){0};
    own->body_end = own->rest_begin = own->head_bytes;
    own->state = BODY;
    if (head->has_length && head->content_length > options->max_body_bytes) {
        wick_connection_refuse(own, 413, "the body is too large");
        return;
    }
    const double deadline_ms = own->deadline_ms;
    if (options->on_head && (head->is_chunked || head->content_length > WICK_HTTP_EARLY_BYTES)) {
        own->must_close = own->must_linger = true; /* where it replies */
        hand_over(own, wick_http_now());
        options->on_head(options->user, own);
        if (own->state != BUSY)
            return;
        own->http->n_busy--;
        own->state = BODY;
        own->deadline_ms = deadline_ms;
        own->must_close = own->must_linger = false;
    }
    if (head->expects_continue && own->n_in == own->head_bytes && (head->is_chunked || head->content_length))
        send_continue(own);
}

static bool take_head(wick_exchange *own)
{
    const char *message = NULL;
    if (own->n_scanned == 0)
        skip_blank_lines(own);
    const long n = wick_http_find_head_end(own->in, own->n_in, &own->n_scanned);
    if (n < 0) {
        wick_connection_refuse(own, 400, "a line that does not end with CR LF");
        return true;
    }
    const size_t max_head_bytes = own->http->options.max_head_bytes;
    if (n > (long)max_head_bytes || (n == 0 && own->n_in >= max_head_bytes)) {
        const bool in_target = !memchr(own->in, '\n', own->n_in < max_head_bytes ? own->n_in : max_head_bytes);
        wick_connection_refuse(own, in_target ? 414 : 431, "the request's head is too long");
        return true;
    }
    if (n == 0)
        return false;
    own->head_bytes = (size_t)n;
    const int status = wick_http_parse_head(own->in, (size_t)n, &own->head, &message);
    own->has_head = status == 0;
    if (status)
        wick_connection_refuse(own, status, message);
    else
        begin_body(own);
    return true;
}

/* True: whole or refused. */
static bool take_body(wick_exchange *own)
{
    if (!own->head.is_chunked) {
        const size_t end = own->head_bytes + (size_t)own->head.content_length;
        if (own->n_in < end)
            return false;
        own->body_end = own->rest_begin = end;
        return true;
    }
    size_t n_taken, n_out = 0;
    const wick_chunked_result result =
        wick_chunked_decode(&own->chunked, own->in + own->rest_begin, own->n_in - own->rest_begin, &n_taken,
                            own->in + own->body_end, &n_out);
    own->body_end += n_out;
    own->rest_begin += n_taken;
    if (result == WICK_CHUNKED_BAD) {
        wick_connection_refuse(own, 400, "malformed chunked body");
        return true;
    }
    const size_t n_body = own->body_end - own->head_bytes, max_body_bytes = own->http->options.max_body_bytes;
    if (n_body > max_body_bytes || own->chunked.left > max_body_bytes - n_body) { /* there, or announced */
        wick_connection_refuse(own, 413, "the body is too large");
        return true;
    }
    if (result == WICK_CHUNKED_DONE)
        return true;
    own->n_in = own->rest_begin = own->body_end; /* all was used: make room */
    return false;
}

/* The whole request stands in the buffer, which has room for one byte more. */
static void deliver(wick_exchange *own)
{
    if (!own->head.keep_alive || own->http->is_stopping)
        own->must_close = true;
    own->behind_body = own->in[own->body_end];
    own->in[own->body_end] = 0;
    hand_over(own, wick_http_now());
    own->http->options.on_request(own->http->options.user, own);
}

void wick_connection_advance(wick_exchange *own)
{
    if (own->in_advance)
        return; /* the loop below goes on */
    own->in_advance = true;
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        if (own->state == IDLE && own->n_in) {
            own->state = HEAD;
            own->deadline_ms = wick_http_now() + own->http->options.read_timeout_ms;
        }
        if (own->state == HEAD)
            goes_on = take_head(own);
        if (own->state == BODY) {
            goes_on = take_body(own);
            if (goes_on && own->state == BODY)
                deliver(own);
        }
        goes_on = goes_on && own->state == IDLE; /* answered at once: the next may be there already */
    }
    own->in_advance = false;
    if (own->state == IDLE && own->n_in == 0)
        drop_input(own);
}

void wick_connection_answered(wick_exchange *own)
{
    if (own->must_linger && own->fd >= 0) {
        own->state = LINGER;
        own->deadline_ms = wick_http_now() + LINGER_MS;
        drop_input(own);
        shutdown(own->fd, SHUT_WR);
        wick_connection_want(own, true, false);
        return;
    }
    own->state = IDLE;
    if (own->must_close || own->fd < 0) {
        wick_connection_close(own);
        return;
    }
    own->in[own->body_end] = own->behind_body;
    memmove(own->in, own->in + own->rest_begin, own->n_in - own->rest_begin);
    own->n_in -= own->rest_begin;
    own->n_scanned = 0;
    own->has_head = false;
    own->deadline_ms = wick_http_now() + own->http->options.idle_timeout_ms;
    wick_connection_want(own, true, false);
    wick_connection_advance(own);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* Room for more bytes, and one for the terminator. False: refused. */
static bool make_room(wick_exchange *own)
{
    wick_http *http = own->http;
    size_t needed = own->n_in + 2048;
    if (own->state == BODY && !own->head.is_chunked) { /* as the bytes come, not as they are announced */
        const size_t end = own->head_bytes + (size_t)own->head.content_length + 1;
        needed = own->n_in * 2 < end ? own->n_in * 2 : end;
    }
    if (needed < own->n_in + 2)
        needed = own->n_in + 2;
    if (needed <= own->in_capacity)
        return true;
    size_t capacity = own->in_capacity ? own->in_capacity * 2 : FIRST_BUFFER_BYTES;
    capacity = capacity < needed ? needed : capacity;
    const size_t more = capacity - own->in_capacity;
    const bool is_over = http->options.max_buffered_bytes && capacity > FIRST_BUFFER_BYTES * 4 &&
                         http->buffered_bytes + more > http->options.max_buffered_bytes;
    char *in = is_over ? NULL : realloc(own->in, capacity);
    if (!in) {
        wick_connection_refuse(own, 503, "too many bytes are being received");
        return false;
    }
    set_capacity(own, in, capacity);
    return true;
}

static bool is_transient(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

/* While the request is being worked on: has the client gone? What it sends ahead stays in the socket. A client that ends its sending side counts as
 * gone, for no client can be told from one that closed. */
static void look_for_hang_up(wick_exchange *own)
{
    char byte;
    const ssize_t n = recv(own->fd, &byte, 1, MSG_PEEK);
    if (n > 0 || (n < 0 && is_transient(errno))) {
        if (n > 0)
            wick_connection_want(own, false, own->is_writable_wanted);
        return;
    }
    tell_gone(own);
    if (n < 0)
        cut(own);
    else
        wick_connection_want(own, false, own->is_writable_wanted); /* the answer is tried all the same */
}

static void discard(wick_exchange *own)
{
    char bytes[16384];
    const ssize_t n = recv(own->fd, bytes, sizeof bytes, 0);
    if (n < 0 && is_transient(errno))
        return;
    if (n > 0)
        own->lingered_bytes += (size_t)n;
    if (n <= 0 || own->lingered_bytes > LINGER_BYTES)
        wick_connection_close(own);
}

static void read_some(wick_exchange *own)
{
    if (!make_room(own))
        return;
    size_t n_most = own->in_capacity - own->n_in - 1;
    n_most = n_most < READ_BYTES ? n_most : READ_BYTES;
    const ssize_t n = recv(own->fd, own->in + own->n_in, n_most, 0);
    if (n < 0 && is_transient(errno)) {
        if (own->state == IDLE && own->n_in == 0)
            drop_input(own);
        return;
    }
    if (n <= 0) { /* in the middle of a request or between two: nobody waits for an answer */
        wick_connection_close(own);
        return;
    }
    own->n_in += (size_t)n;
    wick_connection_advance(own);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    wick_exchange *own = arg;
    wick_http *http = own->http;
    if (own->state == BUSY || own->state == WRITING)
        look_for_hang_up(own);
    else if (own->state == LINGER)
        discard(own);
    else if (own->state != CLOSED)
        read_some(own);
    wick_connections_reap(http);
}

/* ---- deadlines ---------------------------------------------------------------------------------------------------- */

void wick_connections_tick(wick_http *http, double now)
{
    for (wick_exchange *own = http->connections, *next; own; own = next) {
        next = own->next;
        if (own->deadline_ms == 0 || now < own->deadline_ms)
            continue;
        if (own->state == BODY || (own->state == HEAD && own->n_in))
            wick_connection_refuse(own, 408, "the request came too slowly");
        else
            wick_connection_close(own); /* idle, or it does not take its reply */
    }
}
