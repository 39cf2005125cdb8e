/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_avx512bf16.c: bf16 products with f32 sums, with AVX512-BF16. Reference: gemm_bf16_generic.
 *
 * A tile is up to 14 rows by one panel of 32 columns, as in gemm_f32_avx512.c; a step takes two values along k.
 *
 *   instruction           use                                  Zen 5: latency, a cycle    Sapphire Rapids: latency, a cycle
 *   vdpbf16ps zmm         two products added to each sum       6, 2                       6, 1
 *   vpbroadcastd zmm,m    two neighbours of a row of a         -, 2 (load ports)          -, 2
 *   vmovdqu32 zmm,m       16 columns of b                      -, 2                       -, 2
 *   vcvtneps2bf16         16 values to bf16, once a step       4, 1                       7, 1/2
 *
 * vdpbf16ps rounds to nearest even and takes subnormals as zero, whatever MXCSR says (Intel SDM). */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"

#define MAX_ROWS 14
#define WIDTH 32
#define STEP 2
#define PREFETCH_STEPS 96 /* 12 KiB ahead, as in gemm_f32_avx512.c */

static inline __m512i broadcast2(const uint16_t *a)
{
    int32_t two;
    memcpy(&two, a, sizeof two);
    return _mm512_set1_epi32(two);
}

/* sums += a * b, two by two. In assembler because gcc 12 copies the sums of _mm512_dpbf16_ps from register to register. */
static inline __attribute__((always_inline)) __m512 dot2(__m512 sums, __m512i a, __m512i b)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_bf16 *g, size_t row, const size_t n_rows)
{
    __m512 sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm512_setzero_ps();
    const uint16_t *a = g->a + row * g->lda, *b = g->b;
    for (size_t k = 0; k < g->k; k += STEP, b += WIDTH * STEP) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 32);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP + 32), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512i two = broadcast2(a + i * g->lda + k);
            sums[i][0] = dot2(sums[i][0], two, b0);
            sums[i][1] = dot2(sums[i][1], two, b1);
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        wick_store16_bf16(g, row + i, 0, sums[i][0]);
        wick_store16_bf16(g, row + i, 16, sums[i][1]);
    }
}

WICK_GEMM_BY_TILES(gemm_bf16_avx512bf16, wick_gemm_bf16, MAX_ROWS, tile_rows)

/* vcvtneps2bf16 takes subnormals as zero where the reference rounds them: the difference is below 2^-126. */
static void to_bf16_avx512bf16(const float *x, size_t ldx, size_t m, size_t n, uint16_t *out, size_t ldo)
{
    for (size_t i = 0; i < m; i++, x += ldx, out += ldo)
        for (size_t j = 0; j < ldo; j += 16) {
            __m512 value = _mm512_maskz_loadu_ps(wick_lanes16(n, j), x + j);
            _mm256_mask_storeu_epi16(out + j, wick_lanes16(ldo, j), (__m256i)_mm512_cvtneps_pbh(value));
        }
}

void wick_gemm_bf16_init_avx512bf16(wick_kernels *kernels)
{
    kernels->has_bf16 = true;
    kernels->gemm_bf16 = gemm_bf16_avx512bf16;
    kernels->to_bf16 = to_bf16_avx512bf16;
}
