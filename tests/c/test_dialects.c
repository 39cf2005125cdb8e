/* SPDX-License-Identifier: Apache-2.0
 * test_dialects.c: each dialect's reading and writing, without HTTP, queue or engine: the models are stand-ins with the tokenizer of the tiny BERT. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "base/error.h"
#include "server/call.h"
#include "server/openapi.h"
#include "server/request.h"

/* ---- stand-ins ---- */

static const char *const names[] = {"org/tiny", "alias"};
static const wick_prompt prompts[] = {{"query", ""}, {"passage", "passage: "}};
static wick_served served = {
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
static wick_service service = {
    .max_texts = 8, .max_body_bytes = 1000, .max_connections = 100, .batch_tokens = 4096, .n_workers = 2};
static int n_borrowed, n_loaded;
static const char *exchange_path;

int wick_models_borrow(wick_models *models, const char *name, wick_served **out, wick_error *error)
{
    if (name && name[0] && strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, NULL, NULL, "model not found; served are org/tiny, alias");
    *out = &served;
    n_borrowed++;
    return WICK_OK;
}

void wick_models_return(wick_models *models, wick_served *model)
{
    assert_ptr_equal(model, &served);
    n_borrowed--;
}

size_t wick_models_borrow_all(wick_models *models, wick_served **out, size_t n)
{
    assert_true(n >= 1);
    out[0] = &served;
    n_borrowed++;
    return 1;
}

int wick_models_load(wick_models *models, const char *model, const char *const *model_names, size_t n_names,
                     wick_error *error)
{
    if (strcmp(model, "org/absent") == 0)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, NULL, NULL, "model not found: org/absent");
    n_loaded++;
    return WICK_OK;
}

int wick_models_unload(wick_models *models, const char *name, wick_error *error)
{
    n_loaded--;
    return WICK_OK;
}

const char *wick_exchange_path(const wick_exchange *exchange)
{
    return exchange_path;
}

/* ---- one call ---- */

typedef struct trial {
    wick_call call;
    wick_arena arena;
    wick_api_error error;
    wick_buffer out;
    int status;      /* 0 while read and bind are fine */
    char text[4096]; /* of out */
} trial;

static const wick_route *find_route(wick_method method, const char *path)
{
    const wick_route *const tables[] = {wick_routes_wick, wick_routes_openai, wick_routes_tei, wick_routes_ollama};
    for (size_t t = 0; t < 4; t++)
        for (const wick_route *route = tables[t]; route->path; route++)
            if (route->method == method && strcmp(route->path, path) == 0)
                return route;
    fail_msg("no route %s", path);
    return NULL;
}

static void take_out(trial *t)
{
    assert_false(t->out.failed);
    assert_true(t->out.n_bytes < sizeof t->text);
    if (t->out.n_bytes)
        memcpy(t->text, t->out.bytes, t->out.n_bytes);
    t->text[t->out.n_bytes] = '\0';
    free(t->out.bytes);
    t->out = (wick_buffer){0};
}

static void end_trial(trial *t)
{
    wick_arena_clear(&t->arena);
    wick_json_free(t->call.body);
    assert_int_equal(n_borrowed, 0);
}

/* Reads and binds, as calls.c would. body NULL: none. */
static void begin_trial(trial *t, wick_method method, const char *path, const char *body)
{
    *t = (trial){0};
    t->call = (wick_call){.service = &service, .arena = &t->arena, .route = find_route(method, path)};
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
        take_out(t);
}

static void check_refused(wick_method method, const char *path, const char *body, int status, const char *part)
{
    trial t;
    begin_trial(&t, method, path, body);
    if (t.status != status || !strstr(t.text, part) || strstr(t.text, "SECRET"))
        fail_msg("%s %s: %d %s", path, body, t.status, t.text);
    wick_json *json = NULL;
    assert_int_equal(wick_json_parse(t.text, strlen(t.text), "reply", &json, NULL), WICK_OK);
    wick_json_free(json);
    end_trial(&t);
}

static void check_answer(wick_method method, const char *path, const char *body, const char *expected)
{
    trial t;
    begin_trial(&t, method, path, body);
    assert_int_equal(t.status, 200);
    assert_string_equal(t.text, expected);
    end_trial(&t);
}

/* Reads, gives text i the vector {1, -0.5, 0, 0.25} + i as far as the dimension goes, and writes. */
static void begin_reply(trial *t, const char *path, const char *body)
{
    static float vectors[8 * 4];
    begin_trial(t, WICK_POST, path, body);
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
    take_out(t);
}

static void check_reply(const char *path, const char *body, const char *expected)
{
    trial t;
    begin_reply(&t, path, body);
    assert_string_equal(t.text, expected);
    end_trial(&t);
}

/* ---- Wick ---- */

static void wick_embeds(void **state)
{
    check_reply(
        "/api/v1/embed", "{\"inputs\":\"a\"}",
        "{\"model\":\"org/"
        "tiny\",\"embeddings\":[[1,-0.5,0,0.25]],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
    check_reply("/api/v1/embed",
                "{\"texts\":[\"a\",\"b\"],\"model\":\"alias\",\"dimensions\":2,\"dtype\":\"f32\",\"anything\":{}}",
                "{\"model\":\"alias\",\"embeddings\":[[1,-0.5],[2,0.5]],\"dimension\":2,\"usage\":{\"total_tokens\":7,"
                "\"duration_ms\":3}}");
    trial t;
    begin_reply(&t, "/api/v1/embed", "{\"inputs\":\"a\"}");
    assert_true(t.call.options.normalize && t.call.options.truncate && t.call.truncate && t.call.is_single);
    end_trial(&t);
    begin_reply(&t, "/api/v1/embed", "{\"inputs\":[\"a\"],\"normalize\":false,\"truncate\":false}");
    assert_false(t.call.options.normalize || t.call.options.truncate || t.call.truncate || t.call.is_single);
    end_trial(&t);
}

static const char *bound_prompt(const char *path, const char *body)
{
    trial t;
    begin_reply(&t, path, body);
    const char *prompt = t.call.options.prompt;
    end_trial(&t);
    return prompt;
}

/* Each dialect's own name of it, and the default in all of them. */
static void prompts_are_bound(void **state)
{
    static const char *const paths[] = {"/api/v1/embed", "/embed", "/"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(bound_prompt(paths[i], "{\"inputs\":\"a\",\"prompt_name\":\"passage\"}"), "passage: ");
        assert_string_equal(bound_prompt(paths[i], "{\"inputs\":\"a\",\"prompt_name\":\"query\"}"), "");
        assert_string_equal(bound_prompt(paths[i], "{\"inputs\":\"a\",\"prompt_name\":null}"), "");
    }
    served.info.default_prompt_name = "passage";
    assert_string_equal(bound_prompt("/embed", "{\"inputs\":\"a\"}"), "passage: ");
    assert_string_equal(bound_prompt("/embed", "{\"inputs\":\"a\",\"prompt_name\":\"query\"}"), "");
    assert_string_equal(bound_prompt("/v1/embeddings", "{\"input\":\"a\",\"prompt_name\":7}"), "passage: ");
    assert_string_equal(bound_prompt("/api/embed", "{\"input\":\"a\"}"), "passage: ");
    assert_string_equal(bound_prompt("/similarity", "{\"inputs\":{\"source_sentence\":\"s\",\"sentences\":[\"a\"]},"
                                                    "\"parameters\":{\"prompt_name\":\"passage\"}}"),
                        "passage: ");
    served.info.default_prompt_name = NULL;
    check_refused(
        WICK_POST, "/api/v1/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":\"SECRET\"}", 400,
        "\"message\":\"prompt_name names none of this model's prompts: query, passage\",\"param\":\"prompt_name\"");
    check_refused(WICK_POST, "/api/v1/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":[]}", 400,
                  "\"param\":\"prompt_name\"");
    served.info.n_prompts = 0;
    check_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":\"query\"}", 422,
                  "this model has no prompts");
    served.info.n_prompts = 2;
}

#define REPLY(embeddings)                                                                                              \
    "{\"model\":\"org/tiny\",\"embeddings\":[" embeddings                                                              \
    "],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}"

/* The vectors are 1, -0.5, 0, 0.25 and 2, 0.5, 1, 1.25. */
static void wick_precisions(void **state)
{
    static const char path[] = "/api/v1/embed";
    check_reply(path, "{\"inputs\":[\"a\",\"b\"],\"precision\":\"binary\"}", REPLY("[16],[112]"));
    check_reply(path, "{\"inputs\":\"a\",\"precision\":\"ubinary\"}", REPLY("[144]"));
    check_reply(path, "{\"inputs\":[\"a\",\"b\"],\"precision\":\"uint8\"}", REPLY("[0,0,0,0],[254,254,254,254]"));
    check_reply(path, "{\"inputs\":\"a\",\"precision\":\"uint8\",\"ranges\":[[0,-1,-1,0.0],[2,1,1,0]]}",
                REPLY("[127,63,127,0]"));
    check_reply(path, "{\"inputs\":\"a\",\"precision\":\"int8\",\"ranges\":[[0,-1,-1,0],[2,1,1,0.125]]}",
                REPLY("[-1,-65,-1,127]"));
    check_reply(path, "{\"inputs\":\"a\",\"precision\":\"ubinary\",\"encoding_format\":\"base64\"}", REPLY("\"kA==\""));
    check_reply(path, "{\"inputs\":\"a\",\"precision\":null,\"ranges\":null}", REPLY("[1,-0.5,0,0.25]"));
    check_reply(path, "{\"inputs\":\"a\",\"precision\":\"f32\",\"encoding_format\":\"int8\"}", REPLY("[127,-64,0,32]"));
#define SECRET "{\"inputs\":\"SECRET\",\"precision\":"
    check_refused(WICK_POST, path, SECRET "\"SECRET\"}", 400, "\"param\":\"precision\"");
    check_refused(WICK_POST, path, SECRET "\"int8\"}", 400, "\"param\":\"ranges\"");
    check_refused(WICK_POST, path, SECRET "\"binary\",\"encoding_format\":\"int8\"}", 400,
                  "\"param\":\"encoding_format\"");
    static const char *const ranges[] = {"7",
                                         "[]",
                                         "[[],[]]",
                                         "[[1],[1,2]]",
                                         "[[1]]",
                                         "[[1],[2],[3]]",
                                         "[[0],[\"SECRET\"]]",
                                         "[[0],[1e39]]",
                                         "[[null],[1]]",
                                         "[[0,0,0],[1,1,1]]",
                                         "{\"a\":1}",
                                         "[[0,0,0,0],{}]"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char body[256];
        snprintf(body, sizeof body, SECRET "\"int8\",\"ranges\":%s}", ranges[i]);
        check_refused(WICK_POST, path, body, 400, "\"param\":\"ranges\"");
    }
    check_refused(WICK_POST, path, SECRET "\"binary\",\"ranges\":[[0,0,0,0],[1,1,1,1]]}", 400, "\"param\":\"ranges\"");
}

/* What the model's files cut vectors to is the default, what it has the limit. */
static void cuts_are_bound(void **state)
{
    served.info.dimension = 2;
    check_reply("/embed", "{\"inputs\":\"a\"}", "[[1,-0.5]]");
    check_reply("/embed", "{\"inputs\":\"a\",\"dimensions\":4}", "[[1,-0.5,0,0.25]]");
    check_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"dimensions\":5}", 422, "dimensions is 5");
    served.info.dimension = 4;
}

static void wick_encodings(void **state)
{
    check_reply("/api/v1/embed", "{\"inputs\":\"a\",\"encoding_format\":\"base64\"}",
                "{\"model\":\"org/tiny\",\"embeddings\":[\"AACAPwAAAL8AAAAAAACAPg==\"],\"dimension\":4,"
                "\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
    check_reply(
        "/api/v1/embed", "{\"inputs\":\"a\",\"encoding_format\":\"int8\"}",
        "{\"model\":\"org/"
        "tiny\",\"embeddings\":[[127,-64,0,32]],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
    /* numpy.packbits([1, 0, 0, 1]) - 128 */
    check_reply("/api/v1/embed", "{\"inputs\":[\"a\",\"b\"],\"encoding_format\":\"binary\"}",
                "{\"model\":\"org/"
                "tiny\",\"embeddings\":[[16],[112]],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
}

static void wick_refuses(void **state)
{
    static const char path[] = "/api/v1/embed";
    check_refused(WICK_POST, path, "{\"inputs\":[]}", 400,
                  "{\"error\":{\"code\":\"invalid_input\",\"message\":\"inputs is empty");
    check_refused(WICK_POST, path, "{}", 400, "\"param\":\"inputs\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"texts\":\"SECRET\"}", 400, "\"param\":\"texts\"");
    check_refused(WICK_POST, path, "{\"inputs\":[\"SECRET\",3]}", 400, "\"param\":\"inputs[1]\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"model\":\"other\"}", 404, "\"code\":\"model_not_found\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"model\":7}", 400, "\"param\":\"model\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dtype\":\"int8\"}", 400, "\"param\":\"dtype\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dtype\":\"f16\"}", 400, "\"param\":\"dtype\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dimensions\":5}", 400, "\"param\":\"dimensions\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dimensions\":0}", 400, "\"param\":\"dimensions\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"normalize\":\"yes\"}", 400, "\"param\":\"normalize\"");
    check_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"encoding_format\":\"SECRET\"}", 400,
                  "\"param\":\"encoding_format\"");
    check_refused(WICK_POST, path, "{\"inputs\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"SECRET\"]}", 413,
                  "payload_too_large");
    check_refused(WICK_POST, path, "{\"inputs\":[1,2]}", 400, "\"param\":\"inputs[0]\"");
}

static void wick_lists_and_switches_models(void **state)
{
    setenv("HF_HUB_CACHE", "/nonexistent", 1);
    check_answer(WICK_GET, "/api/v1/models", NULL,
                 "{\"models\":[{\"name\":\"org/tiny\",\"names\":[\"org/"
                 "tiny\",\"alias\"],\"loaded\":true,\"provider\":\"candle\","
                 "\"dtype\":\"f32\",\"device\":\"cpu\",\"kind\":\"embedding\",\"dimension\":4,\"max_dimensions\":4,"
                 "\"max_tokens\":64,\"max_"
                 "seq_length\":48,"
                 "\"similarity\":\"cosine\",\"prompts\":[\"query\",\"passage\"],\"default_prompt_name\":null,"
                 "\"loaded_at\":1795423800}],\"cached\":[]}");
    check_refused(WICK_POST, "/api/v1/models/load", "{\"model\":\"a/b\"}", 403, "\"code\":\"unauthorized\"");
    check_refused(WICK_POST, "/api/v1/models/unload", "{\"model\":\"a/b\"}", 403, "\"code\":\"unauthorized\"");
    assert_int_equal(n_loaded, 0);
    service.allow_load = true;
    check_answer(WICK_POST, "/api/v1/models/load", "{\"model\":\"a/b\"}", "{\"model\":\"a/b\",\"loaded\":true}");
    assert_int_equal(n_loaded, 1);
    check_answer(WICK_POST, "/api/v1/models/unload", "{\"model\":\"a/b\"}", "{\"model\":\"a/b\",\"loaded\":false}");
    assert_int_equal(n_loaded, 0);
    check_refused(WICK_POST, "/api/v1/models/load", "{\"model\":\"org/absent\"}", 404, "\"code\":\"model_not_found\"");
    check_refused(WICK_POST, "/api/v1/models/load", "{}", 400, "\"param\":\"model\"");
    service.allow_load = false;
}

/* ---- OpenAI ---- */

static void openai_embeds(void **state)
{
    check_reply("/v1/embeddings", "{\"input\":[\"a\",\"b\"],\"model\":\"alias\",\"user\":\"u\",\"dimensions\":2}",
                "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-0.5]},"
                "{\"object\":\"embedding\",\"index\":1,\"embedding\":[2,0.5]}],\"model\":\"alias\","
                "\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
    check_reply("/embeddings", "{\"input\":\"a\",\"encoding_format\":\"base64\"}",
                "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"
                "\"AACAPwAAAL8AAAAAAACAPg==\"}],"
                "\"model\":\"org/tiny\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
    trial t;
    begin_reply(&t, "/v1/embeddings", "{\"input\":\"a\",\"normalize\":false}");
    assert_true(t.call.options.normalize);
    end_trial(&t);
}

static void check_text(const trial *t, size_t i, const char *expected)
{
    assert_int_equal(t->call.text_bytes[i], strlen(expected));
    assert_memory_equal(t->call.texts[i], expected, t->call.text_bytes[i]);
}

/* 2 [CLS], 3 [SEP]: a text comes out of its ids, and goes into the same ids again. */
static void openai_takes_token_ids(void **state)
{
    static const char text[] = "hello, world 42";
    wick_encoding *encoding = wick_encoding_new();
    wick_tokenize(served.tokenizer, text, strlen(text), NULL, encoding, NULL);
    char body[512] = "{\"input\":[", *at = body + strlen(body);
    for (size_t i = 0; i < encoding->n_tokens; i++)
        at += sprintf(at, "%s%d", i ? "," : "", encoding->ids[i]);
    strcpy(at, "]}");
    const size_t n_ids = encoding->n_tokens;
    int32_t ids[64];
    memcpy(ids, encoding->ids, n_ids * sizeof *ids);
    trial t;
    begin_trial(&t, WICK_POST, "/v1/embeddings", body);
    assert_int_equal(t.status, 0);
    assert_true(t.call.is_single);
    assert_int_equal(t.call.n_texts, 1);
    wick_tokenize(served.tokenizer, t.call.texts[0], t.call.text_bytes[0], NULL, encoding, NULL);
    assert_int_equal(encoding->n_tokens, n_ids);
    assert_memory_equal(encoding->ids, ids, n_ids * sizeof *ids);
    end_trial(&t);
    begin_trial(&t, WICK_POST, "/v1/embeddings", "{\"input\":[[2,3],[2,4,3,0],[1]]}");
    assert_int_equal(t.status, 0);
    assert_int_equal(t.call.n_texts, 3);
    check_text(&t, 0, "");
    check_text(&t, 1, "[MASK]");
    check_text(&t, 2, "[UNK]");
    end_trial(&t);
    wick_encoding_free(encoding);
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":[2,100257]}", 400,
                  "id 1 of input 0 names no token of this model");
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":[[2],[2,-1]]}", 400, "\"param\":\"input[1]\"");
}

static void models_without_a_tokenizer_take_no_ids(void **state)
{
    const wick_tokenizer *kept = served.tokenizer;
    served.tokenizer = NULL;
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":[1,2]}", 400, "no tokenizer");
    check_refused(WICK_POST, "/tokenize", "{\"inputs\":\"SECRET\"}", 422, "no tokenizer");
    check_refused(WICK_POST, "/decode", "{\"ids\":[1]}", 422, "no tokenizer");
    served.tokenizer = kept;
}

static void openai_refuses(void **state)
{
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":[]}", 400,
                  "\"type\":\"invalid_request_error\",\"param\":\"input\",\"code\":null}}");
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"model\":\"other\"}", 404,
                  "\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":\"model_not_found\"}}");
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"encoding_format\":\"int8\"}", 400,
                  "\"param\":\"encoding_format\"");
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"input\":\"SECRET\"}", 400,
                  "\"param\":\"input\"");
    check_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"dimensions\":1e999}", 400,
                  "\"param\":\"dimensions\"");
    const wick_dialect *dialect = wick_routes_openai[0].dialect;
    static const struct {
        wick_refusal refusal;
        int status;
        const char *part;
    } cases[] = {{WICK_REFUSE_OVERLOADED, 429, "rate_limit_exceeded"},
                 {WICK_REFUSE_UNAUTHORIZED, 401, "invalid_api_key"},
                 {WICK_REFUSE_UNAVAILABLE, 503, "service_unavailable_error"},
                 {WICK_REFUSE_INTERNAL, 500, "server_error"},
                 {WICK_REFUSE_TOKENIZER, 400, "context_length_exceeded"},
                 {WICK_REFUSE_TOO_LARGE, 413, "invalid_request_error"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial t = {.error = {.refusal = cases[i].refusal, .message = "a \"quote\""}};
        assert_int_equal(dialect->status(cases[i].refusal), cases[i].status);
        dialect->write_error(&t.error, cases[i].status, &t.out);
        take_out(&t);
        assert_non_null(strstr(t.text, cases[i].part));
        assert_non_null(strstr(t.text, "a \\\"quote\\\""));
    }
}

static void openai_models(void **state)
{
    check_answer(WICK_GET, "/v1/models", NULL,
                 "{\"object\":\"list\",\"data\":[{\"id\":\"org/"
                 "tiny\",\"object\":\"model\",\"created\":1795423800,\"owned_by\":\"wick\"},"
                 "{\"id\":\"alias\",\"object\":\"model\",\"created\":1795423800,\"owned_by\":\"wick\"}]}");
    exchange_path = "/v1/models/org/tiny";
    check_answer(WICK_GET, "/v1/models/*", NULL,
                 "{\"id\":\"org/tiny\",\"object\":\"model\",\"created\":1795423800,\"owned_by\":\"wick\"}");
    exchange_path = "/v1/models/other";
    check_refused(WICK_GET, "/v1/models/*", NULL, 404, "model_not_found");
}

/* ---- Text Embeddings Inference ---- */

static void tei_embeds(void **state)
{
    static const char *const paths[] = {"/embed", "/", "/invocations"};
    for (size_t i = 0; i < 3; i++)
        check_reply(paths[i], "{\"inputs\":[\"a\",\"b\"],\"dimensions\":2,\"prompt_name\":null,\"truncate\":null}",
                    "[[1,-0.5],[2,0.5]]");
    check_reply("/embed", "{\"inputs\":\"a\"}", "[[1,-0.5,0,0.25]]");
    check_reply("/embed", "{\"inputs\":[2,3]}", "[[1,-0.5,0,0.25]]");
    trial t;
    begin_reply(&t, "/embed",
                "{\"inputs\":\"a\",\"truncation_direction\":\"Left\",\"normalize\":false,\"truncate\":false}");
    assert_int_equal(t.call.options.truncate_side, WICK_TRUNCATE_LEFT);
    assert_false(t.call.options.normalize || t.call.truncate);
    end_trial(&t);
    begin_reply(&t, "/embed", "{\"inputs\":\"a\",\"truncation_direction\":\"right\"}");
    assert_int_equal(t.call.options.truncate_side, WICK_TRUNCATE_RIGHT);
    assert_true(t.call.options.normalize && t.call.truncate);
    end_trial(&t);
}

static void tei_similarity(void **state)
{
    trial t;
    begin_trial(&t, WICK_POST, "/similarity",
                "{\"inputs\":{\"source_sentence\":\"s\",\"sentences\":[\"a\",\"b\"]},\"parameters\":{\"truncation_"
                "direction\":\"Left\"}}");
    assert_int_equal(t.status, 0);
    assert_int_equal(t.call.n_texts, 3);
    assert_int_equal(t.call.options.truncate_side, WICK_TRUNCATE_LEFT);
    assert_true(t.call.options.normalize);
    assert_string_equal(t.call.texts[0], "a");
    assert_string_equal(t.call.texts[2], "s");
    t.call.vectors = (float[]){0.6f, 0.8f, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0};
    t.call.route->write(&t.call, &t.out);
    take_out(&t);
    assert_string_equal(t.text, "[0.6,0]");
    end_trial(&t);
    check_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":\"SECRET\",\"sentences\":[]}}", 400,
                  "Empty");
    check_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":1,\"sentences\":[\"SECRET\"]}}", 422,
                  "source_sentence");
    check_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":\"SECRET\",\"sentences\":[1]}}", 422,
                  "sentences[0]");
    check_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":\"SECRET\",\"sentences\":\"SECRET\"}}",
                  422, "an array");
    check_refused(WICK_POST, "/similarity", "{\"inputs\":\"SECRET\"}", 422, "an object");
    check_refused(WICK_POST, "/similarity",
                  "{\"inputs\":{\"source_sentence\":\"\",\"sentences\":[\"\"]},\"parameters\":[]}", 422, "parameters");
    check_refused(WICK_POST, "/similarity",
                  "{\"inputs\":{\"source_sentence\":\"\",\"sentences\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}}",
                  413, "Validation");
}

static void tei_refuses(void **state)
{
    check_refused(WICK_POST, "/embed", "{\"inputs\":[]}", 400, "\"error_type\":\"Empty\"}");
    check_refused(WICK_POST, "/embed", "{\"inputs\":[\"SECRET\",1]}", 422,
                  "{\"error\":\"inputs[1] must be a string, not an integer\",\"error_type\":\"Validation\"}");
    check_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":\"SECRET\"}", 422, "prompt_name");
    check_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"truncation_direction\":\"SECRET\"}", 422,
                  "truncation_direction must be one of");
    check_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"truncate\":1}", 422, "truncate must be true or false");
    const wick_dialect *dialect = wick_routes_tei[0].dialect;
    static const struct {
        wick_refusal refusal;
        int status;
        const char *type;
    } cases[] = {{WICK_REFUSE_TOKENIZER, 422, "Tokenizer"},
                 {WICK_REFUSE_OVERLOADED, 429, "Overloaded"},
                 {WICK_REFUSE_INTERNAL, 424, "Backend"},
                 {WICK_REFUSE_KIND, 424, "Backend"},
                 {WICK_REFUSE_UNAVAILABLE, 503, "Unhealthy"},
                 {WICK_REFUSE_TOO_LARGE, 413, "Validation"},
                 {WICK_REFUSE_EMPTY, 400, "Empty"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial t = {.error = {.refusal = cases[i].refusal}};
        assert_int_equal(dialect->status(cases[i].refusal), cases[i].status);
        dialect->write_error(&t.error, cases[i].status, &t.out);
        take_out(&t);
        assert_non_null(strstr(t.text, cases[i].type));
    }
}

static void tei_tokens(void **state)
{
    const wick_tokenizer *tokenizer = served.tokenizer;
    static const char text[] = "x \xE4\xB8\x96y";
    wick_encoding *encoding = wick_encoding_new();
    assert_int_equal(wick_tokenize(tokenizer, text, strlen(text), NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 5);
    char expected[512];
    snprintf(expected, sizeof expected,
             "[[{\"id\":2,\"text\":\"[CLS]\",\"special\":true,\"start\":null,\"stop\":null},"
             "{\"id\":%d,\"text\":\"x\",\"special\":false,\"start\":0,\"stop\":1},"
             "{\"id\":%d,\"text\":\"\xE4\xB8\x96\",\"special\":false,\"start\":2,\"stop\":3},"
             "{\"id\":%d,\"text\":\"y\",\"special\":false,\"start\":3,\"stop\":4},"
             "{\"id\":3,\"text\":\"[SEP]\",\"special\":true,\"start\":null,\"stop\":null}]]",
             encoding->ids[1], encoding->ids[2], encoding->ids[3]);
    check_answer(WICK_POST, "/tokenize", "{\"inputs\":\"x \xE4\xB8\x96y\"}", expected);
    check_answer(WICK_POST, "/tokenize", "{\"inputs\":[\"\",\" \"],\"add_special_tokens\":false}", "[[],[]]");
    check_refused(WICK_POST, "/tokenize", "{\"inputs\":[]}", 400, "Empty");
    check_refused(WICK_POST, "/tokenize", "{\"inputs\":\"SECRET\",\"add_special_tokens\":0}", 422,
                  "add_special_tokens");
    char body[128];
    snprintf(body, sizeof body, "{\"ids\":[2,%d,3]}", encoding->ids[1]);
    check_answer(WICK_POST, "/decode", body, "[\"x\"]");
    snprintf(body, sizeof body, "{\"ids\":[[2,%d],[99999],[]],\"skip_special_tokens\":false}", encoding->ids[1]);
    check_answer(WICK_POST, "/decode", body, "[\"[CLS] x\",\"\",\"\"]");
    check_refused(WICK_POST, "/decode", "{\"ids\":[]}", 400, "Empty");
    check_refused(WICK_POST, "/decode", "{\"ids\":\"SECRET\"}", 422, "ids must be an array");
    check_refused(WICK_POST, "/decode", "{\"ids\":[[1],2]}", 422, "ids[1] must be an array");
    check_refused(WICK_POST, "/decode", "{\"ids\":[1,\"SECRET\"]}", 422, "ids[1] is not a token id");
    check_refused(WICK_POST, "/decode", "{\"ids\":[1,1e300]}", 422, "ids[1] is not a token id");
    check_refused(WICK_POST, "/decode", "{\"ids\":[[1],[1],[1],[1],[1],[1],[1],[1],[1]]}", 413, "the limit is 8");
    wick_encoding_free(encoding);
}

static void tei_info(void **state)
{
    check_answer(
        WICK_GET, "/info", NULL,
        "{\"model_id\":\"org/"
        "tiny\",\"model_sha\":\"0123abcd\",\"model_dtype\":\"float32\",\"model_type\":{\"embedding\":{\"pooling\":"
        "\"cls\"}},"
        "\"max_concurrent_requests\":100,\"max_input_length\":48,\"max_batch_tokens\":4096,\"max_batch_requests\":null,"
        "\"max_client_batch_size\":8,\"auto_truncate\":true,\"tokenization_workers\":2,\"version\":\"" WICK_VERSION
        "\",\"sha\":null,\"docker_label\":null}");
}

/* ---- Ollama ---- */

static void ollama_embeds(void **state)
{
    check_reply(
        "/api/embed",
        "{\"model\":\"alias:latest\",\"input\":[\"a\",\"b\"],\"dimensions\":2,\"keep_alive\":\"5m\",\"options\":{}}",
        "{\"model\":\"alias:latest\",\"embeddings\":[[1,-0.5],[2,0.5]],\"total_duration\":2600000,\"load_duration\":0,"
        "\"prompt_eval_count\":7}");
    check_reply("/api/embeddings", "{\"model\":\"org/tiny\",\"prompt\":\"a\"}", "{\"embedding\":[1,-0.5,0,0.25]}");
    check_refused(WICK_POST, "/api/embeddings", "{\"model\":\"alias\",\"prompt\":[\"SECRET\"]}", 400,
                  "prompt must be a string");
    check_refused(WICK_POST, "/api/embed", "{\"model\":\"alias:7b\",\"input\":\"SECRET\"}", 404,
                  "{\"error\":\"model not found");
    check_refused(WICK_POST, "/api/embed", "{\"model\":\":latest\",\"input\":\"SECRET\"}", 404,
                  "{\"error\":\"model not found");
    check_refused(WICK_POST, "/api/embed", "{\"model\":\"alias\",\"input\":[]}", 400, "input is empty");
    check_refused(WICK_POST, "/api/embed", "{\"model\":\"alias\",\"input\":[1]}", 400, "input[0]");
}

static void ollama_models(void **state)
{
    trial t;
    begin_trial(&t, WICK_GET, "/api/tags", NULL);
    assert_int_equal(t.status, 200);
    assert_non_null(strstr(t.text, "{\"name\":\"alias\",\"model\":\"alias\",\"modified_at\":\"2026-11-23T08:50:00Z\","
                                   "\"size\":49382712,\"digest\":\"0123abcd\""));
    end_trial(&t);
    begin_trial(&t, WICK_POST, "/api/show", "{\"model\":\"alias:latest\"}");
    assert_int_equal(t.status, 200);
    assert_non_null(strstr(t.text, "\"capabilities\":[\"embedding\"]"));
    assert_non_null(
        strstr(t.text, ",\"general.architecture\":\"bert\",\"bert.embedding_length\":4,\"bert.context_length\":"));
    assert_non_null(strstr(t.text, ",\"embedding_length\":4,\"context_length\":"));
    end_trial(&t);
    check_refused(WICK_POST, "/api/show", "{\"name\":\"other\"}", 404, "model not found");
    check_refused(WICK_POST, "/api/show", "{\"name\":7,\"model\":\"alias\"}", 400, "name must be a string");
    check_answer(WICK_GET, "/api/version", NULL, "{\"version\":\"" WICK_VERSION "\"}");
}

/* ---- OpenAPI ---- */

/* Every route is described, and nothing else of these dialects. */
static void openapi_lists_every_route(void **state)
{
    const wick_route *const tables[] = {wick_routes_wick, wick_routes_openai, wick_routes_tei, wick_routes_ollama};
    wick_json *json;
    wick_error error = {0};
    if (wick_json_parse((const char *)wick_openapi_json, wick_openapi_json_bytes, "openapi.json", &json, &error) !=
        WICK_OK)
        fail_msg("%s", error.message);
    const wick_json *paths = wick_json_get(json, "paths");
    for (size_t t = 0; t < 4; t++)
        for (const wick_route *route = tables[t]; route->path; route++) {
            const size_t n = strlen(route->path);
            char path[64];
            snprintf(path, sizeof path, "%s", route->path);
            if (path[n - 1] == '*')
                snprintf(path + n - 1, sizeof path - n + 1, "{id}");
            if (!wick_json_get(wick_json_get(paths, path), route->method == WICK_GET ? "get" : "post"))
                fail_msg("openapi.json lacks %s", path);
        }
    wick_json_free(json);
}

static int open_tokenizer(void **state)
{
    wick_error error = {0};
    wick_tokenizer *tokenizer;
    if (wick_tokenizer_open(WICK_FIXTURES "/tiny-bert", NULL, &tokenizer, &error) != WICK_OK)
        fail_msg("%s", error.message);
    served.tokenizer = tokenizer;
    *state = tokenizer;
    return 0;
}

static int close_tokenizer(void **state)
{
    wick_tokenizer_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wick_embeds),
        cmocka_unit_test(prompts_are_bound),
        cmocka_unit_test(cuts_are_bound),
        cmocka_unit_test(wick_precisions),
        cmocka_unit_test(wick_encodings),
        cmocka_unit_test(wick_refuses),
        cmocka_unit_test(wick_lists_and_switches_models),
        cmocka_unit_test(openai_embeds),
        cmocka_unit_test(openai_takes_token_ids),
        cmocka_unit_test(models_without_a_tokenizer_take_no_ids),
        cmocka_unit_test(openai_refuses),
        cmocka_unit_test(openai_models),
        cmocka_unit_test(tei_embeds),
        cmocka_unit_test(tei_similarity),
        cmocka_unit_test(tei_refuses),
        cmocka_unit_test(tei_tokens),
        cmocka_unit_test(tei_info),
        cmocka_unit_test(ollama_embeds),
        cmocka_unit_test(ollama_models),
        cmocka_unit_test(openapi_lists_every_route),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
