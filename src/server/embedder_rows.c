/* SPDX-License-Identifier: Apache-2.0
 * embedder_rows.c: results of their own length (embedder_rows.h). In: a batch, and what the provider gives for it. Out: rows in the jobs' memory, which grows with what has
 * come and no further than a reply may be long. */
#include "server/embedder_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "provider/outputs.h"

int wick_embedder_ask_rows(wick_embedder *embedder, const wick_embedder_texts *texts, size_t first, size_t n,
                           const wick_job *job, bool side_by_side, wick_rows_response *response, wick_error *error)
{
    wick_outputs_request request = {.wanted = job->wanted,
                                    .texts = texts->texts + first,
                                    .text_bytes = texts->text_bytes + first,
                                    .n_texts = n,
                                    .seconds = job->wanted == WICK_WANT_SCORES ? texts->seconds + first : NULL,
                                    .second_bytes = texts->second_bytes + first,
                                    .embed_options = job->options};
    wick_score_options_init(&request.score_options);
    request.score_options.scores = job->scores;
    request.score_options.truncate = job->options.truncate;
    request.score_options.truncate_side = job->options.truncate_side;
    request.embed_options.size = sizeof request.embed_options;
    request.embed_options.side_by_side = request.score_options.side_by_side = side_by_side;
    return wick_provider_outputs(embedder->provider, &request, response, error);
}

/* Room for n rows more of `width` values. */
static bool reserve(wick_job *job, size_t n_rows, size_t width, bool has_indices)
{
    wick_rows_response *rows = &job->rows;
    if (!rows->offsets)
        rows->offsets = calloc(job->n_texts + 1, sizeof *rows->offsets);
    if (!rows->offsets)
        return false;
    const size_t wanted = (rows->offsets[rows->n_texts] + n_rows) * width; /* below twice WICK_MAX_REPLY_VALUES */
    if (rows->values && wanted <= job->rows_capacity)
        return true;
    const size_t capacity = wanted + wanted / 2 + 1;
    float *values = realloc(rows->values, capacity * sizeof *values);
    rows->values = values ? values : rows->values;
    uint32_t *indices = values && has_indices ? realloc(rows->indices, capacity * sizeof *indices) : NULL;
    rows->indices = indices ? indices : rows->indices;
    if (!values || (has_indices && !indices))
        return false;
    job->rows_capacity = capacity;
    return true;
}

int wick_job_append_rows(wick_job *job, const wick_rows_response *response, size_t row, size_t n, wick_error *error)
{
    wick_rows_response *rows = &job->rows;
    const size_t width = response->indices ? 1 : response->dimension, from = response->offsets[row],
                 n_rows = response->offsets[row + n] - from;
    const size_t before = rows->offsets ? rows->offsets[rows->n_texts] * width : 0;
    if (n_rows * width > WICK_MAX_REPLY_VALUES - before)
        return wick_fail(error, WICK_E_INVALID_INPUT, "texts", "send the texts in parts",
                         "the reply would hold more than %zu values", WICK_MAX_REPLY_VALUES);
    if (!reserve(job, n_rows, width, response->indices != NULL))
        return wick_fail_memory(error, "the request's results");
    const size_t at = rows->offsets[rows->n_texts];
    rows->dimension = response->dimension;
    memcpy(rows->values + at * width, response->values + from * width, n_rows * width * sizeof *rows->values);
    if (response->indices)
        memcpy(rows->indices + at, response->indices + from, n_rows * sizeof *rows->indices);
    for (size_t i = 1; i <= n; i++)
        rows->offsets[rows->n_texts + i] = at + response->offsets[row + i] - from;
    rows->n_texts += n;
    return WICK_OK;
}
