/* SPDX-License-Identifier: Apache-2.0
 * http_exchange.c: one exchange from the handler's side: what came in, and the reply on its way out. In: calls of handlers, from any thread for
 * wick_exchange_reply. Out: bytes to the socket, from the loop thread. Called by server.c, calls.c and the routes. */
#include "server/http_internal.h"
#include "base/checked.h"
#include "base/number.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

/* A client has to take its reply at least this fast, and may always take the read timeout for it. */
#define SLOWEST_BYTES_PER_MS 8.0

wick_method wick_exchange_method(const wick_exchange *exchange)
{
    return exchange->head.method;
}

const char *wick_exchange_path(const wick_exchange *exchange)
{
    return exchange->has_head ? exchange->in + exchange->head.path : "";
}

const char *wick_exchange_peer(const wick_exchange *exchange)
{
    return exchange->peer;
}

double wick_exchange_arrived_ms(const wick_exchange *exchange)
{
    return exchange->arrived_ms;
}

bool wick_exchange_is_gone(const wick_exchange *exchange)
{
    return atomic_load_explicit(&exchange->is_gone, memory_order_relaxed);
}

void wick_exchange_watch(wick_exchange *exchange, atomic_bool *flag)
{
    exchange->gone_flag = flag;
    if (wick_exchange_is_gone(exchange))
        atomic_store(flag, true);
}

const char *wick_exchange_header(const wick_exchange *exchange, const char *name)
{
    const wick_http_head *head = &exchange->head;
    if (!exchange->has_head)
        return NULL;
    if (head->host && !strcasecmp(name, "host"))
        return exchange->in + head->host;
    for (unsigned i = 0; i < head->n_fields; i++)
        if (!strcasecmp(exchange->in + head->fields[i].name, name))
            return exchange->in + head->fields[i].value;
    return NULL;
}

char *wick_exchange_body(wick_exchange *exchange, size_t *n_bytes)
{
    static char none[1];
    *n_bytes = exchange->is_refused ? 0 : exchange->body_end - exchange->head_bytes;
    return exchange->is_refused ? none : exchange->in + exchange->head_bytes;
}

const char *wick_exchange_query(const wick_exchange *exchange, const char *name, char *out, size_t n)
{
    if (!exchange->has_head || !exchange->head.query)
        return NULL;
    const size_t name_bytes = strlen(name);
    for (const char *at = exchange->in + exchange->head.query; *at; at += *at == '&') {
        const size_t length = strcspn(at, "&");
        if (length > name_bytes && !memcmp(at, name, name_bytes) && at[name_bytes] == '=' &&
            length - name_bytes - 1 < n) {
            memcpy(out, at + name_bytes + 1, length - name_bytes - 1);
            out[length - name_bytes - 1] = 0;
            return out;
        }
        at += length;
    }
    return NULL;
}

/* ---- the reply ---------------------------------------------------------------------------------------------------- */

bool wick_exchange_set_header(wick_exchange *exchange, const char *name, const char *value)
{
    const size_t name_bytes = strlen(name), value_bytes = strlen(value),
                 n = name_bytes + value_bytes + 4; /* ": " and CR LF */
    if (!*name || strpbrk(name, ": \r\n") || strpbrk(value, "\r\n"))
        return false;
    if (exchange->fields_capacity - exchange->fields_bytes < n + 3) { /* a 0, or the blank line */
        const size_t capacity = (exchange->fields_bytes + n + 3) * 2;
        char *fields = realloc(exchange->fields, capacity);
        if (!fields)
            return false;
        exchange->fields = fields;
        exchange->fields_capacity = capacity;
    }
    char *at = exchange->fields + exchange->fields_bytes;
    memcpy(at, name, name_bytes);
    memcpy(at + name_bytes, ": ", 2);
    memcpy(at + name_bytes + 2, value, value_bytes);
    memcpy(at + n - 2, "\r\n", 2);
    exchange->fields_bytes += n;
    return true;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {424, "Failed Dependency"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* "Date: Mon, 23 Nov 2026 08:49:37 GMT", made once a second; English whatever the locale. */
static const char *date_line(wick_http *http)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t now = time(NULL);
    if ((int64_t)now != http->date_second) {
        struct tm t;
        http->date_second = now;
        gmtime_r(&now, &t);
        snprintf(http->date, sizeof http->date, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                 days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
                 t.tm_sec);
    }
    return http->date;
}

void wick_exchange_forget_reply(wick_exchange *own)
{
    own->http->reply_bytes -= own->is_counted ? own->body_bytes : 0;
    own->is_counted = false;
    free(own->body);
    own->body = NULL;
    own->body_bytes = 0;
    own->fields_bytes = 0;
    if (own->fields_capacity > 512) {
        free(own->fields);
        own->fields = NULL;
        own->fields_capacity = 0;
    }
}

void wick_exchange_write(wick_exchange *own)
{
    while (own->out[0].iov_len + own->out[1].iov_len + own->out[2].iov_len) {
        struct msghdr message = {.msg_iov = own->out, .msg_iovlen = 3};
        ssize_t n = sendmsg(own->fd, &message, WICK_NO_SIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wick_connection_want(own, false, true);
            return;
        }
        if (n < 0) {
            wick_exchange_forget_reply(own);
            wick_connection_close(own);
            return;
        }
        for (int i = 0; i < 3; i++) {
            const size_t taken = (size_t)n < own->out[i].iov_len ? (size_t)n : own->out[i].iov_len;
            own->out[i].iov_base = (char *)own->out[i].iov_base + taken;
            own->out[i].iov_len -= taken;
            n -= (ssize_t)taken;
        }
    }
    wick_exchange_forget_reply(own);
    wick_connection_answered(own);
}

/* Replies that nobody takes must not fill the memory: the slowest readers go first. One reply alone is always kept. */
static void make_room(wick_exchange *own)
{
    wick_http *http = own->http;
    while (http->options.max_buffered_bytes && http->reply_bytes &&
           http->reply_bytes + own->body_bytes > http->options.max_buffered_bytes) {
        wick_exchange *slowest = NULL;
        for (wick_exchange *c = http->connections; c; c = c->next)
            if (c->state == WRITING && c->is_counted && (!slowest || c->reply_ms < slowest->reply_ms))
                slowest = c;
        if (!slowest)
            break;
        wick_exchange_forget_reply(slowest);
        wick_connection_close(slowest);
    }
    own->is_counted = true;
    http->reply_bytes += own->body_bytes;
}

static char *put_plain(char *at, const char *text)
{
    const size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

/* All else in a head has 170 bytes at the most. Types are static; the longest is that of the metrics, with 40 bytes. */
#define LONGEST_TYPE 64
_Static_assert(sizeof((wick_exchange *)0)->out_head >= 170 + 16 + LONGEST_TYPE, "a head has its room");

/* The status line and the fields that are ours, in out_head. Without printf, which took as long as the rest of a short reply. Returns its bytes. */
static size_t put_head(wick_exchange *own, bool has_no_body)
{
    char *at = put_plain(own->out_head, "HTTP/1.1 ");
    at += wick_whole_to_text((uint64_t)own->status, 1, at);
    at = put_plain(put_plain(at, " "), reason(own->status));
    at = put_plain(put_plain(at, "\r\n"), date_line(own->http));
    if (own->content_type && *own->content_type && strlen(own->content_type) < LONGEST_TYPE)
        at = put_plain(put_plain(put_plain(at, "Content-Type: "), own->content_type), "\r\n");
    if (!has_no_body) {
        at = put_plain(at, "Content-Length: ");
        at += wick_whole_to_text(own->body_bytes, 1, at);
        at = put_plain(at, "\r\n");
    }
    if (own->must_close)
        at = put_plain(at, "Connection: close\r\n");
    else if (own->head.is_http_1_0)
        at = put_plain(at, "Connection: keep-alive\r\n");
    if (!own->fields_bytes) /* else the blank line goes behind those */
        at = put_plain(at, "\r\n");
    return (size_t)(at - own->out_head);
}

/* Loop thread. */
static void send_reply(void *arg)
{
    wick_exchange *own = arg;
    wick_http *http = own->http;
    http->n_busy--;
    own->state = WRITING;
    own->gone_flag = NULL;
    if (own->fd < 0) {
        wick_exchange_forget_reply(own);
        wick_connection_close(own);
        return;
    }
    if (http->is_stopping)
        own->must_close = true;
    const bool has_no_body = own->status == 204 || own->status == 304;
    const size_t n = put_head(own, has_no_body);
    if (own->fields_bytes)
        memcpy(own->fields + own->fields_bytes, "\r\n", 2);
    own->out[0] = (struct iovec){own->out_head, n};
    own->out[1] = (struct iovec){own->fields, own->fields_bytes ? own->fields_bytes + 2 : 0};
    own->out[2] = (struct iovec){own->body, own->body_bytes};
    if (own->head.method == WICK_HEAD || has_no_body)
        own->out[2].iov_len = 0;
    const double allowed = (double)own->body_bytes / SLOWEST_BYTES_PER_MS + own->http->options.read_timeout_ms;
    own->reply_ms = wick_http_now();
    if (own->status == 429)
        http->refusing_until_ms = own->reply_ms + REFUSING_MS;
    own->deadline_ms = own->reply_ms + allowed;
    make_room(own);
    wick_exchange_write(own);
}

void wick_exchange_reply(wick_exchange *exchange, int status, const char *content_type, char *body, size_t n_bytes)
{
    exchange->status = status;
    exchange->content_type = content_type;
    exchange->body = body;
    exchange->body_bytes = n_bytes;
    if (pthread_equal(pthread_self(), exchange->http->loop_thread)) {
        send_reply(exchange);
        return;
    }
    exchange->reply_task = (wick_http_task){.fn = send_reply, .arg = exchange};
    wick_http_post_task(exchange->http, &exchange->reply_task);
}
