/* SPDX-License-Identifier: Apache-2.0
 * dialect_ollama.c: Ollama's routes: POST /api/embed, the older POST /api/embeddings, GET /api/tags, GET /api/ps, POST /api/show, GET /api/version. In: calls
 * (call.h). Out: their options and texts; replies. Ollama's clients put ":latest" behind a name without a tag: it is taken off again. */
#include <stdio.h>
#include <string.h>

#include "provider/kinds.h"
#include "server/request.h"
#include "server/service_models.h"

#define TAG ":latest"

/* ---- errors ---- */

static void write_error(const wick_api_error *error, int status, wick_buffer *out)
{
    wick_buffer_text(out, "{\"error\":");
    wick_json_put_text(out, error->message);
    wick_buffer_text(out, "}");
}

static const wick_dialect dialect = {"ollama", true, wick_refusal_status, write_error};

/* ---- names ---- */

/* The name to look for: the one given where it is served, else without ":latest". NULL: out of memory. */
static const char *served_name(const wick_call *call, const char *name)
{
    const size_t n = strlen(name), n_tag = strlen(TAG);
    wick_served *served;
    if (n <= n_tag || strcmp(name + n - n_tag, TAG) != 0)
        return name;
    if (wick_models_borrow(call->service->models, name, &served, NULL) == WICK_OK) {
        wick_models_return(call->service->models, served);
        return name;
    }
    return wick_arena_copy_text(call->arena, name, n - n_tag);
}

static bool find_name(wick_call *call, wick_api_error *error)
{
    if (!call->model || !call->model[0])
        return true;
    call->reply_model = wick_arena_copy_text(call->arena, call->model, strlen(call->model)); /* clients compare it */
    call->model = served_name(call, call->model);
    return (call->model && call->reply_model) || wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
}

/* ---- POST /api/embed, POST /api/embeddings ---- */

static bool read_embed(wick_call *call, wick_api_error *error)
{
    return wick_request_begin(call, error) && find_name(call, error) && wick_request_cuts(call, error) &&
           wick_request_inputs(call, "input", false, error);
}

static void write_embed(const wick_call *call, wick_buffer *out)
{
    wick_buffer_text(out, "{\"model\":");
    wick_json_put_text(out, wick_call_model_name(call));
    wick_buffer_text(out, ",\"embeddings\":[");
    for (size_t i = 0; i < call->n_texts; i++) {
        wick_buffer_text(out, i ? "," : "");
        wick_json_put_floats(out, call->vectors + i * call->dimension, call->dimension);
    }
    /* Durations in nanoseconds; a served model is always loaded. */
    wick_buffer_format(out, "],\"total_duration\":%.0f,\"load_duration\":0,\"prompt_eval_count\":%llu}",
                       call->total_ms * 1e6, (unsigned long long)call->total_tokens);
}

static bool read_embeddings(wick_call *call, wick_api_error *error)
{
    if (!wick_request_begin(call, error) || !find_name(call, error) ||
        !wick_request_inputs(call, "prompt", false, error))
        return false;
    return call->is_single ||
           wick_refuse(error, WICK_REFUSE_INVALID, "prompt", "prompt must be a string, not an array");
}

static void write_embeddings(const wick_call *call, wick_buffer *out)
{
    wick_buffer_text(out, "{\"embedding\":");
    wick_json_put_floats(out, call->vectors, call->dimension);
    wick_buffer_text(out, "}");
}

/* ---- the models ---- */

static void put_details(const wick_served *served, wick_buffer *out)
{
    char size[32] = "";
    if (served->info.n_parameters > 0)
        snprintf(size, sizeof size, "%.1fM", (double)served->info.n_parameters / 1e6);
    wick_buffer_text(out, "{\"parent_model\":\"\",\"format\":\"safetensors\",\"family\":");
    wick_json_put_text(out, served->info.architecture ? served->info.architecture : "");
    wick_buffer_text(out, ",\"families\":[],\"parameter_size\":");
    wick_json_put_text(out, size);
    wick_buffer_text(out, ",\"quantization_level\":");
    wick_json_put_text(out, served->info.dtype ? served->info.dtype : "");
    wick_buffer_text(out, "}");
}

static void put_model(const wick_served *served, const char *name, wick_buffer *out)
{
    const char *commit = wick_served_commit(served);
    wick_buffer_text(out, "{\"name\":");
    wick_json_put_text(out, name);
    wick_buffer_text(out, ",\"model\":");
    wick_json_put_text(out, name);
    wick_buffer_text(out, ",\"modified_at\":");
    wick_json_put_time(out, served->loaded_at);
    /* The size of the weights as f32. */
    wick_buffer_format(out, ",\"size\":%zu,\"digest\":", served->info.n_parameters * sizeof(float));
    wick_json_put_text(out, commit ? commit : "");
    wick_buffer_text(out, ",\"details\":");
    put_details(served, out);
    wick_buffer_text(out, "}");
}

static int answer_tags(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_buffer_text(out, "{\"models\":[");
    wick_service_put_names(call->service, put_model, out);
    wick_buffer_text(out, "]}");
    return 200;
}

/* value 0: not known, or the model has none; nothing is put. */
static void put_number(const char *architecture, const char *name, size_t value, wick_buffer *out)
{
    char key[128];
    if (value == 0)
        return;
    snprintf(key, sizeof key, "%.64s%s%s", architecture, architecture[0] ? "." : "", name);
    wick_buffer_text(out, ",");
    wick_json_put_text(out, key);
    wick_buffer_format(out, ":%zu", value);
}

static bool embeds(const wick_model_info *info)
{
    return wick_kind_purpose(info->kind) == WICK_WANT_VECTORS;
}

/* Ollama's clients look for general.architecture and, with it in front, for the lengths. Without it they stand there for those who know Wick. */
static void put_model_info(const wick_model_info *info, wick_buffer *out)
{
    const size_t dimension = embeds(info) ? info->dimension : 0;
    const char *architecture = info->architecture ? info->architecture : "";
    wick_buffer_format(out, ",\"model_info\":{\"general.parameter_count\":%zu", info->n_parameters);
    if (architecture[0]) {
        wick_buffer_text(out, ",\"general.architecture\":");
        wick_json_put_text(out, architecture);
        put_number(architecture, "embedding_length", dimension, out);
        put_number(architecture, "context_length", info->max_seq_length, out);
        put_number(architecture, "block_count", info->n_layers, out);
        put_number(architecture, "attention.head_count", info->n_heads, out);
        put_number(architecture, "feed_forward_length", info->intermediate_size, out);
    }
    put_number("", "embedding_length", dimension, out);
    put_number("", "context_length", info->max_seq_length, out);
    wick_buffer_text(out, "}");
}

static int answer_show(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_served *served = NULL;
    wick_error problem = {0};
    const char *older = NULL;
    if (!wick_request_text(call->body, "name", &older, error) ||
        !wick_request_text(call->body, "model", &call->model, error))
        return 0;
    if (!call->model || !call->model[0])
        call->model = older;
    if (!find_name(call, error))
        return 0;
    if (wick_models_borrow(call->service->models, call->model, &served, &problem) != WICK_OK) {
        wick_api_error_from(&problem, error);
        return 0;
    }
    wick_buffer_text(out, "{\"modelfile\":\"\",\"parameters\":\"\",\"template\":\"\",\"details\":");
    put_details(served, out);
    put_model_info(&served->info, out);
    wick_buffer_text(out, embeds(&served->info) ? ",\"capabilities\":[\"embedding\"],\"modified_at\":"
                                                : ",\"capabilities\":[],\"modified_at\":");
    wick_json_put_time(out, served->loaded_at);
    wick_buffer_text(out, "}");
    wick_models_return(call->service->models, served);
    return 200;
}

static int answer_version(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    wick_buffer_text(out, "{\"version\":\"" WICK_VERSION "\"}");
    return 200;
}

#define POST .method = WICK_POST, .dialect = &dialect
#define GET .method = WICK_GET, .dialect = &dialect, .kind = WICK_ROUTE_PLAIN

const wick_route wick_routes_ollama[] = {
    {POST, .path = "/api/embed", .kind = WICK_ROUTE_EMBED, .read = read_embed, .write = write_embed},
    {POST, .path = "/api/embeddings", .kind = WICK_ROUTE_EMBED, .read = read_embeddings, .write = write_embeddings},
    {POST, .path = "/api/show", .kind = WICK_ROUTE_PLAIN, .answer = answer_show},
    {GET, .path = "/api/tags", .answer = answer_tags},
    {GET, .path = "/api/ps", .answer = answer_tags},
    {GET, .path = "/api/version", .answer = answer_version},
    {0},
};
