/* SPDX-License-Identifier: Apache-2.0
 * gemm_f32_avx2.c: c[m, n] = a[m, k] * b[k, 16] (+ bias, + c) with AVX2 and FMA. Reference: gemm_generic.
 *
 * A tile is up to 6 rows by one panel of 16 columns: 12 accumulators, two registers of b, one broadcast of a (16 registers in all).
 *
 *   instruction          use                    Haswell to Zen 5: latency, a cycle
 *   vfmadd231ps ymm      the sums               4 to 5, 2
 *   vbroadcastss ymm,m   one value of a         -, 2 (load ports)
 *   vmovups ymm,m        a row of the panel     -, 2
 *
 * For each k: 2 loads, 6 broadcasts, 12 products: six cycles of products against four of loads. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/unroll.h"

#define MAX_ROWS 6
#define WIDTH 16
#define PREFETCH_ROWS 32 /* 2 KiB ahead, as in gemm_f32_avx512.c */

typedef struct tile {
    const float *a;
    float *c;
} tile;

/* Lanes j with first + j < n. */
static inline __m256i lane_mask(size_t n, size_t first)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - (int)first), lanes);
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm *g, tile t, const size_t n_rows)
{
    __m256 sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm256_setzero_ps();
    const float *b = g->b;
    for (size_t k = 0; k < g->k; k++, b += g->ldb) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        _mm_prefetch((const char *)(b + PREFETCH_ROWS * WIDTH), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256 a = _mm256_broadcast_ss(&t.a[i * g->lda + k]);
            sums[i][0] = _mm256_fmadd_ps(a, b0, sums[i][0]);
            sums[i][1] = _mm256_fmadd_ps(a, b1, sums[i][1]);
        }
    }
    __m256 bias0 = g->bias ? _mm256_loadu_ps(g->bias) : _mm256_setzero_ps();
    __m256 bias1 = g->bias ? _mm256_loadu_ps(g->bias + 8) : _mm256_setzero_ps();
    __m256i mask0 = lane_mask(g->n, 0), mask1 = lane_mask(g->n, 8);
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        float *c = t.c + i * g->ldc;
        __m256 c0 = _mm256_add_ps(sums[i][0], bias0), c1 = _mm256_add_ps(sums[i][1], bias1);
        if (g->accumulate) {
            c0 = _mm256_add_ps(_mm256_maskload_ps(c, mask0), c0);
            c1 = _mm256_add_ps(_mm256_maskload_ps(c + 8, mask1), c1);
        }
        _mm256_maskstore_ps(c, mask0, c0);
        _mm256_maskstore_ps(c + 8, mask1, c1);
    }
}

static void tile_any(const wick_gemm *g, tile t, size_t n_rows)
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

static void gemm_avx2(const wick_gemm *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

void wick_gemm_init_avx2(wick_kernels *kernels)
{
    kernels->panel_width = WIDTH;
    kernels->gemm = gemm_avx2;
}
