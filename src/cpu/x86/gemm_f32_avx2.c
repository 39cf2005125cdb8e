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

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx2.h"

#define MAX_ROWS 6
#define WIDTH 16
#define PREFETCH_ROWS 192 /* 12 KiB ahead, as in gemm_f32_avx512.c */

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm *g, size_t row, const size_t n_rows)
{
    __m256 sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm256_setzero_ps();
    const float *a = g->a + row * g->lda, *b = g->b;
    for (size_t k = 0; k < g->k; k++, b += g->ldb) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        _mm_prefetch((const char *)(b + PREFETCH_ROWS * WIDTH), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m256 x = _mm256_broadcast_ss(&a[i * g->lda + k]);
            sums[i][0] = _mm256_fmadd_ps(x, b0, sums[i][0]);
            sums[i][1] = _mm256_fmadd_ps(x, b1, sums[i][1]);
        }
    }
    __m256 bias0 = g->bias ? _mm256_loadu_ps(g->bias) : _mm256_setzero_ps();
    __m256 bias1 = g->bias ? _mm256_loadu_ps(g->bias + 8) : _mm256_setzero_ps();
    __m256i lanes0 = wick_lanes8(g->n, 0), lanes1 = wick_lanes8(g->n, 8);
    float *c = g->c + row * g->ldc;
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++, c += g->ldc) {
        wick_store8(c, lanes0, g->accumulate, _mm256_add_ps(sums[i][0], bias0));
        wick_store8(c + 8, lanes1, g->accumulate, _mm256_add_ps(sums[i][1], bias1));
    }
}

WICK_GEMM_BY_TILES(gemm_avx2, wick_gemm, MAX_ROWS, tile_rows)

void wick_gemm_init_avx2(wick_kernels *kernels)
{
    kernels->panel_width = WIDTH;
    kernels->gemm = gemm_avx2;
}
