/* SPDX-License-Identifier: Apache-2.0
 * rows_f32_neon.c: what works row by row between the products, with AArch64's Advanced SIMD: gelu, norms, softmax, transpose. References: the
 * functions of the same names in kernels_generic.c. There are no masks here: ends of rows are loaded and stored lane by lane.
 *
 *   instruction      use                         Neoverse N1: latency, a cycle    Apple M1: latency
 *   fmla v.4s        polynomials, sums           4, 2                             4
 *   fdiv v.4s        gelu's quotient             10, 1/7                          8
 *   fmax, fmin v.4s  limits; keep a NaN          2, 2                             2
 *   frintn v.4s      softmax's power of two      4, 1/2                           3
 * Sources as in gemm_f32_neon.c. */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>
#include <math.h>

#include "cpu/arm/math_neon.h"
#include "cpu/unroll.h"

static void gelu_neon(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, x += ldx)
        for (size_t j = 0; j < n; j += WICK_LANES4)
            wick_store4(x + j, n - j, wick_gelu4(wick_load4(x + j, n - j)));
}

/* Four sums side by side hide the latency of the additions, and each is shorter, so that less is lost. */
static inline float sum_of(const float32x4_t sums[4])
{
    return vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])));
}

static inline float sum_row(const float *x, size_t n)
{
    const float32x4_t zero = vdupq_n_f32(0.0f);
    float32x4_t sums[4] = {zero, zero, zero, zero};
    size_t j = 0;
    for (; j + 4 * WICK_LANES4 <= n; j += 4 * WICK_LANES4) {
        WICK_UNROLL
        for (size_t i = 0; i < 4; i++)
            sums[i] = vaddq_f32(sums[i], vld1q_f32(x + j + i * WICK_LANES4));
    }
    for (; j < n; j += WICK_LANES4)
        sums[0] = vaddq_f32(sums[0], wick_load4(x + j, n - j));
    return sum_of(sums);
}

/* Of x - mean: the sum, and the sum of squares. */
static inline void sum_rest(const float *x, size_t n, float32x4_t mean, float *sum, float *sum_squares)
{
    const float32x4_t zero = vdupq_n_f32(0.0f);
    float32x4_t sums[4] = {zero, zero, zero, zero}, squares[4] = {zero, zero, zero, zero};
    size_t j = 0;
    for (; j + 4 * WICK_LANES4 <= n; j += 4 * WICK_LANES4) {
        WICK_UNROLL
        for (size_t i = 0; i < 4; i++) {
            float32x4_t d = vsubq_f32(vld1q_f32(x + j + i * WICK_LANES4), mean);
            sums[i] = vaddq_f32(sums[i], d);
            squares[i] = vfmaq_f32(squares[i], d, d);
        }
    }
    for (; j < n; j += WICK_LANES4) {
        float32x4_t d = wick_keep4(vsubq_f32(wick_load4(x + j, n - j), mean), n - j, zero);
        sums[0] = vaddq_f32(sums[0], d);
        squares[0] = vfmaq_f32(squares[0], d, d);
    }
    *sum = sum_of(sums);
    *sum_squares = sum_of(squares);
}

/* The mean is taken twice: the second time of what is left of the row, which mends the rounding of the first (a row far from zero). */
static void layer_norm_neon(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        float32x4_t mean = vdupq_n_f32(sum_row(x, n) / (float)n);
        float left, squares;
        sum_rest(x, n, mean, &left, &squares);
        left /= (float)n;
        float variance = squares / (float)n - left * left;
        float32x4_t scale = vdupq_n_f32(1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + eps)),
                    further = vdupq_n_f32(left);
        for (size_t j = 0; j < n; j += WICK_LANES4) {
            float32x4_t d = vmulq_f32(vsubq_f32(vsubq_f32(wick_load4(x + j, n - j), mean), further), scale);
            wick_store4(x + j, n - j, vfmaq_f32(wick_load4(bias + j, n - j), d, wick_load4(weight + j, n - j)));
        }
    }
}

static void softmax_neon(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        float32x4_t largest = vdupq_n_f32(x[0]);
        for (size_t j = 0; j < n; j += WICK_LANES4)
            largest = vmaxq_f32(largest, wick_keep4(wick_load4(x + j, n - j), n - j, largest));
        float32x4_t top = vdupq_n_f32(vmaxvq_f32(largest)), sum = vdupq_n_f32(0.0f);
        for (size_t j = 0; j < n; j += WICK_LANES4) {
            float32x4_t e = wick_exp4(vmulq_n_f32(vsubq_f32(wick_load4(x + j, n - j), top), scale));
            e = wick_keep4(e, n - j, vdupq_n_f32(0.0f));
            sum = vaddq_f32(sum, e);
            wick_store4(x + j, n - j, e);
        }
        inverse_sums[i] = 1.0f / vaddvq_f32(sum);
    }
}

/* Two steps: pairs, halves. */
static inline __attribute__((always_inline)) void transpose_4x4(float32x4_t r[4])
{
    float64x2_t low0 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])),
                high0 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    float64x2_t low1 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])),
                high1 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vzip1q_f64(low0, low1));
    r[1] = vreinterpretq_f32_f64(vzip1q_f64(high0, high1));
    r[2] = vreinterpretq_f32_f64(vzip2q_f64(low0, low1));
    r[3] = vreinterpretq_f32_f64(vzip2q_f64(high0, high1));
}

static void transpose_neon(const float *x, size_t ldx, size_t n_rows, size_t n_columns, float *out, size_t ldo)
{
    for (size_t i = 0; i < n_rows; i += WICK_LANES4)
        for (size_t j = 0; j < n_columns; j += WICK_LANES4) {
            size_t rows = n_rows - i < WICK_LANES4 ? n_rows - i : WICK_LANES4,
                   columns = n_columns - j < WICK_LANES4 ? n_columns - j : WICK_LANES4;
            float32x4_t r[WICK_LANES4];
            for (size_t k = 0; k < WICK_LANES4; k++)
                r[k] = k < rows ? wick_load4(x + (i + k) * ldx + j, columns) : vdupq_n_f32(0.0f);
            transpose_4x4(r);
            for (size_t k = 0; k < columns; k++)
                wick_store4(out + (j + k) * ldo + i, rows, r[k]);
        }
}

static void rms_norm_neon(float *x, size_t ldx, size_t m, size_t n, const float *weight, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        const float32x4_t zero = vdupq_n_f32(0.0f);
        float32x4_t squares[4] = {zero, zero, zero, zero};
        size_t j = 0;
        for (; j + 4 * WICK_LANES4 <= n; j += 4 * WICK_LANES4) {
            WICK_UNROLL
            for (size_t k = 0; k < 4; k++) {
                float32x4_t a = vld1q_f32(x + j + k * WICK_LANES4);
                squares[k] = vfmaq_f32(squares[k], a, a);
            }
        }
        for (; j < n; j += WICK_LANES4) {
            float32x4_t a = wick_load4(x + j, n - j);
            squares[0] = vfmaq_f32(squares[0], a, a);
        }
        const float scale = 1.0f / sqrtf(sum_of(squares) / (float)n + eps);
        for (j = 0; j < n; j += WICK_LANES4)
            wick_store4(x + j, n - j,
                        vmulq_f32(vmulq_n_f32(wick_load4(x + j, n - j), scale), wick_load4(weight + j, n - j)));
    }
}

void wick_rows_init_neon(wick_kernels *kernels)
{
    kernels->gelu = gelu_neon;
    kernels->layer_norm = layer_norm_neon;
    kernels->rms_norm = rms_norm_neon;
    kernels->softmax = softmax_neon;
    kernels->transpose = transpose_neon;
}
