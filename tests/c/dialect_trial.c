/* SPDX-License-Identifier: Apache-2.0
 * dialect_trial.c: dialect_trial.h, and the stand-in for the server's models. */
#include "dialect_trial.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "base/error.h"
#include "server/request.h"

static const char *const names[] = {"org/tiny", "alias"};
static const wick_prompt prompts[] = {{"query", ""}, {"passage", "passage: "}};
wick_served trial_served = {
    .name = "org/tiny",
    .names = names,
    .n_names = 2,
    .info = {.dimension = 4,
             .max_tokens = 64,
             .max_seq_length = 48,
             .n_parameters = 12345678,
             .architecture = "bert",
             .pooling = "cls",
             .dtype = "f32",
             .device = "cpu",
             .kind = "embedding",
             .path = "/cache/models--org--tiny/snapshots/0123abcd",
             .max_dimensions = 4,
             .prompts = prompts,
             .n_prompts = 2,
             .pools_prompt = true,
             .similarity = "cosine"},
    .provider_name = "candle",
    .loaded_at = 1795423800,
};
wick_service trial_service = {
    .max_texts = 8, .max_body_bytes = 1000, .max_connections = 100, .batch_tokens = 4096, .n_workers = 2};
int trial_n_loaded;
const char *trial_exchange_path;
static int n_borrowed;

int wick_models_borrow(wick_models *models, const char *name, wick_served **out, wick_error *error)
{
    if (name && name[0] && strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, NULL, NULL, "model not found; served are org/tiny, alias");
    *out = &trial_served;
    n_borrowed++;
    return WICK_OK;
}

void wick_models_return(wick_models *models, wick_served *model)
{
    assert_ptr_equal(model, &trial_served);
    n_borrowed--;
}

size_t wick_models_borrow_all(wick_models *models, wick_served **out, size_t n)
{
    assert_true(n >= 1);
    out[0] = &trial_served;
    n_borrowed++;
    return 1;
}

int wick_models_load(wick_models *models, const char *model, const char *const *model_names, size_t n_names,
                     wick_error *error)
{
    if (strcmp(model, "org/absent") == 0)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, NULL, NULL, "model not found: org/absent");
    trial_n_loaded++;
    return WICK_OK;
}

int wick_models_unload(wick_models *models, const char *name, wick_error *error)
{
    trial_n_loaded--;
    return WICK_OK;
}

const char *wick_exchange_path(const wick_exchange *exchange)
{
    return trial_exchange_path;
}

const wick_route *const trial_dialects[TRIAL_N_DIALECTS] = {wick_routes_wick, wick_routes_openai, wick_routes_tei,
                                                            wick_routes_ollama};

static const wick_route *find_route(wick_method method, const char *path)
{
    for (size_t t = 0; t < TRIAL_N_DIALECTS; t++)
        for (const wick_route *route = trial_dialects[t]; route->path; route++)
            if (route->method == method && strcmp(route->path, path) == 0)
                return route;
    fail_msg("no route %s", path);
    return NULL;
}

void trial_take_out(trial *t)
{
    assert_false(t->out.failed);
    assert_true(t->out.n_bytes < sizeof t->text);
    if (t->out.n_bytes)
        memcpy(t->text, t->out.bytes, t->out.n_bytes);
    t->text[t->out.n_bytes] = '\0';
    free(t->out.bytes);
    t->out = (wick_buffer){0};
}

void trial_end(trial *t)
{
    wick_arena_clear(&t->arena);
    wick_json_free(t->call.body);
    assert_int_equal(n_borrowed, 0);
}

void trial_begin(trial *t, wick_method method, const char *path, const char *body)
{
    *t = (trial){0};
    t->call = (wick_call){.service = &trial_service, .arena = &t->arena, .route = find_route(method, path)};
    const wick_route *route = t->call.route;
    const char *content_type = "application/json";
    bool ok = !body || wick_call_parse(body, strlen(body), &t->call.body, &t->error);
    if (ok && route->kind == WICK_ROUTE_PLAIN) {
        t->status = route->answer(&t->call, &t->out, &content_type, &t->error);
        ok = t->status != 0;
    } else if (ok) {
        ok = route->read(&t->call, &t->error);
        if (ok) {
            wick_error problem = {0};
            if (wick_models_borrow(NULL, t->call.model, &t->call.served, &problem) == WICK_OK) {
                ok = wick_call_bind(&t->call, &t->error);
                wick_models_return(NULL, t->call.served);
            } else {
                wick_api_error_from(&problem, &t->error);
                ok = false;
            }
        }
    }
    if (!ok) {
        t->out.n_bytes = 0;
        t->status = route->dialect->status(t->error.refusal);
        route->dialect->write_error(&t->error, t->status, &t->out);
    }
    if (t->status)
        trial_take_out(t);
}

void trial_refused(wick_method method, const char *path, const char *body, int status, const char *part)
{
    trial t;
    trial_begin(&t, method, path, body);
    if (t.status != status || !strstr(t.text, part) || strstr(t.text, "SECRET"))
        fail_msg("%s %s: %d %s", path, body, t.status, t.text);
    wick_json *json = NULL;
    assert_int_equal(wick_json_parse(t.text, strlen(t.text), "reply", &json, NULL), WICK_OK);
    wick_json_free(json);
    trial_end(&t);
}

void trial_answers(wick_method method, const char *path, const char *body, const char *expected)
{
    trial t;
    trial_begin(&t, method, path, body);
    assert_int_equal(t.status, 200);
    assert_string_equal(t.text, expected);
    trial_end(&t);
}

void trial_begin_reply(trial *t, const char *path, const char *body)
{
    static float vectors[8 * 4];
    trial_begin(t, WICK_POST, path, body);
    if (t->status)
        fail_msg("%s %s: %s", path, body, t->text);
    static const float first[] = {1, -0.5f, 0, 0.25f};
    for (size_t i = 0; i < t->call.n_texts; i++)
        for (size_t k = 0; k < t->call.dimension; k++)
            vectors[i * t->call.dimension + k] = first[k] + (float)i;
    /* calls.c keeps the texts and the model's name alone. */
    if (t->call.model)
        t->call.model = wick_arena_copy_text(&t->arena, t->call.model, strlen(t->call.model));
    wick_json_free(t->call.body);
    t->call.body = NULL;
    t->call.vectors = vectors;
    t->call.total_tokens = 7;
    t->call.total_ms = 2.6;
    t->call.route->write(&t->call, &t->out);
    trial_take_out(t);
}

void trial_replies(const char *path, const char *body, const char *expected)
{
    trial t;
    trial_begin_reply(&t, path, body);
    assert_string_equal(t.text, expected);
    trial_end(&t);
}

int trial_open_tokenizer(void **state)
{
    wick_error error = {0};
    wick_tokenizer *tokenizer;
    if (wick_tokenizer_open(WICK_FIXTURES "/tiny-bert", NULL, &tokenizer, &error) != WICK_OK)
        fail_msg("%s", error.message);
    trial_served.tokenizer = tokenizer;
    *state = tokenizer;
    return 0;
}

int trial_close_tokenizer(void **state)
{
    wick_tokenizer_close(*state);
    return 0;
}
