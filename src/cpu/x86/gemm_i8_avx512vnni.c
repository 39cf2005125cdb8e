/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_avx512vnni.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AVX512-VNNI. Reference: gemm_i8_generic.
 *
 * A tile is up to 14 rows by one panel of 32 columns, as in gemm_f32_avx512.c; a step takes four values along k.
 *
 *   instruction           use                                  Zen 5: latency, a cycle    Ice Lake: latency, a cycle
 *   vpdpbusd zmm          four products added to each sum      4, 2                       5, 1
 *   vpbroadcastd zmm,m    four neighbours of a row of a        -, 2 (load ports)          -, 2
 *   vmovdqu32 zmm,m       16 columns of b                      -, 2                       -, 2
 *   vcvtdq2ps zmm         the sums, once a tile                4, 2                       4, 1
 *
 * vpdpbusd does not saturate: 2^16 products of 255 * 127 stay below 2^31. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"

#define MAX_ROWS 14
#define WIDTH 32
#define STEP 4
#define PREFETCH_STEPS 96 /* 12 KiB ahead, as in gemm_f32_avx512.c */

static inline __m512i broadcast4(const uint8_t *a)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    return _mm512_set1_epi32(four);
}

/* sums += a (u8) * b (s8), four by four. In assembler because gcc 12 copies the sums of _mm512_dpbusd_epi32 from register to register and spills
 * them, at a third of the speed. */
static inline __attribute__((always_inline)) __m512i dot4(__m512i sums, __m512i a, __m512i b)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_i8 *g, size_t row, const size_t n_rows)
{
    __m512i sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm512_setzero_si512();
    const uint8_t *a = g->a + row * g->lda;
    const int8_t *b = g->b;
    for (size_t k = 0; k < g->k; k += STEP, b += WIDTH * STEP) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 64);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP + 64), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512i four = broadcast4(a + i * g->lda + k);
            sums[i][0] = dot4(sums[i][0], four, b0);
            sums[i][1] = dot4(sums[i][1], four, b1);
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        wick_store16_i8(g, row + i, wick_columns16_at(g, 0), sums[i][0]);
        wick_store16_i8(g, row + i, wick_columns16_at(g, 16), sums[i][1]);
    }
}

WICK_GEMM_BY_TILES(gemm_i8_avx512vnni, wick_gemm_i8, MAX_ROWS, tile_rows)

void wick_gemm_i8_init_avx512vnni(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avx512vnni;
}
