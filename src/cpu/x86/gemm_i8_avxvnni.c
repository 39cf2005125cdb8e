/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_avxvnni.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AVX-VNNI (client CPUs without AVX-512). Reference: gemm_i8_generic.
 *
 * A tile is up to 6 rows by 16 columns: 12 accumulators, two registers of b, one of a; a step takes four values along k.
 *
 *   instruction           use                                  Alder Lake P: latency, a cycle    Zen 5: latency, a cycle
 *   vpdpbusd ymm          four products added to each sum      5, 2                              4, 2
 *   vpbroadcastd ymm,m    four neighbours of a row of a        -, 3 (load ports)                 -, 2
 *   vmovdqu ymm,m         8 columns of b                       -, 3                              -, 2
 *
 * vpdpbusd does not saturate: 2^16 products of 255 * 127 stay below 2^31. The panel's width may be that of a higher tier. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx2.h"

#define MAX_ROWS 6
#define COLUMNS 16
#define STEP 4
#define PREFETCH_STEPS 192 /* 12 KiB ahead, as in gemm_f32_avx512.c */

static inline __m256i broadcast4(const uint8_t *a)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline __m256i load_b(const int8_t *b)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)b);
}

/* sums += a (u8) * b (s8), four by four. In assembler for the reason given in gemm_i8_avx512vnni.c; {vex}: not the AVX-512 form. */
static inline __attribute__((always_inline)) __m256i dot4(__m256i sums, __m256i a, __m256i b)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(a), "x"(b));
    return sums;
}

/* 16 columns, from `first` on. */
static inline __attribute__((always_inline)) void tile_columns(const wick_gemm_i8 *g, size_t row, size_t first,
                                                               const size_t n_rows)
{
    __m256i sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm256_setzero_si256();
    size_t stride = g->panel_width * STEP;
    const uint8_t *a = g->a + row * g->lda;
    const int8_t *b = g->b + first * STEP;
    for (size_t k = 0; k < g->k; k += STEP, b += stride) {
        __m256i b0 = load_b(b), b1 = load_b(b + 32);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * stride), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256i four = broadcast4(a + i * g->lda + k);
            sums[i][0] = dot4(sums[i][0], four, b0);
            sums[i][1] = dot4(sums[i][1], four, b1);
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        wick_store8_i8(g, row + i, wick_columns8_at(g, first), sums[i][0]);
        wick_store8_i8(g, row + i, wick_columns8_at(g, first + 8), sums[i][1]);
    }
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_i8 *g, size_t row, const size_t n_rows)
{
    for (size_t first = 0; first < g->n; first += COLUMNS)
        tile_columns(g, row, first, n_rows);
}

WICK_GEMM_BY_TILES(gemm_i8_avxvnni, wick_gemm_i8, MAX_ROWS, tile_rows)

void wick_gemm_i8_init_avxvnni(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avxvnni;
}
