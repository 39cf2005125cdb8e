/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_dot.h: the int8 product of the tiers that have a dot product of four, but for that instruction. Included by gemm_i8_dotprod.c and
 * gemm_i8_i8mm.c, each of which defines before
 *   row_values           16 values of a row of a in a register, as the instruction takes them
 *   load_16, load_4      16 values, or 4 in the lowest quarter, from a row of a
 *   DOT(sums, b, a, i)   sums[j] += dot product of b's and a's four: column j of the four in b, the i-th four values in a
 *   begin_sums           what the sums of a row begin with
 *
 * A tile is up to 5 rows by one panel of 16 columns: 20 accumulators, 5 registers of a (16 values along k), 4 of b, which stands as the
 * instruction wants it. */
#include "cpu/arm/narrow_neon.h"
#include "cpu/gemm_tiles.h"

#define MAX_ROWS 5
#define STEP 4
#define PREFETCH_BYTES 2048 /* ahead in a packed panel */

/* One step of k for all rows: b is [16 columns, 4]; a holds the rows' values, of which the i-th four count. i is a literal. */
#define DOT_STEP(sums, b, a, n_rows, i)                                                                                \
    do {                                                                                                               \
        int8x16_t b0 = vld1q_s8(b), b1 = vld1q_s8((b) + 16), b2 = vld1q_s8((b) + 32), b3 = vld1q_s8((b) + 48);         \
        __builtin_prefetch((b) + PREFETCH_BYTES);                                                                      \
        WICK_UNROLL                                                                                                    \
        for (size_t r = 0; r < (n_rows); r++) {                                                                        \
            sums[r][0] = DOT(sums[r][0], b0, a[r], i);                                                                 \
            sums[r][1] = DOT(sums[r][1], b1, a[r], i);                                                                 \
            sums[r][2] = DOT(sums[r][2], b2, a[r], i);                                                                 \
            sums[r][3] = DOT(sums[r][3], b3, a[r], i);                                                                 \
        }                                                                                                              \
        WICK_KEEP_ORDER();                                                                                             \
    } while (0)

static inline __attribute__((always_inline)) void tile_rows(const wick_i8_job *job, size_t row, const size_t n_rows)
{
    const wick_gemm_i8 *g = job->g;
    int32x4_t sums[MAX_ROWS][WICK_NEON_PARTS];
    row_values a[MAX_ROWS];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        WICK_UNROLL
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)
            sums[i][j] = job->first[j];
    }
    const uint8_t *from = g->a + row * g->lda;
    const int8_t *b = g->b;
    size_t k = 0;
    for (; k + 4 * STEP <= g->k; k += 4 * STEP, b += 4 * STEP * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_16(from + i * g->lda + k);
        DOT_STEP(sums, b, a, n_rows, 0);
        DOT_STEP(sums, b + STEP * WICK_NEON_WIDTH, a, n_rows, 1);
        DOT_STEP(sums, b + 2 * STEP * WICK_NEON_WIDTH, a, n_rows, 2);
        DOT_STEP(sums, b + 3 * STEP * WICK_NEON_WIDTH, a, n_rows, 3);
    }
    for (; k < g->k; k += STEP, b += STEP * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_4(from + i * g->lda + k);
        DOT_STEP(sums, b, a, n_rows, 0);
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        wick_store_i8_row(g, g->rows[row + i], g->c + (row + i) * g->ldc, sums[i]);
}

WICK_GEMM_BY_TILES(gemm_i8_job, wick_i8_job, MAX_ROWS, tile_rows)

static void gemm_i8(const wick_gemm_i8 *g)
{
    wick_i8_job job = {.g = g, .m = g->m};
    begin_sums(g, job.first);
    gemm_i8_job(&job);
}
