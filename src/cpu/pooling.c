/* SPDX-License-Identifier: Apache-2.0
 * pooling.c: from a sequence's last hidden states to its vector: sentence-transformers' pooling modes, then the Dense modules. Sums go over the
 * tokens in order, so a vector does not depend on what it is batched with. No padding exists, so the attention mask is all ones. */
#include <math.h>
#include <string.h>

#include "cpu/forward.h"

/* Rows [first, n_rows) of hidden. */
static void weighted_sum(const float *hidden, size_t first, size_t n_rows, size_t width, bool by_position, float *out)
{
    memset(out, 0, width * sizeof *out);
    for (size_t i = first; i < n_rows; i++) {
        float weight = by_position ? (float)(i + 1) : 1.0f;
        for (size_t j = 0; j < width; j++)
            out[j] += hidden[i * width + j] * weight;
    }
}

static void scale(float *x, size_t n, float factor)
{
    for (size_t j = 0; j < n; j++)
        x[j] *= factor;
}

static void largest(const float *hidden, size_t first, size_t n_rows, size_t width, float *out)
{
    for (size_t j = 0; j < width; j++)
        out[j] = first < n_rows ? hidden[first * width + j] : -INFINITY;
    for (size_t i = first + 1; i < n_rows; i++)
        for (size_t j = 0; j < width; j++) {
            float value = hidden[i * width + j];
            out[j] = value > out[j] || value != value ? value : out[j]; /* a NaN must not be lost */
        }
}

/* The formulas of sentence_transformers' Pooling module, over rows [first, n_rows): the first ones may be a prompt's, which then count only as
 * positions. Where all are left out, sums are 0, and what has no value for nothing is as the module gives it. */
void wick_pool_rows(wick_pooling mode, const float *hidden, size_t first, size_t n_rows, size_t width, float *out)
{
    const bool is_empty = first >= n_rows;
    const float n = is_empty ? 1.0f : (float)(n_rows - first), all = (float)n_rows, left_out = (float)first;
    switch (mode) {
    case WICK_POOL_MEAN:
        weighted_sum(hidden, first, n_rows, width, false, out);
        scale(out, width, 1.0f / n);
        break;
    case WICK_POOL_MEAN_SQRT_LEN:
        weighted_sum(hidden, first, n_rows, width, false, out);
        scale(out, width, 1.0f / sqrtf(n));
        break;
    case WICK_POOL_WEIGHTEDMEAN:
        weighted_sum(hidden, first, n_rows, width, true, out);
        scale(out, width, is_empty ? 0 : 1.0f / ((all * (all + 1.0f) - left_out * (left_out + 1.0f)) / 2.0f));
        break;
    case WICK_POOL_MAX:
        largest(hidden, first, n_rows, width, out);
        break;
    case WICK_POOL_CLS:
        memcpy(out, hidden + (is_empty ? 0 : first) * width, width * sizeof *out);
        break;
    case WICK_POOL_LASTTOKEN:
        if (is_empty)
            memset(out, 0, width * sizeof *out);
        else
            memcpy(out, hidden + (n_rows - 1) * width, width * sizeof *out);
        break;
    }
}

void wick_linear_row(const wick_kernels *kernels, const wick_cpu_linear *l, wick_activation activation, const float *x,
                     float *y)
{
    size_t width = kernels->panel_width;
    for (size_t panel = 0; panel < l->n_panels; panel++) {
        size_t column = panel * width, n = l->out - column < width ? l->out - column : width;
        wick_gemm g = {.m = 1,
                       .n = n,
                       .k = l->in,
                       .a = x,
                       .lda = l->in,
                       .b = (const float *)(const void *)(l->panels + column * l->n_units),
                       .ldb = width,
                       .bias = l->bias + column,
                       .c = y + column,
                       .ldc = l->out};
        kernels->gemm(&g);
    }
    if (activation != WICK_ACT_NONE)
        wick_activate(kernels, activation, y, l->out, 1, l->out);
}

static size_t widest_row(const wick_model_files *files)
{
    size_t widest = files->encoder.hidden_size;
    for (size_t i = 0; i < files->n_dense; i++)
        widest = files->dense[i].out_features > widest ? files->dense[i].out_features : widest;
    return widest;
}

void wick_dense_row(const wick_cpu_model *model, const float *x, float *scratch, float *out)
{
    const wick_model_files *files = model->files;
    const size_t widest = widest_row(files);
    for (size_t i = 0; i < files->n_dense; i++) {
        float *y = i + 1 == files->n_dense ? out : scratch + i % 2 * widest;
        wick_linear_row(model->kernels, &model->dense[i], files->dense[i].activation, x, y);
        x = y;
    }
}

void wick_pool_sequence(const wick_cpu_model *model, const float *hidden, size_t n_rows, size_t n_left_out,
                        float *scratch, float *out)
{
    const wick_model_files *files = model->files;
    const size_t width = files->encoder.hidden_size;
    if (files->n_dense == 0) {
        wick_pool_rows(files->pooling, hidden, n_left_out, n_rows, width, out);
        return;
    }
    float *pooled = scratch + widest_row(files); /* not where the first module writes */
    wick_pool_rows(files->pooling, hidden, n_left_out, n_rows, width, pooled);
    wick_dense_row(model, pooled, scratch, out);
}
