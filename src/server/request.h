/* SPDX-License-Identifier: Apache-2.0
 * request.h: reading a request's fields strictly: a field is absent, null (the same) or of its type; what is wrong is told by the field's name,
 * never by its content. In: a parsed body. Out: values, which point into it. Used by the dialects. */
#ifndef WICK_SERVER_REQUEST_H
#define WICK_SERVER_REQUEST_H
#include "server/call.h"

/* Fills *error; returns false, so that readers can `return wick_refuse(...)`. param: NULL or the field. */
bool wick_refuse(wick_api_error *error, wick_refusal refusal, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The status that HTTP has for it; of all dialects but Text Embeddings Inference's. */
int wick_refusal_status(wick_refusal refusal);
/* What Wick's own dialect and the metrics call it: "invalid_input", "model_not_found"...; static. */
const char *wick_refusal_code(wick_refusal refusal);

/* Each leaves *out alone where the field is absent or null. False: *error says what is wrong with it. */
bool wick_request_bool(const wick_json *body, const char *key, bool *out, wick_api_error *error);
/* An integer from 1 to SIZE_MAX / 2; 4.0 is one. */
bool wick_request_count(const wick_json *body, const char *key, size_t *out, wick_api_error *error);
/* A string without U+0000. */
bool wick_request_text(const wick_json *body, const char *key, const char **out, wick_api_error *error);
/* One of the words, which end with NULL: its index. */
bool wick_request_choice(const wick_json *body, const char *key, const char *const *words, size_t *out,
                         wick_api_error *error);
/* Whether value is a whole number from 0 to INT32_MAX, as token ids are. */
bool wick_request_id(const wick_json *value, int32_t *out);

/* Sets the call's options to those that all dialects begin with, and its model to the field "model". */
bool wick_request_begin(wick_call *call, wick_api_error *error);
/* Reads the texts of a field that must be there: a string or an array of strings, and where accepts_ids an array of token ids or an array of such
 * arrays. At most service->max_texts. */
bool wick_request_inputs(wick_call *call, const char *key, bool accepts_ids, wick_api_error *error);
/* The text of the model's prompt of that name, or of its default one where name is NULL; "" where it has none. False: there is no such prompt. */
bool wick_request_prompt(const wick_served *served, const char *name, const char **out, wick_api_error *error);
/* Reads "dimensions" and "truncate". */
bool wick_request_cuts(wick_call *call, wick_api_error *error);

#endif
