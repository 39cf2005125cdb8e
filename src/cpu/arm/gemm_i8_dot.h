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

#define MAX_ROWS 5
#define STEP 4
#define PREFETCH_BYTES 2048 /* ahead in a packed panel */

typedef struct tile {
    const uint8_t *a;
    const wick_row_scale *rows;
    float *c;
} tile;

/* One step of k for all rows: b is [16 columns, 4]; a holds the rows' values, of which the i-th four count. i is a literal. */
#define DOT_STEP(sums, b, a, n_rows, i)                                                                                \
    do {                                                                                                               \
        int8x16_t b0 = vld1q_s8(b), b1 = vld1q_s8((b) + 16), b2 = vld1q_s8((b) + 32), b3 = vld1q_s8((b) + 48);         \
        __builtin_prefetch((b) + PREFETCH_BYTES);                                                                      \
        WICK_UNROLL                                                                                                    \
        for (size_t row = 0; row < (n_rows); row++) {                                                                  \
            sums[row][0] = DOT(sums[row][0], b0, a[row], i);                                                           \
            sums[row][1] = DOT(sums[row][1], b1, a[row], i);                                                           \
            sums[row][2] = DOT(sums[row][2], b2, a[row], i);                                                           \
            sums[row][3] = DOT(sums[row][3], b3, a[row], i);                                                           \
        }                                                                                                              \
        WICK_KEEP_ORDER();                                                                                             \
    } while (0)

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_i8 *g, const int32x4_t first[4], tile t,
                                                            const size_t n_rows)
{
    int32x4_t sums[MAX_ROWS][WICK_NEON_PARTS];
    row_values a[MAX_ROWS];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        WICK_UNROLL
        for (size_t j = 0; j < WICK_NEON_PARTS; j++)
            sums[i][j] = first[j];
    }
    const int8_t *b = g->b;
    size_t k = 0;
    for (; k + 4 * STEP <= g->k; k += 4 * STEP, b += 4 * STEP * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_16(t.a + i * g->lda + k);
        DOT_STEP(sums, b, a, n_rows, 0);
        DOT_STEP(sums, b + STEP * WICK_NEON_WIDTH, a, n_rows, 1);
        DOT_STEP(sums, b + 2 * STEP * WICK_NEON_WIDTH, a, n_rows, 2);
        DOT_STEP(sums, b + 3 * STEP * WICK_NEON_WIDTH, a, n_rows, 3);
    }
    for (; k < g->k; k += STEP, b += STEP * WICK_NEON_WIDTH) {
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++)
            a[i] = load_4(t.a + i * g->lda + k);
        DOT_STEP(sums, b, a, n_rows, 0);
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        wick_store_i8_row(g, t.rows[i], t.c + i * g->ldc, sums[i]);
}

static void tile_any(const wick_gemm_i8 *g, const int32x4_t first[4], tile t, size_t n_rows)
{
    switch (n_rows) {
#define ROWS(n)                                                                                                        \
    case n:                                                                                                            \
        tile_rows(g, first, t, n);                                                                                     \
        break;
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5)
#undef ROWS
    }
}

static void gemm_i8(const wick_gemm_i8 *g)
{
    int32x4_t first[WICK_NEON_PARTS];
    begin_sums(g, first);
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, first, (tile){g->a + row * g->lda, g->rows + row, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}
