/* SPDX-License-Identifier: Apache-2.0
 * http.h: the seam to HTTP. In: a listening address and a handler. Out: one wick_exchange a request: its bytes in, one reply out. The rest of
 * the server knows exchanges, never sockets. Behind it: libevent's event loop (http_loop.c), HTTP/1.1's framing (http_parse.c, http_chunked.c),
 * connections (http_connection.c) and replies (http_exchange.c); docs/server.md says why the framing is not evhttp's.
 *
 * One thread runs the loop (wick_http_run); handlers run on it and must not wait. A handler replies at once, or hands the exchange to another
 * thread, which replies later: wick_exchange_reply may be called from any thread, once, and sends from the loop. */
#ifndef WICK_SERVER_HTTP_H
#define WICK_SERVER_HTTP_H
#include <stdatomic.h>
#include <wick.h>

typedef struct wick_http wick_http;
typedef struct wick_exchange wick_exchange;

typedef struct wick_http_options {
    const char *host;                                       /* "127.0.0.1", "::1", "0.0.0.0" or a name */
    uint16_t port;                                          /* 0: any free one, see wick_http_port */
    size_t max_head_bytes, max_body_bytes, max_connections; /* a head: at most 65535 */
    size_t max_buffered_bytes; /* of all bodies being read together; past it 503. 0: no limit */
    unsigned
        read_timeout_ms; /* from a request's first byte (or a connection's) to its last, whatever trickles in; and for a reply to be taken */
    unsigned idle_timeout_ms; /* a connection kept alive without a request */
    void *user;
    /* Loop thread; a whole and well-formed request. */
    void (*on_request)(void *user, wick_exchange *exchange);
    /* Loop thread; the head of a request whose body is large (over WICK_HTTP_EARLY_BYTES or of unknown length) and has not been read. May reply
     * (the connection then ends), so that a body nobody wants is not read; else on_request comes later. May be NULL. */
    void (*on_head)(void *user, wick_exchange *exchange);
    /* Loop thread; a malformed request (two Content-Length, Content-Length beside Transfer-Encoding, too long a head or body, too slow): to be
     * answered at once with that status; the connection then ends. Its path is "" where none could be read, its body is empty. */
    void (*on_refused)(void *user, wick_exchange *exchange, int status, const char *message);
} wick_http_options;

#define WICK_HTTP_EARLY_BYTES ((size_t)64 << 10)

/* Binds and listens. WICK_E_IO: the address is taken or not this machine's. */
int wick_http_open(const wick_http_options *options, wick_http **out, wick_error *error);
/* Behind wick_http_run. What was posted meanwhile is run first. */
void wick_http_close(wick_http *http);
uint16_t wick_http_port(const wick_http *http);
size_t wick_http_n_connections(const wick_http *http); /* any thread */

/* Serves until wick_http_stop, then until every exchange has been answered, or drain_ms have passed. 0, or 1 where some were not: these exchanges may
 * still be held by others, and *http must not be closed. */
int wick_http_run(wick_http *http, unsigned drain_ms);
/* Every reply from now on ends its connection. New connections are taken for half a second more (a request that is on its way is answered),
 * then no longer. Loop thread; call through wick_http_post elsewhere. */
void wick_http_stop(wick_http *http);

/* Runs fn(arg) on the loop thread soon, in the order of the calls. Any thread. False: out of memory, fn will not run. */
bool wick_http_post(wick_http *http, void (*fn)(void *arg), void *arg);
/* The same without memory of its own: *task stays the loop's until fn is called. */
typedef struct wick_http_task {
    struct wick_http_task *next;
    void (*fn)(void *arg);
    void *arg;
} wick_http_task;
void wick_http_post_task(wick_http *http, wick_http_task *task);
/* Runs fn(arg) on the loop thread after so many milliseconds, once (never where the loop ends before). Loop thread. */
bool wick_http_after(wick_http *http, unsigned ms, void (*fn)(void *arg), void *arg);
/* Runs fn(arg) on the loop thread whenever the process gets the signal. Before wick_http_run. */
bool wick_http_on_signal(wick_http *http, int signal_number, void (*fn)(void *arg), void *arg);

/* ---- one exchange ---- */

typedef enum wick_method { WICK_GET, WICK_HEAD, WICK_POST, WICK_OPTIONS, WICK_OTHER_METHOD } wick_method;

/* What came in; lives until the reply was handed over. The body is writable scratch and has a 0 behind it. */
wick_method wick_exchange_method(const wick_exchange *exchange);
const char *wick_exchange_path(const wick_exchange *exchange); /* decoded, without the query */
const char *wick_exchange_query(const wick_exchange *exchange, const char *name, char *out,
                                size_t n);                                         /* value or NULL */
const char *wick_exchange_header(const wick_exchange *exchange, const char *name); /* any case; NULL: absent */
char *wick_exchange_body(wick_exchange *exchange, size_t *n_bytes);
const char *wick_exchange_peer(const wick_exchange *exchange);  /* "192.0.2.1", without the port */
double wick_exchange_arrived_ms(const wick_exchange *exchange); /* wick_now_ms when its last byte had come */

/* True once the client has hung up: work for it can be left. Any thread that holds the exchange. */
bool wick_exchange_is_gone(const wick_exchange *exchange);
/* Sets *flag too once the client has hung up, until the reply, which must come from the loop thread then. Loop thread. */
void wick_exchange_watch(wick_exchange *exchange, atomic_bool *flag);

/* A header of the reply; name and value are copied. By whoever holds the exchange. Values with line breaks are refused (false). */
bool wick_exchange_set_header(wick_exchange *exchange, const char *name, const char *value);
/* Sends the reply and ends the exchange, which the caller no longer holds. body: malloc'ed, becomes the exchange's (freed where the client is gone),
 * NULL where n_bytes is 0. content_type: static, NULL where there is no body. */
void wick_exchange_reply(wick_exchange *exchange, int status, const char *content_type, char *body, size_t n_bytes);

#endif
