/* SPDX-License-Identifier: Apache-2.0
 * request.c: request.h, and wick_call_parse of call.h. In: the bytes of a body. Out: its fields, or what is wrong with them in words that repeat
 * nothing of what it says. Called by calls.c and the dialects. */
#include "server/request.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "provider/vectors.h"

bool wick_refuse(wick_api_error *error, wick_refusal refusal, const char *param, const char *format, ...)
{
    va_list arguments;
    size_t whole;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (!wick_utf8_valid(error->message, strlen(error->message), &whole))
        error->message[whole] = '\0'; /* it was cut within a character */
    snprintf(error->param, sizeof error->param, "%s", param ? param : "");
    error->refusal = refusal;
    return false;
}

void wick_api_error_from(const wick_error *from, wick_api_error *to)
{
    wick_refusal refusal = WICK_REFUSE_INTERNAL;
    switch (from->code) {
    case WICK_E_MODEL_NOT_FOUND:
        refusal = WICK_REFUSE_MODEL;
        break;
    case WICK_E_INVALID_INPUT:
    case WICK_E_UNSUPPORTED:
        refusal = WICK_REFUSE_INVALID;
        break;
    case WICK_E_UNAVAILABLE:
    case WICK_E_TIMEOUT:
        refusal = WICK_REFUSE_UNAVAILABLE;
        break;
    default:
        break;
    }
    /* from->where may be a path of the server's machine, which is for its log; which text it was is the client's. */
    size_t index;
    const bool is_text = wick_error_of_text(from, &index);
    wick_refuse(to, refusal, refusal == WICK_REFUSE_MODEL ? "model" : NULL, "%s%s%s%s%s", is_text ? from->where : "",
                is_text ? ": " : "", from->message, from->mend[0] ? "; " : "", from->mend);
}

const char *wick_refusal_code(wick_refusal refusal)
{
    switch (refusal) {
    case WICK_REFUSE_MODEL:
        return "model_not_found";
    case WICK_REFUSE_TOO_LARGE:
        return "payload_too_large";
    case WICK_REFUSE_UNAUTHORIZED:
    case WICK_REFUSE_FORBIDDEN:
        return "unauthorized";
    case WICK_REFUSE_OVERLOADED:
        return "overloaded";
    case WICK_REFUSE_UNAVAILABLE:
        return "service_unavailable";
    case WICK_REFUSE_INTERNAL:
        return "internal";
    default:
        return "invalid_input";
    }
}

int wick_refusal_status(wick_refusal refusal)
{
    static const int statuses[] = {
        [WICK_REFUSE_NONE] = 200,       [WICK_REFUSE_INVALID] = 400,      [WICK_REFUSE_EMPTY] = 400,
        [WICK_REFUSE_TOKENIZER] = 400,  [WICK_REFUSE_MODEL] = 404,        [WICK_REFUSE_KIND] = 400,
        [WICK_REFUSE_ROUTE] = 404,      [WICK_REFUSE_METHOD] = 405,       [WICK_REFUSE_TOO_LARGE] = 413,
        [WICK_REFUSE_MEDIA] = 415,      [WICK_REFUSE_UNAUTHORIZED] = 401, [WICK_REFUSE_FORBIDDEN] = 403,
        [WICK_REFUSE_OVERLOADED] = 429, [WICK_REFUSE_UNAVAILABLE] = 503,  [WICK_REFUSE_INTERNAL] = 500,
    };
    return statuses[refusal];
}

/* ---- the body ---- */

/* Copies the last key of the outermost object that begins before `until` to out, if it can be a field's name. For malformed bodies: no more
 * of the syntax is known here than strings and nesting. */
static void find_field(const char *body, size_t until, char *out, size_t n_out)
{
    size_t depth = 0, start = 0, end = 0;
    bool after_colon = false;
    for (size_t i = 0; i < until; i++) {
        const char c = body[i];
        if (c == '"') {
            size_t from = ++i;
            while (i < until && body[i] != '"')
                i += body[i] == '\\' ? 2 : 1;
            if (depth == 1 && !after_colon && i <= until) {
                start = from;
                end = i;
            }
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
            if (depth == 0)
                start = end = 0;
        } else if (depth == 1 && (c == ':' || c == ',')) {
            after_colon = c == ':';
        }
    }
    size_t n = end - start;
    out[0] = '\0';
    if (n == 0 || n >= 32 || n >= n_out)
        return;
    for (size_t i = start; i < end; i++) /* a plain name, as all of ours are; anything else might be a text */
        if (!((body[i] >= 'a' && body[i] <= 'z') || body[i] == '_'))
            return;
    memcpy(out, body + start, n);
    out[n] = '\0';
}

bool wick_call_parse(const char *body, size_t n_bytes, wick_json **out, wick_api_error *error)
{
    wick_error problem = {0};
    size_t at = n_bytes;
    *out = NULL;
    const char *first = body;
    while (first < body + n_bytes && (*first == ' ' || *first == '\t' || *first == '\n' || *first == '\r'))
        first++;
    if (first == body + n_bytes)
        return wick_refuse(error, WICK_REFUSE_INVALID, NULL, "the body is empty; send a JSON object");
    int code = wick_json_parse_at(body, n_bytes, "body", out, &at, &problem);
    if (code == WICK_E_CORRUPT) {
        char field[32] = "", *near = strstr(problem.message, " near '"); /* the reader repeats what it stumbled over */
        if (near)
            *near = '\0';
        if (*first == '{')
            find_field(body, at, field, sizeof field);
        return wick_refuse(error, WICK_REFUSE_INVALID, field, "%s", problem.message);
    }
    if (code != WICK_OK) {
        wick_api_error_from(&problem, error);
        return false;
    }
    wick_json_type type = wick_json_type_of(*out);
    if (type == WICK_JSON_OBJECT)
        return true;
    wick_json_free(*out);
    *out = NULL;
    return wick_refuse(error, WICK_REFUSE_INVALID, NULL, "the body must be a JSON object, not %s",
                       wick_json_type_name(type));
}

/* ---- fields ---- */

static bool wrong_type(const char *key, const char *must_be, const wick_json *value, wick_api_error *error)
{
    return wick_refuse(error, WICK_REFUSE_INVALID, key, "%s must be %s, not %s", key, must_be,
                       wick_json_type_name(wick_json_type_of(value)));
}

/* The field, or NULL where it is absent or null. */
static const wick_json *field(const wick_json *body, const char *key)
{
    const wick_json *value = wick_json_get(body, key);
    return wick_json_type_of(value) == WICK_JSON_NULL ? NULL : value;
}

bool wick_request_bool(const wick_json *body, const char *key, bool *out, wick_api_error *error)
{
    const wick_json *value = field(body, key);
    if (value && wick_json_type_of(value) != WICK_JSON_BOOL)
        return wrong_type(key, "true or false", value, error);
    *out = wick_json_bool(value, *out);
    return true;
}

/* JSON has one kind of number: 4.0 is whole. */
static bool whole_number(const wick_json *value, double least, double most, double *out)
{
    return wick_json_number(value, out) && *out >= least && *out <= most && floor(*out) == *out;
}

bool wick_request_count(const wick_json *body, const char *key, size_t *out, wick_api_error *error)
{
    const wick_json *value = field(body, key);
    double number;
    if (!value)
        return true;
    if (!wick_json_number(value, &number))
        return wrong_type(key, "a positive integer", value, error);
    if (!whole_number(value, 1, (double)INT32_MAX, &number))
        return wick_refuse(error, WICK_REFUSE_INVALID, key, "%s must be an integer from 1 to %d", key, INT32_MAX);
    *out = (size_t)number;
    return true;
}

bool wick_request_id(const wick_json *value, int32_t *out)
{
    double number;
    if (!whole_number(value, 0, (double)INT32_MAX, &number))
        return false;
    *out = (int32_t)number;
    return true;
}

bool wick_request_text(const wick_json *body, const char *key, const char **out, wick_api_error *error)
{
    const wick_json *value = field(body, key);
    size_t n;
    if (!value)
        return true;
    const char *text = wick_json_string(value, &n);
    if (!text)
        return wrong_type(key, "a string", value, error);
    if (strlen(text) != n)
        return wick_refuse(error, WICK_REFUSE_INVALID, key, "%s holds the character U+0000", key);
    *out = text;
    return true;
}

bool wick_request_choice(const wick_json *body, const char *key, const char *const *words, size_t *out,
                         wick_api_error *error)
{
    const char *text = NULL;
    char list[128] = "";
    if (!wick_request_text(body, key, &text, error))
        return false;
    if (!text)
        return true;
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s\"%s\"", i ? ", " : "", words[i]);
    }
    return wick_refuse(error, WICK_REFUSE_INVALID, key, "%s must be one of %s", key, list);
}

/* ---- the texts ---- */

bool wick_request_begin(wick_call *call, wick_api_error *error)
{
    wick_embed_options_init(&call->options);
    call->options.normalize = true;
    call->options.truncate = call->truncate = true;
    return wick_request_text(call->body, "model", &call->model, error);
}

bool wick_request_cuts(wick_call *call, wick_api_error *error)
{
    if (!wick_request_count(call->body, "dimensions", &call->options.dimensions, error) ||
        !wick_request_bool(call->body, "truncate", &call->truncate, error))
        return false;
    call->options.truncate = call->truncate;
    return true;
}

static bool take_texts(wick_call *call, size_t n, wick_api_error *error)
{
    call->texts = wick_arena_take(call->arena, n, sizeof *call->texts);
    call->text_bytes = wick_arena_take(call->arena, n, sizeof *call->text_bytes);
    call->n_texts = n;
    if (!call->texts || !call->text_bytes)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    return true;
}

/* value[0..n) are strings. */
static bool read_strings(wick_call *call, const char *key, const wick_json *value, wick_api_error *error)
{
    for (size_t i = 0; i < call->n_texts; i++) {
        const wick_json *item = wick_json_at(value, i);
        call->texts[i] = wick_json_string(item, &call->text_bytes[i]);
        if (!call->texts[i]) {
            char param[64];
            snprintf(param, sizeof param, "%s[%zu]", key, i);
            return wrong_type(param, "a string", item, error);
        }
    }
    return true;
}

/* An array of token ids, at least one. */
static bool check_ids(const char *name, const wick_json *value, wick_api_error *error)
{
    const size_t n = wick_json_count(value);
    int32_t id;
    if (wick_json_type_of(value) != WICK_JSON_ARRAY)
        return wrong_type(name, "an array of token ids", value, error);
    if (n == 0)
        return wick_refuse(error, WICK_REFUSE_EMPTY, name, "%s holds no token ids", name);
    for (size_t i = 0; i < n; i++)
        if (!wick_request_id(wick_json_at(value, i), &id))
            return wick_refuse(error, WICK_REFUSE_INVALID, name, "%s[%zu] is not a token id, an integer from 0 to %d",
                               name, i, INT32_MAX);
    return true;
}

/* Token ids stay in the body until the model is known. */
static bool read_ids(wick_call *call, const char *key, const wick_json *value, wick_api_error *error)
{
    call->ids = value;
    if (call->is_single)
        return check_ids(key, value, error);
    for (size_t i = 0; i < call->n_texts; i++) {
        char param[64];
        snprintf(param, sizeof param, "%s[%zu]", key, i);
        if (!check_ids(param, wick_json_at(value, i), error))
            return false;
    }
    return true;
}

bool wick_request_inputs(wick_call *call, const char *key, bool accepts_ids, wick_api_error *error)
{
    const char *must_be =
        accepts_ids ? "a string, an array of strings, or token ids" : "a string or an array of strings";
    const wick_json *value = field(call->body, key);
    if (!value)
        return wick_refuse(error, WICK_REFUSE_INVALID, key, "%s is missing; it must be %s", key, must_be);
    wick_json_type type = wick_json_type_of(value);
    if (type == WICK_JSON_STRING) {
        call->is_single = true;
        if (!take_texts(call, 1, error))
            return false;
        call->texts[0] = wick_json_string(value, &call->text_bytes[0]);
        return true;
    }
    if (type != WICK_JSON_ARRAY)
        return wrong_type(key, must_be, value, error);
    size_t n = wick_json_count(value);
    if (n == 0)
        return wick_refuse(error, WICK_REFUSE_EMPTY, key, "%s is empty; give at least one text", key);
    wick_json_type first = wick_json_type_of(wick_json_at(value, 0));
    bool is_ids = first == WICK_JSON_INTEGER || first == WICK_JSON_REAL || first == WICK_JSON_ARRAY;
    call->is_single = is_ids && accepts_ids && first != WICK_JSON_ARRAY;
    n = call->is_single ? 1 : n;
    if (n > call->service->max_texts)
        return wick_refuse(error, WICK_REFUSE_TOO_LARGE, key,
                           "%s holds %zu texts, the limit is %zu; send them in parts", key, n,
                           call->service->max_texts);
    if (!take_texts(call, n, error))
        return false;
    return is_ids && accepts_ids ? read_ids(call, key, value, error) : read_strings(call, key, value, error);
}
