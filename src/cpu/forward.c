/* SPDX-License-Identifier: Apache-2.0
 * forward.c: the encoder, layer by layer (Devlin et al. 2018, norms behind the residuals as in BERT):
 *
 *   hidden  = LayerNorm(word[id] + position[i] + token_type[0])
 *   per layer:
 *     qkv     = hidden W_qkv^T + b                      [rows, 3 * hidden_size]
 *     context = attention(qkv)                          [rows, hidden_size]      attention.c
 *     hidden  = LayerNorm(hidden + context W_o^T + b)
 *     inner   = gelu(hidden W_up^T + b)                 [rows, intermediate_size]
 *     hidden  = LayerNorm(hidden + inner W_down^T + b)
 *   out     = pool(hidden), Dense modules               [sequences, dimension]   heads.c, pooling.c
 *
 * A team shares few rows step by step: panels of output columns (and blocks of rows), with a barrier where a step reads what others wrote. Of many rows each
 * thread has a share of its own, which it takes alone through all steps but attention: two barriers a layer instead of eight. */
#include "cpu/forward.h"

#include "cpu/heads.h"
#include "cpu/table.h"

typedef struct linear_step {
    const wick_cpu_linear *linear;
    const wick_rows *in;
    float *out;       /* [.., linear->out] */
    size_t row, rows; /* rows [row, row + rows) of in and out */
    bool accumulate;
    wick_activation activation;
    uint16_t *narrow; /* NULL, or [.., linear->out rounded up to 2] in bf16, instead of out; see ends_narrow */
} linear_step;

/* Whether the layer's products take all panels at once, and gelu with them (kernels.h). */
static bool takes_panels(const wick_cpu_model *model, const wick_cpu_linear *linear)
{
    return model->kernels->takes_panels && linear->compute != WICK_COMPUTE_F32;
}

/* Whether a layer's result can be handed to its reader as it is wanted there, with no f32 in between. */
static bool ends_narrow(const wick_cpu_model *model, const wick_cpu_linear *linear, const wick_cpu_linear *reader,
                        wick_activation activation)
{
    return takes_panels(model, linear) && linear->compute == WICK_COMPUTE_BF16 &&
           reader->compute == WICK_COMPUTE_BF16 && (activation == WICK_ACT_GELU || activation == WICK_ACT_NONE);
}

/* n columns from `column` on, of m rows from `row` on. */
static void linear_columns(const wick_cpu_model *model, const linear_step *s, size_t column, size_t n, size_t row,
                           size_t m)
{
    const wick_kernels *kernels = model->kernels;
    const wick_cpu_linear *l = s->linear;
    const size_t width = kernels->panel_width, lda = l->n_units * wick_compute_values(l->compute),
                 padded = wick_compute_padded(l->compute, l->out);
    const bool with_gelu = takes_panels(model, l) && s->activation == WICK_ACT_GELU;
    const uint32_t *b = l->panels + column * l->n_units;
    float *c = s->out + row * l->out + column;
    const float *bias = l->bias + column;
    switch (l->compute) {
    case WICK_COMPUTE_F32:
        kernels->gemm(&(wick_gemm){m, n, l->in, s->in->f32 + row * l->in, l->in, (const float *)(const void *)b, width,
                                   bias, c, l->out, s->accumulate});
        break;
    case WICK_COMPUTE_BF16:
        kernels->gemm_bf16(&(wick_gemm_bf16){m, n, lda, (const uint16_t *)s->in->narrow + row * lda, lda,
                                             (const uint16_t *)(const void *)b, width, bias, c,
                                             s->narrow ? padded : l->out, s->accumulate, with_gelu,
                                             s->narrow ? s->narrow + row * padded + column : NULL});
        break;
    case WICK_COMPUTE_I8:
        kernels->gemm_i8(&(wick_gemm_i8){m, n, lda, (const uint8_t *)s->in->narrow + row * lda, lda,
                                         s->in->scales + row, (const int8_t *)(const void *)b, width,
                                         l->scales + column, l->sums + column, bias, c, l->out, s->accumulate,
                                         with_gelu});
        break;
    }
    if (!with_gelu)
        wick_activate(kernels, s->activation, c, l->out, m, n);
}

static void linear_rows(const wick_cpu_model *model, const wick_team *team, const linear_step *s)
{
    const wick_cpu_linear *l = s->linear;
    const size_t width = model->kernels->panel_width, n_blocks = (s->rows + model->row_block - 1) / model->row_block;
    size_t first, last, n_panels;
    wick_team_share(team, n_blocks * l->n_panels, &first, &last);
    for (size_t unit = first; unit < last; unit += n_panels) {
        const size_t block = unit / l->n_panels, panel = unit % l->n_panels, column = panel * width;
        const size_t begin = s->rows * block / n_blocks, end = s->rows * (block + 1) / n_blocks;
        n_panels = !takes_panels(model, l) ? 1 : last - unit < l->n_panels - panel ? last - unit : l->n_panels - panel;
        const size_t n = l->out - column < n_panels * width ? l->out - column : n_panels * width;
        linear_columns(model, s, column, n, s->row + begin, end - begin);
    }
}

/* While calibrating: sums of the fourth powers of each input. */
static void observe_rows(const wick_rows *x, size_t row, size_t n, float *observed)
{
    for (size_t i = row; i < row + n; i++)
        for (size_t j = 0; j < x->width; j++) {
            const float square = x->f32[i * x->width + j] * x->f32[i * x->width + j];
            observed[j] += square * square;
        }
}

/* Makes the copy of rows [row, row + n) that `reader` wants. */
static void narrow_rows(const wick_cpu_model *model, const wick_rows *x, const wick_cpu_linear *reader, size_t row,
                        size_t n)
{
    size_t width = wick_compute_padded(reader->compute, x->width);
    const float *from = x->f32 + row * x->width;
    if (reader->compute == WICK_COMPUTE_BF16)
        model->kernels->to_bf16(from, x->width, n, x->width, (uint16_t *)x->narrow + row * width, width);
    else if (reader->compute == WICK_COMPUTE_I8)
        model->kernels->quantize(&(wick_quantize){n, x->width, from, x->width, reader->factors,
                                                  (uint8_t *)x->narrow + row * width, width, x->scales + row});
    else if (reader->observed)
        observe_rows(x, row, n, reader->observed);
}

/* The team's share of the same; rows that another thread wrote need a barrier before. */
static void narrow_shared(const wick_cpu_model *model, const wick_team *team, const wick_rows *x,
                          const wick_cpu_linear *reader, size_t row, size_t n)
{
    if (reader->compute == WICK_COMPUTE_F32 && !reader->observed)
        return;
    size_t first, last;
    wick_team_share(team, n, &first, &last);
    narrow_rows(model, x, reader, row + first, last - first);
    wick_team_barrier(team);
}

/* LayerNorm of the team's share of rows [row, row + n), and their copy for the reader (NULL: none). */
static void norm_rows(const wick_cpu_model *model, const wick_team *team, const wick_cpu_norm *norm, const wick_rows *x,
                      const wick_cpu_linear *reader, size_t row, size_t n)
{
    size_t width = x->width, first, last;
    wick_team_share(team, n, &first, &last);
    for (size_t i = row + first; i < row + last; i++) { /* the copy is made while the row is in the first cache */
        model->kernels->layer_norm(x->f32 + i * width, width, 1, width, norm->weight, norm->bias,
                                   (float)model->files->encoder.norm_eps);
        if (reader)
            narrow_rows(model, x, reader, i, 1);
    }
}

static void word_embedding(const wick_cpu_model *model, size_t id, float *x)
{
    size_t width = model->files->encoder.hidden_size;
    if (!model->words.rows) {
        wick_tensor_to_f32(&model->files->word_embeddings, id * width, width, x);
        return;
    }
    wick_table_get(&model->words, id, x);
}

/* hidden = word + position + token type, of the team's share of the rows. */
static void embed_rows(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk, float *hidden)
{
    const wick_packed_batch *batch = chunk->batch;
    size_t width = model->files->encoder.hidden_size, row = 0, first, last;
    wick_team_share(team, chunk->n_rows, &first, &last);
    for (size_t i = 0; i < chunk->n_sequences && row < last; i++) {
        const size_t offset = batch->offsets[chunk->sequences[i]];
        const int32_t *ids = batch->ids + offset;
        const uint8_t *types = batch->types && model->head.types.rows ? batch->types + offset : NULL;
        size_t n = wick_sequence_rows(batch, chunk->sequences[i]);
        for (size_t j = row < first ? first - row : 0; j < n && row + j < last; j++) {
            float *x = hidden + (row + j) * width;
            word_embedding(model, (size_t)ids[j], x);
            wick_table_add(&model->positions, j, x);
            if (types && types[j] > 0)
                wick_table_add(&model->head.types, types[j] - 1u, x);
        }
        row += n;
    }
}

/* Who takes which rows through the steps between two attentions: the whole team all of them, or each thread, a team of one, its share. */
typedef struct row_share {
    wick_team team;
    size_t first, last;
} row_share;

static row_share share_rows(const wick_team *team, size_t n_rows)
{
    row_share share = {*team, 0, n_rows};
    if (wick_rows_are_own(n_rows, team->size)) {
        wick_team_share(team, n_rows, &share.first, &share.last);
        share.team = (wick_team){team->pool, 0, 1};
    }
    return share;
}

void wick_layer_forward(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_cpu_layer *next,
                        const wick_team *all, const wick_chunk *chunk, const wick_activations *act,
                        const wick_thread_scratch *scratch)
{
    const row_share share = share_rows(all, chunk->n_rows);
    const wick_team *team = &share.team;
    const size_t first = share.first, rows = share.last - share.first;
    const wick_rows *hidden = &act->hidden, *context = &act->context, *inner = &act->inner;
    const wick_activation activation = model->files->encoder.activation;
    uint16_t *const narrow = ends_narrow(model, &layer->up, &layer->down, activation) ? inner->narrow : NULL;
    linear_rows(model, team, &(linear_step){&layer->qkv, hidden, act->qkv, first, rows, false, WICK_ACT_NONE, NULL});
    wick_team_barrier(all);
    wick_attention(model, all, chunk, act, scratch);
    wick_team_barrier(all);
    narrow_shared(model, team, context, &layer->attention_output, first, rows);
    linear_rows(model, team,
                &(linear_step){&layer->attention_output, context, hidden->f32, first, rows, true, WICK_ACT_NONE, NULL});
    wick_team_barrier(team);
    norm_rows(model, team, &layer->attention_norm, hidden, &layer->up, first, rows);
    wick_team_barrier(team);
    /* One thread alone takes the rows block by block, so that `inner` is still in its cache when it is read back. */
    size_t block = team->size > 1 || rows <= model->row_block ? rows : model->row_block;
    for (size_t row = first; row < share.last; row += block) {
        size_t n = share.last - row < block ? share.last - row : block;
        linear_rows(model, team, &(linear_step){&layer->up, hidden, inner->f32, row, n, false, activation, narrow});
        wick_team_barrier(team);
        if (!narrow)
            narrow_shared(model, team, inner, &layer->down, row, n);
        linear_rows(model, team, &(linear_step){&layer->down, inner, hidden->f32, row, n, true, WICK_ACT_NONE, NULL});
        wick_team_barrier(team);
        norm_rows(model, team, &layer->output_norm, hidden, next ? &next->qkv : NULL, row, n);
        wick_team_barrier(team);
    }
}

void wick_embed_tokens(const wick_cpu_model *model, const wick_cpu_layer *first, const wick_team *team,
                       const wick_chunk *chunk, const wick_activations *act)
{
    embed_rows(model, team, chunk, act->hidden.f32);
    norm_rows(model, team, &model->embedding_norm, &act->hidden, first ? &first->qkv : NULL, 0,
              chunk->n_rows); /* the same share */
    wick_team_barrier(team);
}

void wick_forward(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                  const wick_activations *act, const wick_thread_scratch *scratch, const wick_output_target *target)
{
    const wick_cpu_layer *layers = model->layers;
    const wick_kernels *kernels = model->kernels;
    size_t n = model->files->encoder.n_layers;
    if (kernels->enter)
        kernels->enter();
    wick_embed_tokens(model, n > 0 ? layers : NULL, team, chunk, act);
    for (size_t i = 0; i < n; i++)
        wick_layer_forward(model, &layers[i], i + 1 < n ? &layers[i + 1] : NULL, team, chunk, act, scratch);
    wick_team_barrier(team); /* threads with rows of their own end a layer alone */
    wick_output_chunk(model, team, chunk, act, scratch, target);
    if (kernels->leave)
        kernels->leave();
    wick_team_barrier(team); /* the next chunk overwrites hidden */
}
