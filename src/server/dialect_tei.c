/* SPDX-License-Identifier: Apache-2.0
 * dialect_tei.c: Text Embeddings Inference's routes that make vectors: POST /embed, whose other names are / and /invocations, and POST /similarity. In: calls
 * (call.h). Out: their options and texts; replies. What gives something else than vectors is in tei_outputs.c, what asks only for tokens or for information in
 * tei_tokens.c. */
#include "server/dialect_tei.h"

#include <string.h>

/* ---- errors ---- */

static int status_of(wick_refusal refusal)
{
    switch (refusal) {
    case WICK_REFUSE_INVALID:
    case WICK_REFUSE_TOKENIZER:
        return 422;
    case WICK_REFUSE_INTERNAL:
    case WICK_REFUSE_KIND:
        return 424;
    default:
        return wick_refusal_status(refusal);
    }
}

static const char *type_of(wick_refusal refusal)
{
    switch (refusal) {
    case WICK_REFUSE_EMPTY:
        return "Empty";
    case WICK_REFUSE_TOKENIZER:
        return "Tokenizer";
    case WICK_REFUSE_OVERLOADED:
        return "Overloaded";
    case WICK_REFUSE_UNAVAILABLE:
        return "Unhealthy";
    case WICK_REFUSE_INTERNAL:
    case WICK_REFUSE_KIND:
        return "Backend";
    default:
        return "Validation";
    }
}

static void write_error(const wick_api_error *error, int status, wick_buffer *out)
{
    wick_buffer_text(out, "{\"error\":");
    wick_json_put_text(out, error->message);
    wick_buffer_text(out, ",\"error_type\":");
    wick_json_put_text(out, type_of(error->refusal));
    wick_buffer_text(out, "}");
}

static const wick_dialect dialect = {"tei", false, status_of, write_error};

/* ---- POST /embed ---- */

bool wick_tei_read_cut(wick_call *call, const wick_json *body, wick_api_error *error)
{
    static const char *const directions[] = {"Right", "Left", "right", "left",
                                             NULL}; /* huggingface_hub writes them small */
    size_t direction = 4;                           /* the model's */
    if (!wick_request_bool(body, "truncate", &call->truncate, error) ||
        !wick_request_choice(body, "truncation_direction", directions, &direction, error))
        return false;
    call->options.truncate = call->truncate;
    if (directions[direction])
        call->options.truncate_side = direction % 2 == 1 ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    return true;
}

/* What stands in /embed's body itself, and under "parameters" in that of /similarity. */
static bool read_parameters(wick_call *call, const wick_json *body, wick_api_error *error)
{
    return wick_request_text(body, "prompt_name", &call->prompt_name, error) && wick_tei_read_cut(call, body, error);
}

static bool read_embed(wick_call *call, wick_api_error *error)
{
    return wick_request_begin(call, error) && read_parameters(call, call->body, error) &&
           wick_request_bool(call->body, "normalize", &call->options.normalize, error) &&
           wick_request_count(call->body, "dimensions", &call->options.dimensions, error) &&
           wick_request_inputs(call, "inputs", true, error);
}

static void write_embed(const wick_call *call, wick_buffer *out)
{
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < call->n_texts; i++) {
        wick_buffer_text(out, i ? "," : "");
        wick_json_put_floats(out, call->vectors + i * call->dimension, call->dimension);
    }
    wick_buffer_text(out, "]");
}

/* ---- POST /similarity ---- */

/* The sentences first, the one that they are compared with behind them. */
static bool read_sentences(wick_call *call, const wick_json *inputs, wick_api_error *error)
{
    const wick_json *list = wick_json_get(inputs, "sentences");
    const char *source;
    size_t n_source, n = wick_json_count(list);
    source = wick_json_string(wick_json_get(inputs, "source_sentence"), &n_source);
    if (!source)
        return wick_refuse(error, WICK_REFUSE_INVALID, "inputs.source_sentence",
                           "inputs.source_sentence must be a string");
    if (wick_json_type_of(list) != WICK_JSON_ARRAY)
        return wick_refuse(error, WICK_REFUSE_INVALID, "inputs.sentences",
                           "inputs.sentences must be an array of strings");
    if (n == 0)
        return wick_refuse(error, WICK_REFUSE_EMPTY, "inputs.sentences",
                           "inputs.sentences is empty; give at least one text");
    if (n >= call->service->max_texts)
        return wick_refuse(error, WICK_REFUSE_TOO_LARGE, "inputs.sentences",
                           "inputs.sentences holds %zu texts, the limit is %zu; send them in parts", n,
                           call->service->max_texts - 1);
    call->texts = wick_arena_take(call->arena, n + 1, sizeof *call->texts);
    call->text_bytes = wick_arena_take(call->arena, n + 1, sizeof *call->text_bytes);
    if (!call->texts || !call->text_bytes)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        call->texts[i] = wick_json_string(wick_json_at(list, i), &call->text_bytes[i]);
        if (!call->texts[i])
            return wick_refuse(error, WICK_REFUSE_INVALID, "inputs.sentences", "inputs.sentences[%zu] must be a string",
                               i);
    }
    call->texts[n] = source;
    call->text_bytes[n] = n_source;
    call->n_texts = n + 1;
    return true;
}

static bool read_similarity(wick_call *call, wick_api_error *error)
{
    const wick_json *inputs = wick_json_get(call->body, "inputs"),
                    *parameters = wick_json_get(call->body, "parameters");
    wick_json_type type = wick_json_type_of(parameters);
    if (!wick_request_begin(call, error))
        return false;
    if (type != WICK_JSON_NULL && type != WICK_JSON_OBJECT)
        return wick_refuse(error, WICK_REFUSE_INVALID, "parameters", "parameters must be an object, not %s",
                           wick_json_type_name(type));
    if (wick_json_type_of(inputs) != WICK_JSON_OBJECT)
        return wick_refuse(error, WICK_REFUSE_INVALID, "inputs",
                           "inputs must be an object with source_sentence and sentences");
    return read_parameters(call, parameters, error) && read_sentences(call, inputs, error);
}

/* The vectors have length 1: their product is the cosine. */
static void write_similarity(const wick_call *call, wick_buffer *out)
{
    const size_t n = call->dimension, n_sentences = call->n_texts - 1;
    const float *source = call->vectors + n_sentences * n;
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < n_sentences; i++) {
        double product = 0;
        for (size_t k = 0; k < n; k++)
            product += (double)source[k] * (double)call->vectors[i * n + k];
        wick_buffer_text(out, i ? "," : "");
        const float rounded = (float)product;
        char number[WICK_FLOAT_TEXT_BYTES];
        wick_buffer_put(out, number, wick_float_to_text(rounded, number));
    }
    wick_buffer_text(out, "]");
}

#define POST .method = WICK_POST, .dialect = &dialect
#define EMBED POST, .kind = WICK_ROUTE_EMBED, .read = read_embed, .write = write_embed
#define OUTPUT POST, .kind = WICK_ROUTE_EMBED
#define PLAIN .dialect = &dialect, .kind = WICK_ROUTE_PLAIN

const wick_route wick_routes_tei[] = {
    {EMBED, .path = "/embed"},
    {EMBED, .path = "/"},            /* where huggingface_hub's InferenceClient sends to, given a server's address */
    {EMBED, .path = "/invocations"}, /* SageMaker's name of it */
    {POST, .path = "/similarity", .kind = WICK_ROUTE_EMBED, .read = read_similarity, .write = write_similarity},
    /* A long query is tokenized with each of many texts. */
    {OUTPUT, .path = "/rerank", .is_slow = true, .read = wick_tei_read_rerank, .write = wick_tei_write_rerank},
    {OUTPUT, .path = "/predict", .read = wick_tei_read_predict, .write = wick_tei_write_predict},
    {OUTPUT, .path = "/embed_sparse", .read = wick_tei_read_sparse, .write = wick_tei_write_sparse},
    {OUTPUT, .path = "/embed_all", .read = wick_tei_read_all, .write = wick_tei_write_all},
    {PLAIN, .method = WICK_POST, .path = "/tokenize", .is_slow = true, .answer = wick_tei_tokenize},
    {PLAIN, .method = WICK_POST, .path = "/decode", .is_slow = true, .answer = wick_tei_decode},
    {PLAIN, .method = WICK_GET, .path = "/info", .answer = wick_tei_info},
    {0},
};
