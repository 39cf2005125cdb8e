/* SPDX-License-Identifier: Apache-2.0
 * tei_outputs.c: Text Embeddings Inference's routes whose replies are no vectors of texts: POST /rerank, /predict, /embed_sparse and /embed_all. In: calls (call.h). Out: their
 * options and texts, or pairs of texts; replies, from the rows of the job. Called through the table of routes in dialect_tei.c. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "server/dialect_tei.h"

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static bool take_pairs(wick_call *call, const char *key, size_t n, wick_api_error *error)
{
    if (n > call->service->max_texts)
        return wick_refuse(error, WICK_REFUSE_TOO_LARGE, key,
                           "%s holds %zu texts, the limit is %zu; send them in parts", key, n,
                           call->service->max_texts);
    call->texts = wick_arena_take(call->arena, n, sizeof *call->texts);
    call->text_bytes = wick_arena_take(call->arena, n, sizeof *call->text_bytes);
    call->seconds = wick_arena_take(call->arena, n, sizeof *call->seconds);
    call->second_bytes = wick_arena_take(call->arena, n, sizeof *call->second_bytes);
    call->n_texts = n;
    if (call->texts && call->text_bytes && call->seconds && call->second_bytes)
        return true;
    return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
}

static bool begin_scores(wick_call *call, wick_wanted wanted, wick_api_error *error)
{
    bool raw_scores = false;
    call->wanted = wanted;
    if (!wick_request_begin(call, error) || !wick_tei_read_cut(call, call->body, error) ||
        !wick_request_bool(call->body, "raw_scores", &raw_scores, error))
        return false;
    call->scores = raw_scores ? WICK_SCORES_RAW : WICK_SCORES_PROBABILITIES;
    return true;
}

/* The query is tokenized with each text: as much as the largest body that has no query. */
static bool check_query(const wick_call *call, size_t n_query, size_t n, wick_api_error *error)
{
    const size_t most = call->service->max_body_bytes;
    if (most == 0 || n_query <= most / n)
        return true;
    return wick_refuse(error, WICK_REFUSE_TOO_LARGE, "query",
                       "the query has %zu bytes, which with %zu texts is too much; shorten it, or send fewer texts",
                       n_query, n);
}

bool wick_tei_read_rerank(wick_call *call, wick_api_error *error)
{
    const wick_json *query = wick_json_get(call->body, "query"), *list = wick_json_get(call->body, "texts");
    const size_t n = wick_json_count(list);
    size_t n_query;
    const char *text = wick_json_string(query, &n_query);
    if (!begin_scores(call, WICK_WANT_RANKING, error) ||
        !wick_request_bool(call->body, "return_text", &call->return_texts, error))
        return false;
    if (!text)
        return wick_refuse(error, WICK_REFUSE_INVALID, "query", "query must be a string");
    if (wick_json_type_of(list) != WICK_JSON_ARRAY)
        return wick_refuse(error, WICK_REFUSE_INVALID, "texts", "texts must be an array of strings");
    if (n == 0)
        return wick_refuse(error, WICK_REFUSE_EMPTY, "texts", "texts is empty; give at least one text");
    if (!take_pairs(call, "texts", n, error) || !check_query(call, n_query, n, error))
        return false;
    call->is_one_query = true;
    for (size_t i = 0; i < n; i++) {
        call->texts[i] = text;
        call->text_bytes[i] = n_query;
        call->seconds[i] = wick_json_string(wick_json_at(list, i), &call->second_bytes[i]);
        if (!call->seconds[i])
            return wick_refuse(error, WICK_REFUSE_INVALID, "texts", "texts[%zu] must be a string", i);
    }
    return true;
}

/* A text, or a pair of them: value is an array of one or two strings. */
static bool read_sequence(wick_call *call, size_t i, const wick_json *value, wick_api_error *error)
{
    const size_t n = wick_json_count(value);
    if (wick_json_type_of(value) != WICK_JSON_ARRAY || n < 1 || n > 2)
        return wick_refuse(error, WICK_REFUSE_INVALID, "inputs", "inputs[%zu] must be an array of one or two strings",
                           i);
    call->texts[i] = wick_json_string(wick_json_at(value, 0), &call->text_bytes[i]);
    call->seconds[i] = n > 1 ? wick_json_string(wick_json_at(value, 1), &call->second_bytes[i]) : NULL;
    if (!call->texts[i] || (n > 1 && !call->seconds[i]))
        return wick_refuse(error, WICK_REFUSE_INVALID, "inputs", "inputs[%zu] must hold strings", i);
    return true;
}

/* inputs: a string, or an array of one or two strings: one text, or one pair. Or an array of such arrays: a batch. */
bool wick_tei_read_predict(wick_call *call, wick_api_error *error)
{
    const wick_json *inputs = wick_json_get(call->body, "inputs");
    const wick_json_type type = wick_json_type_of(inputs);
    if (!begin_scores(call, WICK_WANT_SCORES, error))
        return false;
    if (type != WICK_JSON_STRING && type != WICK_JSON_ARRAY)
        return wick_refuse(error, WICK_REFUSE_INVALID, "inputs",
                           "inputs must be a string, a pair of strings, or an array of arrays of one or two strings");
    if (type == WICK_JSON_ARRAY && wick_json_count(inputs) == 0)
        return wick_refuse(error, WICK_REFUSE_EMPTY, "inputs", "inputs is empty; give at least one text");
    call->is_single = type == WICK_JSON_STRING || wick_json_type_of(wick_json_at(inputs, 0)) == WICK_JSON_STRING;
    const size_t n = call->is_single ? 1 : wick_json_count(inputs);
    if (!take_pairs(call, "inputs", n, error))
        return false;
    if (type == WICK_JSON_STRING) {
        call->texts[0] = wick_json_string(inputs, &call->text_bytes[0]);
        return true;
    }
    if (call->is_single)
        return read_sequence(call, 0, inputs, error);
    for (size_t i = 0; i < n; i++)
        if (!read_sequence(call, i, wick_json_at(inputs, i), error))
            return false;
    return true;
}

static bool read_rows(wick_call *call, wick_wanted wanted, wick_api_error *error)
{
    call->wanted = wanted;
    if (!wick_request_begin(call, error) || !wick_tei_read_cut(call, call->body, error) ||
        !wick_request_text(call->body, "prompt_name", &call->prompt_name, error))
        return false;
    call->options.normalize = false;
    return wick_request_inputs(call, "inputs", true, error);
}

bool wick_tei_read_sparse(wick_call *call, wick_api_error *error)
{
    return read_rows(call, WICK_WANT_SPARSE, error);
}

bool wick_tei_read_all(wick_call *call, wick_api_error *error)
{
    return read_rows(call, WICK_WANT_TOKENS, error);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* A score with what it belongs to. */
typedef struct place {
    float score;
    size_t index;
} place;

/* The highest first; of equals the one that came first. */
static int by_score(const void *a, const void *b)
{
    const place *one = a, *other = b;
    if (one->score != other->score)
        return one->score > other->score ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

/* Scores [n] in their order, malloc'ed; NULL: out of memory, which the buffer remembers. */
static place *sort_scores(const float *scores, size_t n, wick_buffer *out)
{
    place *places = malloc(n * sizeof *places);
    out->failed |= !places;
    for (size_t i = 0; places && i < n; i++)
        places[i] = (place){scores[i], i};
    if (places)
        qsort(places, n, sizeof *places, by_score);
    return places;
}

static void put_float(wick_buffer *out, float value)
{
    char number[WICK_FLOAT_TEXT_BYTES];
    wick_buffer_put(out, number, wick_float_to_text(value, number));
}

void wick_tei_write_rerank(const wick_call *call, wick_buffer *out)
{
    place *places = sort_scores(call->job.rows.values, call->n_texts, out);
    wick_buffer_text(out, "[");
    for (size_t i = 0; places && i < call->n_texts; i++) {
        const size_t index = places[i].index;
        wick_buffer_format(out, "%s{\"index\":%zu", i ? "," : "", index);
        if (call->return_texts) {
            wick_buffer_text(out, ",\"text\":");
            wick_json_put_string(out, call->seconds[index], call->second_bytes[index]);
        }
        wick_buffer_text(out, ",\"score\":");
        put_float(out, places[i].score);
        wick_buffer_text(out, "}");
    }
    wick_buffer_text(out, "]");
    free(places);
}

static void put_labels(const wick_call *call, size_t text, wick_buffer *out)
{
    const wick_rows_response *rows = &call->job.rows;
    const wick_model_info *info = &call->served->info;
    const size_t n = rows->dimension;
    place *places = sort_scores(rows->values + text * n, n, out);
    wick_buffer_text(out, "[");
    for (size_t i = 0; places && i < n; i++) {
        wick_buffer_text(out, i ? ",{\"score\":" : "{\"score\":");
        put_float(out, places[i].score);
        wick_buffer_text(out, ",\"label\":");
        wick_json_put_text(out, places[i].index < info->n_labels ? info->labels[places[i].index] : NULL);
        wick_buffer_text(out, "}");
    }
    wick_buffer_text(out, "]");
    free(places);
}

void wick_tei_write_predict(const wick_call *call, wick_buffer *out)
{
    if (call->is_single) {
        put_labels(call, 0, out);
        return;
    }
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < call->n_texts; i++) {
        wick_buffer_text(out, i ? "," : "");
        put_labels(call, i, out);
    }
    wick_buffer_text(out, "]");
}

void wick_tei_write_sparse(const wick_call *call, wick_buffer *out)
{
    const wick_rows_response *rows = &call->job.rows;
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < call->n_texts; i++) {
        wick_buffer_text(out, i ? ",[" : "[");
        for (size_t k = rows->offsets[i]; k < rows->offsets[i + 1]; k++) {
            wick_buffer_text(out, k > rows->offsets[i] ? ",{\"index\":" : "{\"index\":");
            wick_json_put_integer(out, rows->indices[k]);
            wick_buffer_text(out, ",\"value\":");
            put_float(out, rows->values[k]);
            wick_buffer_text(out, "}");
        }
        wick_buffer_text(out, "]");
    }
    wick_buffer_text(out, "]");
}

void wick_tei_write_all(const wick_call *call, wick_buffer *out)
{
    const wick_rows_response *rows = &call->job.rows;
    wick_buffer_text(out, "[");
    for (size_t i = 0; i < call->n_texts; i++) {
        wick_buffer_text(out, i ? ",[" : "[");
        for (size_t k = rows->offsets[i]; k < rows->offsets[i + 1]; k++) {
            wick_buffer_text(out, k > rows->offsets[i] ? "," : "");
            wick_json_put_floats(out, rows->values + k * rows->dimension, rows->dimension);
        }
        wick_buffer_text(out, "]");
    }
    wick_buffer_text(out, "]");
}
