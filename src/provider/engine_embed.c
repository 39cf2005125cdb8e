/* SPDX-License-Identifier: Apache-2.0
 * engine_embed.c: wick_embed. In: any number of texts. Out: their vectors, in the caller's memory. The texts go block by block through
 * tokenizer and backend, so memory is bounded however many there are; since a vector depends on its text alone, blocks do not show, and of
 * equal texts in a block one is computed. */
#include "base/checked.h"
#include "base/error.h"
#include "provider/engine.h"
#include "provider/kinds.h"
#include "provider/prompts.h"
#include "provider/settings.h"
#include "provider/vectors.h"
#include <string.h>

/* One call. */
typedef struct embedding {
    wick_model *model;
    wick_context *context;
    const char *const *texts;
    const size_t *text_bytes;
    size_t n_texts;
    wick_embed_options options;
    const char *prompt;
    size_t prompt_bytes, n_prompt_tokens; /* see backend.h */
    size_t dimension;                     /* after the cut */
    uint64_t total_tokens;
} embedding;

/* Takes the texts from index on that make a block, with their lengths. */
static wick_block next_block(const embedding *call, size_t index)
{
    wick_block block = {
        .texts = call->texts + index,
        .prompt = call->prompt,
        .prompt_bytes = call->prompt_bytes,
        .truncate = call->options.truncate,
        .truncate_side = call->options.truncate_side,
        .side_by_side = call->options.side_by_side,
    };
    while (block.n_texts < WICK_BLOCK_TEXTS && index + block.n_texts < call->n_texts) {
        const size_t n = wick_text_length(call->texts, call->text_bytes, index + block.n_texts);
        const size_t left = WICK_BLOCK_BYTES - (block.n_bytes < WICK_BLOCK_BYTES ? block.n_bytes : WICK_BLOCK_BYTES);
        if (block.n_texts > 0 && (n > left || call->prompt_bytes > left - n))
            break;
        call->context->lengths[block.n_texts++] = n;
        block.n_bytes += n < left && call->prompt_bytes < left - n ? n + call->prompt_bytes : left;
    }
    return block;
}

/* Where the backend writes: the caller's rows, or whole rows of the context's where the caller wants cut ones. */
static float *rows_for(const embedding *call, size_t n_rows, float *out)
{
    wick_context *context = call->context;
    if (call->dimension == call->model->dimension)
        return out;
    size_t n_values;
    if (!wick_mul_size(n_rows, call->model->dimension, &n_values))
        return NULL;
    float *rows = wick_context_grow(context->rows, &context->rows_capacity, n_values, sizeof *rows);
    if (rows)
        context->rows = rows;
    return rows;
}

static int not_finite(size_t index, wick_error *error)
{
    wick_error inner;
    wick_fail(&inner, WICK_E_INTERNAL, NULL, "check the model's files; report it where they are sound",
              WICK_NOT_FINITE);
    return wick_fail_text(index, &inner, error);
}

/* Puts the vectors of the picked texts, out: [n_picks, dimension], where their texts stand: [n_texts, dimension]. From the end, since a
 * text never stands before its pick. */
static void spread(const embedding *call, const wick_block *block, float *out)
{
    const wick_context *context = call->context;
    for (size_t i = block->n_texts; i-- > 0;) {
        const size_t row = context->rows_of[i];
        if (row != i)
            memcpy(out + i * call->dimension, out + row * call->dimension, call->dimension * sizeof *out);
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

static int embed_block(embedding *call, const wick_block *block, size_t index, float *out, wick_error *error)
{
    wick_model *model = call->model;
    wick_context *context = call->context;
    wick_packed_batch batch;
    wick_block_find_duplicates(context, block);
    int rc = wick_block_tokenize(model, context, block, index, &batch, error);
    if (rc != WICK_OK)
        return rc;
    batch.n_prompt_tokens = call->n_prompt_tokens;
    float *rows = rows_for(call, context->n_picks, out);
    if (!rows)
        return wick_fail_memory(error, "vectors");
    const wick_output_target target = {.kind = WICK_OUTPUT_POOLED, .rows = rows};
    rc = model->ops->encode(model->backend, &batch, &target, error);
    if (rc != WICK_OK)
        return rc;
    for (size_t i = 0; i < context->n_picks; i++)
        if (!wick_vector_finish(rows + i * model->dimension, call->dimension, call->options.normalize,
                                out + i * call->dimension))
            return not_finite(index + context->picks[i], error);
    if (context->n_picks < block->n_texts)
        spread(call, block, out);
    call->total_tokens += count_tokens(context, block->n_texts);
    return WICK_OK;
}

static int embed_all(embedding *call, float *out, wick_error *error)
{
    int rc = WICK_OK;
    for (size_t index = 0; index < call->n_texts && rc == WICK_OK;) {
        const wick_block block = next_block(call, index);
        rc = embed_block(call, &block, index, out + index * call->dimension, error);
        index += block.n_texts;
    }
    return rc;
}

static int find_prompt(embedding *call, wick_error *error)
{
    wick_model_info info = {.size = sizeof info};
    int rc = wick_model_get_info(call->model, &info);
    if (rc == WICK_OK)
        rc = wick_prompt_choose(&info, &call->options, &call->prompt, error);
    call->prompt_bytes = rc == WICK_OK ? strlen(call->prompt) : 0;
    return rc;
}

int wick_embed(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
               const wick_embed_options *options, float *out, wick_usage *usage, wick_error *error)
{
    const double start = wick_now_ms();
    if (!model || !out)
        return wick_fail_null(error, model ? "out" : "model");
    embedding call = {.model = model, .texts = texts, .text_bytes = text_bytes, .n_texts = n_texts};
    wick_embed_options_init(&call.options);
    int rc = wick_options_take(&call.options, sizeof call.options, options, "options", error);
    if (rc == WICK_OK)
        rc = wick_kind_check(wick_engine_kind(model->files), WICK_WANT_VECTORS, model->name, error);
    if (rc == WICK_OK)
        rc = wick_texts_check(texts, text_bytes, n_texts, error);
    if (rc == WICK_OK)
        rc = wick_dimension_check(&call.options, model->dimension, model->cut, &call.dimension, error);
    if (rc == WICK_OK)
        rc = find_prompt(&call, error);
    if (rc != WICK_OK)
        return rc;
    size_t n_values, n_bytes;
    if (!wick_mul_size(n_texts, call.dimension, &n_values) || !wick_mul_size(n_values, sizeof *out, &n_bytes))
        return wick_fail(error, WICK_E_INVALID_INPUT, "n_texts", "give fewer texts a call",
                         "no memory can hold %zu vectors", n_texts);
    if (!wick_pool_is_alive(model->pool))
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", "open the model after fork()",
                         "the model was opened in another process, whose threads this one does not have");
    call.context = wick_context_take(model);
    if (!call.context)
        return wick_fail_memory(error, "the call's memory");
    rc = wick_engine_count_prompt(model, call.context, call.prompt, &call.n_prompt_tokens, error);
    if (rc == WICK_OK)
        rc = embed_all(&call, out, error);
    wick_context_return(model, call.context);
    if (rc == WICK_OK && usage)
        *usage = (wick_usage){call.total_tokens, wick_now_ms() - start};
    return rc;
}

int wick_model_health_check(wick_model *model, wick_error *error)
{
    static const char *const text[] = {"health check"};
    if (!model)
        return wick_fail_null(error, "model");
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.dimensions = 1;
    float value;
    wick_error inner = {0};
    const wick_wanted wanted = wick_kind_purpose(wick_engine_kind(model->files));
    const int rc = wanted == WICK_WANT_VECTORS ? wick_embed(model, text, NULL, 1, &options, &value, NULL, &inner)
                                               : wick_engine_try(model, wanted, text, &inner);
    if (rc == WICK_OK)
        return WICK_OK;
    return wick_fail(error, WICK_E_UNAVAILABLE, inner.where, inner.mend, "health check failed: %s", inner.message);
}
