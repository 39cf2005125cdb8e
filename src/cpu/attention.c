/* SPDX-License-Identifier: Apache-2.0
 * attention.c: scaled dot-product attention, sequence by sequence and head by head: context = softmax(Q K^T / sqrt(head_dim)) V.
 *
 * Q, K and V of a token stand side by side in a row of qkv. For one sequence and head: the keys are transposed into panels (so that keys
 * are the columns of a product), then for a few query rows at a time: scores = Q K^T, softmax in place, context = scores V read where it stands,
 * divided by the sum. Everything for one head stays in the first two caches. */
#include "cpu/attention.h"

#include <math.h>

/* Query rows of one piece of work, at the least: long sequences are shared by several threads, at the price of preparing the keys again. */
#define LEAST_QUERY_BLOCK 56
/* Rows that a tile of f32 products has at the most. */
#define F32_ROWS 14
/* From so many tokens on, products in bf16 are faster than in f32 by more than the conversions cost. */
#define LEAST_ROWS_BF16 48

void wick_attention_softmax(const wick_cpu_model *model, const wick_head *h, float *scores, size_t ld_scores, size_t n,
                            float *inverse_sums)
{
    model->kernels->softmax(scores, ld_scores, n, h->n_rows, 1.0f / sqrtf((float)model->files->encoder.head_dim),
                            inverse_sums);
}

void wick_attention_scale(const wick_cpu_model *model, const wick_head *h, size_t row, size_t n,
                          const float *inverse_sums)
{
    size_t head_dim = model->files->encoder.head_dim, hidden = model->files->encoder.hidden_size;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < head_dim; j++)
            h->context[(row + i) * hidden + j] *= inverse_sums[i];
}

static void transpose_keys(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch)
{
    size_t width = model->kernels->panel_width, head_dim = model->files->encoder.head_dim;
    for (size_t row = 0; row < h->n_rows; row += width) {
        size_t n = h->n_rows - row < width ? h->n_rows - row : width;
        model->kernels->transpose(h->key + row * h->stride, h->stride, n, head_dim, scratch->keys + row * head_dim,
                                  width);
    }
}

static void attend_rows(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch, size_t row,
                        size_t n)
{
    const wick_kernels *kernels = model->kernels;
    size_t width = kernels->panel_width, head_dim = model->files->encoder.head_dim,
           hidden = model->files->encoder.hidden_size;
    size_t ld_scores = (h->n_rows + width - 1) / width * width;
    wick_gemm g = {
        .m = n, .k = head_dim, .a = h->query + row * h->stride, .lda = h->stride, .ldb = width, .ldc = ld_scores};
    for (size_t column = 0; column < h->n_rows; column += width) {
        g.n = h->n_rows - column < width ? h->n_rows - column : width;
        g.b = scratch->keys + column * head_dim;
        g.c = scratch->scores + column;
        kernels->gemm(&g);
    }
    float inverse_sums[WICK_ATTENTION_ROWS];
    wick_attention_softmax(model, h, scratch->scores, ld_scores, n, inverse_sums);
    float *context = h->context + row * hidden;
    g = (wick_gemm){.m = n, .k = h->n_rows, .a = scratch->scores, .lda = ld_scores, .ldb = h->stride, .ldc = hidden};
    for (size_t column = 0; column < head_dim; column += width) {
        g.n = head_dim - column < width ? head_dim - column : width;
        g.b = h->value + column; /* past the head's columns stand other values or the padding: read, never kept */
        g.c = context + column;
        kernels->gemm(&g);
    }
    wick_attention_scale(model, h, row, n, inverse_sums);
}

static size_t f32_rows(const wick_kernels *kernels)
{
    (void)kernels;
    return F32_ROWS;
}

static const wick_attention_way attention_f32 = {f32_rows, transpose_keys, attend_rows};

/* It depends on nothing but the sequence's own length: the same text takes the same way in any batch. */
static const wick_attention_way *way_for(const wick_cpu_model *model, size_t n_rows)
{
    bool narrow = model->compute != WICK_COMPUTE_F32 && model->kernels->has_bf16 && n_rows >= LEAST_ROWS_BF16;
    return narrow ? &wick_attention_bf16 : &attention_f32;
}

/* Query rows of a piece of work: whole steps of as many as the way takes at once. */
static size_t block_rows(const wick_cpu_model *model, const wick_attention_way *way)
{
    const size_t rows = way->rows_at_once(model->kernels);
    return (LEAST_QUERY_BLOCK + rows - 1) / rows * rows;
}

static size_t query_blocks(const wick_cpu_model *model, size_t n_rows)
{
    const size_t block = block_rows(model, way_for(model, n_rows));
    return (n_rows + block - 1) / block;
}

static void attend_block(const wick_cpu_model *model, const wick_attention_way *way, const wick_head *h,
                         const wick_thread_scratch *scratch, size_t i)
{
    const size_t rows = way->rows_at_once(model->kernels), block = block_rows(model, way), first = i * block;
    const size_t last = h->n_rows - first < block ? h->n_rows : first + block;
    for (size_t row = first; row < last; row += rows)
        way->attend(model, h, scratch, row, last - row < rows ? last - row : rows);
}

void wick_attention(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                    const wick_activations *act, const wick_thread_scratch *scratch)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->encoder.hidden_size, stride = 3 * hidden, row = 0, unit = 0, n_units = 0, first, last;
    for (size_t s = 0; s < chunk->n_sequences; s++)
        n_units += query_blocks(model, wick_sequence_rows(chunk->batch, chunk->sequences[s])) * files->encoder.n_heads;
    wick_team_share(team, n_units, &first, &last);
    for (size_t s = 0; s < chunk->n_sequences && unit < last; s++) {
        size_t n_rows = wick_sequence_rows(chunk->batch, chunk->sequences[s]), n_blocks = query_blocks(model, n_rows);
        const wick_attention_way *way = way_for(model, n_rows);
        for (size_t i = 0; i < files->encoder.n_heads; i++, unit += n_blocks) {
            const float *qkv = act->qkv + row * stride + i * files->encoder.head_dim;
            wick_head h = {
                qkv,    qkv + hidden, qkv + 2 * hidden, act->context.f32 + row * hidden + i * files->encoder.head_dim,
                n_rows, stride};
            size_t from = unit < first ? first - unit : 0,
                   to = unit + n_blocks > last ? (last > unit ? last - unit : 0) : n_blocks;
            if (from < to)
                way->prepare(model, &h, scratch);
            for (size_t block = from; block < to; block++)
                attend_block(model, way, &h, scratch, block);
        }
        row += n_rows;
    }
}
