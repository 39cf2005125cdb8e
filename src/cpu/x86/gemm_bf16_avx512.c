/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_avx512.c: bf16 products with f32 sums, with AVX-512 (CPUs that have no bf16 products): for half the memory, not for speed. Reference:
 * gemm_bf16_generic.
 *
 * A bf16 is the upper half of an f32. Rows of a are widened once for a panel, into a buffer that stays in the first cache; b as it is loaded, by a
 * shift (even k) or a masked load (odd k). A tile is up to 14 rows by one panel of 32 columns, as in gemm_f32_avx512.c.
 *
 *   instruction           use                                  Zen 5: latency, a cycle    Skylake-SP: latency, a cycle
 *   vfmadd231ps zmm       the sums                             4, 2                       4, 2
 *   vpslld zmm            16 columns of b to f32               1, 2                       1, 1
 *   vmovdqu16 zmm{k}{z}   16 columns of b to f32               -, 2                       -, 2
 *   vbroadcastss zmm,m    one value of a                       -, 2 (load ports)          -, 2 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/unroll.h"

#define MAX_ROWS 14
#define WIDTH 32
#define STEP 2
#define LANES 16
#define CHUNK 256                 /* values of a row that are widened at once: 15 KiB for 14 rows */
#define CHUNK_STRIDE (CHUNK + 16) /* rows an odd number of cache lines apart, or they would share a few sets */
#define PREFETCH_STEPS 16         /* 2 KiB ahead, as in gemm_f32_avx512.c */
#define ODD 0xAAAAAAAAu

typedef __m512 block[MAX_ROWS][2];

typedef struct tile {
    const uint16_t *a;
    float *c;
} tile;

static inline __mmask16 mask_of(size_t n, size_t first)
{
    return n >= first + LANES ? 0xFFFF : n <= first ? 0 : (__mmask16)((1u << (n - first)) - 1);
}

/* out[n_rows, CHUNK_STRIDE] = a[n_rows, n] */
static void widen(const uint16_t *a, size_t lda, size_t n_rows, size_t n, float *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE)
        for (size_t j = 0; j < n; j += LANES) {
            __m512i x = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask_of(n, j), a + j));
            _mm512_storeu_si512(out + j, _mm512_slli_epi32(x, 16));
        }
}

static inline __m512 even(const uint16_t *b)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(b), 16));
}

static inline __m512 odd(const uint16_t *b)
{
    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(ODD, b));
}

/* sums += x * y. In assembler for the reason given in gemm_bf16_avx2.c. */
static inline __attribute__((always_inline)) __m512 add_product(__m512 sums, __m512 x, __m512 y)
{
    __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(sums) : "v"(x), "v"(y));
    return sums;
}

/* kept += a * b for n values along k. */
static inline __attribute__((always_inline)) void add_products(const float *a, const uint16_t *b, size_t n, block kept,
                                                               const size_t n_rows)
{
    block sums;
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        sums[i][0] = kept[i][0];
        sums[i][1] = kept[i][1];
    }
    for (size_t k = 0; k < n; k += STEP, a += STEP, b += WIDTH * STEP) {
        __m512 b0 = even(b), b1 = even(b + STEP * LANES);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP + STEP * LANES), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512 x = _mm512_set1_ps(a[i * CHUNK_STRIDE]);
            sums[i][0] = add_product(sums[i][0], x, b0);
            sums[i][1] = add_product(sums[i][1], x, b1);
        }
        __asm__ volatile("" ::: "memory"); /* or gcc 12 converts both halves early, for which there are no registers */
        b0 = odd(b);
        b1 = odd(b + STEP * LANES);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512 x = _mm512_set1_ps(a[i * CHUNK_STRIDE + 1]);
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

/* One half of a row: 16 columns from `first` on. */
static inline void store_half(const wick_gemm_bf16 *g, float *c, size_t first, __m512 sums)
{
    __m512 value = _mm512_add_ps(sums, _mm512_loadu_ps(g->bias + first));
    __mmask16 mask = mask_of(g->n, first);
    if (g->accumulate)
        value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c + first), value);
    _mm512_mask_storeu_ps(c + first, mask, value);
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_bf16 *g, tile t, const size_t n_rows)
{
    float a[MAX_ROWS * CHUNK_STRIDE];
    block sums;
    memset(sums, 0, sizeof sums);
    for (size_t k = 0; k < g->k; k += CHUNK) {
        size_t n = g->k - k < CHUNK ? g->k - k : CHUNK;
        widen(t.a + k, g->lda, n_rows, n, a);
        add_products(a, g->b + k * WIDTH, n, sums, n_rows);
    }
    for (size_t i = 0; i < n_rows; i++) {
        store_half(g, t.c + i * g->ldc, 0, sums[i][0]);
        store_half(g, t.c + i * g->ldc, LANES, sums[i][1]);
    }
}

static void tile_any(const wick_gemm_bf16 *g, tile t, size_t n_rows)
{
    switch (n_rows) {
#define ROWS(n)                                                                                                        \
    case n:                                                                                                            \
        tile_rows(g, t, n);                                                                                            \
        break;
        ROWS(1)
        ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#undef ROWS
    }
}

static void gemm_bf16_avx512(const wick_gemm_bf16 *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

/* 16 values, rounded to nearest even; a NaN gets its quiet bit, as rounding could make an infinity of it. */
static inline __m256i round16(__m512 x)
{
    __m512i bits = _mm512_castps_si512(x), upper = _mm512_srli_epi32(bits, 16);
    __m512i tie = _mm512_add_epi32(_mm512_and_si512(upper, _mm512_set1_epi32(1)), _mm512_set1_epi32(0x7FFF));
    __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, tie), 16);
    __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, is_nan, upper, _mm512_set1_epi32(0x40)));
}

static void to_bf16_avx512(const float *x, size_t ldx, size_t m, size_t n, uint16_t *out, size_t ldo)
{
    for (size_t i = 0; i < m; i++, x += ldx, out += ldo)
        for (size_t j = 0; j < ldo; j += LANES)
            _mm256_mask_storeu_epi16(out + j, mask_of(ldo, j), round16(_mm512_maskz_loadu_ps(mask_of(n, j), x + j)));
}

void wick_gemm_bf16_init_avx512(wick_kernels *kernels)
{
    kernels->gemm_bf16 = gemm_bf16_avx512;
    kernels->to_bf16 = to_bf16_avx512;
}
