/* SPDX-License-Identifier: Apache-2.0
 * gemm_f32_neon.c: c[m, n] = a[m, k] * b[k, 16] (+ bias, + c) with AArch64's Advanced SIMD, which every such CPU has. Reference: gemm_generic.
 *
 * A tile is up to 6 rows by one panel of 16 columns: 24 accumulators, four registers of b, the other four for a.
 *
 *   instruction              use                 Neoverse N1: latency, a cycle    Apple M1: latency, a cycle
 *   fmla v.4s, v.4s, v.s[0]  the sums            4, 2                             4, 4
 *   ldp q, q                 a row of the panel  7, 1 (as two ldr q)              -, 3 (ldr q)
 *   ldr s                    one value of a      5, 2                             -, 3
 *   ld1r {v.4s}              not used            7, takes a vector pipe as well
 *
 * For each k: 6 loads of a, 4 of b, 24 products: 12 cycles of products against 5 of loads on the N1, 6 against 4 on the M1.
 * Source: Arm, Neoverse N1 Software Optimization Guide; D. Johnson's measurements of the M1's performance cores. */
#include "cpu/arm/tiers_arm.h"

#include <arm_neon.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"

#define MAX_ROWS 6
#define WIDTH 16
#define LANES 4
#define N_PARTS (WIDTH / LANES) /* registers in a row of the panel */
#define PREFETCH_ROWS 32        /* 2 KiB ahead in a packed panel */

/* *x in lane 0; the other lanes are not used. In assembly, because compilers make a load and a broadcast (ld1r) of what C can say, and that
 * broadcast takes a turn from the products. */
static inline float32x4_t load_lane_0(const float *x)
{
    float32x4_t value;
    __asm__("ldr %s0, %1" : "=w"(value) : "m"(*x));
    return value;
}

/* The end of one row: its sums into c, nothing past n. */
static inline __attribute__((always_inline)) void finish_row(const wick_gemm *g, float *c,
                                                             const float32x4_t sums[N_PARTS])
{
    if (g->n == WIDTH) {
        WICK_UNROLL
        for (size_t j = 0; j < N_PARTS; j++)
            vst1q_f32(c + j * LANES, g->accumulate ? vaddq_f32(vld1q_f32(c + j * LANES), sums[j]) : sums[j]);
        return;
    }
    float row[WIDTH];
    WICK_UNROLL
    for (size_t j = 0; j < N_PARTS; j++)
        vst1q_f32(row + j * LANES, sums[j]);
    for (size_t j = 0; j < g->n; j++)
        c[j] = g->accumulate ? c[j] + row[j] : row[j];
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm *g, size_t row, const size_t n_rows)
{
    float32x4_t sums[MAX_ROWS][N_PARTS];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = sums[i][2] = sums[i][3] = vdupq_n_f32(0.0f);
    const float *a = g->a + row * g->lda, *b = g->b;
    for (size_t k = 0; k < g->k; k++, b += g->ldb) {
        float32x4_t b0 = vld1q_f32(b), b1 = vld1q_f32(b + 4), b2 = vld1q_f32(b + 8), b3 = vld1q_f32(b + 12);
        __builtin_prefetch(b + PREFETCH_ROWS * g->ldb);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            float32x4_t x = load_lane_0(&a[i * g->lda + k]);
            sums[i][0] = vfmaq_laneq_f32(sums[i][0], b0, x, 0);
            sums[i][1] = vfmaq_laneq_f32(sums[i][1], b1, x, 0);
            sums[i][2] = vfmaq_laneq_f32(sums[i][2], b2, x, 0);
            sums[i][3] = vfmaq_laneq_f32(sums[i][3], b3, x, 0);
        }
    }
    float32x4_t bias[N_PARTS];
    WICK_UNROLL
    for (size_t j = 0; j < N_PARTS; j++)
        bias[j] = g->bias ? vld1q_f32(g->bias + j * LANES) : vdupq_n_f32(0.0f);
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        WICK_UNROLL
        for (size_t j = 0; j < N_PARTS; j++)
            sums[i][j] = vaddq_f32(sums[i][j], bias[j]);
        finish_row(g, g->c + (row + i) * g->ldc, sums[i]);
    }
}

WICK_GEMM_BY_TILES(gemm_neon, wick_gemm, MAX_ROWS, tile_rows)

void wick_gemm_init_neon(wick_kernels *kernels)
{
    kernels->panel_width = WIDTH;
    kernels->gemm = gemm_neon;
}
