/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_bf16.c: bf16 products with f32 sums, with FEAT_BF16. Reference: gemm_bf16_generic.
 *
 * A tile is up to 5 rows by one panel of 16 columns: 20 accumulators, 5 registers of a (8 values along k), 4 of b, which stands as the instruction
 * wants it.
 *
 *   instruction              use                           Neoverse V1: latency, a cycle
 *   bfdot v.4s, v.8h, v.2h   two products onto each sum    4, 4
 *
 * bfdot takes subnormals as zero and rounds to odd (Arm Architecture Reference Manual). bfmmla wants four values of a column side by side, where
 * the panels have two. */
#include "cpu/arm/narrow_neon.h"
#include "cpu/arm/tiers_arm.h"

#include <string.h>

#include "cpu/gemm_tiles.h"

#define MAX_ROWS 5
#define STEP 2
#define LANES 8
#define PREFETCH_VALUES 1024 /* 2 KiB ahead */

static inline bfloat16x8_t load_8(const uint16_t *x)
{
    return vreinterpretq_bf16_u16(vld1q_u16(x));
}

static inline bfloat16x8_t load_2(const uint16_t *a)
{
    uint32_t two;
    memcpy(&two, a, sizeof two);
    return vreinterpretq_bf16_u32(vdupq_n_u32(two));
}

/* Two values along k for all rows: the i-th two in a. i is a literal. */
#define PAIR(sums, b, a, n_rows, i)                                                                                    \
    do {                                                                                                               \
        bfloat16x8_t b0 = load_8(b), b1 = load_8((b) + 8), b2 = load_8((b) + 16), b3 = load_8((b) + 24);               \
        __builtin_prefetch((b) + PREFETCH_VALUES);                                                                     \
        WICK_UNROLL                                                                                                    \
        for (size_t r = 0; r < (n_rows); r++) {                                                                        \
            sums[r][0] = vbfdotq_laneq_f32(sums[r][0], b0, a[r], i);                                                   \
            sums[r][1] = vbfdotq_laneq_f32(sums[r][1], b1, a[r], i);                                                   \
            sums[r][2] = vbfdotq_laneq_f32(sums[r][2], b2, a[r], i);                                                   \
            sums[r][3] = vbfdotq_laneq_f32(sums[r][3], b3, a[r], i);                                                   \
        }                                                                                                              \
        WICK_KEEP_ORDER();                                                                                             \
    } while (0)

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_bf16 *g, size_t row, const size_t n_rows)
{
    float32x4_t sums[MAX_ROWS][WICK_NEON_PARTS];
    bfloat16x8_t a[MAX_ROWS];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = sums[i][2] = sums[i][3] = vdupq_n_f32(0.0f);
    const uint16_t *from = g->a + row * g->lda, *b = g->b;
    size_t k = 0;
    for (; k + LANES <= g->k; k += LANES, b += LANES * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_8(from + i * g->lda + k);
        PAIR(sums, b, a, n_rows, 0);
        PAIR(sums, b + STEP * WICK_NEON_WIDTH, a, n_rows, 1);
        PAIR(sums, b + 2 * STEP * WICK_NEON_WIDTH, a, n_rows, 2);
        PAIR(sums, b + 3 * STEP * WICK_NEON_WIDTH, a, n_rows, 3);
    }
    for (; k < g->k; k += STEP, b += STEP * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_2(from + i * g->lda + k);
        PAIR(sums, b, a, n_rows, 0);
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        wick_store_bf16_row(g, g->c + (row + i) * g->ldc, sums[i]);
}

WICK_GEMM_BY_TILES(gemm_bf16_bf16, wick_gemm_bf16, MAX_ROWS, tile_rows)

void wick_gemm_bf16_init_bf16(wick_kernels *kernels)
{
    kernels->gemm_bf16 = gemm_bf16_bf16;
}
