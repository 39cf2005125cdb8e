/* SPDX-License-Identifier: Apache-2.0
 * peak_dotprod.c: multiply-adds in registers with FEAT_DotProd, for measuring (peak.h): sdot, 16 of s8. The same for FEAT_I8MM's usdot. */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline int32x4_t step_i8(int32x4_t sum, int32x4_t x)
{
    return vdotq_s32(sum, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(x));
}

WICK_SPIN(spin_i8_dotprod, int32x4_t, 16, "w", vdupq_n_s32(0x3F3F3F3F), step_i8, 16)

void wick_peak_init_dotprod(wick_kernels *kernels)
{
    kernels->spin_i8 = spin_i8_dotprod;
}
