/* SPDX-License-Identifier: Apache-2.0
 * tei_tokens.c: Text Embeddings Inference's routes that need no vectors: POST /tokenize, POST /decode and GET /info. In: calls (call.h). Out: whole replies.
 * Called through the table of routes in dialect_tei.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "server/decode.h"
#include "server/dialect_tei.h"
#include "server/service_models.h"

/* Borrows the model that the call names, which must have a tokenizer. */
static bool borrow_tokenizer(wick_call *call, wick_served **out, wick_api_error *error)
{
    wick_error problem = {0};
    if (wick_models_borrow(call->service->models, call->model, out, &problem) != WICK_OK) {
        wick_api_error_from(&problem, error);
        return false;
    }
    if ((*out)->tokenizer)
        return true;
    wick_models_return(call->service->models, *out);
    return wick_refuse(error, WICK_REFUSE_INVALID, NULL, "this model has no tokenizer");
}

/* ---- POST /tokenize ---- */

/* An answer is some 30 times as long as its texts: past this many bytes it is refused, for memory that clients may ask for must stay bounded. */
#define MAX_ANSWER_BYTES ((size_t)64 << 20)
/* What a prompt may add to all texts of a request. */
#define MAX_PROMPT_BYTES ((size_t)1 << 20)

/* Where a character of a text begins. */
typedef struct cursor {
    const char *text;
    size_t n_bytes, byte, character;
} cursor;

/* Goes to the given character; backwards only from the beginning again, which tokens hardly ever ask for. */
static size_t find_byte(cursor *at, size_t character)
{
    uint32_t code_point;
    if (character < at->character)
        at->byte = at->character = 0;
    for (; at->character < character && at->byte < at->n_bytes; at->character++)
        at->byte += wick_utf8_decode(at->text + at->byte, &code_point);
    return at->byte;
}

static void put_tokens(const wick_served *served, const wick_encoding *encoding, const char *text, size_t n_bytes,
                       wick_buffer *out)
{
    cursor start = {.text = text, .n_bytes = n_bytes};
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < encoding->n_tokens && out->n_bytes <= MAX_ANSWER_BYTES; i++) {
        wick_buffer_format(out, "%s{\"id\":%ld,\"text\":", i ? "," : "", (long)encoding->ids[i]);
        if (encoding->is_special[i]) {
            wick_json_put_text(out, wick_tokenizer_token(served->tokenizer, encoding->ids[i]));
            wick_buffer_text(out, ",\"special\":true,\"start\":null,\"stop\":null}");
            continue;
        }
        const size_t from = find_byte(&start, encoding->starts[i]);
        cursor stop = start;
        const size_t to = find_byte(&stop, encoding->ends[i]);
        wick_json_put_string(out, text + from, to > from ? to - from : 0);
        wick_buffer_format(out, ",\"special\":false,\"start\":%lu,\"stop\":%lu}", (unsigned long)encoding->starts[i],
                           (unsigned long)encoding->ends[i]);
    }
    wick_buffer_text(out, "]");
}

static bool put_all_tokens(const wick_call *call, const wick_served *served, bool add_special, wick_buffer *out,
                           wick_api_error *error)
{
    wick_tokenize_options options;
    wick_error problem = {0};
    wick_encoding *encoding = wick_encoding_new();
    int code = WICK_OK;
    if (!encoding)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    wick_tokenize_options_init(&options);
    options.add_special_tokens = add_special;
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < call->n_texts && code == WICK_OK && out->n_bytes <= MAX_ANSWER_BYTES; i++) {
        code = wick_tokenize(served->tokenizer, call->texts[i], call->text_bytes[i], &options, encoding, &problem);
        wick_buffer_text(out, i ? "," : "");
        if (code == WICK_OK)
            put_tokens(served, encoding, call->texts[i], call->text_bytes[i], out);
    }
    wick_buffer_text(out, "]");
    wick_encoding_free(encoding);
    if (code != WICK_OK) {
        wick_api_error_from(&problem, error);
        return false;
    }
    return out->n_bytes <= MAX_ANSWER_BYTES ||
           wick_refuse(error, WICK_REFUSE_TOO_LARGE, "inputs",
                       "the answer would be longer than %zu bytes; send the texts in parts", MAX_ANSWER_BYTES);
}

/* Puts the prompt that is asked for in front of the texts; without a name texts are shown as they are. */
static bool add_prompt(wick_call *call, const wick_served *served, wick_api_error *error)
{
    const char *prompt = "";
    if (!call->prompt_name)
        return true;
    if (!wick_request_prompt(served, call->prompt_name, &prompt, error))
        return false;
    const size_t n_prompt = strlen(prompt);
    if (n_prompt > MAX_PROMPT_BYTES / call->n_texts)
        return wick_refuse(error, WICK_REFUSE_TOO_LARGE, "inputs",
                           "the texts with this prompt would be too long; send them in parts");
    for (size_t i = 0; i < call->n_texts; i++) {
        char *text = wick_arena_take(call->arena, n_prompt + call->text_bytes[i], 1);
        if (!text)
            return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
        memcpy(text, prompt, n_prompt);
        memcpy(text + n_prompt, call->texts[i], call->text_bytes[i]);
        call->texts[i] = text;
        call->text_bytes[i] += n_prompt;
    }
    return true;
}

int wick_tei_tokenize(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    bool add_special = true;
    wick_served *served;
    if (!wick_request_begin(call, error) || !wick_request_bool(call->body, "add_special_tokens", &add_special, error) ||
        !wick_request_text(call->body, "prompt_name", &call->prompt_name, error) ||
        !wick_request_inputs(call, "inputs", false, error) || !borrow_tokenizer(call, &served, error))
        return 0;
    bool ok = add_prompt(call, served, error) && put_all_tokens(call, served, add_special, out, error);
    wick_models_return(call->service->models, served);
    return ok ? 200 : 0;
}

/* ---- POST /decode ---- */

static bool put_decoded(const wick_served *served, const wick_json *list, const char *name, bool skip_special,
                        wick_buffer *out, wick_api_error *error)
{
    const size_t n = wick_json_count(list);
    wick_buffer text = {0};
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    if (!ids)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (!wick_request_id(wick_json_at(list, i), &ids[i])) {
            free(ids);
            return wick_refuse(error, WICK_REFUSE_INVALID, "ids", "%s[%zu] is not a token id, an integer from 0 to %d",
                               name, i, INT32_MAX);
        }
    wick_decode(served->tokenizer, ids, n, skip_special, &text);
    wick_json_put_string(out, text.n_bytes ? text.bytes : "", text.n_bytes);
    out->failed |= text.failed;
    free(text.bytes);
    free(ids);
    return true;
}

/* ids: one array of token ids, or an array of such arrays. */
static bool decode_all(const wick_call *call, const wick_served *served, const wick_json *ids, bool skip_special,
                       wick_buffer *out, wick_api_error *error)
{
    const size_t n = wick_json_count(ids);
    if (wick_json_type_of(wick_json_at(ids, 0)) != WICK_JSON_ARRAY)
        return put_decoded(served, ids, "ids", skip_special, out, error);
    if (n > call->service->max_texts)
        return wick_refuse(error, WICK_REFUSE_TOO_LARGE, "ids",
                           "ids holds %zu arrays, the limit is %zu; send them in parts", n, call->service->max_texts);
    for (size_t i = 0; i < n; i++) {
        const wick_json *list = wick_json_at(ids, i);
        char name[32];
        snprintf(name, sizeof name, "ids[%zu]", i);
        if (wick_json_type_of(list) != WICK_JSON_ARRAY)
            return wick_refuse(error, WICK_REFUSE_INVALID, "ids", "%s must be an array of token ids, not %s", name,
                               wick_json_type_name(wick_json_type_of(list)));
        wick_buffer_text(out, i ? "," : "");
        if (!put_decoded(served, list, name, skip_special, out, error))
            return false;
    }
    return true;
}

int wick_tei_decode(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    bool skip_special = true;
    wick_served *served;
    const wick_json *ids = wick_json_get(call->body, "ids");
    if (!wick_request_begin(call, error) || !wick_request_bool(call->body, "skip_special_tokens", &skip_special, error))
        return 0;
    if (wick_json_type_of(ids) != WICK_JSON_ARRAY) {
        wick_refuse(error, WICK_REFUSE_INVALID, "ids", "ids must be an array of token ids, or an array of such arrays");
        return 0;
    }
    if (wick_json_count(ids) == 0) {
        wick_refuse(error, WICK_REFUSE_EMPTY, "ids", "ids is empty");
        return 0;
    }
    if (!borrow_tokenizer(call, &served, error))
        return 0;
    wick_buffer_text(out, "[");
    bool ok = decode_all(call, served, ids, skip_special, out, error);
    wick_buffer_text(out, "]");
    wick_models_return(call->service->models, served);
    return ok ? 200 : 0;
}

/* ---- GET /info ---- */

/* The names that Text Embeddings Inference has for them. */
static const char *long_dtype(const char *dtype)
{
    if (!dtype || strcmp(dtype, "f32") == 0)
        return "float32";
    return strcmp(dtype, "bf16") == 0 ? "bfloat16" : dtype;
}

/* {"0":"name",...}, or the other way round. */
static void put_label_map(const wick_model_info *info, bool by_name, wick_buffer *out)
{
    for (size_t i = 0; i < info->n_labels; i++) {
        wick_buffer_text(out, i ? "," : "{");
        if (by_name)
            wick_json_put_text(out, info->labels[i]);
        else
            wick_buffer_format(out, "\"%zu\"", i);
        wick_buffer_text(out, ":");
        if (by_name)
            wick_buffer_format(out, "%zu", i);
        else
            wick_json_put_text(out, info->labels[i]);
    }
    wick_buffer_text(out, "}");
}

/* {"reranker":{"id2label":{...},"label2id":{...}}}, {"classifier":...} or {"embedding":{"pooling":...}}. */
static void put_model_type(const wick_model_info *info, wick_buffer *out)
{
    const wick_wanted purpose = wick_kind_purpose(info->kind);
    if (purpose == WICK_WANT_RANKING || purpose == WICK_WANT_SCORES) {
        wick_buffer_text(out, purpose == WICK_WANT_RANKING ? "{\"reranker\":{\"id2label\":"
                                                           : "{\"classifier\":{\"id2label\":");
        put_label_map(info, false, out);
        wick_buffer_text(out, ",\"label2id\":");
        put_label_map(info, true, out);
        wick_buffer_text(out, "}}");
        return;
    }
    wick_buffer_text(out, "{\"embedding\":{\"pooling\":");
    wick_json_put_text(out, purpose == WICK_WANT_SPARSE   ? "splade"
                            : purpose == WICK_WANT_TOKENS ? "none"
                            : info->pooling               ? info->pooling
                                                          : "mean");
    wick_buffer_text(out, "}}");
}

int wick_tei_info(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    const wick_service *service = call->service;
    wick_served *served;
    if (wick_models_borrow_all(service->models, &served, 1) == 0) {
        wick_refuse(error, WICK_REFUSE_UNAVAILABLE, NULL, "no model is loaded");
        return 0;
    }
    const size_t limit = served->info.max_seq_length, longest = limit > 0 ? limit : INT32_MAX; /* or there is none */
    wick_buffer_text(out, "{\"model_id\":");
    wick_json_put_text(out, served->name);
    wick_buffer_text(out, ",\"model_sha\":");
    wick_json_put_text(out, wick_served_commit(served));
    wick_buffer_text(out, ",\"model_dtype\":");
    wick_json_put_text(out, long_dtype(served->info.dtype));
    wick_buffer_text(out, ",\"model_type\":");
    put_model_type(&served->info, out);
    wick_buffer_format(
        out,
        ",\"max_concurrent_requests\":%zu,\"max_input_length\":%zu,\"max_batch_tokens\":%zu,"
        "\"max_batch_requests\":null,\"max_client_batch_size\":%zu,\"auto_truncate\":true,"
        "\"tokenization_workers\":%u,\"version\":\"" WICK_VERSION "\",\"sha\":null,\"docker_label\":null}",
        service->max_connections, longest, service->batch_tokens, service->max_texts, service->n_workers);
    wick_models_return(service->models, served);
    return 200;
}
