/* SPDX-License-Identifier: Apache-2.0
 * linear.c: y = activation(x W^T + b), block of rows by block of rows and panel by panel (linear.h). A thread's share are pairs of a block and a panel, or for gated layers a block and a
 * turn of gate and up; a panel is used for all rows of a block while it is in a near cache. */
#include "cpu/linear.h"

/* Turns of gate and up that a product of many panels makes at once: few enough that they stay in the second-level cache until they are read. */
#define TURNS_AT_ONCE 4
#define TURN_COLUMNS ((size_t)2 * WICK_GATE_TURN)

/* Rows [row, row + m) times columns [column, column + n), to c. */
typedef struct block {
    size_t row, m, column, n;
    float *c;
    size_t ldc;
} block;

/* Whether the layer's products take all panels at once, and gelu with them (kernels.h). */
static bool takes_panels(const wick_cpu_model *model, const wick_cpu_linear *linear)
{
    return model->kernels->takes_panels && linear->compute != WICK_COMPUTE_F32;
}

bool wick_ends_narrow(const wick_cpu_model *model, const wick_cpu_linear *linear, const wick_cpu_linear *reader,
                      wick_activation activation)
{
    return takes_panels(model, linear) && linear->compute == WICK_COMPUTE_BF16 &&
           reader->compute == WICK_COMPUTE_BF16 && (activation == WICK_ACT_GELU || activation == WICK_ACT_NONE);
}

/* s without its activation, but for gelu where the product takes it with it: returns whether it did. */
static bool multiply(const wick_cpu_model *model, const wick_linear_step *s, const block *at)
{
    const wick_kernels *kernels = model->kernels;
    const wick_cpu_linear *l = s->linear;
    const wick_rows *in = s->in;
    const size_t row_bytes = wick_narrow_row_bytes(l->compute, l->in), padded = wick_compute_padded(l->compute, l->out);
    const bool with_gelu = takes_panels(model, l) && s->activation == WICK_ACT_GELU;
    const void *b = l->panels + at->column * l->n_units;
    const void *narrow = in->narrow ? (const uint8_t *)in->narrow + at->row * row_bytes : NULL;
    const float *bias = l->bias + at->column;
    switch (l->compute) {
    case WICK_COMPUTE_F32:
        kernels->gemm(&(wick_gemm){at->m, at->n, l->in, in->f32 + at->row * in->stride, in->stride, b, l->panel_width,
                                   bias, at->c, at->ldc, s->accumulate});
        break;
    case WICK_COMPUTE_BF16:
        kernels->gemm_bf16(&(wick_gemm_bf16){at->m, at->n, row_bytes / 2, narrow, row_bytes / 2, b, l->panel_width,
                                             bias, at->c, s->narrow ? padded : at->ldc, s->accumulate, with_gelu,
                                             s->narrow ? s->narrow + at->row * padded + at->column : NULL});
        break;
    case WICK_COMPUTE_I8:
        kernels->gemm_i8(&(wick_gemm_i8){at->m, at->n, row_bytes, narrow, row_bytes, in->scales + at->row, b,
                                         l->panel_width, l->scales + at->column, l->sums + at->column, bias, at->c,
                                         at->ldc, s->accumulate, with_gelu});
        break;
    case WICK_COMPUTE_I24:
        kernels->gemm_i24(&(wick_gemm_i24){at->m, at->n, (l->in + WICK_I24_STEP - 1) / WICK_I24_STEP, narrow, row_bytes,
                                           in->scales + at->row, b, l->scales + at->column, bias, at->c, at->ldc,
                                           s->accumulate, with_gelu});
        break;
    }
    return with_gelu;
}

void wick_linear_rows(const wick_cpu_model *model, const wick_team *team, const wick_linear_step *s)
{
    const wick_cpu_linear *l = s->linear;
    const size_t width = l->panel_width, n_blocks = (s->rows + model->row_block - 1) / model->row_block;
    size_t first, last, n_panels;
    wick_team_share(team, n_blocks * l->n_panels, &first, &last);
    for (size_t unit = first; unit < last; unit += n_panels) {
        const size_t i = unit / l->n_panels, panel = unit % l->n_panels, column = panel * width;
        const size_t begin = s->rows * i / n_blocks, end = s->rows * (i + 1) / n_blocks, row = s->row + begin;
        n_panels = !takes_panels(model, l) ? 1 : last - unit < l->n_panels - panel ? last - unit : l->n_panels - panel;
        const size_t n = l->out - column < n_panels * width ? l->out - column : n_panels * width;
        const block at = {row, end - begin, column, n, s->out + row * s->ldo + column, s->ldo};
        if (!multiply(model, s, &at))
            wick_activate(model->kernels, s->activation, at.c, at.ldc, at.m, at.n);
    }
}

/* Gate and up of `at`, whose columns are whole turns, to its c. */
static void multiply_turns(const wick_cpu_model *model, const wick_linear_step *s, block at)
{
    const size_t end = at.column + at.n, step = takes_panels(model, s->linear) ? at.n : s->linear->panel_width;
    at.n = step;
    for (; at.column < end; at.column += step, at.c += step)
        multiply(model, s, &at);
}

size_t wick_gated_scratch(const wick_cpu_model *model)
{
    return model->files->encoder.is_gated ? model->row_block * TURNS_AT_ONCE * TURN_COLUMNS : 0;
}

void wick_gated_rows(const wick_cpu_model *model, const wick_team *team, const wick_linear_step *s, size_t n,
                     float *gated)
{
    const wick_linear_step plain = {.linear = s->linear, .in = s->in, .activation = WICK_ACT_NONE};
    const size_t n_turns = s->linear->out / TURN_COLUMNS, ld = TURNS_AT_ONCE * TURN_COLUMNS,
                 n_blocks = (s->rows + model->row_block - 1) / model->row_block,
                 most = takes_panels(model, s->linear) ? TURNS_AT_ONCE : 1;
    size_t first, last, turns;
    wick_team_share(team, n_blocks * n_turns, &first, &last);
    for (size_t unit = first; unit < last; unit += turns) {
        const size_t i = unit / n_turns, turn = unit % n_turns, column = turn * WICK_GATE_TURN;
        const size_t begin = s->rows * i / n_blocks, m = s->rows * (i + 1) / n_blocks - begin, row = s->row + begin;
        turns = last - unit < n_turns - turn ? last - unit : n_turns - turn;
        turns = turns < most ? turns : most;
        multiply_turns(model, &plain, (block){row, m, turn * TURN_COLUMNS, turns * TURN_COLUMNS, gated, ld});
        const size_t columns = n - column < turns * WICK_GATE_TURN ? n - column : turns * WICK_GATE_TURN;
        wick_activate_gate(model->kernels, s->activation,
                           &(wick_gate){m, columns, gated, ld, s->out + row * s->ldo + column, s->ldo});
    }
}

/* While calibrating: sums of the fourth powers of each input. */
static void observe_rows(const wick_rows *x, size_t row, size_t n, float *observed)
{
    for (size_t i = row; i < row + n; i++)
        for (size_t j = 0; j < x->width; j++) {
            const float square = x->f32[i * x->stride + j] * x->f32[i * x->stride + j];
            observed[j] += square * square;
        }
}

void wick_narrow_rows(const wick_cpu_model *model, const wick_rows *x, const wick_cpu_linear *reader, size_t row,
                      size_t n)
{
    const size_t row_bytes = wick_narrow_row_bytes(reader->compute, x->width);
    const float *from = x->f32 + row * x->stride;
    uint8_t *to = x->narrow ? (uint8_t *)x->narrow + row * row_bytes : NULL;
    if (reader->compute == WICK_COMPUTE_BF16)
        model->kernels->to_bf16(from, x->stride, n, x->width, (uint16_t *)(void *)to, row_bytes / 2);
    else if (reader->compute == WICK_COMPUTE_I8)
        model->kernels->quantize(
            &(wick_quantize){n, x->width, from, x->stride, reader->factors, to, row_bytes, x->scales + row});
    else if (reader->compute == WICK_COMPUTE_I24)
        model->kernels->split(&(wick_split){n, x->width, from, x->stride, (int8_t *)to, row_bytes, x->scales + row});
    else if (reader->observed)
        observe_rows(x, row, n, reader->observed);
}

void wick_narrow_shared(const wick_cpu_model *model, const wick_team *team, const wick_rows *x,
                        const wick_cpu_linear *reader, size_t row, size_t n)
{
    if (reader->compute == WICK_COMPUTE_F32 && !reader->observed)
        return;
    size_t first, last;
    wick_team_share(team, n, &first, &last);
    wick_narrow_rows(model, x, reader, row + first, last - first);
    wick_team_barrier(team);
}
