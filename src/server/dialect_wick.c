/* SPDX-License-Identifier: Apache-2.0
 * dialect_wick.c: Wick's own routes, which are AkiDB's: POST /api/v1/embed, and the models: GET /api/v1/models, POST .../load and .../unload; and the
 * description of all routes, GET /openapi.json. In: calls (call.h). Out: their options and texts; replies. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "server/openapi.h"
#include "server/precision.h"
#include "server/request.h"
#include "server/service_models.h"

/* ---- errors ---- */

static void write_error(const wick_api_error *error, int status, wick_buffer *out)
{
    wick_buffer_text(out, "{\"error\":{\"code\":");
    wick_json_put_text(out, wick_refusal_code(error->refusal));
    wick_buffer_text(out, ",\"message\":");
    wick_json_put_text(out, error->message);
    if (error->param[0]) {
        wick_buffer_text(out, ",\"param\":");
        wick_json_put_text(out, error->param);
    }
    wick_buffer_text(out, "}}");
}

const wick_dialect wick_dialect_wick = {"wick", false, wick_refusal_status, write_error};

/* ---- POST /api/v1/embed ---- */

static bool read_embed(wick_call *call, wick_api_error *error)
{
    static const char *const formats[] = {"float", "base64", "int8", "binary", NULL}; /* as wick_encoding_format */
    static const char *const dtypes[] = {"f32", "bf16", "int8", NULL};
    size_t format = WICK_FORMAT_FLOAT, dtype = 3;
    const bool has_alias = wick_json_type_of(wick_json_get(call->body, "texts")) != WICK_JSON_NULL;
    const bool has_inputs = wick_json_type_of(wick_json_get(call->body, "inputs")) != WICK_JSON_NULL;
    if (has_alias && has_inputs)
        return wick_refuse(error, WICK_REFUSE_INVALID, "texts", "texts is another name of inputs; give one of them");
    if (!wick_request_begin(call, error) || !wick_request_cuts(call, error) ||
        !wick_request_bool(call->body, "normalize", &call->options.normalize, error) ||
        !wick_request_text(call->body, "prompt_name", &call->prompt_name, error) ||
        !wick_request_choice(call->body, "dtype", dtypes, &dtype, error) ||
        !wick_request_choice(call->body, "encoding_format", formats, &format, error))
        return false;
    call->dtype = dtypes[dtype];
    call->format = (wick_encoding_format)format;
    return wick_request_inputs(call, has_alias ? "texts" : "inputs", false, error) && wick_precision_read(call, error);
}

/* 127 times the values over the largest of them, rounded: the direction of the vector, and nothing of its batch or its length. */
static void put_int8(const float *vector, size_t n, int8_t *scratch, wick_buffer *out)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(vector[i]));
    for (size_t i = 0; i < n; i++)
        scratch[i] = largest > 0 ? (int8_t)lrint(127.0 * vector[i] / largest) : 0;
    wick_json_put_int8s(out, scratch, n);
}

/* A bit a value, set where it is above 0, the first in the highest bit of the first byte; bytes less 128, as sentence-transformers packs its "binary". */
static void put_binary(const float *vector, size_t n, int8_t *scratch, wick_buffer *out)
{
    const size_t n_bytes = (n + 7) / 8;
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned byte = 0;
        for (size_t bit = 0; bit < 8; bit++)
            byte = byte << 1 | (i * 8 + bit < n && vector[i * 8 + bit] > 0);
        scratch[i] = (int8_t)((int)byte - 128);
    }
    wick_json_put_int8s(out, scratch, n_bytes);
}

static void put_vectors(const wick_call *call, int8_t *scratch, wick_buffer *out)
{
    const size_t n = call->dimension;
    for (size_t i = 0; i < call->n_texts; i++) {
        const float *vector = call->vectors + i * n;
        wick_buffer_text(out, i ? "," : "");
        switch (call->format) {
        case WICK_FORMAT_FLOAT:
            wick_json_put_floats(out, vector, n);
            break;
        case WICK_FORMAT_BASE64:
            wick_json_put_base64(out, vector, n * sizeof *vector);
            break;
        case WICK_FORMAT_INT8:
            put_int8(vector, n, scratch, out);
            break;
        case WICK_FORMAT_BINARY:
            put_binary(vector, n, scratch, out);
            break;
        }
    }
}

static void write_embed(const wick_call *call, wick_buffer *out)
{
    int8_t *scratch = malloc(call->dimension);
    if (!scratch) {
        out->failed = true;
        return;
    }
    wick_buffer_text(out, "{\"model\":");
    wick_json_put_text(out, wick_call_model_name(call));
    wick_buffer_text(out, ",\"embeddings\":[");
    if (call->precision == WICK_PRECISION_F32)
        put_vectors(call, scratch, out);
    else
        wick_precision_put(call, out);
    wick_buffer_format(out, "],\"dimension\":%zu,\"usage\":{\"total_tokens\":%llu,\"duration_ms\":%llu}}",
                       call->dimension, (unsigned long long)call->total_tokens,
                       (unsigned long long)llrint(fmax(call->total_ms, 0)));
    free(scratch);
}

/* ---- the models ---- */

static void put_served(const wick_served *served, wick_buffer *out)
{
    const wick_model_info *info = &served->info;
    wick_buffer_text(out, "{\"name\":");
    wick_json_put_text(out, served->name);
    wick_buffer_text(out, ",\"names\":[");
    for (size_t i = 0; i < served->n_names; i++) {
        wick_buffer_text(out, i ? "," : "");
        wick_json_put_text(out, served->names[i]);
    }
    wick_buffer_text(out, "],\"loaded\":true,\"provider\":");
    /* Who serves now: a fallback may stand in. */
    wick_json_put_text(out, served->provider ? wick_provider_name(served->provider) : served->provider_name);
    wick_buffer_text(out, ",\"dtype\":");
    wick_json_put_text(out, info->dtype);
    wick_buffer_text(out, ",\"device\":");
    wick_json_put_text(out, info->device);
    wick_buffer_text(out, ",\"kind\":");
    wick_json_put_text(out, info->kind);
    wick_buffer_format(out, ",\"dimension\":%zu,\"max_dimensions\":%zu,\"max_tokens\":%zu,\"max_seq_length\":%zu",
                       info->dimension, info->max_dimensions, info->max_tokens, info->max_seq_length);
    wick_buffer_text(out, ",\"similarity\":");
    wick_json_put_text(out, info->similarity);
    wick_buffer_text(out, ",\"prompts\":[");
    for (size_t i = 0; i < info->n_prompts; i++) {
        wick_buffer_text(out, i ? "," : "");
        wick_json_put_text(out, info->prompts[i].name);
    }
    wick_buffer_text(out, "],\"default_prompt_name\":");
    wick_json_put_text(out, info->default_prompt_name);
    wick_buffer_format(out, ",\"loaded_at\":%lld}", (long long)served->loaded_at);
}

static int answer_models(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_served *served[WICK_SERVICE_MAX_MODELS];
    const size_t n = wick_models_borrow_all(call->service->models, served, WICK_SERVICE_MAX_MODELS);
    wick_buffer_text(out, "{\"models\":[");
    for (size_t i = 0; i < n; i++) {
        wick_buffer_text(out, i ? "," : "");
        put_served(served[i], out);
    }
    wick_buffer_text(out, "],\"cached\":[");
    wick_service_put_cached(call->service->cache_dir, out);
    wick_buffer_text(out, "]}");
    for (size_t i = 0; i < n; i++)
        wick_models_return(call->service->models, served[i]);
    return 200;
}

/* What load and unload have in common. */
static bool read_switch(wick_call *call, wick_api_error *error)
{
    if (!call->service->allow_load)
        return wick_refuse(error, WICK_REFUSE_FORBIDDEN, NULL,
                           "this server does not load or unload models by request; its operator can allow that");
    if (!wick_request_text(call->body, "model", &call->model, error))
        return false;
    if (!call->model || !call->model[0])
        return wick_refuse(error, WICK_REFUSE_INVALID, "model", "model is missing; it must be a model's name");
    return true;
}

/* Whoever names a model to load answers for its files: what is wrong with them is no failure of the server's, nor is a hub that cannot be reached. A cache that cannot be read
 * is the server's. */
static void refuse_load(const char *model, wick_error *problem, wick_api_error *error)
{
    if (problem->code == WICK_E_CORRUPT || (problem->code == WICK_E_IO && wick_hub_name_is_path(model)))
        problem->code = WICK_E_INVALID_INPUT;
    else if (problem->code == WICK_E_INTERNAL && problem->retriable)
        problem->code = WICK_E_UNAVAILABLE;
    wick_api_error_from(problem, error);
    if (error->refusal == WICK_REFUSE_INVALID)
        snprintf(error->param, sizeof error->param, "model");
}

static int answer_switch(wick_call *call, bool loads, wick_buffer *out, wick_api_error *error)
{
    wick_error problem = {0};
    if (!read_switch(call, error))
        return 0;
    int code = loads ? wick_models_load(call->service->models, call->model, NULL, 0, &problem)
                     : wick_models_unload(call->service->models, call->model, &problem);
    if (code != WICK_OK) {
        if (loads)
            refuse_load(call->model, &problem, error);
        else
            wick_api_error_from(&problem, error);
        return 0;
    }
    wick_buffer_text(out, "{\"model\":");
    wick_json_put_text(out, call->model);
    wick_buffer_text(out, loads ? ",\"loaded\":true}" : ",\"loaded\":false}");
    return 200;
}

static int answer_load(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    return answer_switch(call, true, out, error);
}

static int answer_unload(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    return answer_switch(call, false, out, error);
}

/* ---- GET /openapi.json ---- */

static int answer_openapi(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_buffer_put(out, wick_openapi_json, wick_openapi_json_bytes);
    return 200;
}

const wick_route wick_routes_wick[] = {
    {.method = WICK_POST,
     .path = "/api/v1/embed",
     .dialect = &wick_dialect_wick,
     .kind = WICK_ROUTE_EMBED,
     .read = read_embed,
     .write = write_embed},
    {.method = WICK_GET,
     .path = "/api/v1/models",
     .dialect = &wick_dialect_wick,
     .kind = WICK_ROUTE_PLAIN,
     .is_slow = true,
     .answer = answer_models},
    {.method = WICK_POST,
     .path = "/api/v1/models/load",
     .dialect = &wick_dialect_wick,
     .kind = WICK_ROUTE_PLAIN,
     .is_waiting = true,
     .answer = answer_load},
    {.method = WICK_POST,
     .path = "/api/v1/models/unload",
     .dialect = &wick_dialect_wick,
     .kind = WICK_ROUTE_PLAIN,
     .is_waiting = true,
     .answer = answer_unload},
    {.method = WICK_GET,
     .path = "/openapi.json",
     .dialect = &wick_dialect_wick,
     .kind = WICK_ROUTE_PLAIN,
     .is_public = true,
     .answer = answer_openapi},
    {0},
};
