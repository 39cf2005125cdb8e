/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_neon.c: bf16 products with f32 sums, with AArch64's base instructions: for half the memory, not for speed. Reference: gemm_bf16_generic.
 *
 * A bf16 is the upper half of an f32: four of a row of a are widened at once, b by a shift (even k) or a mask (odd k). A tile is up to 5 rows
 * by one panel of 16 columns: 20 accumulators, 5 registers of a, 4 of b, one for the mask.
 *
 *   instruction              use                         Neoverse N1: latency, a cycle    Apple M1: latency, a cycle
 *   fmla v.4s, v.4s, v.s[i]  the sums                    4, 2                             4, 4
 *   shl, and v.4s            4 columns of b to f32       2, 1 (and: 2)                    2, 4
 *
 * For two k of 5 rows: 40 products, 8 conversions, 4 loads. Sources as in gemm_f32_neon.c. */
#include "cpu/arm/narrow_neon.h"
#include "cpu/arm/tiers_arm.h"

#include <string.h>

#include "cpu/gemm_tiles.h"

#define MAX_ROWS 5
#define STEP 2
#define PREFETCH_VALUES 1024 /* 2 KiB ahead */
#define LANES 4

static inline float32x4_t load_4(const uint16_t *a)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(a), 16));
}

/* Two values; the other lanes are not used. */
static inline float32x4_t load_2(const uint16_t *a)
{
    uint32_t two;
    memcpy(&two, a, sizeof two);
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u32(vdup_n_u32(two)), 16));
}

static inline uint32x4_t load_b(const uint16_t *b)
{
    return vreinterpretq_u32_u16(vld1q_u16(b));
}

#define PRODUCTS(sums, b, a, n_rows, i)                                                                                \
    do {                                                                                                               \
        WICK_UNROLL                                                                                                    \
        for (size_t r = 0; r < (n_rows); r++) {                                                                        \
            sums[r][0] = vfmaq_laneq_f32(sums[r][0], b[0], a[r], i);                                                   \
            sums[r][1] = vfmaq_laneq_f32(sums[r][1], b[1], a[r], i);                                                   \
            sums[r][2] = vfmaq_laneq_f32(sums[r][2], b[2], a[r], i);                                                   \
            sums[r][3] = vfmaq_laneq_f32(sums[r][3], b[3], a[r], i);                                                   \
        }                                                                                                              \
    } while (0)

/* Two values along k for all rows: lanes i and i + 1 of a. i is a literal. */
#define PAIR(sums, from, a, n_rows, i)                                                                                 \
    do {                                                                                                               \
        float32x4_t wide[WICK_NEON_PARTS];                                                                             \
        WICK_UNROLL                                                                                                    \
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)                                                                   \
            wide[j] = vreinterpretq_f32_u32(vshlq_n_u32(load_b((from) + 8 * j), 16));                                  \
        PRODUCTS(sums, wide, a, n_rows, i);                                                                            \
        WICK_KEEP_ORDER();                                                                                             \
        WICK_UNROLL                                                                                                    \
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)                                                                   \
            wide[j] = vreinterpretq_f32_u32(vandq_u32(load_b((from) + 8 * j), vdupq_n_u32(0xFFFF0000u)));              \
        PRODUCTS(sums, wide, a, n_rows, (i) + 1);                                                                      \
        WICK_KEEP_ORDER();                                                                                             \
    } while (0)

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_bf16 *g, size_t row, const size_t n_rows)
{
    float32x4_t sums[MAX_ROWS][WICK_NEON_PARTS], a[MAX_ROWS];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = sums[i][2] = sums[i][3] = vdupq_n_f32(0.0f);
    const uint16_t *from = g->a + row * g->lda, *b = g->b;
    size_t k = 0;
    for (; k + LANES <= g->k; k += LANES, b += LANES * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_4(from + i * g->lda + k);
        __builtin_prefetch(b + PREFETCH_VALUES);
        __builtin_prefetch(b + PREFETCH_VALUES + STEP * WICK_NEON_WIDTH);
        PAIR(sums, b, a, n_rows, 0);
        PAIR(sums, b + STEP * WICK_NEON_WIDTH, a, n_rows, 2);
    }
    if (k < g->k) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_2(from + i * g->lda + k);
        PAIR(sums, b, a, n_rows, 0);
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        wick_store_bf16_row(g, g->c + (row + i) * g->ldc, sums[i]);
}

WICK_GEMM_BY_TILES(gemm_bf16_neon, wick_gemm_bf16, MAX_ROWS, tile_rows)

/* 4 values, rounded to nearest even; a NaN gets its quiet bit, as rounding could make an infinity of it. */
static inline uint16x4_t round4(float32x4_t x)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x), upper = vshrq_n_u32(bits, 16);
    uint32x4_t tie = vaddq_u32(vandq_u32(upper, vdupq_n_u32(1)), vdupq_n_u32(0x7FFF));
    uint16x4_t rounded = vshrn_n_u32(vaddq_u32(bits, tie), 16);
    return vbsl_u16(vmovn_u32(vceqq_f32(x, x)), rounded, vorr_u16(vmovn_u32(upper), vdup_n_u16(0x40)));
}

static void to_bf16_neon(const float *x, size_t ldx, size_t m, size_t n, uint16_t *out, size_t ldo)
{
    for (size_t i = 0; i < m; i++, x += ldx, out += ldo) {
        size_t j = 0;
        for (; j + LANES <= n; j += LANES)
            vst1_u16(out + j, round4(vld1q_f32(x + j)));
        for (; j < n; j++)
            vst1_lane_u16(out + j, round4(vdupq_n_f32(x[j])), 0);
        for (; j < ldo; j++)
            out[j] = 0;
    }
}

void wick_gemm_bf16_init_neon(wick_kernels *kernels)
{
    kernels->gemm_bf16 = gemm_bf16_neon;
    kernels->to_bf16 = to_bf16_neon;
}
