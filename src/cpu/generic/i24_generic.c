/* SPDX-License-Identifier: Apache-2.0
 * i24_generic.c: the reference of f32 products made of 24-bit integers (kernels.h), in plain C. Tests hold each tier against it.
 *
 * How exact they are: an input is off by half a step, 2^-24 of its row's largest, and by up to 2^-23 of itself, for its factor and its scale are rounded; a weight likewise; nothing is lost in sums of
 * products. Products in f32 lose 2^-24 of the sum so far with every addition. So these are better the longer rows are and the more alike their values, and worse where one value is much larger than the rest and
 * meets weights near zero: then all others keep its step (docs/speed.md has both, measured). A row's magnitudes beyond 1e36 may give infinities that f32 products would not. */
#include <math.h>
#include <string.h>

#include "cpu/constants.h"
#include "cpu/kernels.h"

/* Digit d (0: the highest) of row values and of column values at place k. */
static int32_t digit_of_row(const int8_t *row, size_t k, size_t d)
{
    return row[(k / WICK_I24_STEP * WICK_I24_DIGITS + d) * WICK_I24_STEP + k % WICK_I24_STEP];
}

static int32_t digit_of_column(const int8_t *panel, size_t column, size_t k, size_t d)
{
    const size_t unit = (k / WICK_I24_STEP * WICK_I24_DIGITS + d) * (WICK_I24_STEP / 4) + k % WICK_I24_STEP / 4;
    return panel[(unit * WICK_I24_PANEL + column) * 4 + k % 4];
}

/* t of kernels.h. */
static float sum_of(const int8_t *row, const int8_t *panel, size_t column, size_t n_steps)
{
    int32_t high = 0, upper = 0, middle = 0, lower = 0;
    for (size_t k = 0; k < n_steps * WICK_I24_STEP; k++) {
        int32_t a[WICK_I24_DIGITS], b[WICK_I24_DIGITS];
        for (size_t d = 0; d < WICK_I24_DIGITS; d++) {
            a[d] = digit_of_row(row, k, d);
            b[d] = digit_of_column(panel, column, k, d);
        }
        high += a[0] * b[0];
        upper += a[0] * b[1] + a[1] * b[0];
        middle += a[0] * b[2] + a[1] * b[1] + a[2] * b[0];
        lower += a[1] * b[2] + a[2] * b[1];
    }
    const float low = fmaf((float)lower, 0x1p-8f, (float)middle);
    return fmaf(fmaf((float)high, 0x1p8f, (float)upper), 0x1p8f, low);
}

static void gemm_i24_generic(const wick_gemm_i24 *g)
{
    const size_t panel_bytes = g->n_steps * WICK_I24_DIGITS * WICK_I24_STEP * WICK_I24_PANEL;
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const float t =
                sum_of(g->a + i * g->lda, g->b + j / WICK_I24_PANEL * panel_bytes, j % WICK_I24_PANEL, g->n_steps);
            const float x = fmaf(t * g->rows[i].scale, g->b_scales[j], g->bias[j]);
            float *c = g->c + i * g->ldc + j;
            *c = g->gelu ? 0.5f * x * (1.0f + erff(x * 0x1.6a09e6p-1f)) : g->accumulate ? *c + x : x;
        }
}

static wick_row_scale split_row(const float *x, size_t n, int8_t *out)
{
    float largest = 0, bad = 0;
    for (size_t j = 0; j < n; j++) {
        largest = fabsf(x[j]) > largest ? fabsf(x[j]) : largest;
        bad += x[j] * 0.0f; /* NaN where x is not finite */
    }
    const bool usable = !isnan(bad) && largest > WICK_LEAST_RANGE;
    const float factor = usable ? WICK_I24_LARGEST / largest : 0;
    memset(out, 0, (n + WICK_I24_STEP - 1) / WICK_I24_STEP * WICK_I24_DIGITS * WICK_I24_STEP);
    for (size_t j = 0; j < n && usable; j++) {
        /* Each digit of what was added is in the middle of 0 to 255: so the digits below take and give no more than they have. */
        const uint32_t digits = ((uint32_t)(int32_t)lrintf(x[j] * factor) + 0x808080u) ^ 0x808080u;
        for (size_t d = 0; d < WICK_I24_DIGITS; d++)
            out[(j / WICK_I24_STEP * WICK_I24_DIGITS + d) * WICK_I24_STEP + j % WICK_I24_STEP] =
                (int8_t)(uint8_t)(digits >> (16 - 8 * d));
    }
    return (wick_row_scale){isnan(bad) ? NAN : usable ? 1.0f / factor : 0, 0};
}

static void split_generic(const wick_split *s)
{
    for (size_t i = 0; i < s->m; i++)
        s->rows[i] = split_row(s->x + i * s->ldx, s->n, s->out + i * s->ldo);
}

void wick_i24_init_generic(wick_kernels *kernels)
{
    kernels->gemm_i24 = gemm_i24_generic;
    kernels->split = split_generic;
}
