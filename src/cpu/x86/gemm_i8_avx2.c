/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_avx2.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AVX2. Reference: gemm_i8_generic.
 *
 * vpmaddubsw would saturate (2 * 255 * 127 is no s16), so both sides are widened to 16 bits: rows of a once for all columns, into a buffer that stays in
 * the first cache, b as it is loaded. A tile is up to 6 rows by 8 columns: 12 accumulators, each with two sums for each of four columns,
 * two registers of b, one of a, one for products (16 in all).
 *
 *   instruction            use                                  Haswell: latency, a cycle    Zen 3: latency, a cycle
 *   vpmaddwd ymm           two products and their sum           5, 1 (Skylake: 2)            3, 2
 *   vpaddd ymm             onto the accumulators                1, 2 (Skylake: 3)            1, 4
 *   vpmovsxbw ymm,m128     four columns of b                    -, 1                         -, 1
 *   vpbroadcastq ymm,m     four neighbours of a row of a        -, 2 (load ports)            -, 2
 *
 * Four values along k of 6 rows and 8 columns are 24 additions and products and 2 widenings: 26 instructions on three ports (Skylake) against 24
 * fused products on two for as much in f32. The panel's width may be that of a higher tier. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/unroll.h"

#define MAX_ROWS 6
#define COLUMNS 8
#define STEP 4
#define CHUNK 512                 /* values of a row that are widened at once: 6 KiB for 6 rows */
#define CHUNK_STRIDE (CHUNK + 32) /* rows an odd number of cache lines apart: at 2 KiB they would share a few sets */
#define PREFETCH_STEPS 32

/* Two sums of each of 8 columns, for each row. */
typedef __m256i block[MAX_ROWS][2];

typedef struct tile {
    const uint8_t *a;
    const wick_row_scale *rows;
    float *c;
} tile;

/* out[n_rows, CHUNK_STRIDE] = a[n_rows, n]; n is a multiple of 4. */
static void widen(const uint8_t *a, size_t lda, size_t n_rows, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE) {
        size_t j = 0;
        for (; j + 16 <= n; j += 16)
            _mm256_storeu_si256((__m256i *)(void *)(out + j),
                                _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(a + j))));
        for (; j < n; j++)
            out[j] = a[j];
    }
}

static inline __m256i broadcast4(const uint16_t *a)
{
    int64_t four;
    memcpy(&four, a, sizeof four);
    return _mm256_set1_epi64x(four);
}

/* Four columns, four values along k each. */
static inline __m256i load_b(const int8_t *b)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)b));
}

static inline __m256i lane_mask(size_t n, size_t first)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - (int)first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* kept += a * b for n_steps steps; stride: bytes from one step of b to the next. */
static inline __attribute__((always_inline)) void add_products(const uint16_t *a, const int8_t *b, size_t stride,
                                                               size_t n_steps, block kept, const size_t n_rows)
{
    block sums;
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        sums[i][0] = kept[i][0];
        sums[i][1] = kept[i][1];
    }
    for (size_t step = 0; step < n_steps; step++, a += STEP, b += stride) {
        __m256i b0 = load_b(b), b1 = load_b(b + 16);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * stride), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256i four = broadcast4(a + i * CHUNK_STRIDE);
            sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(four, b0));
            sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(four, b1));
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        kept[i][0] = sums[i][0];
        kept[i][1] = sums[i][1];
    }
}

static void store_block(const wick_gemm_i8 *g, const tile *t, size_t n_rows, size_t first, block sums)
{
    __m256i mask = lane_mask(g->n, first);
    __m256 b_scales = _mm256_loadu_ps(g->b_scales + first), b_sums = _mm256_loadu_ps(g->b_sums + first),
           bias = _mm256_loadu_ps(g->bias + first);
    for (size_t i = 0; i < n_rows; i++) {
        /* columns 0, 1, 4, 5 and 2, 3, 6, 7 */
        __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sums[i][0], sums[i][1]), 0xD8);
        __m256 value = _mm256_fmadd_ps(_mm256_set1_ps(t->rows[i].offset), b_sums, bias);
        value =
            _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(t->rows[i].scale)), b_scales, value);
        float *c = t->c + i * g->ldc + first;
        if (g->accumulate)
            value = _mm256_add_ps(_mm256_maskload_ps(c, mask), value);
        _mm256_maskstore_ps(c, mask, value);
    }
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_i8 *g, tile t, const size_t n_rows)
{
    uint16_t a[MAX_ROWS * CHUNK_STRIDE];
    block sums[WICK_MAX_PANEL_WIDTH / COLUMNS];
    size_t n_blocks = (g->n + COLUMNS - 1) / COLUMNS, stride = g->panel_width * STEP;
    memset(sums, 0, n_blocks * sizeof *sums);
    for (size_t k = 0; k < g->k; k += CHUNK) {
        size_t n = g->k - k < CHUNK ? g->k - k : CHUNK;
        widen(t.a + k, g->lda, n_rows, n, a);
        for (size_t j = 0; j < n_blocks; j++)
            add_products(a, g->b + k * g->panel_width + j * COLUMNS * STEP, stride, n / STEP, sums[j], n_rows);
    }
    for (size_t j = 0; j < n_blocks; j++)
        store_block(g, &t, n_rows, j * COLUMNS, sums[j]);
}

static void tile_any(const wick_gemm_i8 *g, tile t, size_t n_rows)
{
    switch (n_rows) {
#define ROWS(n)                                                                                                        \
    case n:                                                                                                            \
        tile_rows(g, t, n);                                                                                            \
        break;
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#undef ROWS
    }
}

static void gemm_i8_avx2(const wick_gemm_i8 *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->rows + row, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

void wick_gemm_i8_init_avx2(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avx2;
}
