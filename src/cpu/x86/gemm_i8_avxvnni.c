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

#include "cpu/unroll.h"

#define MAX_ROWS 6
#define COLUMNS 16
#define STEP 4
#define PREFETCH_STEPS 32

typedef struct tile {
    const uint8_t *a;
    const wick_row_scale *rows;
    float *c;
} tile;

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

static inline __m256i lane_mask(size_t n, size_t first)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - (int)first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* 8 columns of a row, from `first` on. */
static inline __attribute__((always_inline)) void store_half(const wick_gemm_i8 *g, const tile *t, size_t row,
                                                             size_t first, __m256i sums)
{
    __m256 scale = _mm256_set1_ps(t->rows[row].scale), offset = _mm256_set1_ps(t->rows[row].offset);
    __m256 value = _mm256_fmadd_ps(offset, _mm256_loadu_ps(g->b_sums + first), _mm256_loadu_ps(g->bias + first));
    value =
        _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale), _mm256_loadu_ps(g->b_scales + first), value);
    float *c = t->c + row * g->ldc + first;
    __m256i mask = lane_mask(g->n, first);
    if (g->accumulate)
        value = _mm256_add_ps(_mm256_maskload_ps(c, mask), value);
    _mm256_maskstore_ps(c, mask, value);
}

/* 16 columns, from `first` on. */
static inline __attribute__((always_inline)) void tile_columns(const wick_gemm_i8 *g, const tile *t, size_t first,
                                                               const size_t n_rows)
{
    __m256i sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm256_setzero_si256();
    size_t stride = g->panel_width * STEP;
    const int8_t *b = g->b + first * STEP;
    for (size_t k = 0; k < g->k; k += STEP, b += stride) {
        __m256i b0 = load_b(b), b1 = load_b(b + 32);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * stride), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256i a = broadcast4(t->a + i * g->lda + k);
            sums[i][0] = dot4(sums[i][0], a, b0);
            sums[i][1] = dot4(sums[i][1], a, b1);
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        store_half(g, t, i, first, sums[i][0]);
        store_half(g, t, i, first + 8, sums[i][1]);
    }
}

static void tile_any(const wick_gemm_i8 *g, tile t, size_t n_rows)
{
    for (size_t first = 0; first < g->n; first += COLUMNS)
        switch (n_rows) {
#define ROWS(n)                                                                                                        \
    case n:                                                                                                            \
        tile_columns(g, &t, first, n);                                                                                 \
        break;
            ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#undef ROWS
        }
}

static void gemm_i8_avxvnni(const wick_gemm_i8 *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->rows + row, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

void wick_gemm_i8_init_avxvnni(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avxvnni;
}
