/* SPDX-License-Identifier: Apache-2.0
 * fuzz_dialects.c: any body to any route of the dialects: read, bound to a model with a small tokenizer, written. The first byte says which route, the second how the
 * vectors look, the rest is the body. Whatever comes out must be JSON, and an error must name a refusal and its status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/request.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "fuzz_dialects: %s does not hold\n", #condition);                                          \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define MAX_ROUTES 64
#define MAX_TEXTS 16
#define DIMENSION 12
#define N_LABELS 3

/* A tokenizer.json with a few words; what is in it matters little. */
static const char tokenizer_json[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
    "{\"id\":0,\"content\":\"[PAD]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":true},"
    "{\"id\":1,\"content\":\"[UNK]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":true},"
    "{\"id\":2,\"content\":\"[CLS]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":true},"
    "{\"id\":3,\"content\":\"[SEP]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":true}],"
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":"
    "null,\"lowercase\":true},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]"
    "\",3],\"cls\":[\"[CLS]\",2]},"
    "\"decoder\":null,\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
    "\"max_input_chars_per_word\":100,\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,\"a\":4,\"##a\":5,"
    "\"b\":6,\".\":7,"
    "\"'s\":8,\"n't\":9,\"\\u4e16\":10,\"##\":11,\"do\":12,\"not\":13,\"\\u00e9\":14}}}";

static const char *const names[] = {"a/b", "c"};
static const wick_prompt prompts[] = {{"query", "query: "}, {"document", ""}};
static const char *const labels[N_LABELS] = {"no", "yes", "\"maybe\""};
/* Of no kind: it gives whatever is asked for. */
static wick_served served = {.name = "a/b",
                             .names = names,
                             .n_names = 2,
                             .info = {.dimension = DIMENSION,
                                      .max_seq_length = 16,
                                      .max_tokens = 16,
                                      .dtype = "f32",
                                      .prompts = prompts,
                                      .n_prompts = 2,
                                      .pools_prompt = true,
                                      .labels = labels,
                                      .n_labels = N_LABELS,
                                      .token_dimension = 2},
                             .provider_name = "candle"};
static const wick_service service = {.max_texts = MAX_TEXTS, .allow_load = true, .cache_dir = "/nonexistent"};
static const wick_route *routes[MAX_ROUTES];
static size_t n_routes;
static int n_borrowed;
static const char *path;

/* ---- stand-ins for models.h and http.h ---- */

int wick_models_borrow(wick_models *models, const char *name, wick_served **out, wick_error *error)
{
    if (name && name[0] && strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0) {
        if (error)
            *error = (wick_error){.code = WICK_E_MODEL_NOT_FOUND, .message = "not served"};
        return WICK_E_MODEL_NOT_FOUND;
    }
    *out = &served;
    n_borrowed++;
    return WICK_OK;
}

void wick_models_return(wick_models *models, wick_served *model)
{
    n_borrowed--;
}

size_t wick_models_borrow_all(wick_models *models, wick_served **out, size_t n)
{
    out[0] = &served;
    n_borrowed++;
    return 1;
}

int wick_models_load(wick_models *models, const char *model, const char *const *list, size_t n_names, wick_error *error)
{
    return WICK_OK;
}

int wick_models_unload(wick_models *models, const char *name, wick_error *error)
{
    return WICK_OK;
}

const char *wick_exchange_path(const wick_exchange *exchange)
{
    return path;
}

/* ---- one body ---- */

static void set_up(void)
{
    static const wick_route *const tables[] = {wick_routes_wick, wick_routes_openai, wick_routes_tei,
                                               wick_routes_ollama};
    char folder[] = "/tmp/fuzz_dialects_XXXXXX", file[64];
    wick_tokenizer *tokenizer = NULL;
    CHECK(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/tokenizer.json", folder);
    FILE *out = fopen(file, "wb");
    CHECK(out && fputs(tokenizer_json, out) >= 0 && fclose(out) == 0);
    CHECK(wick_tokenizer_open(folder, NULL, &tokenizer, NULL) == WICK_OK);
    unlink(file);
    rmdir(folder);
    served.tokenizer = tokenizer;
    for (size_t t = 0; t < 4; t++)
        for (const wick_route *route = tables[t]; route->path && n_routes < MAX_ROUTES; route++)
            routes[n_routes++] = route;
}

/* What a job would have gathered: of sparse and token vectors none to three rows a text. */
static void make_rows(wick_call *call, uint8_t seed, float *values)
{
    static size_t offsets[MAX_TEXTS + 1];
    static uint32_t indices[3 * MAX_TEXTS];
    const bool is_scores = call->seconds != NULL;
    for (size_t i = 0; i < call->n_texts; i++)
        offsets[i + 1] = offsets[i] + (is_scores ? 1 : (seed + i) % 4);
    for (size_t i = 0; i < 3 * MAX_TEXTS; i++)
        indices[i] = (uint32_t)i * seed;
    call->job.rows = (wick_rows_response){.n_texts = call->n_texts,
                                          .dimension = is_scores ? N_LABELS : 2,
                                          .offsets = offsets,
                                          .indices = call->wanted == WICK_WANT_SPARSE ? indices : NULL,
                                          .values = values};
}

static bool embed(wick_call *call, uint8_t seed, wick_buffer *out, wick_api_error *error)
{
    float vectors[MAX_TEXTS * DIMENSION];
    if (!call->route->read(call, error))
        return false;
    CHECK(call->n_texts >= 1 && call->n_texts <= MAX_TEXTS);
    if (wick_models_borrow(NULL, call->model, &call->served, NULL) != WICK_OK)
        return wick_refuse(error, WICK_REFUSE_MODEL, "model", "not served");
    wick_models_return(NULL, call->served);
    if (!wick_call_bind(call, error))
        return false;
    CHECK(call->wanted != WICK_WANT_VECTORS || (call->dimension >= 1 && call->dimension <= DIMENSION));
    CHECK((call->wanted == WICK_WANT_SCORES || call->wanted == WICK_WANT_RANKING) == (call->seconds != NULL));
    for (size_t i = 0; i < call->n_texts; i++)
        CHECK(call->texts[i] && (call->wanted != WICK_WANT_RANKING || call->seconds[i]));
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        vectors[i] = (float)((double)(int8_t)(seed * (i + 1)) * 0.01);
    call->vectors = call->wanted == WICK_WANT_VECTORS ? vectors : NULL;
    if (!call->vectors)
        make_rows(call, seed, vectors);
    if (call->model) /* calls.c keeps it and the texts, and frees the body */
        CHECK((call->model = wick_arena_copy_text(call->arena, call->model, strlen(call->model))));
    for (size_t i = 0; call->seconds && i < call->n_texts; i++)
        if (call->seconds[i])
            CHECK((call->seconds[i] = wick_arena_copy_text(call->arena, call->seconds[i], call->second_bytes[i])));
    wick_json_free(call->body);
    call->body = NULL;
    call->route->write(call, out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (n_routes == 0)
        set_up();
    if (size < 2)
        return 0;
    wick_arena arena = {0};
    wick_buffer out = {0};
    wick_api_error error = {0};
    const wick_route *route = routes[data[0] % n_routes];
    wick_call call = {.service = &service, .arena = &arena, .route = route};
    char *body = malloc(size - 1), name[256];
    CHECK(body);
    memcpy(body, data + 2, size - 2);
    body[size - 2] = '\0';
    snprintf(name, sizeof name, "/v1/models/%s", body);
    path = name;
    bool ok = route->method != WICK_POST || wick_call_parse(body, size - 2, &call.body, &error);
    int status = 200;
    if (ok && route->kind == WICK_ROUTE_EMBED) {
        ok = embed(&call, data[1], &out, &error);
    } else if (ok) {
        const char *content_type = "application/json";
        status = route->answer(&call, &out, &content_type, &error);
        ok = status != 0;
    }
    if (!ok) {
        CHECK(error.refusal != WICK_REFUSE_NONE && error.message[0]);
        out.n_bytes = 0;
        status = route->dialect->status(error.refusal);
        CHECK(status >= 400 && status < 500 && error.refusal != WICK_REFUSE_KIND);
        route->dialect->write_error(&error, status, &out);
    }
    CHECK(!out.failed && n_borrowed == 0);
    wick_json *reply = NULL;
    CHECK(wick_json_parse(out.bytes, out.n_bytes, "reply", &reply, NULL) == WICK_OK);
    wick_json_free(reply);
    wick_json_free(call.body);
    wick_arena_clear(&arena);
    free(out.bytes);
    free(body);
    return 0;
}
