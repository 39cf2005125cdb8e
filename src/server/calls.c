/* SPDX-License-Identifier: Apache-2.0
 * calls.c: a request for vectors from its body to its reply (call.h shows the way). In: a wick_handling that policy has let through. Out: a reply, once.
 *
 *   loop: begin -> prepare (parse, read, bind, count) -> submit   ...lane...   loop: finished -> render -> reply
 *
 * prepare and render go to a worker where they are long. Whatever thread a stage ran on, the loop takes over in between, so that a handling is freed and
 * answered in one place only. */
#include "server/request.h"
#include "server/server_internal.h"
#include "provider/vectors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Larger bodies are read by a worker; 16 KiB take the loop about a millisecond. */
#define SMALL_BODY_BYTES ((size_t)16 << 10)
/* Larger results are written by a worker: 64 vectors of 384 values take 0.6 ms. */
#define SMALL_RESULT_VALUES ((size_t)64 * 384)
/* What a prompt may add to the texts of a request: a 30th of what a body may hold. */
#define MAX_PROMPT_BYTES ((size_t)1 << 18)
/* Models being loaded or unloaded by request at once: each is a thread that waits. */
#define MAX_WAITING 8
/* An engine that does not answer: this long after a request's deadline it is answered without. */
#define GRACE_MS 500

static void finish(wick_handling *handling)
{
    if (handling->exchange) {
        if (handling->ok)
            wick_handling_reply(handling);
        else
            wick_handling_reply_error(handling);
    }
    wick_handling_free(handling);
}

/* From any thread: fn(handling) next, on the loop. */
static void to_loop(wick_handling *handling, void (*fn)(void *arg))
{
    handling->task = (wick_http_task){.fn = fn, .arg = handling};
    wick_http_post_task(handling->server->http, &handling->task);
}

/* Loop: fn(handling, worker) next, on a worker. False: all of them are busy, and more than enough waits. */
static bool to_worker(wick_handling *handling, void (*fn)(void *arg, unsigned worker), bool must)
{
    handling->stage = WICK_STAGE_WORKER;
    handling->work = (wick_work){.fn = fn, .arg = handling};
    return wick_workers_add(handling->server->workers, &handling->work, must);
}

static wick_encoding **loop_encoding(const wick_server *server)
{
    return &server->encodings[server->options.n_workers];
}

/* ---- before the queue --------------------------------------------------------------------------------------------- */

static bool parse_body(wick_handling *handling)
{
    size_t n;
    const char *body = wick_exchange_body(handling->exchange, &n);
    return wick_call_parse(body, n, &handling->call.body, &handling->error);
}

static bool borrow_model(wick_handling *handling)
{
    wick_call *call = &handling->call;
    wick_error problem = {0};
    const bool is_loading = atomic_load(&handling->server->is_loading); /* before it is looked for */
    if (wick_models_borrow(handling->server->models, call->model, &call->served, &problem) == WICK_OK)
        return true;
    if (is_loading) {
        handling->retry_after_ms = 1000;
        return wick_refuse(&handling->error, WICK_REFUSE_UNAVAILABLE, NULL,
                           "models are still being loaded; try again after the time in Retry-After");
    }
    wick_api_error_from(&problem, &handling->error);
    return false;
}

/* Whether the prompt can simply stand in front of each text: then texts with and without one share batches. Not where the pooling must know how long it is, nor where it
 * would make much of a few bytes. */
static bool takes_prompt_in(const wick_call *call)
{
    return call->served->info.pools_prompt && strlen(call->options.prompt) <= MAX_PROMPT_BYTES / call->n_texts;
}

/* Takes the texts out of the parsed body and frees that: what else a body holds, or how many times larger it is than its text, must not stay in memory for
 * as long as the call waits. */
static bool detach_body(wick_handling *handling)
{
    wick_call *call = &handling->call;
    const char *prompt = takes_prompt_in(call) ? call->options.prompt : "";
    const size_t n_prompt = strlen(prompt), n_firsts = call->is_one_query ? 1 : call->n_texts;
    size_t n_bytes = call->n_texts * n_prompt; /* no overflow: at most MAX_PROMPT_BYTES */
    for (size_t i = 0; i < n_firsts; i++)
        n_bytes += call->text_bytes[i];
    for (size_t i = 0; call->seconds && i < call->n_texts; i++)
        n_bytes += call->second_bytes[i];
    char *bytes = wick_arena_take(call->arena, n_bytes, 1);
    const char *model = call->model ? wick_arena_copy_text(call->arena, call->model, strlen(call->model)) : NULL;
    if (!bytes || (call->model && !model))
        return wick_refuse(&handling->error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    for (size_t i = 0; i < n_firsts; i++) {
        memcpy(bytes, prompt, n_prompt);
        memcpy(bytes + n_prompt, call->texts[i], call->text_bytes[i]);
        call->texts[i] = bytes;
        call->text_bytes[i] += n_prompt;
        bytes += call->text_bytes[i];
    }
    for (size_t i = n_firsts; i < call->n_texts; i++)
        call->texts[i] = call->texts[0];
    for (size_t i = 0; call->seconds && i < call->n_texts; i++)
        if (call->seconds[i]) {
            memcpy(bytes, call->seconds[i], call->second_bytes[i]);
            call->seconds[i] = bytes;
            bytes += call->second_bytes[i];
        }
    if (n_prompt > 0)
        call->options.prompt = ""; /* it is there */
    call->model = model;
    call->ids = NULL;
    wick_json_free(call->body);
    call->body = NULL;
    return true;
}

/* For vectors. What else is wanted takes memory as it comes; how much token vectors take is known now. */
static bool take_memory(wick_call *call, wick_api_error *error)
{
    const size_t n_values = call->served->info.token_dimension;
    if (call->wanted == WICK_WANT_TOKENS && n_values > 0 && call->total_tokens > WICK_MAX_REPLY_VALUES / n_values)
        return wick_refuse(error, WICK_REFUSE_TOO_LARGE, "inputs",
                           "inputs has %llu tokens, a reply holds the vectors of %zu; send them in parts",
                           (unsigned long long)call->total_tokens, WICK_MAX_REPLY_VALUES / n_values);
    if (call->wanted != WICK_WANT_VECTORS)
        return true;
    call->vectors = malloc(call->n_texts * call->dimension * sizeof *call->vectors);
    return call->vectors || wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
}

/* Parses, reads, binds, counts: any thread, with its own encoding. */
static bool prepare(wick_handling *handling, wick_encoding *encoding)
{
    wick_call *call = &handling->call;
    const double begin = wick_now_ms();
    if (!parse_body(handling) || !call->route->read(call, &handling->error) || !borrow_model(handling) ||
        !wick_call_bind(call, &handling->error) || !detach_body(handling) ||
        !wick_call_count_tokens(call, encoding, &handling->error))
        return false;
    call->tokenize_ms = wick_now_ms() - begin;
    return take_memory(call, &handling->error);
}

static void on_done(wick_job *job);

/* Loop. */
static void submit(wick_handling *handling)
{
    wick_call *call = &handling->call;
    unsigned retry_after_ms = 0;
    call->job = (wick_job){
        .texts = call->texts,
        .text_bytes = call->text_bytes,
        .n_tokens = call->n_tokens,
        .n_texts = call->n_texts,
        .wanted = call->wanted == WICK_WANT_RANKING ? WICK_WANT_SCORES : call->wanted,
        .seconds = call->seconds,
        .second_bytes = call->second_bytes,
        .scores = call->scores,
        .options = call->options,
        .client = handling->client,
        .deadline_ms = wick_exchange_arrived_ms(handling->exchange) + handling->server->options.request_timeout_ms,
        .is_gone = &handling->is_gone,
        .out = call->vectors,
        .done = on_done,
        .user = handling,
    };
    handling->stage = WICK_STAGE_LANE; /* before it is handed over */
    const wick_submitted submitted = wick_lane_submit(call->served->lane, &call->job, &retry_after_ms);
    if (submitted == WICK_SUBMITTED)
        return;
    handling->stage = WICK_STAGE_LOOP;
    handling->retry_after_ms = retry_after_ms ? retry_after_ms : 1000;
    if (submitted == WICK_SUBMIT_FULL)
        wick_handling_refuse(handling, WICK_REFUSE_OVERLOADED, NULL,
                             "the queue is full; try again after the time in Retry-After");
    else if (submitted == WICK_SUBMIT_OPEN)
        wick_handling_refuse(handling, WICK_REFUSE_UNAVAILABLE, NULL,
                             "the model keeps failing and rests; try again after the time in Retry-After");
    else
        wick_handling_refuse(handling, WICK_REFUSE_UNAVAILABLE, NULL, "the model is being unloaded");
    finish(handling);
}

/* Loop. */
static void prepared(void *arg)
{
    wick_handling *handling = arg;
    handling->stage = WICK_STAGE_LOOP;
    if (handling->ok)
        submit(handling);
    else
        finish(handling);
}

/* From so many bytes of body on: its longest text may have made the encoding hold a hundred times its bytes, for good. */
#define LARGE_BODY_BYTES ((size_t)128 << 10)

/* prepare with the scratch in *encoding, which is made anew where it may have become large. */
static bool prepare_with(wick_handling *handling, wick_encoding **encoding)
{
    size_t n_body;
    wick_exchange_body(handling->exchange, &n_body); /* it may be gone afterwards */
    const bool ok = prepare(handling, *encoding);
    wick_encoding *fresh = *encoding && n_body > LARGE_BODY_BYTES ? wick_encoding_new() : NULL;
    if (fresh) {
        wick_encoding_free(*encoding);
        *encoding = fresh;
    }
    return ok;
}

static void prepare_on_worker(void *arg, unsigned worker)
{
    wick_handling *handling = arg;
    handling->ok = prepare_with(handling, &handling->server->encodings[worker]);
    to_loop(handling, prepared);
}

/* ---- behind the queue --------------------------------------------------------------------------------------------- */

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* Values that the reply is made of. */
static size_t result_values(const wick_call *call)
{
    const wick_rows_response *rows = &call->job.rows;
    if (call->wanted == WICK_WANT_VECTORS)
        return call->n_texts * call->dimension;
    return rows->offsets ? rows->offsets[rows->n_texts] * (rows->indices ? 1 : rows->dimension) : 0;
}

/* Any thread. */
static bool render(wick_handling *handling)
{
    wick_call *call = &handling->call;
    if (!all_finite(call->vectors ? call->vectors : call->job.rows.values, result_values(call))) {
        wick_metrics_nonfinite(handling->server->metrics);
        return wick_refuse(&handling->error, WICK_REFUSE_INTERNAL, NULL, "the model made a value that is not finite");
    }
    call->total_ms = wick_now_ms() - wick_exchange_arrived_ms(handling->exchange);
    call->route->write(call, &handling->out);
    handling->status = 200;
    return !handling->out.failed || wick_refuse(&handling->error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
}

/* Loop. */
static void rendered(void *arg)
{
    wick_handling *handling = arg;
    handling->stage = WICK_STAGE_LOOP;
    finish(handling);
}

static void render_on_worker(void *arg, unsigned worker)
{
    wick_handling *handling = arg;
    handling->ok = render(handling);
    to_loop(handling, rendered);
}

/* What the lane says of a job that failed. */
static void take_failure(wick_handling *handling)
{
    const wick_job *job = &handling->call.job;
    if (job->code == WICK_E_UNAVAILABLE &&
        atomic_load(&handling->is_gone)) { /* for log and metrics, and for who has only ended its sending side */
        handling->status = WICK_STATUS_GONE;
        wick_handling_refuse(handling, WICK_REFUSE_UNAVAILABLE, NULL, "the client has left");
        return;
    }
    if (job->code == WICK_E_TIMEOUT) {
        handling->retry_after_ms = 1000;
        wick_handling_refuse(handling, WICK_REFUSE_UNAVAILABLE, NULL, "the request's time was up before its turn came");
        return;
    }
    wick_api_error_from(&job->error, &handling->error);
    handling->ok = false;
}

/* Loop. */
static void finished(void *arg)
{
    wick_handling *handling = arg;
    wick_call *call = &handling->call;
    handling->stage = WICK_STAGE_LOOP;
    if (!handling->exchange) { /* answered without it */
        wick_handling_free(handling);
        return;
    }
    if (call->job.code != WICK_OK) {
        take_failure(handling);
        finish(handling);
        return;
    }
    if (result_values(call) > SMALL_RESULT_VALUES) {
        to_worker(handling, render_on_worker, true); /* bounded by the lane's queue */
        return;
    }
    handling->ok = render(handling);
    finish(handling);
}

/* Lane. */
static void on_done(wick_job *job)
{
    to_loop(job->user, finished);
}

/* ---- routes that are no calls for vectors --------------------------------------------------------------------------- */

static bool answer(wick_handling *handling)
{
    wick_call *call = &handling->call;
    if (call->route->method == WICK_POST && !parse_body(handling))
        return false;
    handling->content_type = "application/json";
    handling->status = call->route->answer(call, &handling->out, &handling->content_type, &handling->error);
    if (handling->status == 0)
        return false;
    return !handling->out.failed || wick_refuse(&handling->error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
}

static void answer_on_worker(void *arg, unsigned worker)
{
    wick_handling *handling = arg;
    handling->ok = answer(handling);
    to_loop(handling, rendered);
}

/* Loop. The thread has nothing left to do but to end. */
static void waited(void *arg)
{
    wick_handling *handling = arg;
    pthread_join(handling->thread, NULL);
    handling->server->n_waiting--;
    rendered(handling);
}

static void *answer_on_thread(void *arg)
{
    wick_handling *handling = arg;
    handling->ok = answer(handling);
    to_loop(handling, waited);
    return NULL;
}

/* Loop. False: too many, or the machine gives no thread. */
static bool to_thread(wick_handling *handling)
{
    wick_server *server = handling->server;
    if (server->n_waiting == MAX_WAITING)
        return false;
    handling->stage = WICK_STAGE_WORKER;
    server->n_waiting++; /* the thread may be done before pthread_create returns, but the loop is here */
    if (pthread_create(&handling->thread, NULL, answer_on_thread, handling) == 0)
        return true;
    server->n_waiting--;
    return false;
}

/* ---- the beginning ------------------------------------------------------------------------------------------------ */

static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    if (!content_type || strncasecmp(content_type, json, sizeof json - 1) != 0)
        return false;
    const char *rest = content_type + sizeof json - 1;
    return *rest == 0 || *rest == ';' || *rest == ' ' || *rest == '\t';
}

/* Ollama's own examples send their JSON as a form (curl -d), and its server takes it. A page of a browser may send a form to anybody without asking for leave, but
 * says where it comes from. */
static bool is_readable(const wick_handling *handling)
{
    const wick_exchange *exchange = handling->exchange;
    return is_json(wick_exchange_header(exchange, "Content-Type")) ||
           (handling->call.route->dialect->takes_any_type && !wick_exchange_header(exchange, "Origin"));
}

/* Under overload nothing is read that would be refused afterwards. With one model it is known beforehand where the call would go. */
static bool is_overloaded(const wick_handling *handling)
{
    wick_models *models = handling->server->models;
    wick_served *served[2];
    const size_t n = wick_models_borrow_all(models, served, 2);
    const bool is_full = n == 1 && wick_lane_sheds(served[0]->lane, handling->client);
    for (size_t i = 0; i < n; i++)
        wick_models_return(models, served[i]);
    return is_full;
}

void wick_call_begin(wick_handling *handling)
{
    const wick_route *route = handling->call.route;
    wick_server *server = handling->server;
    size_t n;
    wick_exchange_body(handling->exchange, &n);
    if (route->kind == WICK_ROUTE_PLAIN && !route->answer) {
        wick_health_begin(handling);
        return;
    }
    wick_exchange_watch(handling->exchange, &handling->is_gone);
    if (route->method == WICK_POST && !is_readable(handling)) {
        wick_handling_refuse(handling, WICK_REFUSE_MEDIA, NULL,
                             "send the body with the header Content-Type: application/json");
    } else if (route->kind == WICK_ROUTE_EMBED && is_overloaded(handling)) {
        handling->retry_after_ms = 1000;
        wick_handling_refuse(handling, WICK_REFUSE_OVERLOADED, NULL,
                             "the queue is full; try again after the time in Retry-After");
    } else if (route->is_waiting) {
        if (to_thread(handling))
            return;
        handling->stage = WICK_STAGE_LOOP;
        handling->retry_after_ms = 1000;
        wick_handling_refuse(handling, WICK_REFUSE_OVERLOADED, NULL,
                             "too many models are being loaded or unloaded; try again after the time in Retry-After");
    } else if (route->is_slow || n > SMALL_BODY_BYTES) {
        if (to_worker(handling, route->kind == WICK_ROUTE_EMBED ? prepare_on_worker : answer_on_worker, false))
            return;
        handling->stage = WICK_STAGE_LOOP;
        handling->retry_after_ms = 1000;
        wick_handling_refuse(handling, WICK_REFUSE_OVERLOADED, NULL,
                             "too many large requests; try again after the time in Retry-After");
    } else if (route->kind == WICK_ROUTE_EMBED) {
        handling->ok = prepare_with(handling, loop_encoding(server));
        prepared(handling);
        return;
    } else {
        handling->ok = answer(handling);
    }
    finish(handling);
}

void wick_calls_tick(wick_server *server, double now)
{
    for (wick_handling *h = server->handlings; h; h = h->next) {
        if (h->stage != WICK_STAGE_LANE || !h->exchange || now < h->call.job.deadline_ms + GRACE_MS)
            continue;
        h->retry_after_ms = 1000;
        wick_handling_refuse(h, WICK_REFUSE_UNAVAILABLE, NULL, "the model did not answer in time");
        wick_handling_reply_error(h);
        atomic_store(&h->is_gone, true); /* the lane still holds the job, and may pass it over now */
    }
}
