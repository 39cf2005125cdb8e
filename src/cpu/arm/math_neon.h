/* SPDX-License-Identifier: Apache-2.0
 * math_neon.h: 4 values at a time with AArch64's Advanced SIMD, for the files that work row by row: ends of rows, gelu and exp (constants.h). */
#ifndef WICK_CPU_ARM_MATH_NEON_H
#define WICK_CPU_ARM_MATH_NEON_H
#include <arm_neon.h>
#include <stddef.h>

#include "cpu/constants.h"

#define WICK_LANES4 4

/* The first n lanes; zero in the rest, of which nothing is read. n >= 1. */
static inline float32x4_t wick_load4(const float *x, size_t n)
{
    if (n >= WICK_LANES4)
        return vld1q_f32(x);
    float32x4_t value = vld1q_lane_f32(x, vdupq_n_f32(0.0f), 0);
    if (n > 1)
        value = vld1q_lane_f32(x + 1, value, 1);
    return n > 2 ? vld1q_lane_f32(x + 2, value, 2) : value;
}

static inline void wick_store4(float *x, size_t n, float32x4_t value)
{
    if (n >= WICK_LANES4) {
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
static inline float32x4_t wick_keep4(float32x4_t value, size_t n, float32x4_t other)
{
    static const uint32_t lanes[WICK_LANES4] = {0, 1, 2, 3};
    if (n >= WICK_LANES4)
        return value;
    return vbslq_f32(vcltq_u32(vld1q_u32(lanes), vdupq_n_u32((uint32_t)n)), value, other);
}

static inline float32x4_t wick_gelu4(float32x4_t x)
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

/* x <= 0. */
static inline float32x4_t wick_exp4(float32x4_t x)
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

#endif
