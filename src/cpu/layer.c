/* SPDX-License-Identifier: Apache-2.0
 * layer.c: one layer of the encoder, as its description says (model/encoder.h):
 *
 *   x       = what the step before left for it: hidden, or norm(hidden) in `normed`      [rows, hidden_size]
 *   qkv     = x W_qkv^T + b, queries and keys normed and turned                          [rows, wick_encoder_qkv_width]
 *   context = attention(qkv)                                                             [rows, wick_encoder_query_width]    attention.c
 *   hidden  = norms and residual of context W_o^T + b
 *   inner   = act(x W_up^T + b), or gated                                                [rows, intermediate_size]
 *   hidden  = norms and residual of inner W_down^T + b
 *
 * A team shares few rows step by step: panels of output columns (and blocks of rows), with a barrier where a step reads what others wrote. Of many rows each
 * thread has a share of its own, which it takes alone through all steps but attention: two barriers a layer instead of eight. */
#include "cpu/layer.h"

#include <string.h>

#include "cpu/linear.h"

static void norm_rows(const wick_cpu_model *model, const wick_cpu_norm *norm, float *x, size_t ldx, size_t m, size_t n)
{
    const float eps = (float)model->files->encoder.norm_eps;
    if (!norm->weight)
        return;
    if (norm->bias)
        model->kernels->layer_norm(x, ldx, m, n, norm->weight, norm->bias, eps);
    else
        model->kernels->rms_norm(x, ldx, m, n, norm->weight, eps);
}

void wick_norm_shared(const wick_cpu_model *model, const wick_team *team, const wick_cpu_norm *norm, const wick_rows *x,
                      size_t row, size_t n)
{
    size_t first, last;
    wick_team_share(team, n, &first, &last);
    norm_rows(model, norm, x->f32 + (row + first) * x->stride, x->stride, last - first, x->width);
}

/* What the layers' products read: the residual stream itself, or its norm beside it. */
static const wick_rows *stream(const wick_cpu_model *model, const wick_activations *act)
{
    return model->files->encoder.norm_place == WICK_NORM_AFTER ? &act->hidden : &act->normed;
}

/* What becomes of the residual stream behind a step. */
typedef struct step_end {
    const wick_cpu_norm *
        branch; /* AROUND: norm of what the step gave, which stands in `normed` and is then added to the stream; else NULL */
    const wick_cpu_norm *norm;     /* AFTER: of the stream itself; else of its copy in `normed` */
    const wick_cpu_linear *reader; /* what reads it next; NULL: nobody, who needs no copy */
} step_end;

/* Row by row, so that a row is in the first cache while everything is made of it. */
static void end_rows(const wick_cpu_model *model, const wick_activations *act, const step_end *end, size_t row,
                     size_t n)
{
    const wick_rows *out = stream(model, act);
    const size_t width = act->hidden.width;
    for (size_t i = row; i < row + n; i++) {
        float *x = act->hidden.f32 + i * act->hidden.stride, *y = out->f32 + i * out->stride;
        if (end->branch) {
            norm_rows(model, end->branch, y, width, 1, width);
            for (size_t j = 0; j < width; j++)
                x[j] += y[j];
        }
        if (y != x && end->reader)
            memcpy(y, x, width * sizeof *y);
        if (y == x || end->reader)
            norm_rows(model, end->norm, y, width, 1, width);
        if (end->reader)
            wick_narrow_rows(model, out, end->reader, i, 1);
    }
}

static void end_shared(const wick_cpu_model *model, const wick_team *team, const wick_activations *act,
                       const step_end *end, size_t row, size_t n)
{
    size_t first, last;
    wick_team_share(team, n, &first, &last);
    end_rows(model, act, end, row + first, last - first);
}

void wick_layer_begin(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_team *team,
                      const wick_activations *act, size_t row, size_t n)
{
    static const wick_cpu_norm none = {NULL, NULL};
    const bool is_after = model->files->encoder.norm_place == WICK_NORM_AFTER;
    const step_end end = {NULL, is_after ? &none : &layer->attention_norm, &layer->qkv};
    end_shared(model, team, act, &end, row, n);
}

/* ---- attention ----------------------------------------------------------------------------------------------------- */

/* Norms and turns the queries and keys of one token, which stand head beside head. */
static void turn_row(const wick_cpu_model *model, const wick_cpu_layer *layer, float *qkv, size_t position)
{
    const wick_encoder *e = &model->files->encoder;
    const size_t head_dim = e->head_dim;
    if (e->has_qk_norm) {
        norm_rows(model, &layer->query_norm, qkv, head_dim, e->n_heads, head_dim);
        norm_rows(model, &layer->key_norm, qkv + wick_encoder_query_width(e), head_dim, e->n_kv_heads, head_dim);
    }
    if (e->position == WICK_POSITION_ROTARY) {
        const float *angles = wick_positions_angles(&model->positions, layer->has_window, position);
        model->kernels->rotate(qkv, head_dim, e->n_heads + e->n_kv_heads, head_dim, angles, angles + head_dim / 2);
    }
}

/* The same of the team's share of rows [row, row + n), which all stand in qkv. */
static void turn_shared(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_team *team,
                        const wick_chunk *chunk, float *qkv, size_t row, size_t n)
{
    const size_t stride = wick_row_stride(wick_encoder_qkv_width(&model->files->encoder));
    size_t first, last, begin = 0;
    wick_team_share(team, n, &first, &last);
    for (size_t s = 0; s < chunk->n_sequences && begin < row + last; s++) {
        const size_t rows = wick_sequence_rows(chunk->batch, chunk->sequences[s]);
        for (size_t i = begin < row + first ? row + first : begin; i < begin + rows && i < row + last; i++)
            turn_row(model, layer, qkv + i * stride, i - begin);
        begin += rows;
    }
}

/* Who takes which rows through the steps between two attentions: the whole team all of them, or each thread, a team of one, its share. */
typedef struct row_share {
    wick_team team;
    size_t first, last;
} row_share;

static row_share share_rows(const wick_team *team, size_t n)
{
    row_share share = {*team, 0, n};
    if (team->size > 1 && wick_rows_are_own(n, team->size)) {
        wick_team_share(team, n, &share.first, &share.last);
        share.team = (wick_team){team->pool, 0, 1};
    }
    return share;
}

/* Queries, keys and values of the share's rows. */
static void project(const wick_cpu_model *model, const wick_cpu_layer *layer, const row_share *share,
                    const wick_chunk *chunk, const wick_activations *act)
{
    const wick_encoder *e = &model->files->encoder;
    const size_t rows = share->last - share->first;
    wick_linear_rows(model, &share->team,
                     &(wick_linear_step){.linear = &layer->qkv,
                                         .in = stream(model, act),
                                         .out = act->qkv,
                                         .ldo = wick_row_stride(wick_encoder_qkv_width(e)),
                                         .row = share->first,
                                         .rows = rows,
                                         .activation = WICK_ACT_NONE});
    if (!e->has_qk_norm && e->position != WICK_POSITION_ROTARY)
        return;
    wick_team_barrier(&share->team);
    turn_shared(model, layer, &share->team, chunk, act->qkv, share->first, rows);
}

/* A step's last product: onto the stream, or AROUND beside it, where its norm comes first. */
static void add_product(const wick_cpu_model *model, const wick_team *team, const wick_cpu_linear *linear,
                        const wick_rows *in, const wick_activations *act, size_t row, size_t n)
{
    const bool is_around = model->files->encoder.norm_place == WICK_NORM_AROUND;
    const wick_rows *out = is_around ? &act->normed : &act->hidden;
    wick_linear_rows(model, team,
                     &(wick_linear_step){.linear = linear,
                                         .in = in,
                                         .out = out->f32,
                                         .ldo = out->stride,
                                         .row = row,
                                         .rows = n,
                                         .accumulate = !is_around,
                                         .activation = WICK_ACT_NONE});
    wick_team_barrier(team);
}

/* ---- MLP ----------------------------------------------------------------------------------------------------------- */

/* inner = act(x W_up^T + b) or gated, of rows [row, row + n), as `down` reads it. */
static void widen(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_team *team,
                  const wick_activations *act, const wick_thread_scratch *scratch, size_t row, size_t n)
{
    const wick_encoder *e = &model->files->encoder;
    const wick_rows *inner = &act->inner;
    uint16_t *const narrow =
        !e->is_gated && wick_ends_narrow(model, &layer->up, &layer->down, e->activation) ? inner->narrow : NULL;
    const wick_linear_step step = {.linear = &layer->up,
                                   .in = stream(model, act),
                                   .out = inner->f32,
                                   .ldo = inner->stride,
                                   .row = row,
                                   .rows = n,
                                   .activation = e->activation,
                                   .narrow = narrow};
    if (e->is_gated)
        wick_gated_rows(model, team, &step, e->intermediate_size, scratch->gated);
    else
        wick_linear_rows(model, team, &step);
    wick_team_barrier(team);
    if (!narrow)
        wick_narrow_shared(model, team, inner, &layer->down, row, n);
}

void wick_layer_forward(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_cpu_layer *next,
                        const wick_team *all, const wick_chunk *chunk, const wick_activations *act,
                        const wick_thread_scratch *scratch)
{
    const wick_norm_place place = model->files->encoder.norm_place;
    const row_share share = share_rows(all, chunk->n_rows);
    const wick_team *team = &share.team;
    const size_t first = share.first, rows = share.last - share.first;
    const wick_rows *context = &act->context;
    const step_end attention_end = {place == WICK_NORM_AROUND ? &layer->attention_end_norm : NULL,
                                    place == WICK_NORM_AFTER ? &layer->attention_norm : &layer->output_norm,
                                    &layer->up};
    const step_end output_end = {place == WICK_NORM_AROUND ? &layer->output_end_norm : NULL,
                                 place == WICK_NORM_AFTER ? &layer->output_norm
                                 : next                   ? &next->attention_norm
                                                          : NULL,
                                 next ? &next->qkv : NULL};
    project(model, layer, &share, chunk, act);
    wick_team_barrier(all);
    wick_attention(model, layer, all, chunk, act, scratch);
    wick_team_barrier(all);
    wick_narrow_shared(model, team, context, &layer->attention_output, first, rows);
    add_product(model, team, &layer->attention_output, context, act, first, rows);
    end_shared(model, team, act, &attention_end, first, rows);
    wick_team_barrier(team);
    /* One thread alone takes the rows block by block, so that `inner` is still in its cache when it is read back. */
    size_t block = team->size > 1 || rows <= model->row_block ? rows : model->row_block;
    for (size_t row = first; row < share.last; row += block) {
        size_t n = share.last - row < block ? share.last - row : block;
        widen(model, layer, team, act, scratch, row, n);
        add_product(model, team, &layer->down, &act->inner, act, row, n);
        end_shared(model, team, act, &output_end, row, n);
        wick_team_barrier(team);
    }
}
