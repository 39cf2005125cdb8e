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

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx2.h"

#define MAX_ROWS 6
#define COLUMNS 16
#define STEP 2
#define CHUNK 512                 /* values of a row that are widened at once: 12 KiB for 6 rows */
#define CHUNK_STRIDE (CHUNK + 16) /* rows an odd number of cache lines apart: at 2 KiB they would share a few sets */
#define PREFETCH_STEPS 192        /* 12 KiB ahead, as in gemm_f32_avx512.c */
#define LANES 8

/* The sums of 16 columns, for each row. */
typedef __m256 block[MAX_ROWS][2];

typedef wick_gemm_bf16 gemm_job;
typedef uint16_t b_value;
typedef float wide;

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

static inline __attribute__((always_inline)) void add_step(const wide *a, const b_value *b, block sums,
                                                           const size_t n_rows)
{
    const __m256i mask = _mm256_set1_epi32((int)0xFFFF0000u);
    __m256 b0 = even(b), b1 = even(b + STEP * LANES);
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

static void store_block(const gemm_job *g, size_t row, size_t first, block sums, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        wick_store8_bf16(g, row + i, first, sums[i][0]);
        wick_store8_bf16(g, row + i, first + LANES, sums[i][1]);
    }
}

#include "cpu/x86/gemm_widened.h"

WICK_GEMM_BY_TILES(gemm_bf16_avx2, wick_gemm_bf16, MAX_ROWS, tile_rows)

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
            __m128i rest = round8(_mm256_maskload_ps(x + j, wick_lanes8(n, j)));
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
