/* SPDX-License-Identifier: Apache-2.0
 * server.c: puts the server together and takes each request to its route: Host, CORS, key, then calls.c. In: exchanges of http.h, signals. Out: replies with
 * their headers, a log line and metrics for each. Called by src/cli/serve.c (server.h). */
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "provider/vectors.h"
#include "server/request.h"
#include "server/server_internal.h"
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define TICK_MS 200
/* Arrays from so many bytes on go back to the system when they are freed. */
#define LARGE_ARRAY_BYTES (1 << 20)
/* Work that may wait for a worker; beyond it large requests are refused. */
#define MAX_QUEUED_WORK 256

void wick_server_options_init(wick_server_options *options)
{
    *options = (wick_server_options){
        .host = "127.0.0.1",
        .port = 8080,
        .log_format = "logfmt",
        .log_fd = STDERR_FILENO,
        .max_body_bytes = (size_t)8 << 20,
        .max_texts = 2048,
        .max_connections = 16384,
        .max_buffered_bytes = (size_t)256 << 20,
        .read_timeout_ms = 30000,
        .idle_timeout_ms = 120000,
        .request_timeout_ms = 30000,
        .drain_ms = 25000,
        .n_workers = 2,
        .models = {.lane = {.batch_tokens = 1024,
                            .queue_tokens = 131072,
                            .n_retries = 2,
                            .breaker_failures = 5,
                            .breaker_open_ms = 5000},
                   .max_models = 8},
    };
    wick_provider_options_init(&options->models.provider);
    wick_model_options_init(&options->models.provider.model_options);
}

/* ---- one request: its beginning and its end ------------------------------------------------------------------------- */

static uint64_t next_number(wick_server *server)
{
    const uint64_t count = ++server->n_ids;
    return wick_hash64(&count, sizeof count, server->id_seed);
}

/* The client's id, if it can do no harm in logs; else one of our own. */
static void set_id(wick_handling *handling)
{
    const char *given = wick_exchange_header(handling->exchange, "X-Request-Id");
    const size_t n = given ? strlen(given) : 0;
    if (n >= 1 && n < WICK_REQUEST_ID_BYTES &&
        strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=@") == n)
        memcpy(handling->id, given, n + 1);
    else
        snprintf(handling->id, sizeof handling->id, "%016llx", (unsigned long long)next_number(handling->server));
}

static wick_handling *handling_new(wick_server *server, wick_exchange *exchange)
{
    wick_handling *handling = calloc(1, sizeof *handling);
    if (!handling) {
        wick_exchange_reply(exchange, 503, NULL, NULL, 0);
        return NULL;
    }
    handling->server = server;
    handling->exchange = exchange;
    handling->route = "other";
    handling->dialect = wick_routes_dialect(wick_exchange_path(exchange));
    handling->call.server = server;
    handling->call.service = &server->service;
    handling->call.exchange = exchange;
    handling->call.arena = &handling->arena;
    handling->content_type = "application/json";
    set_id(handling);
    handling->next = server->handlings;
    if (handling->next)
        handling->next->previous = handling;
    server->handlings = handling;
    server->n_handlings++;
    return handling;
}

void wick_handling_free(wick_handling *handling)
{
    wick_server *server = handling->server;
    if (handling->previous)
        handling->previous->next = handling->next;
    else
        server->handlings = handling->next;
    if (handling->next)
        handling->next->previous = handling->previous;
    server->n_handlings--;
    wick_json_free(handling->call.body);
    if (handling->call.served)
        wick_models_return(server->models, handling->call.served);
    wick_arena_clear(&handling->arena);
    free(handling->call.vectors);
    wick_rows_response_clear(&handling->call.job.rows);
    free(handling->out.bytes);
    free(handling);
}

void wick_handling_refuse(wick_handling *handling, wick_refusal refusal, const char *param, const char *format, ...)
{
    wick_api_error *error = &handling->error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    snprintf(error->param, sizeof error->param, "%s", param ? param : "");
    error->refusal = refusal;
    handling->ok = false;
}

static const char *method_name(const wick_exchange *exchange)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "OPTIONS", "other"};
    return names[wick_exchange_method(exchange)];
}

static void set_milliseconds(wick_exchange *exchange, const char *name, double ms)
{
    char text[32];
    const unsigned long us = ms > 0 ? (unsigned long)(ms * 1e3 + 0.5) : 0; /* whole numbers are printed faster */
    snprintf(text, sizeof text, "%lu.%03lu", us / 1000, us % 1000);
    wick_exchange_set_header(exchange, name, text);
}

/* Sends status and ->out, and tells log and metrics. */
static void conclude(wick_handling *handling)
{
    wick_server *server = handling->server;
    wick_exchange *exchange = handling->exchange;
    const wick_call *call = &handling->call;
    const double ms = wick_now_ms() - wick_exchange_arrived_ms(exchange);
    const char *model = call->served ? call->served->name : NULL;
    wick_exchange_set_header(exchange, "x-request-id", handling->id);
    wick_policy_cors(&server->policy, exchange);
    if (handling->status == 200 && wick_call_has_results(call)) {
        set_milliseconds(exchange, "x-queue-time", call->job.queue_ms);
        set_milliseconds(exchange, "x-tokenization-time", call->tokenize_ms);
        set_milliseconds(exchange, "x-inference-time", call->job.inference_ms);
        wick_metrics_job(server->metrics, call->job.queue_ms / 1e3, call->tokenize_ms / 1e3,
                         call->job.inference_ms / 1e3);
        wick_metrics_texts(server->metrics, model, call->n_texts, call->total_tokens);
    }
    wick_metrics_request(server->metrics, handling->route, handling->status, ms / 1e3);
    const wick_access access = {
        .id = handling->id,
        .method = method_name(exchange),
        .route = handling->route,
        .peer = wick_exchange_peer(exchange),
        .model = model,
        .status = handling->status,
        .ms = ms,
        .n_texts = wick_call_has_results(call) ? call->n_texts : 0,
        .n_tokens = call->total_tokens,
    };
    wick_access_log_request(server->log, &access);
    const bool has_body = handling->out.n_bytes > 0;
    handling->exchange = handling->call.exchange = NULL;
    wick_exchange_reply(exchange, handling->status, has_body ? handling->content_type : NULL,
                        has_body ? handling->out.bytes : NULL, handling->out.n_bytes);
    if (has_body)
        handling->out = (wick_buffer){0};
}

void wick_handling_reply(wick_handling *handling)
{
    conclude(handling);
}

void wick_handling_reply_error(wick_handling *handling)
{
    const wick_refusal refusal = handling->error.refusal;
    if (!handling->status || handling->status < 400)
        handling->status = handling->dialect->status(refusal);
    handling->out.n_bytes = 0;
    handling->out.failed = false;
    handling->content_type = "application/json";
    handling->dialect->write_error(&handling->error, handling->status, &handling->out);
    if (refusal == WICK_REFUSE_UNAUTHORIZED)
        wick_exchange_set_header(handling->exchange, "WWW-Authenticate", "Bearer");
    if (handling->retry_after_ms) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", (handling->retry_after_ms + 999) / 1000);
        wick_exchange_set_header(handling->exchange, "Retry-After", seconds);
    }
    if (refusal == WICK_REFUSE_INTERNAL)
        wick_log(WICK_LOG_ERROR, "request %s failed: %s", handling->id, handling->error.message);
    if (handling->status != WICK_STATUS_GONE) /* nobody's error */
        wick_metrics_error(handling->server->metrics, wick_refusal_code(refusal));
    conclude(handling);
}

/* ---- from the exchange to its route --------------------------------------------------------------------------------- */

static void answer_options(wick_handling *handling, const char *allow)
{
    wick_exchange_set_header(handling->exchange, "Allow", *allow ? allow : "GET, HEAD, POST, OPTIONS");
    if (wick_policy_is_preflight(handling->exchange))
        wick_policy_preflight(&handling->server->policy, handling->exchange);
    handling->status = 204;
    wick_handling_reply(handling);
}

/* Sets ->client: who takes turns with whom. False: the key is missing or wrong. */
static bool check_key(wick_handling *handling, const wick_route *route)
{
    const wick_server *server = handling->server;
    const char *peer = wick_exchange_peer(handling->exchange);
    const char *given = wick_exchange_header(handling->exchange, "Authorization");
    const size_t key = wick_keys_match(server->keys, given);
    const bool is_open = route->is_public || (server->options.public_metrics && !strcmp(route->path, "/metrics"));
    handling->client = key ? wick_hash64(&key, sizeof key, 1) : wick_hash64(peer, strlen(peer), 0);
    if (key || is_open || !wick_keys_count(server->keys))
        return true;
    wick_handling_refuse(handling, WICK_REFUSE_UNAUTHORIZED, NULL,
                         given ? "the API key is not valid"
                               : "an API key is needed: send the header Authorization: Bearer KEY");
    return false;
}

/* Host, CORS, route, key. False: it has been answered. */
static bool admit(wick_handling *handling)
{
    wick_exchange *exchange = handling->exchange;
    const wick_policy *policy = &handling->server->policy;
    const wick_method method = wick_exchange_method(exchange);
    wick_refusal refusal;
    char allow[64];
    const wick_route *route =
        wick_routes_find(method, wick_exchange_path(exchange), &refusal, allow, &handling->dialect);
    if (!wick_policy_host_ok(policy, exchange)) {
        wick_handling_refuse(handling, WICK_REFUSE_FORBIDDEN, NULL,
                             "the Host header names another server; if it is a name of this one, set allowed_hosts");
        wick_handling_reply_error(handling);
        return false;
    }
    if (method == WICK_OPTIONS) {
        answer_options(handling, allow);
        return false;
    }
    if (!route) {
        if (refusal == WICK_REFUSE_METHOD)
            wick_exchange_set_header(exchange, "Allow", allow);
        wick_handling_refuse(handling, refusal, NULL,
                             refusal == WICK_REFUSE_METHOD ? "this path is not asked with that method, but with %s"
                                                           : "there is nothing under this path%s",
                             allow);
        wick_handling_reply_error(handling);
        return false;
    }
    handling->route = route->path;
    handling->call.route = route;
    if (check_key(handling, route))
        return true;
    wick_handling_reply_error(handling);
    return false;
}

static void on_request(void *user, wick_exchange *exchange)
{
    wick_handling *handling = handling_new(user, exchange);
    if (!handling)
        return;
    if (admit(handling))
        wick_call_begin(handling);
    else
        wick_handling_free(handling);
}

/* A large body is only read for who may send it. */
static void on_head(void *user, wick_exchange *exchange)
{
    wick_handling *handling = handling_new(user, exchange);
    if (!handling)
        return;
    admit(handling);
    wick_handling_free(handling); /* where it was not answered, on_request comes with the body */
}

static void on_refused(void *user, wick_exchange *exchange, int status, const char *message)
{
    wick_handling *handling = handling_new(user, exchange);
    wick_refusal refusal;
    char allow[64];
    if (!handling)
        return;
    const char *path = wick_exchange_path(exchange);
    const wick_route *route =
        *path ? wick_routes_find(wick_exchange_method(exchange), path, &refusal, allow, &handling->dialect) : NULL;
    if (route)
        handling->route = route->path;
    handling->status = status;
    handling->retry_after_ms = status == 503 ? 1000 : 0;
    wick_handling_refuse(handling,
                         status == 413   ? WICK_REFUSE_TOO_LARGE
                         : status == 503 ? WICK_REFUSE_UNAVAILABLE
                                         : WICK_REFUSE_INVALID,
                         NULL, "%s", message);
    wick_handling_reply_error(handling);
    wick_handling_free(handling);
}

/* ---- the server as a whole ------------------------------------------------------------------------------------------ */

static void set_log_level(wick_server *server)
{
    const char *name = server->options.log_level ? server->options.log_level(server->options.log_level_user) : NULL;
    if (name)
        wick_log_level_set_by_name(name);
}

static void on_hang_up(void *arg)
{
    wick_server *server = arg;
    wick_keys *keys = NULL;
    wick_error error = {0};
    set_log_level(server);
    const int rc = wick_keys_load(server->options.api_key_file, server->options.api_keys, &keys, &error);
    if (rc != WICK_OK) {
        wick_log(WICK_LOG_ERROR, "SIGHUP: the API keys stay as they were: %s (%s)", error.message, error.where);
        return;
    }
    wick_keys_free(server->keys);
    server->keys = keys;
    wick_log(WICK_LOG_INFO, "SIGHUP: log level and %zu API keys read again", wick_keys_count(keys));
}

static void stop(void *arg)
{
    wick_server *server = arg;
    server->is_stopping = true;
    wick_http_stop(server->http);
}

static void end_at_once(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    _exit(128 + number); /* process 1 of a container does not die of a signal's default action */
}

static void on_end(wick_server *server, int number)
{
    if (server->is_stopping) {
        wick_access_log_flush(server->log);
        end_at_once(number);
    }
    wick_log(WICK_LOG_INFO, "stopping: what was accepted is answered first; a second signal ends at once");
    stop(server);
}

static void on_terminate(void *arg)
{
    on_end(arg, SIGTERM);
}

static void on_interrupt(void *arg)
{
    on_end(arg, SIGINT);
}

static void on_tick(void *arg)
{
    wick_server *server = arg;
    wick_calls_tick(server, wick_now_ms());
    wick_access_log_flush(server->log);
    wick_http_after(server->http, TICK_MS, on_tick, server);
}

static int check_exposure(const wick_server *server, wick_error *error)
{
    if (server->policy.is_loopback || server->keys || server->options.allow_public)
        return WICK_OK;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const int rc = getaddrinfo(server->options.host, NULL, &hints, &found);
    if (rc != 0) /* nobody reaches it */
        return wick_fail(error, WICK_E_INVALID_INPUT, server->options.host,
                         "give an address of this machine: 127.0.0.1, ::1, 0.0.0.0", "no such address: %s",
                         gai_strerror(rc));
    freeaddrinfo(found);
    return wick_fail(error, WICK_E_INVALID_INPUT, server->options.host,
                     "set API keys (--api-key-file), listen on 127.0.0.1, or say --allow-public",
                     "this address is reached by others, and no API key is set");
}

static int open_http(wick_server *server, wick_error *error)
{
    const wick_server_options *options = &server->options;
    const wick_http_options http = {
        .host = options->host,
        .port = options->port,
        .max_head_bytes = 16384,
        .max_body_bytes = options->max_body_bytes,
        .max_connections = options->max_connections,
        .max_buffered_bytes = options->max_buffered_bytes,
        .read_timeout_ms = options->read_timeout_ms,
        .idle_timeout_ms = options->idle_timeout_ms,
        .user = server,
        .on_request = on_request,
        .on_head = on_head,
        .on_refused = on_refused,
    };
    const int rc = wick_http_open(&http, &server->http, error);
    if (rc != WICK_OK)
        return rc;
    return wick_http_after(server->http, TICK_MS, on_tick, server) ? WICK_OK : wick_fail_memory(error, "the server");
}

static int open_parts(wick_server *server, wick_error *error)
{
#if defined(__GLIBC__)
    mallopt(
        M_MMAP_THRESHOLD,
        LARGE_ARRAY_BYTES); /* else it rises to 32 MiB with the first large text, and what several texts took stays in the heaps */
#endif
    wick_server_options *options = &server->options;
    int rc = wick_policy_check(&server->policy, error);
    if (rc == WICK_OK)
        rc = wick_keys_load(options->api_key_file, options->api_keys, &server->keys, error);
    if (rc == WICK_OK)
        rc = check_exposure(server, error);
    if (rc == WICK_OK)
        rc = open_http(server, error);
    server->log = wick_access_log_open(options->log_fd, !strcmp(options->log_format, "json"));
    server->metrics = wick_metrics_new();
    server->health = wick_health_new(server);
    server->encodings = calloc(options->n_workers + 1, sizeof(wick_encoding *));
    const bool has_memory = server->log && server->metrics && server->health && server->encodings;
    /* A build without the native engine has no tokenizer, and makes no encodings. */
    for (unsigned i = 0; has_memory && i <= options->n_workers; i++)
        server->encodings[i] = wick_encoding_new();
    if (rc == WICK_OK && !has_memory)
        rc = wick_fail_memory(error, "the server");
    options->models.lane.metrics = server->metrics;
    if (rc == WICK_OK)
        rc = wick_models_new(&options->models, &server->models, error);
    if (rc == WICK_OK)
        rc = wick_workers_new(options->n_workers, MAX_QUEUED_WORK, &server->workers, error);
    return rc;
}

/* As many descriptors as the system lets us have, for as many connections. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            wick_log(WICK_LOG_DEBUG, "the limit on descriptors stays as it is: %s", strerror(errno));
    }
}

int wick_server_open(const wick_server_options *options, wick_server **out, wick_error *error)
{
    *out = NULL;
    wick_server *server = calloc(1, sizeof *server);
    if (!server)
        return wick_fail_memory(error, "the server");
    server->options = *options;
    server->options.n_workers = options->n_workers ? options->n_workers : 1;
    server->policy = (wick_policy){options->host,         options->allowed_hosts,  options->n_allowed_hosts,
                                   options->cors_origins, options->n_cors_origins, false};
    wick_policy_init(&server->policy);
    const double seed[2] = {wick_now_ms(), (double)getpid()};
    server->id_seed = wick_hash64(seed, sizeof seed, (uint64_t)(uintptr_t)server);
    set_log_level(server);
    raise_descriptor_limit();
    const int rc = open_parts(server, error);
    if (rc != WICK_OK) {
        wick_server_close(server);
        return rc;
    }
    server->service = (wick_service){
        .models = server->models,
        .allow_load = options->models.allow_load,
        .cache_dir = options->models.provider.model_options.cache_dir,
        .max_texts = options->max_texts,
        .max_body_bytes = options->max_body_bytes,
        .max_connections = options->max_connections,
        .batch_tokens = options->models.lane.batch_tokens,
        .n_workers = server->options.n_workers,
    };
    *out = server;
    return WICK_OK;
}

void wick_server_close(wick_server *server)
{
    if (!server)
        return;
    wick_workers_free(server->workers);
    wick_health_free(server->health);
    wick_models_free(server->models, true);
    wick_http_close(server->http);
    wick_access_log_close(server->log);
    wick_metrics_free(server->metrics);
    wick_keys_free(server->keys);
    for (unsigned i = 0; server->encodings && i <= server->options.n_workers; i++)
        wick_encoding_free(server->encodings[i]);
    free(server->encodings);
    free(server);
}

wick_models *wick_server_models(wick_server *server)
{
    return server->models;
}

void wick_server_set_loading(wick_server *server, bool is_loading)
{
    atomic_store(&server->is_loading, is_loading);
}

uint16_t wick_server_port(const wick_server *server)
{
    return wick_http_port(server->http);
}

int wick_server_run(wick_server *server)
{
    /* Only now: while models are being loaded, Ctrl-C ends the process at once. */
    if (!wick_http_on_signal(server->http, SIGTERM, on_terminate, server) ||
        !wick_http_on_signal(server->http, SIGINT, on_interrupt, server) ||
        !wick_http_on_signal(server->http, SIGHUP, on_hang_up, server))
        wick_log(WICK_LOG_ERROR, "signals cannot be waited for: they end the process at once");
    const int rc = wick_http_run(server->http, server->options.drain_ms);
    wick_access_log_flush(server->log);
    const bool is_clean = rc == 0 && server->n_handlings == 0 && wick_health_is_idle(server->health);
    if (!is_clean)
        wick_log(WICK_LOG_ERROR, "stopped with %zu requests unanswered", server->n_handlings);
    else
        wick_log(WICK_LOG_INFO, "stopped: every accepted request was answered");
    wick_access_log_flush(server->log);
    return is_clean ? 0 : 1;
}

void wick_server_stop(wick_server *server)
{
    wick_http_post(server->http, stop, server);
}
