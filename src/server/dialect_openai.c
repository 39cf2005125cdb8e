/* SPDX-License-Identifier: Apache-2.0
 * dialect_openai.c: OpenAI's routes: POST /v1/embeddings (and /embeddings, as Text Embeddings Inference serves it), GET /v1/models and /v1/models/ID. In: calls
 * (call.h). Out: their options and texts; replies. Vectors always have length 1, as OpenAI's have. */
#include <string.h>

#include "server/request.h"
#include "server/service_models.h"

#define MODELS_PATH "/v1/models/"

/* ---- errors ---- */

/* OpenAI's "type", and its "code", which may be null. */
static void kind_of(wick_refusal refusal, const char **type, const char **code)
{
    *type = "invalid_request_error";
    *code = NULL;
    switch (refusal) {
    case WICK_REFUSE_MODEL:
        *code = "model_not_found";
        break;
    case WICK_REFUSE_TOKENIZER:
        *code = "context_length_exceeded";
        break;
    case WICK_REFUSE_UNAUTHORIZED:
        *code = "invalid_api_key";
        break;
    case WICK_REFUSE_OVERLOADED:
        *type = "rate_limit_error";
        *code = "rate_limit_exceeded";
        break;
    case WICK_REFUSE_UNAVAILABLE:
        *type = "service_unavailable_error";
        break;
    case WICK_REFUSE_INTERNAL:
        *type = "server_error";
        break;
    default:
        break;
    }
}

static void write_error(const wick_api_error *error, int status, wick_buffer *out)
{
    const char *type, *code;
    kind_of(error->refusal, &type, &code);
    wick_buffer_text(out, "{\"error\":{\"message\":");
    wick_json_put_text(out, error->message);
    wick_buffer_text(out, ",\"type\":");
    wick_json_put_text(out, type);
    wick_buffer_text(out, ",\"param\":");
    wick_json_put_text(out, error->param[0] ? error->param : NULL);
    wick_buffer_text(out, ",\"code\":");
    wick_json_put_text(out, code);
    wick_buffer_text(out, "}}");
}

static const wick_dialect dialect = {"openai", false, wick_refusal_status, write_error};

/* ---- POST /v1/embeddings ---- */

static bool read_embeddings(wick_call *call, wick_api_error *error)
{
    static const char *const formats[] = {"float", "base64", NULL}; /* as wick_encoding_format */
    size_t format = WICK_FORMAT_FLOAT;
    if (!wick_request_begin(call, error) ||
        !wick_request_count(call->body, "dimensions", &call->options.dimensions, error) ||
        !wick_request_choice(call->body, "encoding_format", formats, &format, error))
        return false;
    call->format = (wick_encoding_format)format;
    return wick_request_inputs(call, "input", true, error);
}

static void write_embeddings(const wick_call *call, wick_buffer *out)
{
    const size_t n = call->dimension;
    wick_buffer_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < call->n_texts; i++) {
        wick_buffer_format(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        if (call->format == WICK_FORMAT_BASE64)
            wick_json_put_base64(out, call->vectors + i * n, n * sizeof *call->vectors);
        else
            wick_json_put_floats(out, call->vectors + i * n, n);
        wick_buffer_text(out, "}");
    }
    wick_buffer_text(out, "],\"model\":");
    wick_json_put_text(out, wick_call_model_name(call));
    wick_buffer_format(out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}",
                       (unsigned long long)call->total_tokens, (unsigned long long)call->total_tokens);
}

/* ---- GET /v1/models ---- */

static void put_model(const wick_served *served, const char *name, wick_buffer *out)
{
    wick_buffer_text(out, "{\"id\":");
    wick_json_put_text(out, name);
    wick_buffer_format(out, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"wick\"}",
                       (long long)served->loaded_at);
}

static int answer_models(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_buffer_text(out, "{\"object\":\"list\",\"data\":[");
    wick_service_put_names(call->service, put_model, out);
    wick_buffer_text(out, "]}");
    return 200;
}

static int answer_model(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    const char *name = wick_exchange_path(call->exchange) + strlen(MODELS_PATH);
    wick_served *served = NULL;
    wick_error problem = {0};
    if (!name[0])
        return answer_models(call, out, content_type, error);
    if (wick_models_borrow(call->service->models, name, &served, &problem) != WICK_OK) {
        wick_api_error_from(&problem, error);
        return 0;
    }
    put_model(served, name, out);
    wick_models_return(call->service->models, served);
    return 200;
}

#define EMBED                                                                                                          \
    .method = WICK_POST, .dialect = &dialect, .kind = WICK_ROUTE_EMBED, .read = read_embeddings,                       \
    .write = write_embeddings

const wick_route wick_routes_openai[] = {
    {EMBED, .path = "/v1/embeddings"},
    {EMBED, .path = "/embeddings"},
    {.method = WICK_GET, .path = "/v1/models", .dialect = &dialect, .kind = WICK_ROUTE_PLAIN, .answer = answer_models},
    {.method = WICK_GET,
     .path = MODELS_PATH "*",
     .dialect = &dialect,
     .kind = WICK_ROUTE_PLAIN,
     .answer = answer_model},
    {0},
};
