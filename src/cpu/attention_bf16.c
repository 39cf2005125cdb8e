/* SPDX-License-Identifier: Apache-2.0
 * attention_bf16.c: attention with both products in bf16 (softmax and sums stay f32), for the narrow dtypes where the CPU multiplies bf16 itself and
 * the sequence is long enough to pay for the conversions. As attention.c, but the queries, keys and values of the head are rounded first, and two neighbours
 * along the inner dimension stand together: pairs of a key's values, pairs of tokens for the values. */
#include "cpu/attention.h"

static const float no_bias[WICK_MAX_PANEL_WIDTH];

/* The product of all n columns, which stand in panels panel_values apart; no bias. */
static void multiply(const wick_kernels *kernels, wick_gemm_bf16 g, size_t panel_values)
{
    g.panel_width = kernels->panel_width;
    if (kernels->takes_panels && panel_values == g.k * g.panel_width) {
        kernels->gemm_bf16(&g);
        return;
    }
    const size_t n = g.n;
    g.bias = no_bias;
    for (size_t column = 0; column < n; column += g.panel_width, g.b += panel_values, g.c += g.panel_width) {
        g.n = n - column < g.panel_width ? n - column : g.panel_width;
        kernels->gemm_bf16(&g);
    }
}

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

static void prepare_queries(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch)
{
    const size_t head_dim = model->files->encoder.head_dim;
    model->kernels->to_bf16(h->query, h->stride, h->n_rows, head_dim, scratch->queries16, even(head_dim));
}

static void prepare_keys(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch)
{
    const wick_kernels *kernels = model->kernels;
    size_t width = kernels->panel_width, head_dim = model->files->encoder.head_dim, ld = even(head_dim),
           n_units = ld / 2;
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
    const size_t width = kernels->panel_width, head_dim = model->files->encoder.head_dim, ld = even(head_dim);
    const wick_keys keys = wick_keys_in_panels(kernels, h, row, n); /* the first is even: panels are */
    const size_t n_keys = keys.last - keys.first, ld_scores = (n_keys + width - 1) / width * width;
    multiply(kernels,
             (wick_gemm_bf16){.m = n,
                              .n = n_keys,
                              .k = ld,
                              .a = scratch->queries16 + row * ld,
                              .lda = ld,
                              .b = (const uint16_t *)(const void *)scratch->keys + keys.first * ld,
                              .c = scratch->scores,
                              .ldc = ld_scores},
             ld * width);
    float inverse_sums[WICK_ATTENTION_ROWS];
    wick_attention_softmax(model, h, keys, scratch->scores, ld_scores, row, n, inverse_sums);
    kernels->to_bf16(scratch->scores, ld_scores, n, n_keys, scratch->scores16, even(n_keys));
    multiply(kernels,
             (wick_gemm_bf16){.m = n,
                              .n = head_dim,
                              .k = even(n_keys),
                              .a = scratch->scores16,
                              .lda = even(n_keys),
                              .b = scratch->values16 + keys.first * width,
                              .c = h->context + row * h->context_stride,
                              .ldc = h->context_stride},
             even(h->n_rows) * width);
    wick_attention_scale(model, h, row, n, inverse_sums);
}

static size_t rows_at_once(const wick_kernels *kernels)
{
    return kernels->attention_rows;
}

const wick_attention_way wick_attention_bf16 = {rows_at_once, prepare_keys, prepare_queries, attend};
