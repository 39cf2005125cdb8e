/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_neon.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AArch64's base instructions: for a quarter of the memory.
 * Reference: gemm_i8_generic.
 *
 * Products of s8 fit s16, so rows of a are read as a - 128 and the sums begin with 128 times the sum of b's column. A tile is up to 3 rows by one
 * panel of 16 columns: 24 accumulators, each with two sums for each of two columns.
 *
 *   instruction             use                          Cortex-A72: latency, a cycle    Neoverse N1: latency, a cycle
 *   smull v.8h, v.8b        8 products                   4, 1                            4, 1
 *   sadalp v.4s, v.8h       onto the accumulators        4, 1                            4, 1 */
#include "cpu/arm/narrow_neon.h"
#include "cpu/arm/tiers_arm.h"

#include <string.h>

#include "cpu/gemm_tiles.h"

#define MAX_ROWS 3
#define STEP 4
#define PREFETCH_BYTES 2048

/* Four values of a row, less by 128, twice. */
static inline int8x8_t load_4(const uint8_t *a)
{
    uint32_t four;
    memcpy(&four, a, sizeof four);
    return vreinterpret_s8_u32(vdup_n_u32(four ^ 0x80808080u));
}

static inline __attribute__((always_inline)) void tile_rows(const wick_i8_job *job, size_t row, const size_t n_rows)
{
    const wick_gemm_i8 *g = job->g;
    int32x4_t halves[MAX_ROWS][2 * WICK_NEON_PARTS];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        WICK_UNROLL
        for (size_t j = 0; j < 2 * WICK_NEON_PARTS; j++)
            halves[i][j] = vdupq_n_s32(0);
    }
    const uint8_t *from = g->a + row * g->lda;
    const int8_t *b = g->b;
    for (size_t k = 0; k < g->k; k += STEP, b += STEP * WICK_NEON_WIDTH) {
        int8x8_t a[MAX_ROWS];
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_4(from + i * g->lda + k);
        __builtin_prefetch(b + PREFETCH_BYTES);
        WICK_UNROLL
        for (size_t j = 0; j < 2 * WICK_NEON_PARTS; j++) {
            int8x8_t two = vld1_s8(b + 8 * j); /* columns */
            WICK_UNROLL
            for (size_t i = 0; i < n_rows; i++)
                halves[i][j] = vpadalq_s16(halves[i][j], vmull_s8(two, a[i]));
            WICK_KEEP_ORDER();
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        int32x4_t sums[WICK_NEON_PARTS];
        WICK_UNROLL
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)
            sums[j] = vaddq_s32(job->first[j], vpaddq_s32(halves[i][2 * j], halves[i][2 * j + 1]));
        wick_store_i8_row(g, g->rows[row + i], g->c + (row + i) * g->ldc, sums);
    }
}

WICK_GEMM_BY_TILES(gemm_i8_neon_job, wick_i8_job, MAX_ROWS, tile_rows)

static void gemm_i8_neon(const wick_gemm_i8 *g)
{
    wick_i8_job job = {.g = g, .m = g->m};
    wick_i8_offsets(g, job.first);
    gemm_i8_neon_job(&job);
}

void wick_gemm_i8_init_neon(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_neon;
}
