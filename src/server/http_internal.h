/* SPDX-License-Identifier: Apache-2.0
 * http_internal.h: what the http_*.c files share: the loop, a connection and its states. A connection is its exchange: it has one request at a
 * time, and what a client pipelines waits in the socket. Everything here belongs to the loop thread, except where it says so.
 *
 *   IDLE --a byte--> HEAD --blank line--> BODY --whole--> BUSY --reply--> WRITING --taken--> IDLE
 *                     \-- malformed, late --\--> refused: BUSY, answered at once --> WRITING --> LINGER --> CLOSED
 *
 * A connection whose client has gone while it is BUSY is kept until the reply comes; all others are freed at the end of the event. */
#ifndef WICK_SERVER_HTTP_INTERNAL_H
#define WICK_SERVER_HTTP_INTERNAL_H
#include "server/http_parse.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A client that has gone is no reason for SIGPIPE; macOS has an option of the socket instead (http_loop.c). */
#ifdef MSG_NOSIGNAL
#define WICK_NO_SIGNAL MSG_NOSIGNAL
#else
#define WICK_NO_SIGNAL 0
#endif

enum connection_state { IDLE, HEAD, BODY, BUSY, WRITING, LINGER, CLOSED };

struct wick_exchange {
    wick_http *http;
    struct wick_exchange *previous, *next; /* in http->connections, or next in http->dead */
    int fd;                                /* -1: closed */
    unsigned char state;
    bool is_reading, is_writable_wanted; /* which events are added */
    bool is_refused;                     /* the request is malformed: it has no body */
    bool has_head;                       /* the head has been parsed */
    bool must_close;                     /* after the reply */
    bool must_linger; /* bytes of the client may still be on their way: a plain close would destroy the reply */
    bool in_advance;
    bool is_counted;        /* its reply, in http->reply_bytes */
    atomic_bool is_gone;    /* read by whoever holds the exchange */
    atomic_bool *gone_flag; /* of wick_exchange_watch; NULL: none */
    struct event read_event, write_event;
    double deadline_ms; /* of the state; 0: none */
    double arrived_ms;
    double reply_ms; /* since when it is to take its reply */

    char *in; /* the request's bytes from 0 on, and what follows it */
    size_t n_in, in_capacity;
    size_t n_scanned, head_bytes;
    size_t body_end;   /* the body is in[head_bytes..body_end), decoded */
    size_t rest_begin; /* the next request's first byte */
    char behind_body;  /* the byte that the body's terminator stands on */
    wick_chunked chunked;
    wick_http_head head;

    char *fields; /* lines of the reply's head, set by whoever holds the exchange */
    size_t fields_bytes, fields_capacity;
    int status;
    const char *content_type;
    char *body;
    size_t body_bytes;
    char out_head[256];
    struct iovec out[3];
    wick_http_task reply_task;

    size_t lingered_bytes;
    char peer[48];
};

struct wick_http {
    wick_http_options options;
    struct event_base *base;
    struct event *listen_event, *wake_event, *tick_event;
    int listen_fd, wake_fds[2]; /* of a pipe; both the same where it is an eventfd */
    uint16_t port;
    pthread_t loop_thread;
    bool is_stopping, is_listening, was_quiet;
    double stop_ms, shut_ms; /* when each began; 0: not yet */
    unsigned drain_ms;

    wick_exchange *connections, *dead;
    size_t n_busy;
    double refusing_until_ms; /* a 429 was sent so short a time ago that more are likely */
    atomic_size_t n_connections;
    size_t buffered_bytes; /* of input */
    size_t reply_bytes;    /* of replies that have not been taken */
    char date[96];         /* a line of the reply's head */
    int64_t date_second;

    pthread_mutex_t posted_lock;
    wick_http_task *posted, **posted_end; /* under the lock */
    bool is_awake;                        /* under the lock: the loop has been woken and will look */
    struct timer *timers;                 /* of wick_http_after that have not run */
    struct signal_hook *signals;
};

/* After a 429 a server counts as refusing for so long. */
#define REFUSING_MS 100
/* Smallest buffer: most requests of one text fit in. */
#define FIRST_BUFFER_BYTES ((size_t)4096)
/* The canned answer past max_connections. */
#define LISTEN_PAUSE_MS 100

/* http_connection.c */
void wick_connection_open(wick_http *http, int fd, const char *peer);
void wick_connection_close(wick_exchange *own);
/* Frees what was closed; at the end of every event. */
void wick_connections_reap(wick_http *http);
/* Refuses the request under way. */
void wick_connection_refuse(wick_exchange *own, int status, const char *message);
/* The request has been answered and the answer was taken: on to the next. */
void wick_connection_answered(wick_exchange *own);
/* Goes on with the bytes that are there. */
void wick_connection_advance(wick_exchange *own);
/* Deadlines; now in milliseconds. */
void wick_connections_tick(wick_http *http, double now);
void wick_connection_want(wick_exchange *own, bool reading, bool writing);
void wick_connection_free(wick_exchange *own);

/* http_exchange.c */
/* Frees the reply. */
void wick_exchange_forget_reply(wick_exchange *own);
/* Goes on writing the reply. */
void wick_exchange_write(wick_exchange *own);

double wick_http_now(void); /* wick_now_ms */

#endif
