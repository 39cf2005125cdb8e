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

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"

#define MAX_ROWS 14
#define COLUMNS 32
#define STEP 2
#define LANES 16
#define CHUNK 256                 /* values of a row that are widened at once: 15 KiB for 14 rows */
#define CHUNK_STRIDE (CHUNK + 16) /* rows an odd number of cache lines apart, or they would share a few sets */
#define PREFETCH_STEPS 96         /* 12 KiB ahead, as in gemm_f32_avx512.c */
#define ODD 0xAAAAAAAAu

typedef __m512 block[MAX_ROWS][2];

typedef wick_gemm_bf16 gemm_job;
typedef uint16_t b_value;
typedef float wide;

static void widen(const uint16_t *a, size_t lda, size_t n_rows, size_t n, float *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE)
        for (size_t j = 0; j < n; j += LANES) {
            __m512i x = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(wick_lanes16(n, j), a + j));
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

static inline __attribute__((always_inline)) void add_step(const wide *a, const b_value *b, block sums,
                                                           const size_t n_rows)
{
    __m512 b0 = even(b), b1 = even(b + STEP * LANES);
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

static void store_block(const gemm_job *g, size_t row, size_t first, block sums, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        wick_store16_bf16(g, row + i, first, sums[i][0]);
        wick_store16_bf16(g, row + i, first + LANES, sums[i][1]);
    }
}

#include "cpu/x86/gemm_widened.h"

WICK_GEMM_BY_TILES(gemm_bf16_avx512, wick_gemm_bf16, MAX_ROWS, tile_rows)

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
            _mm256_mask_storeu_epi16(out + j, wick_lanes16(ldo, j),
                                     round16(_mm512_maskz_loadu_ps(wick_lanes16(n, j), x + j)));
}

void wick_gemm_bf16_init_avx512(wick_kernels *kernels)
{
    kernels->gemm_bf16 = gemm_bf16_avx512;
    kernels->to_bf16 = to_bf16_avx512;
}
