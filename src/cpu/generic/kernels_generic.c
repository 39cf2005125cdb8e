/* SPDX-License-Identifier: Apache-2.0
 * kernels_generic.c: the reference of the operations in kernels.h that every model needs, in plain C, for any machine. Tests hold each tier against these. */
#include <math.h>

#include "cpu/kernels.h"

#define PANEL_WIDTH 8
#define ROWS 4

/* Up to ROWS rows at once, so that a row of b is read once for them. */
static void gemm_rows(const wick_gemm *g, size_t row, size_t n_rows)
{
    float sums[ROWS][PANEL_WIDTH] = {{0}};
    for (size_t k = 0; k < g->k; k++)
        for (size_t i = 0; i < n_rows; i++)
            for (size_t j = 0; j < PANEL_WIDTH; j++)
                sums[i][j] += g->a[(row + i) * g->lda + k] * g->b[k * g->ldb + j];
    for (size_t i = 0; i < n_rows; i++) {
        float *c = g->c + (row + i) * g->ldc;
        for (size_t j = 0; j < g->n; j++) {
            float value = sums[i][j] + (g->bias ? g->bias[j] : 0.0f);
            c[j] = g->accumulate ? c[j] + value : value;
        }
    }
}

static void gemm_generic(const wick_gemm *g)
{
    for (size_t row = 0; row < g->m; row += ROWS)
        gemm_rows(g, row, g->m - row < ROWS ? g->m - row : ROWS);
}

static void gelu_generic(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float value = x[i * ldx + j];
            x[i * ldx + j] = 0.5f * value * (1.0f + erff(value * 0.70710678118654752f));
        }
}

static void layer_norm_generic(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias,
                               float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        double sum = 0, squares = 0;
        for (size_t j = 0; j < n; j++)
            sum += x[j];
        double mean = sum / (double)n;
        for (size_t j = 0; j < n; j++)
            squares += (x[j] - mean) * (x[j] - mean);
        double scale = 1.0 / sqrt(squares / (double)n + eps);
        for (size_t j = 0; j < n; j++)
            x[j] = (float)((x[j] - mean) * scale) * weight[j] + bias[j];
    }
}

static void softmax_generic(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        float largest = x[0];
        double sum = 0;
        for (size_t j = 1; j < n; j++)
            largest = x[j] > largest ? x[j] : largest;
        for (size_t j = 0; j < n; j++) {
            x[j] = expf((x[j] - largest) * scale);
            sum += x[j];
        }
        inverse_sums[i] = (float)(1.0 / sum);
    }
}

static void transpose_generic(const float *x, size_t ldx, size_t n_rows, size_t n_columns, float *out, size_t ldo)
{
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n_columns; j++)
            out[j * ldo + i] = x[i * ldx + j];
}

void wick_kernels_init_generic(wick_kernels *kernels)
{
    kernels->attention_rows = 14; /* of the tiles that most tiers have */
    kernels->panel_width = PANEL_WIDTH;
    kernels->gemm = gemm_generic;
    kernels->gelu = gelu_generic;
    kernels->layer_norm = layer_norm_generic;
    kernels->softmax = softmax_generic;
    kernels->transpose = transpose_generic;
    wick_narrow_init_generic(kernels);
    wick_i24_init_generic(kernels);
    wick_attention_init_generic(kernels);
    wick_gates_init_generic(kernels);
    wick_peak_init_generic(kernels);
}
