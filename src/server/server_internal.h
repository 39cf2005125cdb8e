/* SPDX-License-Identifier: Apache-2.0
 * server_internal.h: what server.c, calls.c, routes.c and health.c share: the server's parts, and a request on its way (wick_handling). */
#ifndef WICK_SERVER_SERVER_INTERNAL_H
#define WICK_SERVER_SERVER_INTERNAL_H
#include "server/server.h"
#include <pthread.h>

typedef struct wick_handling wick_handling;
typedef struct wick_health wick_health;

struct wick_server {
    wick_server_options options;
    wick_service service;
    wick_policy policy;
    wick_keys *keys;
    wick_access_log *log;
    wick_metrics *metrics;
    wick_models *models;
    wick_workers *workers;
    wick_http *http;
    wick_health *health;
    wick_encoding **encodings; /* [n_workers + 1] scratch of each worker, the last of the loop */
    wick_handling *handlings;  /* under way */
    size_t n_handlings;
    size_t n_waiting; /* of those, on threads of their own */
    bool is_stopping;
    atomic_bool is_loading;
    uint64_t id_seed, n_ids; /* of request ids */
};

#define WICK_REQUEST_ID_BYTES 129

/* The client hung up before its turn came: no status of HTTP's, but the one that logs of other servers say it with. */
#define WICK_STATUS_GONE 499

/* Where a request is. LANE and WORKER: in the hands of another thread. */
typedef enum wick_stage { WICK_STAGE_LOOP, WICK_STAGE_WORKER, WICK_STAGE_LANE, WICK_STAGE_HEALTH } wick_stage;

struct wick_handling {
    wick_call call;
    wick_server *server;
    wick_arena arena;
    wick_exchange *exchange; /* NULL: answered already */
    const wick_dialect *dialect;
    const char *route;      /* for log and metrics: from the table of routes, or "other" */
    const char *model_name; /* borrowed from call.served */
    char id[WICK_REQUEST_ID_BYTES];
    uint64_t client;
    wick_stage stage;
    pthread_t thread; /* where the route is_waiting */
    atomic_bool is_gone;
    bool ok; /* the last stage went well; else error says why not */
    wick_api_error error;
    unsigned retry_after_ms;
    int status;
    const char *content_type;
    wick_buffer out;
    wick_http_task task;
    wick_work work;
    wick_handling *previous, *next;
};

/* ---- routes.c ---- */
/* Finds the route. NULL: *refusal (ROUTE or METHOD), *allow (the methods there are, where METHOD) and *dialect (whose form the error takes). */
const wick_route *wick_routes_find(wick_method method, const char *path, wick_refusal *refusal, char allow[64],
                                   const wick_dialect **dialect);
/* The form of errors under a path that no route has. */
const wick_dialect *wick_routes_dialect(const char *path);

/* ---- calls.c ---- */
/* Takes a request that policy has let through; replies sooner or later. Loop thread, as all below. */
void wick_call_begin(wick_handling *handling);
/* Once a second: answers those whose engine does not answer. */
void wick_calls_tick(wick_server *server, double now);

/* ---- server.c ---- */
void wick_handling_refuse(wick_handling *handling, wick_refusal refusal, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Replies with handling->error, in the dialect's form. The handling stays. */
void wick_handling_reply_error(wick_handling *handling);
/* Replies with handling->status and ->out. */
void wick_handling_reply(wick_handling *handling);
void wick_handling_free(wick_handling *handling);

/* ---- tokens.c ---- */
/* Counts the tokens of call's texts into call->n_tokens and ->total_tokens. Any thread with an encoding of its own. */
bool wick_call_count_tokens(wick_call *call, wick_encoding *encoding, wick_api_error *error);

/* ---- health.c ---- */
extern const wick_route wick_routes_health[];
wick_health *wick_health_new(wick_server *server);
void wick_health_free(wick_health *health);
/* No canary is out. */
bool wick_health_is_idle(const wick_health *health);
/* GET /health: replies when the canary has come back, or not within its time. */
void wick_health_begin(wick_handling *handling);

#endif
