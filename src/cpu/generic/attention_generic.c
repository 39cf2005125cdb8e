/* SPDX-License-Identifier: Apache-2.0
 * attention_generic.c: the reference of rms_norm, rotate and add_biases (kernels.h), in plain C. Calibration uses these on every tier (calibrate_rows.c): products, sums, quotients and
 * roots in one order, so that all machines make the same bits. */
#include <math.h>

#include "cpu/kernels.h"

static void rms_norm_generic(float *x, size_t ldx, size_t m, size_t n, const float *weight, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        double squares = 0;
        for (size_t j = 0; j < n; j++)
            squares += (double)x[j] * x[j];
        const double scale = 1.0 / sqrt(squares / (double)n + eps);
        for (size_t j = 0; j < n; j++)
            x[j] = (float)(x[j] * scale) * weight[j];
    }
}

static void rotate_generic(float *x, size_t ldx, size_t m, size_t n, const float *cosines, const float *sines)
{
    const size_t half = n / 2;
    for (size_t i = 0; i < m; i++, x += ldx)
        for (size_t j = 0; j < half; j++) {
            const float a = x[j], b = x[half + j];
            x[j] = a * cosines[j] - b * sines[j];
            x[half + j] = b * cosines[j] + a * sines[j];
        }
}

static void add_biases_generic(float *x, size_t ldx, size_t m, size_t n, float scale, const float *biases)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        const float *row = biases - i;
        for (size_t j = 0; j < n; j++)
            x[j] = x[j] * scale + row[j];
    }
}

void wick_attention_init_generic(wick_kernels *kernels)
{
    kernels->rms_norm = rms_norm_generic;
    kernels->rotate = rotate_generic;
    kernels->add_biases = add_biases_generic;
}
