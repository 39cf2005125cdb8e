/* SPDX-License-Identifier: Apache-2.0
 * attention.c: scaled dot-product attention, sequence by sequence and head by head: context = softmax(Q K^T / sqrt(head_dim)) V.
 *
 * Q, K and V of a token stand side by side in a row of qkv. For one sequence and head: the keys are transposed into panels (so that keys
 * are the columns of a product), then for a few query rows at a time: scores = Q K^T, softmax in place, context = scores V read where it stands,
 * divided by the sum. Everything for one head stays in the first two caches. */
#include <math.h>

#include "cpu/forward.h"

/* Query rows of one piece of work: long sequences are shared by several threads, at the price of transposing the keys again. */
#define QUERY_BLOCK 64

typedef struct head {
    const float *query, *key, *value; /* [n_rows, head_dim], rows `stride` apart */
    float *context;                   /* [n_rows, head_dim], rows hidden_size apart */
    size_t n_rows, stride;
} head;

static size_t query_blocks(size_t n_rows)
{
    return (n_rows + QUERY_BLOCK - 1) / QUERY_BLOCK;
}

static void transpose_keys(const wick_cpu_model *model, const head *h, float *keys)
{
    size_t width = model->kernels->panel_width, head_dim = model->files->head_dim;
    for (size_t row = 0; row < h->n_rows; row += width) {
        size_t n = h->n_rows - row < width ? h->n_rows - row : width;
        model->kernels->transpose(h->key + row * h->stride, h->stride, n, head_dim, keys + row * head_dim, width);
    }
}

static void attend_rows(const wick_cpu_model *model, const head *h, const wick_thread_scratch *scratch, size_t row,
                        size_t n)
{
    const wick_kernels *kernels = model->kernels;
    size_t width = kernels->panel_width, head_dim = model->files->head_dim, hidden = model->files->hidden_size;
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
    kernels->softmax(scratch->scores, ld_scores, n, h->n_rows, 1.0f / sqrtf((float)head_dim), inverse_sums);
    float *context = h->context + row * hidden;
    g = (wick_gemm){.m = n, .k = h->n_rows, .a = scratch->scores, .lda = ld_scores, .ldb = h->stride, .ldc = hidden};
    for (size_t column = 0; column < head_dim; column += width) {
        g.n = head_dim - column < width ? head_dim - column : width;
        g.b = h->value + column; /* past the head's columns stand other values or the padding: read, never kept */
        g.c = context + column;
        kernels->gemm(&g);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < head_dim; j++)
            context[i * hidden + j] *= inverse_sums[i];
}

static void attend_block(const wick_cpu_model *model, const head *h, const wick_thread_scratch *scratch, size_t first)
{
    size_t last = h->n_rows - first < QUERY_BLOCK ? h->n_rows : first + QUERY_BLOCK;
    for (size_t row = first; row < last; row += WICK_ATTENTION_ROWS)
        attend_rows(model, h, scratch, row, last - row < WICK_ATTENTION_ROWS ? last - row : WICK_ATTENTION_ROWS);
}

void wick_attention(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                    const wick_activations *act, const wick_thread_scratch *scratch)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->hidden_size, stride = 3 * hidden, row = 0, unit = 0, n_units = 0, first, last;
    for (size_t s = 0; s < chunk->n_sequences; s++)
        n_units += query_blocks(wick_sequence_rows(chunk->batch, chunk->sequences[s])) * files->n_heads;
    wick_team_share(team, n_units, &first, &last);
    for (size_t s = 0; s < chunk->n_sequences && unit < last; s++) {
        size_t n_rows = wick_sequence_rows(chunk->batch, chunk->sequences[s]), n_blocks = query_blocks(n_rows);
        for (size_t i = 0; i < files->n_heads; i++, unit += n_blocks) {
            const float *qkv = act->qkv + row * stride + i * files->head_dim;
            head h = {qkv,    qkv + hidden, qkv + 2 * hidden, act->context.f32 + row * hidden + i * files->head_dim,
                      n_rows, stride};
            size_t from = unit < first ? first - unit : 0,
                   to = unit + n_blocks > last ? (last > unit ? last - unit : 0) : n_blocks;
            if (from < to)
                transpose_keys(model, &h, scratch->keys);
            for (size_t block = from; block < to; block++)
                attend_block(model, &h, scratch, block * QUERY_BLOCK);
        }
        row += n_rows;
    }
}
