/* SPDX-License-Identifier: Apache-2.0
 * peak_neon.c: multiply-adds in registers with Advanced SIMD, for measuring (peak.h): fmla, 4 of f32. 16 sums hide 4 cycles of latency at
 * four instructions a cycle (Apple M1, Neoverse V1). The base tier has nothing faster for bf16 and int8 (smull and sadalp: 4 an instruction). */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline float32x4_t step_f32(float32x4_t sum, float32x4_t x)
{
    return vfmaq_f32(sum, x, x);
}

WICK_SPIN(spin_f32_neon, float32x4_t, 16, "w", vdupq_n_f32(0.5f), step_f32, 4)

void wick_peak_init_neon(wick_kernels *kernels)
{
    kernels->spin_f32 = kernels->spin_bf16 = kernels->spin_i8 = spin_f32_neon;
}
