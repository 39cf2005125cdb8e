/* SPDX-License-Identifier: Apache-2.0
 * attention_bf16.c: attention with both products in bf16 (softmax and sums stay f32), for the narrow dtypes where the CPU multiplies bf16 itself and
 * the sequence is long enough to pay for the conversions. As attention.c, but the queries, keys and values of the head are rounded first, and two neighbours
 * along the inner dimension stand together: pairs of a key's values, pairs of tokens for the values. */
#include "cpu/attention.h"

static const float no_bias[WICK_MAX_PANEL_WIDTH];

static size_t even(size_t n)
{
    return (n + 1) / 2 * 2;
}

/* Rows of values, two by two: pairs[p][k][j] = {value[2k][p * width + j], value[2k + 1][p * width + j]}. rows: [n_rows, ld], bf16. */
static void pair_values(const uint16_t *rows, size_t n_rows, size_t head_dim, size_t ld, size_t width, uint16_t *pairs)
{
    for (size_t column = 0; column < head_dim; column += width) {
        size_t n = head_dim - column < width ? head_dim - column : width;
        for (size_t k = 0; k < n_rows; k += 2, pairs += 2 * width) {
            const uint16_t *first = rows + k * ld + column, *second = first + ld;
            for (size_t j = 0; j < n; j++) {
                pairs[2 * j] = first[j];
                pairs[2 * j + 1] = k + 1 < n_rows ? second[j] : 0;
            }
        }
    }
}

static void prepare(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch)
{
    const wick_kernels *kernels = model->kernels;
    size_t width = kernels->panel_width, head_dim = model->files->head_dim, ld = even(head_dim), n_units = ld / 2;
    kernels->to_bf16(h->query, h->stride, h->n_rows, head_dim, scratch->queries16, ld);
    kernels->to_bf16(h->key, h->stride, h->n_rows, head_dim, scratch->rows16, ld);
    for (size_t row = 0; row < h->n_rows; row += width) { /* a pair of bf16 moves like an f32 */
        size_t n = h->n_rows - row < width ? h->n_rows - row : width;
        kernels->transpose((const float *)(const void *)scratch->rows16 + row * n_units, n_units, n, n_units,
                           scratch->keys + row * n_units, width);
    }
    kernels->to_bf16(h->value, h->stride, h->n_rows, head_dim, scratch->rows16, ld);
    pair_values(scratch->rows16, h->n_rows, head_dim, ld, width, scratch->values16);
}

static void attend(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch, size_t row,
                   size_t n)
{
    const wick_kernels *kernels = model->kernels;
    size_t width = kernels->panel_width, head_dim = model->files->head_dim, hidden = model->files->hidden_size;
    size_t ld = even(head_dim), ld_scores = (h->n_rows + width - 1) / width * width, n_keys = even(h->n_rows);
    wick_gemm_bf16 g = {.m = n,
                        .k = ld,
                        .a = scratch->queries16 + row * ld,
                        .lda = ld,
                        .panel_width = width,
                        .bias = no_bias,
                        .ldc = ld_scores};
    for (size_t column = 0; column < h->n_rows; column += width) {
        g.n = h->n_rows - column < width ? h->n_rows - column : width;
        g.b = (const uint16_t *)(const void *)(scratch->keys + column * ld / 2);
        g.c = scratch->scores + column;
        kernels->gemm_bf16(&g);
    }
    float inverse_sums[WICK_ATTENTION_ROWS];
    wick_attention_softmax(model, h, scratch->scores, ld_scores, n, inverse_sums);
    kernels->to_bf16(scratch->scores, ld_scores, n, h->n_rows, scratch->scores16, n_keys);
    g = (wick_gemm_bf16){.m = n,
                         .k = n_keys,
                         .a = scratch->scores16,
                         .lda = n_keys,
                         .panel_width = width,
                         .bias = no_bias,
                         .ldc = hidden};
    for (size_t column = 0; column < head_dim; column += width) {
        g.n = head_dim - column < width ? head_dim - column : width;
        g.b = scratch->values16 + column * n_keys;
        g.c = h->context + row * hidden + column;
        kernels->gemm_bf16(&g);
    }
    wick_attention_scale(model, h, row, n, inverse_sums);
}

const wick_attention_way wick_attention_bf16 = {prepare, attend};
