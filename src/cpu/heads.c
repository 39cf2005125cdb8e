/* SPDX-License-Identifier: Apache-2.0
 * heads.c: from the last hidden states of a chunk to what the caller asked for (heads.h). Every output depends on its own sequence alone: its bits do not depend on the batch.
 *
 *   POOLED   pool, Dense modules                                             pooling.c
 *   TOKENS   each row, through the Dense modules where they work on tokens
 *   LABELS   last(norm(act(dense(one row of the sequence))))                 [n_labels]
 *   TERMS    log(1 + relu(decoder(norm(act(dense(row)))))), its largest value (or the sum) over the sequence's rows  [vocab_size]
 *
 * Terms are never a matrix of tokens x vocabulary. A block of the decoder's rows is multiplied with all tokens of the chunk, a panel of them at a time, transposed as keys
 * are in attention; what remains of a block is one value a sequence and term, which goes to the caller at once. */
#include "cpu/heads.h"

#include <math.h>
#include <string.h>

/* Where sequence i of the chunk stands: rows [*row, *row + the length that is returned). */
static size_t next_sequence(const wick_chunk *chunk, size_t i, size_t *row)
{
    const size_t n = wick_sequence_rows(chunk->batch, chunk->sequences[i]);
    *row += n;
    return n;
}

static void pool_sequences(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                           const float *hidden, float *scratch, float *out)
{
    const wick_model_files *files = model->files;
    size_t row = 0, first, last;
    wick_team_share(team, chunk->n_sequences, &first, &last);
    for (size_t i = 0; i < last; i++) {
        const size_t begin = row, n = next_sequence(chunk, i, &row);
        if (i >= first)
            wick_pool_sequence(model, hidden + begin * files->encoder.hidden_size, n, chunk->batch->n_prompt_tokens,
                               scratch, out + chunk->sequences[i] * files->dimension);
    }
}

/* ---- tokens -------------------------------------------------------------------------------------------------------- */

/* scratch: as wick_pool_sequence has it */
static void token_sequences(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                            const float *hidden, float *scratch, float *out)
{
    const wick_packed_batch *batch = chunk->batch;
    const size_t width = model->files->encoder.hidden_size, dimension = wick_token_dimension(model->files);
    size_t row = 0, first, last;
    wick_team_share(team, chunk->n_rows, &first, &last);
    for (size_t i = 0; i < chunk->n_sequences && row < last; i++) {
        const size_t begin = row, end = begin + next_sequence(chunk, i, &row);
        float *to = out + (batch->offsets[chunk->sequences[i]] - batch->offsets[0]) * dimension;
        for (size_t j = begin < first ? first : begin; j < end && j < last; j++) {
            float *one = to + (j - begin) * dimension;
            if (model->files->tokens.is_wanted)
                wick_dense_row(model, hidden + j * width, scratch, one);
            else
                memcpy(one, hidden + j * width, width * sizeof *one);
        }
    }
}

/* ---- labels -------------------------------------------------------------------------------------------------------- */

/* x, y: [hidden_size] each */
static void label_sequence(const wick_cpu_model *model, const float *hidden, size_t n_rows, float *x, float *y,
                           float *out)
{
    const wick_encoder *encoder = &model->files->encoder;
    const wick_output_head *from = &model->files->head;
    const wick_cpu_head *head = &model->head;
    wick_pool_rows(from->row, hidden, 0, n_rows, encoder->hidden_size, x);
    if (from->has_dense) {
        wick_linear_row(model->kernels, &head->dense, from->activation, x, y);
        x = y;
    }
    if (from->has_norm)
        model->kernels->layer_norm(x, encoder->hidden_size, 1, encoder->hidden_size, head->norm.weight, head->norm.bias,
                                   (float)encoder->norm_eps);
    wick_linear_row(model->kernels, &head->last, WICK_ACT_NONE, x, out);
}

static void label_sequences(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                            const float *hidden, float *scratch, float *out)
{
    const size_t width = model->files->encoder.hidden_size, n_labels = model->files->head.n_out;
    size_t row = 0, first, last;
    wick_team_share(team, chunk->n_sequences, &first, &last);
    for (size_t i = 0; i < last; i++) {
        const size_t begin = row, n = next_sequence(chunk, i, &row);
        if (i >= first)
            label_sequence(model, hidden + begin * width, n, scratch, scratch + width,
                           out + chunk->sequences[i] * n_labels);
    }
}

/* ---- terms --------------------------------------------------------------------------------------------------------- */

/* Rows [first, first + n) of hidden through dense, activation and norm, to the same rows of act->head. */
static void transform_rows(const wick_cpu_model *model, const wick_activations *act, size_t first, size_t n)
{
    const wick_kernels *kernels = model->kernels;
    const wick_cpu_linear *l = &model->head.dense;
    const size_t width = kernels->panel_width, hidden = l->in;
    float *out = act->head + first * hidden;
    for (size_t column = 0; column < l->out; column += width)
        kernels->gemm(&(wick_gemm){.m = n,
                                   .n = l->out - column < width ? l->out - column : width,
                                   .k = hidden,
                                   .a = act->hidden.f32 + first * hidden,
                                   .lda = hidden,
                                   .b = (const float *)(const void *)(l->panels + column * l->n_units),
                                   .ldb = width,
                                   .bias = l->bias + column,
                                   .c = out + column,
                                   .ldc = hidden});
    wick_activate(kernels, model->files->head.activation, out, hidden, n, hidden);
    kernels->layer_norm(out, hidden, n, hidden, model->head.norm.weight, model->head.norm.bias,
                        (float)model->files->encoder.norm_eps);
}

/* The team's share of the tokens, in whole panels: transformed, and then transposed: act->head_columns is [panels, hidden_size, panel_width]. */
static void prepare_tokens(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                           const wick_activations *act)
{
    const size_t width = model->kernels->panel_width, hidden = model->files->encoder.hidden_size;
    size_t first, last;
    wick_team_share(team, (chunk->n_rows + width - 1) / width, &first, &last);
    for (size_t panel = first; panel < last; panel++) {
        const size_t row = panel * width, n = chunk->n_rows - row < width ? chunk->n_rows - row : width;
        transform_rows(model, act, row, n);
        model->kernels->transpose(act->head + row * hidden, hidden, n, hidden, act->head_columns + row * hidden, width);
    }
}

/* What a logit weighs; a NaN stays one. */
static float weight_of(const wick_output_head *head, float logit)
{
    const float once = log1pf(logit < 0 ? 0 : logit);
    return head->has_second_log ? log1pf(once) : once;
}

/* A block of terms under way. */
typedef struct term_block {
    const wick_cpu_model *model;
    const wick_activations *act;
    const float *rows;                                   /* [n, hidden_size] of the decoder */
    size_t first, n;                                     /* terms */
    float scores[WICK_TERM_ROWS * WICK_MAX_PANEL_WIDTH]; /* [n, panel_width]: of the tokens of one panel */
    size_t panel;                                        /* whose scores these are; SIZE_MAX: none's yet */
} term_block;

static void multiply(term_block *b, size_t panel, size_t n_tokens)
{
    const wick_kernels *kernels = b->model->kernels;
    const size_t width = kernels->panel_width, hidden = b->model->files->encoder.hidden_size;
    kernels->gemm(&(wick_gemm){.m = b->n,
                               .n = n_tokens,
                               .k = hidden,
                               .a = b->rows,
                               .lda = hidden,
                               .b = b->act->head_columns + panel * width * hidden,
                               .ldb = width,
                               .c = b->scores,
                               .ldc = width});
    b->panel = panel;
}

/* Takes the scores of n tokens, from `column` of the panel on, into totals[b->n]. All that follows a score grows with it, so of the largest only the last is computed. */
static void gather(const term_block *b, size_t column, size_t n, float *totals)
{
    const wick_output_head *head = &b->model->files->head;
    const float *bias = b->model->head.term_bias + b->first;
    const size_t width = b->model->kernels->panel_width;
    for (size_t i = 0; i < b->n; i++)
        for (size_t j = column; j < column + n; j++) {
            const float score = b->scores[i * width + j];
            if (head->sums_tokens)
                totals[i] += weight_of(head, score + bias[i]);
            else if (score > totals[i] || score != score)
                totals[i] = score;
        }
}

/* Rows [begin, end) of the chunk are one sequence. */
static void sum_sequence(term_block *b, size_t begin, size_t end, size_t n_rows, float *totals)
{
    const wick_output_head *head = &b->model->files->head;
    const float *bias = b->model->head.term_bias + b->first;
    const size_t width = b->model->kernels->panel_width;
    for (size_t i = 0; i < b->n; i++)
        totals[i] = head->sums_tokens ? 0 : -INFINITY;
    for (size_t row = begin; row < end;) {
        const size_t panel = row / width, column = row % width, left = n_rows - panel * width;
        const size_t n = end - row < width - column ? end - row : width - column;
        if (b->panel != panel)
            multiply(b, panel, left < width ? left : width);
        gather(b, column, n, totals);
        row += n;
    }
    for (size_t i = 0; i < b->n && !head->sums_tokens; i++)
        totals[i] = weight_of(head, totals[i] + bias[i]);
}

/* The decoder's rows [first, first + n) in f32: where they lie, or made in scratch. */
static const float *decoder_rows(const wick_cpu_model *model, size_t first, size_t n, float *scratch)
{
    const wick_tensor *words = &model->files->head.last.weight;
    const size_t hidden = model->files->encoder.hidden_size;
    if (words->dtype == WICK_DTYPE_F32 && (uintptr_t)words->data % sizeof(float) == 0)
        return (const float *)(const void *)words->data + first * hidden;
    wick_tensor_to_f32(words, first * hidden, n * hidden, scratch);
    return scratch;
}

static void term_sequences(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                           const wick_activations *act, const wick_thread_scratch *scratch,
                           const wick_output_target *target)
{
    const size_t n_terms = model->files->head.n_out, n_blocks = (n_terms + WICK_TERM_ROWS - 1) / WICK_TERM_ROWS;
    size_t first, last;
    prepare_tokens(model, team, chunk, act);
    wick_team_barrier(team);
    wick_team_share(team, n_blocks, &first, &last);
    for (size_t i = first; i < last; i++) {
        term_block b = {.model = model, .act = act, .first = i * WICK_TERM_ROWS, .panel = SIZE_MAX};
        float totals[WICK_TERM_ROWS];
        size_t row = 0;
        b.n = n_terms - b.first < WICK_TERM_ROWS ? n_terms - b.first : WICK_TERM_ROWS;
        b.rows = decoder_rows(model, b.first, b.n, scratch->head_words);
        for (size_t s = 0; s < chunk->n_sequences; s++) {
            const size_t begin = row, n = next_sequence(chunk, s, &row);
            sum_sequence(&b, begin, begin + n, chunk->n_rows, totals);
            target->take(target->arg, scratch->thread_index, chunk->sequences[s], b.first, totals, b.n);
        }
    }
}

void wick_output_chunk(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                       const wick_activations *act, const wick_thread_scratch *scratch,
                       const wick_output_target *target)
{
    const float *hidden = act->hidden.f32;
    switch (target->kind) {
    case WICK_OUTPUT_POOLED:
        pool_sequences(model, team, chunk, hidden, scratch->pooled, target->rows);
        break;
    case WICK_OUTPUT_TOKENS:
        token_sequences(model, team, chunk, hidden, scratch->pooled, target->rows);
        break;
    case WICK_OUTPUT_LABELS:
        label_sequences(model, team, chunk, hidden, scratch->pooled, target->rows);
        break;
    case WICK_OUTPUT_TERMS:
        term_sequences(model, team, chunk, act, scratch, target);
        break;
    }
}
