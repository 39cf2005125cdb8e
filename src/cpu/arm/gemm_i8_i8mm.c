/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_i8mm.c: u8 x s8 products with exact s32 sums, rescaled to f32, with FEAT_I8MM's mixed dot product. Reference: gemm_i8_generic.
 *
 *   instruction                  use            Neoverse V1: latency, a cycle
 *   sudot v.4s, v.16b, v.4b[i]   16 products    3, 4
 *
 * The extension's usmmla does twice as many, but wants eight values of a column side by side where the panels have four: with the shuffles it takes
 * 35 instructions for what are 48 here, and V1 starts only half as many of them a cycle (Arm, Neoverse V1 Software Optimization Guide). */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>
#include <string.h>

typedef uint8x16_t row_values;

static inline row_values load_16(const uint8_t *a)
{
    return vld1q_u8(a);
}

static inline row_values load_4(const uint8_t *a)
{
    uint32_t four;
    memcpy(&four, a, sizeof four);
    return vreinterpretq_u8_u32(vdupq_n_u32(four));
}

/* sudot, where what is indexed is the unsigned side. */
#define DOT(sums, b, a, i) vsudotq_laneq_s32(sums, b, a, i)

static inline void begin_sums(const wick_gemm_i8 *g, int32x4_t out[4])
{
    (void)g;
    for (size_t j = 0; j < 4; j++)
        out[j] = vdupq_n_s32(0);
}

#include "cpu/arm/gemm_i8_dot.h"

void wick_gemm_i8_init_i8mm(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8;
}
