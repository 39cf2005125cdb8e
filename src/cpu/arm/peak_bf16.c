/* SPDX-License-Identifier: Apache-2.0
 * peak_bf16.c: multiply-adds in registers with FEAT_BF16, for measuring (peak.h): bfdot, 8 of bf16. */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline float32x4_t step_bf16(float32x4_t sum, float32x4_t x)
{
    return vbfdotq_f32(sum, vreinterpretq_bf16_f32(x), vreinterpretq_bf16_f32(x));
}

WICK_SPIN(spin_bf16_bf16, float32x4_t, 16, "w", vdupq_n_f32(0.5f), step_bf16, 8)

void wick_peak_init_bf16(wick_kernels *kernels)
{
    kernels->spin_bf16 = spin_bf16_bf16;
}
