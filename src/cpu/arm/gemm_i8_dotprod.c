/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_dotprod.c: u8 x s8 products with exact s32 sums, rescaled to f32, with FEAT_DotProd. Reference: gemm_i8_generic.
 *
 * sdot wants both sides signed: rows of a are read as a - 128 (one eor for 16 values), and the sums begin with 128 times the sum of b's column.
 *
 *   instruction              use                             Neoverse N1: latency, a cycle    Apple M1: latency, a cycle
 *   sdot v.4s, v.16b, v.4b   16 products                     4, 2                             3, 4
 *   eor v.16b                16 values of a less by 128      2, 2                             2, 4
 *
 * For 16 values along k of 5 rows: 80 products, 5 eor, 21 loads. Sources as in gemm_f32_neon.c. */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>
#include <string.h>

typedef int8x16_t row_values;

static inline row_values load_16(const uint8_t *a)
{
    return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a), vdupq_n_u8(0x80)));
}

static inline row_values load_4(const uint8_t *a)
{
    uint32_t four;
    memcpy(&four, a, sizeof four);
    return vreinterpretq_s8_u32(vdupq_n_u32(four ^ 0x80808080u));
}

#define DOT(sums, b, a, i) vdotq_laneq_s32(sums, b, a, i)
#define begin_sums wick_i8_offsets

#include "cpu/arm/gemm_i8_dot.h"

void wick_gemm_i8_init_dotprod(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8;
}
