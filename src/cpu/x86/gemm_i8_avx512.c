/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_avx512.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AVX512-BW (CPUs that have no VNNI). Reference: gemm_i8_generic.
 *
 * As gemm_i8_avx2.c, twice as wide: a tile is up to 12 rows by 16 columns, 24 accumulators, each with two sums for each of eight columns, two
 * registers of b, one of a, one for products.
 *
 *   instruction            use                                  Skylake-SP: latency, a cycle    Zen 5: latency, a cycle
 *   vpmaddwd zmm           two products and their sum           5, 2                            3, 2
 *   vpaddd zmm             onto the accumulators                1, 2                            1, 4
 *   vpmovsxbw zmm,m256     eight columns of b                   -, 1                            -, 2
 *   vpbroadcastq zmm,m     four neighbours of a row of a        -, 2 (load ports)               -, 2 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/unroll.h"

#define MAX_ROWS 12
#define COLUMNS 16
#define STEP 4
#define CHUNK 512                 /* values of a row that are widened at once: 12 KiB for 12 rows */
#define CHUNK_STRIDE (CHUNK + 32) /* rows an odd number of cache lines apart, or they would share a few sets */
#define PREFETCH_STEPS 16

/* Two sums of each of 16 columns, for each row. */
typedef __m512i block[MAX_ROWS][2];

typedef struct tile {
    const uint8_t *a;
    const wick_row_scale *rows;
    float *c;
} tile;

/* out[n_rows, CHUNK_STRIDE] = a[n_rows, n]; n is a multiple of 4. */
static void widen(const uint8_t *a, size_t lda, size_t n_rows, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE)
        for (size_t j = 0; j < n; j += 32) {
            __mmask32 mask = n - j >= 32 ? 0xFFFFFFFFu : (1u << (n - j)) - 1;
            _mm512_storeu_si512(out + j, _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, a + j)));
        }
}

static inline __m512i broadcast4(const uint16_t *a)
{
    int64_t four;
    memcpy(&four, a, sizeof four);
    return _mm512_set1_epi64(four);
}

/* Eight columns, four values along k each. */
static inline __m512i load_b(const int8_t *b)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)b));
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
        __m512i b0 = load_b(b), b1 = load_b(b + 32);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * stride), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512i four = broadcast4(a + i * CHUNK_STRIDE);
            sums[i][0] = _mm512_add_epi32(sums[i][0], _mm512_madd_epi16(four, b0));
            sums[i][1] = _mm512_add_epi32(sums[i][1], _mm512_madd_epi16(four, b1));
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        kept[i][0] = sums[i][0];
        kept[i][1] = sums[i][1];
    }
}

/* The two sums of each of eight columns added up. */
static inline __m256i join(__m512i sums)
{
    return _mm512_cvtepi64_epi32(_mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32)));
}

static void store_block(const wick_gemm_i8 *g, const tile *t, size_t n_rows, size_t first, block sums)
{
    __mmask16 mask = g->n >= first + 16 ? 0xFFFF : (__mmask16)((1u << (g->n - first)) - 1);
    __m512 b_scales = _mm512_maskz_loadu_ps(mask, g->b_scales + first),
           b_sums = _mm512_maskz_loadu_ps(mask, g->b_sums + first), bias = _mm512_maskz_loadu_ps(mask, g->bias + first);
    for (size_t i = 0; i < n_rows; i++) {
        __m512i sum = _mm512_inserti32x8(_mm512_castsi256_si512(join(sums[i][0])), join(sums[i][1]), 1);
        __m512 value = _mm512_fmadd_ps(_mm512_set1_ps(t->rows[i].offset), b_sums, bias);
        value =
            _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(t->rows[i].scale)), b_scales, value);
        float *c = t->c + i * g->ldc + first;
        if (g->accumulate)
            value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), value);
        _mm512_mask_storeu_ps(c, mask, value);
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
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#undef ROWS
    }
}

static void gemm_i8_avx512(const wick_gemm_i8 *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->rows + row, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

void wick_gemm_i8_init_avx512(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avx512;
}
