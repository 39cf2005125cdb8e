/* SPDX-License-Identifier: Apache-2.0
 * server.h: the server as a whole: models, keys, policy, HTTP and the calls that run through them. In: options. Out: a process that serves until a signal
 * ends it. Called by src/cli/serve.c and the tests.
 *
 * Threads: the loop (wick_server_run's caller) reads, tokenizes small bodies, replies; a few workers take large bodies and replies; each model's lane has
 * one (lane.h). Everything in wick_server belongs to the loop, but for what has threads of its own. */
#ifndef WICK_SERVER_SERVER_H
#define WICK_SERVER_SERVER_H
#include "server/access_log.h"
#include "server/call.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/policy.h"
#include "server/workers.h"

typedef struct wick_server_options {
    const char *host;
    uint16_t port;                                          /* 0: any free one */
    const char *api_key_file;                               /* NULL: none */
    const char *api_keys;                                   /* between blanks or commas; NULL: none */
    bool allow_public;                                      /* without keys on an address that others reach */
    bool public_metrics;                                    /* /metrics needs no key */
    const char *const *allowed_hosts, *const *cors_origins; /* [n] */
    size_t n_allowed_hosts, n_cors_origins;
    const char *log_format; /* "logfmt", "json" */
    int log_fd;
    const char *(*log_level)(void *user); /* asked at the start and on SIGHUP; its answer, NULL: leave it */
    void *log_level_user;
    size_t max_body_bytes, max_texts, max_connections, max_buffered_bytes;
    unsigned read_timeout_ms, idle_timeout_ms, request_timeout_ms, drain_ms;
    unsigned n_workers;
    wick_models_options models; /* metrics is filled in by the server */
} wick_server_options;

/* Fills in the defaults. */
void wick_server_options_init(wick_server_options *options);

/* Loads keys, binds, starts the workers; no model yet. options' strings stay the caller's and must outlive the server. */
int wick_server_open(const wick_server_options *options, wick_server **out, wick_error *error);
void wick_server_close(wick_server *server);
wick_models *wick_server_models(wick_server *server); /* to load models into, before or while it runs */
/* While models are being loaded by another thread: /health/ready is 503, and so is a request for a model that is not there yet. Any thread. */
void wick_server_set_loading(wick_server *server, bool is_loading);
uint16_t wick_server_port(const wick_server *server);

/* Serves until SIGTERM, SIGINT or wick_server_stop; SIGHUP reads keys and log level again. 0, or 1 where accepted requests stayed without an answer:
 * threads may be stuck then, and the process is to end without wick_server_close. */
int wick_server_run(wick_server *server);
/* As SIGTERM does. Any thread. */
void wick_server_stop(wick_server *server);

#endif
