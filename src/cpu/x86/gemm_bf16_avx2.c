/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_avx2.c: bf16 products with f32 sums, with AVX2 and FMA: for half the memory, not for speed. Reference: gemm_bf16_generic.
 *
 * A bf16 is the upper half of an f32. Rows of a are widened once for all columns, into a buffer that stays in the first cache; b as it is loaded, by a
 * shift (even k) or a mask (odd k). A tile is up to 6 rows by 16 columns, as in gemm_f32_avx2.c: 12 accumulators, two registers of b, one of a,
 * one for the mask.
 *
 *   instruction          use                             Haswell to Zen 5: latency, a cycle
 *   vfmadd231ps ymm      the sums                        4 to 5, 2
 *   vpslld, vpand ymm    8 columns of b to f32           1, 1 to 4
 *   vbroadcastss ymm,m   one value of a                  -, 2 (load ports)
 *
 * For two k: 24 products and 4 conversions. The panel's width may be that of a higher tier. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/unroll.h"

#define MAX_ROWS 6
#define COLUMNS 16
#define STEP 2
#define CHUNK 512                 /* values of a row that are widened at once: 12 KiB for 6 rows */
#define CHUNK_STRIDE (CHUNK + 16) /* rows an odd number of cache lines apart: at 2 KiB they would share a few sets */
#define PREFETCH_STEPS 32
#define LANES 8

/* The sums of 16 columns, for each row. */
typedef __m256 block[MAX_ROWS][2];

typedef struct tile {
    const uint16_t *a;
    float *c;
} tile;

/* out[n_rows, CHUNK_STRIDE] = a[n_rows, n] */
static void widen(const uint16_t *a, size_t lda, size_t n_rows, size_t n, float *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE) {
        size_t j = 0;
        for (; j + LANES <= n; j += LANES) {
            __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(a + j)));
            _mm256_storeu_si256((__m256i *)(void *)(out + j), _mm256_slli_epi32(x, 16));
        }
        for (; j < n; j++) {
            uint32_t bits = (uint32_t)a[j] << 16;
            memcpy(out + j, &bits, sizeof bits);
        }
    }
}

static inline __m256i lane_mask(size_t n, size_t first)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - (int)first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256i load_b(const uint16_t *b)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)b);
}

static inline __m256 even(const uint16_t *b)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(load_b(b), 16));
}

static inline __m256 odd(const uint16_t *b, __m256i mask)
{
    return _mm256_castsi256_ps(_mm256_and_si256(load_b(b), mask));
}

/* sums += x * y. In assembler because gcc 12 moves the sums of _mm256_fmadd_ps about until one has no register left, at half the speed. */
static inline __attribute__((always_inline)) __m256 add_product(__m256 sums, __m256 x, __m256 y)
{
    __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(sums) : "x"(x), "x"(y));
    return sums;
}

/* kept += a * b for n values along k; stride: elements from one step of b to the next. */
static inline __attribute__((always_inline)) void add_products(const float *a, const uint16_t *b, size_t stride,
                                                               size_t n, block kept, const size_t n_rows)
{
    const __m256i mask = _mm256_set1_epi32((int)0xFFFF0000u);
    block sums;
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        sums[i][0] = kept[i][0];
        sums[i][1] = kept[i][1];
    }
    for (size_t k = 0; k < n; k += STEP, a += STEP, b += stride) {
        __m256 b0 = even(b), b1 = even(b + STEP * LANES);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * stride), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256 x = _mm256_broadcast_ss(a + i * CHUNK_STRIDE);
            sums[i][0] = add_product(sums[i][0], x, b0);
            sums[i][1] = add_product(sums[i][1], x, b1);
        }
        __asm__ volatile("" ::: "memory"); /* or gcc 12 converts both halves early, for which there are no registers */
        b0 = odd(b, mask);
        b1 = odd(b + STEP * LANES, mask);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256 x = _mm256_broadcast_ss(a + i * CHUNK_STRIDE + 1);
            sums[i][0] = add_product(sums[i][0], x, b0);
            sums[i][1] = add_product(sums[i][1], x, b1);
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        kept[i][0] = sums[i][0];
        kept[i][1] = sums[i][1];
    }
}

/* 8 columns of a row, from `first` on. */
static inline void store_half(const wick_gemm_bf16 *g, float *c, size_t first, __m256 sums)
{
    __m256 value = _mm256_add_ps(sums, _mm256_loadu_ps(g->bias + first));
    __m256i mask = lane_mask(g->n, first);
    if (g->accumulate)
        value = _mm256_add_ps(_mm256_maskload_ps(c + first, mask), value);
    _mm256_maskstore_ps(c + first, mask, value);
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_bf16 *g, tile t, const size_t n_rows)
{
    float a[MAX_ROWS * CHUNK_STRIDE];
    block sums[WICK_MAX_PANEL_WIDTH / COLUMNS];
    size_t n_blocks = (g->n + COLUMNS - 1) / COLUMNS, stride = g->panel_width * STEP;
    memset(sums, 0, n_blocks * sizeof *sums);
    for (size_t k = 0; k < g->k; k += CHUNK) {
        size_t n = g->k - k < CHUNK ? g->k - k : CHUNK;
        widen(t.a + k, g->lda, n_rows, n, a);
        for (size_t j = 0; j < n_blocks; j++)
            add_products(a, g->b + k * g->panel_width + j * COLUMNS * STEP, stride, n, sums[j], n_rows);
    }
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n_blocks; j++) {
            store_half(g, t.c + i * g->ldc, j * COLUMNS, sums[j][i][0]);
            store_half(g, t.c + i * g->ldc, j * COLUMNS + LANES, sums[j][i][1]);
        }
}

static void tile_any(const wick_gemm_bf16 *g, tile t, size_t n_rows)
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

static void gemm_bf16_avx2(const wick_gemm_bf16 *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

/* 8 values, rounded to nearest even; a NaN gets its quiet bit, as rounding could make an infinity of it. */
static inline __m128i round8(__m256 x)
{
    __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
    __m256i tie = _mm256_add_epi32(_mm256_and_si256(upper, _mm256_set1_epi32(1)), _mm256_set1_epi32(0x7FFF));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, tie), 16);
    __m256 is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    rounded = _mm256_blendv_epi8(rounded, _mm256_or_si256(upper, _mm256_set1_epi32(0x40)), _mm256_castps_si256(is_nan));
    return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
}

static void to_bf16_avx2(const float *x, size_t ldx, size_t m, size_t n, uint16_t *out, size_t ldo)
{
    for (size_t i = 0; i < m; i++, x += ldx, out += ldo) {
        size_t j = 0;
        for (; j + LANES <= n; j += LANES)
            _mm_storeu_si128((__m128i *)(void *)(out + j), round8(_mm256_loadu_ps(x + j)));
        if (j < n) {
            __m128i rest = round8(_mm256_maskload_ps(x + j, lane_mask(n, j)));
            memcpy(out + j, &rest, (n - j) * sizeof *out);
        }
        for (j = n; j < ldo; j++)
            out[j] = 0;
    }
}

void wick_gemm_bf16_init_avx2(wick_kernels *kernels)
{
    kernels->gemm_bf16 = gemm_bf16_avx2;
    kernels->to_bf16 = to_bf16_avx2;
}
