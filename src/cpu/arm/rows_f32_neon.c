/* SPDX-License-Identifier: Apache-2.0
 * rows_f32_neon.c: what works row by row between the products, with AArch64's Advanced SIMD: gelu, layer_norm, softmax, transpose. References: the
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

#include "cpu/constants.h"
#include "cpu/unroll.h"

#define LANES 4

/* The first n lanes; zero in the rest, of which nothing is read. n >= 1. */
static inline float32x4_t load(const float *x, size_t n)
{
    if (n >= LANES)
        return vld1q_f32(x);
    float32x4_t value = vld1q_lane_f32(x, vdupq_n_f32(0.0f), 0);
    if (n > 1)
        value = vld1q_lane_f32(x + 1, value, 1);
    return n > 2 ? vld1q_lane_f32(x + 2, value, 2) : value;
}

static inline void store(float *x, size_t n, float32x4_t value)
{
    if (n >= LANES) {
        vst1q_f32(x, value);
        return;
    }
    vst1q_lane_f32(x, value, 0);
    if (n > 1)
        vst1q_lane_f32(x + 1, value, 1);
    if (n > 2)
        vst1q_lane_f32(x + 2, value, 2);
}

/* `other` in the lanes from n on. */
static inline float32x4_t keep_or(float32x4_t value, size_t n, float32x4_t other)
{
    static const uint32_t lanes[LANES] = {0, 1, 2, 3};
    if (n >= LANES)
        return value;
    return vbslq_f32(vcltq_u32(vld1q_u32(lanes), vdupq_n_u32((uint32_t)n)), value, other);
}

static inline float32x4_t gelu4(float32x4_t x)
{
    float32x4_t c = vmaxq_f32(vminq_f32(x, vdupq_n_f32(WICK_GELU_LIMIT)), vdupq_n_f32(-WICK_GELU_LIMIT));
    float32x4_t t = vmulq_f32(c, c);
    float32x4_t p = vfmaq_f32(vdupq_n_f32(WICK_GELU_P4), vdupq_n_f32(WICK_GELU_P5), t);
    float32x4_t q = vfmaq_f32(vdupq_n_f32(WICK_GELU_Q4), vdupq_n_f32(WICK_GELU_Q5), t);
    p = vfmaq_f32(vdupq_n_f32(WICK_GELU_P3), p, t);
    q = vfmaq_f32(vdupq_n_f32(WICK_GELU_Q3), q, t);
    p = vfmaq_f32(vdupq_n_f32(WICK_GELU_P2), p, t);
    q = vfmaq_f32(vdupq_n_f32(WICK_GELU_Q2), q, t);
    p = vfmaq_f32(vdupq_n_f32(WICK_GELU_P1), p, t);
    q = vfmaq_f32(vdupq_n_f32(WICK_GELU_Q1), q, t);
    p = vfmaq_f32(vdupq_n_f32(WICK_GELU_P0), p, t);
    q = vfmaq_f32(vdupq_n_f32(1.0f), q, t);
    float32x4_t phi = vaddq_f32(vdivq_f32(vmulq_f32(c, p), q), vdupq_n_f32(0.5f));
    return vmulq_f32(x, phi);
}

static void gelu_neon(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, x += ldx)
        for (size_t j = 0; j < n; j += LANES)
            store(x + j, n - j, gelu4(load(x + j, n - j)));
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
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        WICK_UNROLL
        for (size_t i = 0; i < 4; i++)
            sums[i] = vaddq_f32(sums[i], vld1q_f32(x + j + i * LANES));
    }
    for (; j < n; j += LANES)
        sums[0] = vaddq_f32(sums[0], load(x + j, n - j));
    return sum_of(sums);
}

/* Of x - mean: the sum, and the sum of squares. */
static inline void sum_rest(const float *x, size_t n, float32x4_t mean, float *sum, float *sum_squares)
{
    const float32x4_t zero = vdupq_n_f32(0.0f);
    float32x4_t sums[4] = {zero, zero, zero, zero}, squares[4] = {zero, zero, zero, zero};
    size_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        WICK_UNROLL
        for (size_t i = 0; i < 4; i++) {
            float32x4_t d = vsubq_f32(vld1q_f32(x + j + i * LANES), mean);
            sums[i] = vaddq_f32(sums[i], d);
            squares[i] = vfmaq_f32(squares[i], d, d);
        }
    }
    for (; j < n; j += LANES) {
        float32x4_t d = keep_or(vsubq_f32(load(x + j, n - j), mean), n - j, zero);
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
        for (size_t j = 0; j < n; j += LANES) {
            float32x4_t d = vmulq_f32(vsubq_f32(vsubq_f32(load(x + j, n - j), mean), further), scale);
            store(x + j, n - j, vfmaq_f32(load(bias + j, n - j), d, load(weight + j, n - j)));
        }
    }
}

static inline float32x4_t exp4(float32x4_t x)
{
    x = vmaxq_f32(x, vdupq_n_f32(WICK_EXP_LOWEST)); /* a NaN stays one */
    float32x4_t n = vrndnq_f32(vmulq_f32(x, vdupq_n_f32(WICK_LOG2_E)));
    float32x4_t r = vfmsq_f32(x, n, vdupq_n_f32(WICK_LN2_HIGH));
    r = vfmsq_f32(r, n, vdupq_n_f32(WICK_LN2_LOW));
    float32x4_t p = vfmaq_f32(vdupq_n_f32(WICK_EXP_C5), vdupq_n_f32(WICK_EXP_C6), r);
    p = vfmaq_f32(vdupq_n_f32(WICK_EXP_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(WICK_EXP_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(WICK_EXP_C2), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    /* n is in [-126, 0]: 2^n is made by its exponent bits. */
    int32x4_t power = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
    return vmulq_f32(p, vreinterpretq_f32_s32(power));
}

static void softmax_neon(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        float32x4_t largest = vdupq_n_f32(x[0]);
        for (size_t j = 0; j < n; j += LANES)
            largest = vmaxq_f32(largest, keep_or(load(x + j, n - j), n - j, largest));
        float32x4_t top = vdupq_n_f32(vmaxvq_f32(largest)), sum = vdupq_n_f32(0.0f);
        for (size_t j = 0; j < n; j += LANES) {
            float32x4_t e = exp4(vmulq_n_f32(vsubq_f32(load(x + j, n - j), top), scale));
            e = keep_or(e, n - j, vdupq_n_f32(0.0f));
            sum = vaddq_f32(sum, e);
            store(x + j, n - j, e);
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
    for (size_t i = 0; i < n_rows; i += LANES)
        for (size_t j = 0; j < n_columns; j += LANES) {
            size_t rows = n_rows - i < LANES ? n_rows - i : LANES,
                   columns = n_columns - j < LANES ? n_columns - j : LANES;
            float32x4_t r[LANES];
            for (size_t k = 0; k < LANES; k++)
                r[k] = k < rows ? load(x + (i + k) * ldx + j, columns) : vdupq_n_f32(0.0f);
            transpose_4x4(r);
            for (size_t k = 0; k < columns; k++)
                store(out + (j + k) * ldo + i, rows, r[k]);
        }
}

void wick_rows_init_neon(wick_kernels *kernels)
{
    kernels->gelu = gelu_neon;
    kernels->layer_norm = layer_norm_neon;
    kernels->softmax = softmax_neon;
    kernels->transpose = transpose_neon;
}
