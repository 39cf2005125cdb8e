/* SPDX-License-Identifier: Apache-2.0
 * health.c: GET /health (can every model embed now?), /health/live, /health/ready and /metrics. In: a handling; the answers of the canary, a text that goes
 * through each model's lane before all others. Out: 200 or 503. A canary's answer holds for a second; one that does not come back within 4.5 s means
 * 503, at once for whoever asks as long as it is out. Loop thread; called by calls.c. */
#include "server/request.h"
#include "server/server_internal.h"
#include "provider/vectors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_MS 1000
/* "503 within 5 s of a stuck engine", with half a second for the way. */
#define PATIENCE_MS 4500
#define MAX_MODELS 64

static const char canary_text[] = "health check";

typedef struct canary_job {
    struct canary *canary;
    wick_job job;
    wick_http_task task;
    wick_served *served;
    float *out;
} canary_job;

typedef struct canary {
    wick_health *health;
    double begin_ms;
    size_t n_out; /* jobs that have not come back */
    bool has_failed, is_late;
    const char *text;
    size_t text_bytes;
    uint32_t n_tokens;
    size_t n_jobs;
    canary_job jobs[];
} canary;

struct wick_health {
    wick_server *server;
    canary *out;        /* the one under way */
    double answered_ms; /* 0: never */
    bool was_ok;
    const char *reason;
    wick_handling *waiting[256];
    size_t n_waiting;
};

wick_health *wick_health_new(wick_server *server)
{
    wick_health *health = calloc(1, sizeof *health);
    if (health)
        health->server = server;
    return health;
}

static void canary_free(canary *own)
{
    for (size_t i = 0; own && i < own->n_jobs; i++) {
        free(own->jobs[i].out);
        wick_rows_response_clear(&own->jobs[i].job.rows);
        if (own->jobs[i].served)
            wick_models_return(own->health->server->models, own->jobs[i].served);
    }
    free(own);
}

void wick_health_free(wick_health *health)
{
    if (health)
        canary_free(health->out);
    free(health);
}

bool wick_health_is_idle(const wick_health *health)
{
    return !health->out;
}

static void answer(wick_handling *handling, bool ok, const char *reason)
{
    handling->stage = WICK_STAGE_LOOP;
    handling->status = ok ? 200 : 503;
    handling->content_type = "application/json";
    wick_buffer_text(&handling->out, ok ? "{\"status\":\"ok\"" : "{\"status\":\"unavailable\",\"reason\":");
    if (!ok)
        wick_json_put_text(&handling->out, reason);
    wick_buffer_text(&handling->out, "}");
    wick_handling_reply(handling);
    wick_handling_free(handling);
}

static void conclude(wick_health *health, bool ok, const char *reason)
{
    health->was_ok = ok;
    health->reason = reason;
    health->answered_ms = wick_now_ms();
    const size_t n = health->n_waiting;
    health->n_waiting = 0;
    for (size_t i = 0; i < n; i++)
        answer(health->waiting[i], ok, reason);
}

static void came_back(void *arg)
{
    canary_job *job = arg;
    canary *own = job->canary;
    wick_health *health = own->health;
    own->has_failed = own->has_failed || job->job.code != WICK_OK;
    if (--own->n_out)
        return;
    const bool ok = !own->has_failed;
    health->out = NULL;
    canary_free(own);
    conclude(health, ok, "a model cannot embed");
}

/* Lane. */
static void on_done(wick_job *job)
{
    canary_job *own = job->user;
    own->task = (wick_http_task){.fn = came_back, .arg = own};
    wick_http_post_task(own->canary->health->server->http, &own->task);
}

static void look_at_clock(void *arg)
{
    wick_health *health = arg;
    canary *own = health->out;
    if (!own || own->is_late)
        return;
    const double left_ms = own->begin_ms + PATIENCE_MS - wick_now_ms();
    if (left_ms > 0) { /* the loop's clock is a little behind; or this is a later canary */
        wick_http_after(health->server->http, (unsigned)left_ms + 1, look_at_clock, health);
        return;
    }
    own->is_late = true;
    conclude(health, false, "a model does not answer");
}

/* False: its lane does not take it. */
static bool send_job(canary *own, canary_job *job)
{
    const size_t dimension = job->served->info.dimension;
    const wick_wanted wanted = wick_kind_purpose(job->served->info.kind);
    job->canary = own;
    if (wanted == WICK_WANT_VECTORS && !(job->out = malloc(dimension * sizeof *job->out)))
        return false;
    job->job = (wick_job){
        .texts = &own->text,
        .text_bytes = &own->text_bytes,
        .n_tokens = &own->n_tokens,
        .n_texts = 1,
        .wanted = wanted == WICK_WANT_RANKING ? WICK_WANT_SCORES : wanted,
        .deadline_ms = own->begin_ms + PATIENCE_MS,
        .is_urgent = true,
        .out = job->out,
        .done = on_done,
        .user = job,
    };
    wick_embed_options_init(&job->job.options);
    job->job.options.normalize = true;
    job->job.options.prompt = ""; /* as most texts come, so that it shares their batch */
    own->n_out++;
    const wick_submitted submitted = wick_lane_submit(job->served->lane, &job->job, NULL);
    if (submitted == WICK_SUBMITTED)
        return true;
    own->n_out--;
    /* A queue that is full is no illness while batches come out of it. */
    return submitted == WICK_SUBMIT_FULL && wick_lane_get_state(job->served->lane).busy_ms < PATIENCE_MS;
}

static void send_canary(wick_health *health)
{
    wick_served *served[MAX_MODELS];
    const size_t n = wick_models_borrow_all(health->server->models, served, MAX_MODELS);
    canary *own = calloc(1, sizeof *own + n * sizeof *own->jobs);
    if (!own || n == 0) {
        for (size_t i = 0; i < n; i++)
            wick_models_return(health->server->models, served[i]);
        free(own);
        conclude(health, false, n ? "out of memory" : "no model is loaded");
        return;
    }
    *own = (canary){.health = health,
                    .begin_ms = wick_now_ms(),
                    .text = canary_text,
                    .text_bytes = strlen(canary_text),
                    .n_tokens = 4,
                    .n_jobs = n};
    for (size_t i = 0; i < n; i++)
        own->jobs[i].served = served[i];
    for (size_t i = 0; i < n; i++)
        if (!send_job(own, &own->jobs[i]))
            own->has_failed = true;
    if (own->n_out == 0) {
        const bool ok = !own->has_failed;
        canary_free(own);
        conclude(health, ok, "a model is out of service");
        return;
    }
    health->out = own;
    wick_http_after(health->server->http, PATIENCE_MS, look_at_clock, health);
}

void wick_health_begin(wick_handling *handling)
{
    wick_health *health = handling->server->health;
    const bool is_fresh = health->answered_ms > 0 && wick_now_ms() - health->answered_ms < FRESH_MS;
    if (is_fresh || (health->out && health->out->is_late)) {
        answer(handling, health->was_ok, health->reason);
        return;
    }
    if (health->n_waiting == sizeof health->waiting / sizeof health->waiting[0]) {
        answer(handling, false, "too many ask at once");
        return;
    }
    handling->stage = WICK_STAGE_HEALTH;
    health->waiting[health->n_waiting++] = handling;
    if (!health->out)
        send_canary(health);
}

/* ---- live, ready, metrics ----------------------------------------------------------------------------------------- */

static int answer_live(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_buffer_text(out, "{\"status\":\"ok\"}");
    return 200;
}

static int answer_ready(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_server *server = call->server;
    wick_served *served[MAX_MODELS];
    const char *reason = server->is_stopping                ? "the server is stopping"
                         : atomic_load(&server->is_loading) ? "models are being loaded"
                                                            : NULL;
    const size_t n = wick_models_borrow_all(server->models, served, MAX_MODELS);
    if (!n && !reason)
        reason = "no model is loaded";
    for (size_t i = 0; i < n; i++) {
        const wick_lane_state state = wick_lane_get_state(served[i]->lane);
        if (!reason && state.busy_ms > PATIENCE_MS)
            reason = "a model does not answer";
        if (!reason && state.breaker == 2)
            reason = "a model keeps failing and rests";
        wick_models_return(server->models, served[i]);
    }
    if (!reason)
        return answer_live(call, out, content_type, error);
    wick_buffer_text(out, "{\"status\":\"unavailable\",\"reason\":");
    wick_json_put_text(out, reason);
    wick_buffer_text(out, "}");
    return 503;
}

static int answer_metrics(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_server *server = call->server;
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    wick_metrics_write(server->metrics, server->models, wick_http_n_connections(server->http), out);
    return 200;
}

#define GET .method = WICK_GET, .dialect = &wick_dialect_wick, .kind = WICK_ROUTE_PLAIN

const wick_route wick_routes_health[] = {
    {GET, .path = "/health", .is_public = true}, /* answered when the canary is back */
    {GET, .path = "/health/live", .is_public = true, .answer = answer_live},
    {GET, .path = "/health/ready", .is_public = true, .answer = answer_ready},
    {GET, .path = "/metrics", .answer = answer_metrics},
    {0},
};
