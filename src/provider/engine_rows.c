/* SPDX-License-Identifier: Apache-2.0
 * engine_rows.c: rows of their own length (engine_outputs.h): token vectors and sparse vectors. In: a tokenized block. Out: the rows of its texts behind those of the blocks
 * before. A block is encoded in pieces, so that beside the response itself a bounded amount of memory is needed, however many texts there are: of tokens, PIECE_VALUES; of
 * terms, as many texts as could all have a weight for every word. */
#include "base/checked.h"
#include "base/error.h"
#include "provider/engine_outputs.h"
#include "provider/vectors.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_VALUES ((size_t)4 << 20) /* 16 MB of token vectors, 48 MB of terms at the worst */

/* One weight that is not 0. */
typedef struct term {
    uint32_t sequence, index;
    float value;
} term;

struct wick_term_list {
    term *terms;
    size_t n, capacity;
    bool out_of_memory;
};

/* ---- the response -------------------------------------------------------------------------------------------------- */

int wick_rows_begin(wick_outputs_call *call, wick_error *error)
{
    wick_rows_response *response = call->response;
    const unsigned n_threads = wick_pool_size(call->model->pool);
    size_t n_offsets;
    response->n_texts = call->n_texts;
    response->dimension = call->dimension;
    if (wick_add_size(call->n_texts, 1, &n_offsets))
        response->offsets = calloc(n_offsets, sizeof *response->offsets);
    if (call->kind == WICK_OUTPUT_TERMS)
        call->lists = calloc(n_threads, sizeof *call->lists);
    if (!response->offsets || (call->kind == WICK_OUTPUT_TERMS && !call->lists))
        return wick_fail_memory(error, "the response's rows");
    return WICK_OK;
}

void wick_rows_end(wick_outputs_call *call)
{
    for (unsigned i = 0; call->lists && i < wick_pool_size(call->model->pool); i++)
        free(call->lists[i].terms);
    free(call->lists);
    call->lists = NULL;
}

/* Room for n rows more behind those there are. */
static int reserve(wick_outputs_call *call, size_t n, wick_error *error)
{
    wick_rows_response *response = call->response;
    const bool is_sparse = call->kind == WICK_OUTPUT_TERMS;
    size_t n_rows, n_values;
    if (!wick_add_size(response->offsets[call->n_done], n, &n_rows) ||
        !wick_mul_size(n_rows, is_sparse ? 1 : call->dimension, &n_values))
        return wick_fail_memory(error, "the response's rows");
    n_values = n_values > 0 ? n_values : 1;
    float *values = wick_context_grow(response->values, &call->values_capacity, n_values, sizeof *response->values);
    response->values = values ? values : response->values;
    uint32_t *indices =
        is_sparse ? wick_context_grow(response->indices, &call->indices_capacity, n_values, sizeof *response->indices)
                  : NULL;
    response->indices = indices ? indices : response->indices;
    return values && (indices || !is_sparse) ? WICK_OK : wick_fail_memory(error, "the response's rows");
}

/* The rows of a text that is the same as an earlier one. */
static int append_again(wick_outputs_call *call, size_t earlier, wick_error *error)
{
    wick_rows_response *response = call->response;
    const bool is_sparse = call->kind == WICK_OUTPUT_TERMS;
    const size_t width = is_sparse ? 1 : call->dimension, at = response->offsets[call->n_done],
                 from = response->offsets[earlier], n = response->offsets[earlier + 1] - from;
    const int rc = reserve(call, n, error);
    if (rc != WICK_OK)
        return rc;
    memcpy(response->values + at * width, response->values + from * width, n * width * sizeof *response->values);
    if (is_sparse)
        memcpy(response->indices + at, response->indices + from, n * sizeof *response->indices);
    response->offsets[++call->n_done] = at + n;
    return WICK_OK;
}

static int not_finite(size_t text, wick_error *error)
{
    wick_error inner;
    wick_fail(&inner, WICK_E_INTERNAL, NULL, "check the model's files; report it where they are sound",
              WICK_NOT_FINITE);
    return wick_fail_text(text, &inner, error);
}

/* ---- tokens -------------------------------------------------------------------------------------------------------- */

/* The modules' own normalisation is of whole vectors, the caller's of cut ones. False: a value is not finite. */
static bool finish_token(const wick_outputs_call *call, float *row, size_t width, float *out)
{
    if (call->model->files->tokens.has_normalize && !wick_vector_finish(row, width, true, row))
        return false;
    return wick_vector_finish(row, call->dimension, call->normalize, out);
}

/* ids: [n_tokens] of the text; rows: [n_tokens, width] its whole vectors, which change. */
static int append_tokens(wick_outputs_call *call, const int32_t *ids, size_t n_tokens, float *rows, size_t width,
                         wick_error *error)
{
    wick_rows_response *response = call->response;
    size_t at = response->offsets[call->n_done];
    const int rc = reserve(call, n_tokens, error);
    if (rc != WICK_OK)
        return rc;
    for (size_t i = 0; i < n_tokens; i++) {
        if (call->skips && call->skips[ids[i]])
            continue;
        if (!finish_token(call, rows + i * width, width, response->values + at * call->dimension))
            return not_finite(call->n_done, error);
        at++;
    }
    response->offsets[++call->n_done] = at;
    return WICK_OK;
}

/* ---- terms --------------------------------------------------------------------------------------------------------- */

/* A wick_terms_fn. */
static void take_terms(void *arg, unsigned thread_index, size_t sequence, size_t first, const float *values, size_t n)
{
    wick_outputs_call *call = arg;
    wick_term_list *list = &call->lists[thread_index];
    size_t n_wanted = list->n + n;
    term *terms = wick_context_grow(list->terms, &list->capacity, n_wanted, sizeof *terms);
    if (!terms || list->out_of_memory) {
        list->out_of_memory = true;
        return;
    }
    list->terms = terms;
    for (size_t i = 0; i < n; i++)
        if (values[i] != 0) /* a NaN is kept, and found later */
            terms[list->n++] = (term){(uint32_t)sequence, (uint32_t)(first + i), values[i]};
}

/* The terms of all threads by sequence, in *sorted, and where each sequence's begin, begins[n + 1]. Those of one sequence stay as they came: by thread, and within a thread
 * in order, which is ascending (backend.h). */
static int sort_terms(wick_outputs_call *call, size_t n_sequences, size_t *begins, term **sorted, wick_error *error)
{
    const unsigned n_threads = wick_pool_size(call->model->pool);
    size_t n = 0;
    for (unsigned t = 0; t < n_threads; t++) {
        if (call->lists[t].out_of_memory)
            return wick_fail_memory(error, "sparse vectors");
        n += call->lists[t].n;
    }
    *sorted = malloc((n > 0 ? n : 1) * sizeof **sorted);
    if (!*sorted)
        return wick_fail_memory(error, "sparse vectors");
    memset(begins, 0, (n_sequences + 1) * sizeof *begins);
    for (unsigned t = 0; t < n_threads; t++)
        for (size_t i = 0; i < call->lists[t].n; i++)
            begins[call->lists[t].terms[i].sequence + 1]++;
    for (size_t i = 0; i < n_sequences; i++)
        begins[i + 1] += begins[i];
    for (unsigned t = 0; t < n_threads; t++)
        for (size_t i = 0; i < call->lists[t].n; i++) {
            const term *one = &call->lists[t].terms[i];
            (*sorted)[begins[one->sequence]++] = *one;
        }
    memmove(begins + 1, begins, n_sequences * sizeof *begins); /* each stands where the next begins now */
    begins[0] = 0;
    return WICK_OK;
}

static int append_terms(wick_outputs_call *call, const term *terms, size_t n, wick_error *error)
{
    wick_rows_response *response = call->response;
    const size_t at = response->offsets[call->n_done];
    const int rc = reserve(call, n, error);
    if (rc != WICK_OK)
        return rc;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(terms[i].value))
            return not_finite(call->n_done, error);
        response->indices[at + i] = terms[i].index;
        response->values[at + i] = terms[i].value;
    }
    response->offsets[++call->n_done] = at + n;
    return WICK_OK;
}

/* ---- pieces of a block --------------------------------------------------------------------------------------------- */

/* Sequences of a batch, which are picks [first, first + n) of the block, and what was made of them. */
typedef struct piece {
    size_t first;
    wick_packed_batch batch;
    float *rows; /* TOKENS: [n_tokens, width] */
    size_t width;
    term *terms; /* TERMS: by sequence */
    size_t begins[WICK_BLOCK_TEXTS + 1];
} piece;

/* As many sequences from `first` on as a piece may hold, one at least. */
static void cut_piece(const wick_outputs_call *call, const wick_packed_batch *batch, size_t first, piece *out)
{
    const wick_model_files *files = call->model->files;
    const bool is_sparse = call->kind == WICK_OUTPUT_TERMS;
    size_t n = 1;
    out->width = is_sparse ? files->head.n_out : wick_token_dimension(files);
    const size_t most = PIECE_VALUES / out->width;
    while (first + n < batch->n_sequences &&
           (is_sparse ? n + 1 : batch->offsets[first + n + 1] - batch->offsets[first]) <= most)
        n++;
    out->first = first;
    out->batch = *batch;
    out->batch.n_sequences = n;
    out->batch.offsets += first;
    out->batch.n_tokens = out->batch.offsets[n] - out->batch.offsets[0];
}

static int encode_tokens(wick_outputs_call *call, piece *p, wick_error *error)
{
    wick_context *context = call->context;
    size_t n_values;
    float *rows = wick_mul_size(p->batch.n_tokens, p->width, &n_values)
                      ? wick_context_grow(context->rows, &context->rows_capacity, n_values, sizeof *rows)
                      : NULL;
    if (!rows)
        return wick_fail_memory(error, "token vectors");
    context->rows = rows;
    context->is_bloated |= n_values > PIECE_VALUES;
    p->rows = rows;
    return call->model->ops->encode(call->model->backend, &p->batch,
                                    &(wick_output_target){.kind = WICK_OUTPUT_TOKENS, .rows = rows}, error);
}

static int encode_terms(wick_outputs_call *call, piece *p, wick_error *error)
{
    for (unsigned t = 0; t < wick_pool_size(call->model->pool); t++)
        call->lists[t].n = 0;
    const int rc = call->model->ops->encode(
        call->model->backend, &p->batch,
        &(wick_output_target){.kind = WICK_OUTPUT_TERMS, .take = take_terms, .arg = call}, error);
    return rc == WICK_OK ? sort_terms(call, p->batch.n_sequences, p->begins, &p->terms, error) : rc;
}

/* The text whose turn it is, which is pick `row` of the block, in piece p. */
static int append_pick(wick_outputs_call *call, const piece *p, size_t row, wick_error *error)
{
    const size_t i = row - p->first;
    if (call->kind == WICK_OUTPUT_TERMS)
        return append_terms(call, p->terms + p->begins[i], p->begins[i + 1] - p->begins[i], error);
    const uint32_t *offsets = p->batch.offsets;
    return append_tokens(call, p->batch.ids + offsets[i], offsets[i + 1] - offsets[i],
                         p->rows + (offsets[i] - offsets[0]) * p->width, p->width, error);
}

int wick_rows_append(wick_outputs_call *call, const wick_packed_batch *batch, size_t index, wick_error *error)
{
    const wick_context *context = call->context;
    piece *p = calloc(1, sizeof *p);
    int rc = p ? WICK_OK : wick_fail_memory(error, "rows");
    for (size_t first = 0; rc == WICK_OK && first < batch->n_sequences; first += p->batch.n_sequences) {
        cut_piece(call, batch, first, p);
        rc = call->kind == WICK_OUTPUT_TERMS ? encode_terms(call, p, error) : encode_tokens(call, p, error);
        for (size_t i = call->n_done - index; rc == WICK_OK && i < call->block.n_texts; i = call->n_done - index) {
            const size_t row = context->rows_of[i];
            if (row >= first + p->batch.n_sequences)
                break;
            rc = context->picks[row] == i ? append_pick(call, p, row, error)
                                          : append_again(call, index + context->picks[row], error);
        }
        free(p->terms);
        p->terms = NULL;
    }
    free(p);
    return rc;
}
