/* SPDX-License-Identifier: Apache-2.0
 * gemm_widened.h: the tile of the products that widen bf16 to f32 or int8 to 16 bits before they multiply, but for the instructions. Rows of a are
 * widened once for all columns, into a buffer that stays in the first cache; b as it is loaded. Included by gemm_bf16_avx2.c, gemm_bf16_avx512.c,
 * gemm_i8_avx2.c and gemm_i8_avx512.c, each of which defines before
 *   gemm_job, b_value, wide            the product's struct; the values of its b; those of a when widened
 *   MAX_ROWS, COLUMNS, block           a tile's rows; the columns that are worked on at once; their sums, [MAX_ROWS][2] registers
 *   STEP, CHUNK, CHUNK_STRIDE          values along k: of a step; widened at once; from one row of the buffer to the next
 *   PREFETCH_STEPS                     how many steps ahead b is asked for
 *   widen(a, lda, n_rows, n, out)      out[n_rows, CHUNK_STRIDE] = a[n_rows, n], wider; n is a multiple of STEP
 *   add_step(a, b, sums, n_rows)       sums += a * b for one step; n_rows is a literal where it is inlined
 *   store_block(g, row, first, sums, n_rows)   a block into c, from there on */
#define LINE_BYTES 64

/* kept += a * b for n_steps steps; stride: values from one step of b to the next. */
static inline __attribute__((always_inline)) void add_products(const wide *a, const b_value *b, size_t stride,
                                                               size_t n_steps, block kept, const size_t n_rows)
{
    block sums;
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        sums[i][0] = kept[i][0];
        sums[i][1] = kept[i][1];
    }
    for (size_t step = 0; step < n_steps; step++, a += STEP, b += stride) {
        WICK_UNROLL
        for (size_t line = 0; line < COLUMNS * STEP * sizeof *b; line += LINE_BYTES)
            _mm_prefetch((const char *)(b + PREFETCH_STEPS * stride) + line, _MM_HINT_T0);
        add_step(a, b, sums, n_rows);
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        kept[i][0] = sums[i][0];
        kept[i][1] = sums[i][1];
    }
}

/* For WICK_GEMM_BY_TILES. */
static inline __attribute__((always_inline)) void tile_rows(const gemm_job *g, size_t row, const size_t n_rows)
{
    wide a[MAX_ROWS * CHUNK_STRIDE];
    block sums[WICK_MAX_PANEL_WIDTH / COLUMNS];
    size_t n_blocks = (g->n + COLUMNS - 1) / COLUMNS, stride = g->panel_width * STEP;
    memset(sums, 0, n_blocks * sizeof *sums);
    for (size_t k = 0; k < g->k; k += CHUNK) {
        size_t n = g->k - k < CHUNK ? g->k - k : CHUNK;
        widen(g->a + row * g->lda + k, g->lda, n_rows, n, a);
        for (size_t j = 0; j < n_blocks; j++)
            add_products(a, g->b + k * g->panel_width + j * COLUMNS * STEP, stride, n / STEP, sums[j], n_rows);
    }
    for (size_t j = 0; j < n_blocks; j++)
        store_block(g, row, j * COLUMNS, sums[j], n_rows);
}
