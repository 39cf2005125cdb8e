/* SPDX-License-Identifier: Apache-2.0
 * engine_outputs.c: wick_rerank, wick_classify, wick_embed_tokens and wick_embed_sparse. In: any number of texts, or of pairs. Out: scores in the caller's memory, or rows in
 * a response. As in engine_embed.c the texts go block by block through tokenizer and backend, and of equal ones in a block one is computed. */
#include "base/checked.h"
#include "base/error.h"
#include "provider/engine_outputs.h"
#include "provider/kinds.h"
#include "provider/prompts.h"
#include "provider/settings.h"
#include "provider/vectors.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- blocks -------------------------------------------------------------------------------------------------------- */

static size_t second_length(const wick_outputs_call *call, size_t i)
{
    if (!call->seconds || !call->seconds[i])
        return 0;
    return wick_text_length(call->seconds, call->second_bytes, i);
}

/* n + more, or SIZE_MAX. */
static size_t add_up(size_t n, size_t more)
{
    size_t sum;
    return wick_add_size(n, more, &sum) ? sum : SIZE_MAX;
}

/* The lengths of text i, or of its pair. */
static void measure(const wick_outputs_call *call, size_t i, size_t *first, size_t *second)
{
    const size_t n = wick_text_length(call->texts, call->text_bytes, i);
    *first = call->query ? call->query_bytes : n;
    *second = call->query ? n : second_length(call, i);
}

/* Takes the texts from index on that make a block, with their lengths. */
static void next_block(wick_outputs_call *call, size_t index)
{
    wick_context *context = call->context;
    wick_block *block = &call->block;
    block->texts = call->query ? context->queries : call->texts + index;
    block->seconds = call->query ? call->texts + index : call->seconds ? call->seconds + index : NULL;
    block->n_texts = block->n_bytes = 0;
    for (size_t i = 0; i < WICK_BLOCK_TEXTS && index + i < call->n_texts; i++) {
        size_t first, second;
        measure(call, index + i, &first, &second);
        const size_t bytes = add_up(block->n_bytes, add_up(add_up(first, second), block->prompt_bytes));
        if (i > 0 && bytes > WICK_BLOCK_BYTES)
            break;
        context->queries[i] = call->query;
        context->lengths[i] = first;
        context->second_lengths[i] = second;
        block->n_bytes = bytes;
        block->n_texts++;
    }
}

/* Tokens of all texts, those that were not computed included. */
static uint64_t count_tokens(const wick_context *context, size_t n_texts)
{
    uint64_t n = 0;
    for (size_t i = 0; i < n_texts; i++)
        n += context->offsets[context->rows_of[i] + 1] - context->offsets[context->rows_of[i]];
    return n;
}

/* ---- scores -------------------------------------------------------------------------------------------------------- */

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static void softmax(const float *logits, size_t n, float *out)
{
    float largest = logits[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)largest);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(exp((double)logits[i] - (double)largest) / sum);
}

/* Scores of one text from its n logits. False: one is not finite. */
static bool score(const wick_outputs_call *call, const float *logits, size_t n, float *out)
{
    const bool with_sigmoid = call->scores == WICK_SCORES_MODEL ? call->model->files->head.has_sigmoid
                                                                : call->scores == WICK_SCORES_PROBABILITIES && n == 1;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logits[i]))
            return false;
    if (call->scores == WICK_SCORES_PROBABILITIES && n > 1)
        softmax(logits, n, out);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = with_sigmoid ? sigmoid(logits[i]) : logits[i];
    return true;
}

static int score_block(wick_outputs_call *call, const wick_packed_batch *batch, size_t index, wick_error *error)
{
    wick_context *context = call->context;
    const size_t n_labels = call->model->files->head.n_out;
    size_t n_values;
    float *rows = wick_mul_size(batch->n_sequences, n_labels, &n_values)
                      ? wick_context_grow(context->rows, &context->rows_capacity, n_values, sizeof *rows)
                      : NULL;
    if (!rows)
        return wick_fail_memory(error, "scores");
    context->rows = rows;
    const wick_output_target target = {.kind = WICK_OUTPUT_LABELS, .rows = rows};
    const int rc = call->model->ops->encode(call->model->backend, batch, &target, error);
    for (size_t i = 0; i < call->block.n_texts && rc == WICK_OK; i++)
        if (!score(call, rows + context->rows_of[i] * n_labels, n_labels, call->out + (index + i) * n_labels)) {
            wick_error inner;
            wick_fail(&inner, WICK_E_INTERNAL, NULL, "check the model's files; report it where they are sound",
                      WICK_NOT_FINITE);
            return wick_fail_text(index + i, &inner, error);
        }
    return rc;
}

/* ---- a call -------------------------------------------------------------------------------------------------------- */

static int run_block(wick_outputs_call *call, size_t index, wick_error *error)
{
    wick_packed_batch batch;
    wick_block_find_duplicates(call->context, &call->block);
    int rc = wick_block_tokenize(call->model, call->context, &call->block, index, &batch, error);
    if (rc == WICK_OK)
        rc = call->kind == WICK_OUTPUT_LABELS ? score_block(call, &batch, index, error)
                                              : wick_rows_append(call, &batch, index, error);
    if (rc == WICK_OK)
        call->total_tokens += count_tokens(call->context, call->block.n_texts);
    return rc;
}

static int run_blocks(wick_outputs_call *call, wick_error *error)
{
    int rc = call->kind == WICK_OUTPUT_LABELS ? WICK_OK : wick_rows_begin(call, error);
    for (size_t index = 0; index < call->n_texts && rc == WICK_OK; index += call->block.n_texts) {
        next_block(call, index);
        rc = run_block(call, index, error);
    }
    return rc;
}

static int run(wick_outputs_call *call, wick_usage *usage, wick_error *error)
{
    const double start = wick_now_ms();
    if (!wick_pool_is_alive(call->model->pool))
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", "open the model after fork()",
                         "the model was opened in another process, whose threads this one does not have");
    call->context = wick_context_take(call->model);
    if (!call->context)
        return wick_fail_memory(error, "the call's memory");
    const int rc = run_blocks(call, error);
    wick_context_return(call->model, call->context);
    wick_rows_end(call);
    if (rc == WICK_OK && usage)
        *usage = (wick_usage){call->total_tokens, wick_now_ms() - start};
    return rc;
}

/* ---- the entries --------------------------------------------------------------------------------------------------- */

static int begin_scores(wick_outputs_call *call, const wick_score_options *given, wick_wanted wanted, float *out,
                        wick_error *error)
{
    wick_score_options options;
    size_t n_values, n_bytes;
    if (!call->model || !out)
        return wick_fail_null(error, call->model ? "scores" : "model");
    wick_score_options_init(&options);
    call->kind = WICK_OUTPUT_LABELS;
    int rc = wick_options_take(&options, sizeof options, given, "options", error);
    if (rc == WICK_OK)
        rc = wick_kind_check(wick_engine_kind(call->model->files), wanted, call->model->name, error);
    if (rc == WICK_OK)
        rc = wick_texts_check(call->texts, call->text_bytes, call->n_texts, error);
    if (rc == WICK_OK && options.scores > WICK_SCORES_RAW)
        rc = wick_fail(error, WICK_E_INVALID_INPUT, "options.scores", "use one of WICK_SCORES_*",
                       "%u is no kind of scores", options.scores);
    if (rc == WICK_OK && (!wick_mul_size(call->n_texts, call->model->files->head.n_out, &n_values) ||
                          !wick_mul_size(n_values, sizeof *out, &n_bytes)))
        rc = wick_fail(error, WICK_E_INVALID_INPUT, "n_texts", "give fewer texts a call",
                       "no memory can hold the scores of %zu texts", call->n_texts);
    call->scores = options.scores;
    call->block.truncate = options.truncate;
    call->block.truncate_side = options.truncate_side;
    call->block.side_by_side = options.side_by_side;
    call->out = out;
    return rc;
}

int wick_rerank(wick_model *model, const char *query, size_t query_bytes, const char *const *texts,
                const size_t *text_bytes, size_t n_texts, const wick_score_options *options, float *scores,
                wick_usage *usage, wick_error *error)
{
    wick_outputs_call call = {.model = model, .texts = texts, .text_bytes = text_bytes, .n_texts = n_texts};
    if (!query)
        return wick_fail_null(error, "query");
    call.query = query;
    call.query_bytes = wick_text_length(&query, &query_bytes, 0);
    const int rc = begin_scores(&call, options, WICK_WANT_RANKING, scores, error);
    return rc == WICK_OK ? run(&call, usage, error) : rc;
}

int wick_classify(wick_model *model, const char *const *texts, const size_t *text_bytes, const char *const *seconds,
                  const size_t *second_bytes, size_t n_texts, const wick_score_options *options, float *scores,
                  wick_usage *usage, wick_error *error)
{
    wick_outputs_call call = {.model = model,
                              .texts = texts,
                              .text_bytes = text_bytes,
                              .seconds = seconds,
                              .second_bytes = second_bytes,
                              .n_texts = n_texts};
    const int rc = begin_scores(&call, options, WICK_WANT_SCORES, scores, error);
    return rc == WICK_OK ? run(&call, usage, error) : rc;
}

static bool is_query(const wick_embed_options *options)
{
    return options->prompt_name && strcmp(options->prompt_name, "query") == 0;
}

static int check_rows(wick_outputs_call *call, const wick_embed_options *options, wick_error *error)
{
    const wick_model_files *files = call->model->files;
    int rc =
        wick_kind_check(wick_engine_kind(files), call->kind == WICK_OUTPUT_TERMS ? WICK_WANT_SPARSE : WICK_WANT_TOKENS,
                        call->model->name, error);
    if (rc == WICK_OK)
        rc = wick_texts_check(call->texts, call->text_bytes, call->n_texts, error);
    if (rc != WICK_OK)
        return rc;
    if (call->kind == WICK_OUTPUT_TOKENS)
        return wick_dimension_check(options, wick_token_dimension(files), wick_token_dimension(files), &call->dimension,
                                    error);
    call->dimension = files->head.n_out;
    if (options->dimensions > 0)
        return wick_fail(error, WICK_E_INVALID_INPUT, "dimensions", "leave dimensions out",
                         "sparse vectors cannot be cut to %zu dimensions", options->dimensions);
    return WICK_OK;
}

static int find_prompt(wick_outputs_call *call, const wick_embed_options *options, wick_error *error)
{
    wick_model_info info = {.size = sizeof info};
    int rc = wick_model_get_info(call->model, &info);
    if (rc == WICK_OK)
        rc = wick_prompt_choose(&info, options, &call->block.prompt, error);
    call->block.prompt_bytes = rc == WICK_OK ? strlen(call->block.prompt) : 0;
    return rc;
}

static int embed_rows(wick_outputs_call *call, const wick_embed_options *given, wick_error *error)
{
    wick_rows_response *response = call->response;
    wick_embed_options options;
    if (!call->model)
        return wick_fail_null(error, "model");
    if (!response)
        return wick_fail_null(error, "response");
    wick_rows_response_clear(response);
    wick_embed_options_init(&options);
    int rc = wick_options_take(&options, sizeof options, given, "options", error);
    if (rc == WICK_OK)
        rc = check_rows(call, &options, error);
    if (rc == WICK_OK)
        rc = find_prompt(call, &options, error);
    if (rc != WICK_OK)
        return rc;
    const wick_token_vectors *tokens = &call->model->files->tokens;
    call->normalize = options.normalize;
    call->skips = (is_query(&options) ? tokens->skips_in_query : tokens->skips_in_document) ? call->model->skips : NULL;
    call->block.truncate = options.truncate;
    call->block.truncate_side = options.truncate_side;
    call->block.side_by_side = options.side_by_side;
    rc = run(call, &response->usage, error);
    if (rc != WICK_OK)
        wick_rows_response_clear(response);
    return rc;
}

int wick_embed_tokens(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                      const wick_embed_options *options, wick_rows_response *response, wick_error *error)
{
    wick_outputs_call call = {.model = model,
                              .kind = WICK_OUTPUT_TOKENS,
                              .texts = texts,
                              .text_bytes = text_bytes,
                              .n_texts = n_texts,
                              .response = response};
    return embed_rows(&call, options, error);
}

int wick_embed_sparse(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                      const wick_embed_options *options, wick_rows_response *response, wick_error *error)
{
    wick_outputs_call call = {.model = model,
                              .kind = WICK_OUTPUT_TERMS,
                              .texts = texts,
                              .text_bytes = text_bytes,
                              .n_texts = n_texts,
                              .response = response};
    return embed_rows(&call, options, error);
}

int wick_engine_try(wick_model *model, wick_wanted wanted, const char *const *text, wick_error *error)
{
    wick_rows_response response = {0};
    int rc;
    if (wanted == WICK_WANT_TOKENS)
        rc = wick_embed_tokens(model, text, NULL, 1, NULL, &response, error);
    else if (wanted == WICK_WANT_SPARSE)
        rc = wick_embed_sparse(model, text, NULL, 1, NULL, &response, error);
    else {
        float *scores = calloc(model->files->head.n_out, sizeof *scores);
        rc = scores ? wick_classify(model, text, NULL, NULL, NULL, 1, NULL, scores, NULL, error)
                    : wick_fail_memory(error, "scores");
        free(scores);
    }
    wick_rows_response_clear(&response);
    return rc;
}
