/* SPDX-License-Identifier: Apache-2.0
 * quantize_i8_neon.c: f32 rows to u8, each with a scale and an offset, on the way into an int8 product. Reference: quantize_generic.
 *
 *   instruction         use                                Neoverse N1: latency, a cycle    Apple M1: latency, a cycle
 *   fmin, fmax v.4s     a row's range                      2, 2                             2, 4
 *   fcvtns v.4s         round to nearest even              3, 1                             3, 4
 *   uzp1 v.8h, v.16b    16 values to 16 bytes              2, 2                             2, 4
 * Sources as in gemm_f32_neon.c. */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "cpu/constants.h"

#define LANES 4
#define BLOCK 16 /* values that become one register of bytes */

static inline float32x4_t scaled(const wick_quantize *q, const float *x, size_t j)
{
    return vmulq_f32(vld1q_f32(x + j), vld1q_f32(q->factors + j));
}

typedef struct range {
    float least, largest;
    bool is_finite;
} range;

static range range_of(const wick_quantize *q, const float *x)
{
    float32x4_t least = vdupq_n_f32(x[0] * q->factors[0]), largest = least, bad = vdupq_n_f32(0.0f);
    size_t j = 0;
    for (; j + LANES <= q->n; j += LANES) {
        float32x4_t y = scaled(q, x, j);
        least = vminq_f32(least, y);
        largest = vmaxq_f32(largest, y);
        bad = vfmaq_f32(bad, y, vdupq_n_f32(0.0f)); /* NaN where y is not finite */
    }
    for (; j < q->n; j++) {
        float32x4_t y = vdupq_n_f32(x[j] * q->factors[j]);
        least = vminq_f32(least, y);
        largest = vmaxq_f32(largest, y);
        bad = vfmaq_f32(bad, y, vdupq_n_f32(0.0f));
    }
    return (range){vminvq_f32(least), vmaxvq_f32(largest), vaddvq_f32(bad) == 0.0f};
}

/* Four values of 0 to 255 each. */
static inline uint32x4_t rounded(float32x4_t y, float offset, float inverse)
{
    return vreinterpretq_u32_s32(vcvtnq_s32_f32(vmulq_n_f32(vsubq_f32(y, vdupq_n_f32(offset)), inverse)));
}

static wick_row_scale quantize_row(const wick_quantize *q, const float *x, uint8_t *out)
{
    range r = range_of(q, x);
    float width = r.largest - r.least;
    bool usable = r.is_finite && isfinite(width);
    wick_row_scale scale = {usable ? width / 255.0f : NAN, r.least};
    if (!usable || width <= WICK_LEAST_RANGE) {
        memset(out, 0, q->ldo);
        return scale;
    }
    float inverse = 255.0f / width;
    size_t j = 0;
    for (; j + BLOCK <= q->n; j += BLOCK) {
        uint32x4_t y[4];
        for (size_t i = 0; i < 4; i++)
            y[i] = rounded(scaled(q, x, j + i * LANES), r.least, inverse);
        uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(y[0]), vreinterpretq_u16_u32(y[1]));
        uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(y[2]), vreinterpretq_u16_u32(y[3]));
        vst1q_u8(out + j, vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)));
    }
    for (; j < q->n; j++)
        out[j] = (uint8_t)vgetq_lane_u32(rounded(vdupq_n_f32(x[j] * q->factors[j]), r.least, inverse), 0);
    for (; j < q->ldo; j++)
        out[j] = 0;
    return scale;
}

static void quantize_neon(const wick_quantize *q)
{
    for (size_t i = 0; i < q->m; i++)
        q->rows[i] = quantize_row(q, q->x + i * q->ldx, q->out + i * q->ldo);
}

void wick_quantize_init_neon(wick_kernels *kernels)
{
    kernels->quantize = quantize_neon;
}
