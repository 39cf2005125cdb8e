/* SPDX-License-Identifier: Apache-2.0
 * narrow_neon.h: what the int8 and bf16 products of the Arm tiers share: sums into c, and sums of columns. Panels are 16 columns wide in all of them. */
#ifndef WICK_CPU_ARM_NARROW_NEON_H
#define WICK_CPU_ARM_NARROW_NEON_H
#include <arm_neon.h>

#include "cpu/kernels.h"
#include "cpu/unroll.h"

#define WICK_NEON_WIDTH 16
#define WICK_NEON_PARTS 4 /* registers of 32-bit values in a row of a panel */

/* Loads stay on their side of it: gcc 12 would make those of the next steps early, and spill sums for want of registers. */
#define WICK_KEEP_ORDER() __asm__ volatile("" ::: "memory")

/* One row of 16 values into c (or onto it), nothing past n. */
static inline __attribute__((always_inline)) void wick_store_row(float *c, size_t n, bool accumulate,
                                                                 float32x4_t values[4])
{
    if (n == WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)
            vst1q_f32(c + 4 * j, accumulate ? vaddq_f32(vld1q_f32(c + 4 * j), values[j]) : values[j]);
        return;
    }
    float row[WICK_NEON_WIDTH];
    WICK_UNROLL
    for (size_t j = 0; j < WICK_NEON_PARTS; j++)
        vst1q_f32(row + 4 * j, values[j]);
    for (size_t j = 0; j < n; j++)
        c[j] = accumulate ? c[j] + row[j] : row[j];
}

/* A row of sums, with the bias, into c. */
static inline __attribute__((always_inline)) void wick_store_bf16_row(const wick_gemm_bf16 *g, float *c,
                                                                      float32x4_t sums[4])
{
    WICK_UNROLL
    for (size_t j = 0; j < WICK_NEON_PARTS; j++)
        sums[j] = vaddq_f32(sums[j], vld1q_f32(g->bias + 4 * j));
    wick_store_row(c, g->n, g->accumulate, sums);
}

/* A row of exact sums, rescaled as kernels.h says, into c. */
static inline __attribute__((always_inline)) void wick_store_i8_row(const wick_gemm_i8 *g, wick_row_scale row, float *c,
                                                                    const int32x4_t sums[4])
{
    float32x4_t values[WICK_NEON_PARTS];
    WICK_UNROLL
    for (size_t j = 0; j < WICK_NEON_PARTS; j++) {
        float32x4_t rest = vfmaq_f32(vld1q_f32(g->bias + 4 * j), vdupq_n_f32(row.offset), vld1q_f32(g->b_sums + 4 * j));
        float32x4_t scaled = vmulq_f32(vcvtq_f32_s32(sums[j]), vdupq_n_f32(row.scale));
        values[j] = vfmaq_f32(rest, scaled, vld1q_f32(g->b_scales + 4 * j));
    }
    wick_store_row(c, g->n, g->accumulate, values);
}

/* A product, and what the sums of its columns begin with. */
typedef struct wick_i8_job {
    const wick_gemm_i8 *g;
    size_t m; /* g's */
    int32x4_t first[WICK_NEON_PARTS];
} wick_i8_job;

/* 128 times the sum of each column of b: where rows of a are read as s8, less by 128, sums begin with it instead of 0. */
static inline void wick_i8_offsets(const wick_gemm_i8 *g, int32x4_t out[4])
{
    WICK_UNROLL
    for (size_t j = 0; j < WICK_NEON_PARTS; j++)
        out[j] = vdupq_n_s32(0);
    for (size_t k = 0; k < g->k; k += 4) {
        WICK_UNROLL
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)
            out[j] = vpadalq_s16(out[j], vpaddlq_s8(vld1q_s8(g->b + k * WICK_NEON_WIDTH + 16 * j)));
    }
    WICK_UNROLL
    for (size_t j = 0; j < WICK_NEON_PARTS; j++)
        out[j] = vshlq_n_s32(out[j], 7);
}

#endif
