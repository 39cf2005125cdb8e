/* SPDX-License-Identifier: Apache-2.0
 * gemm_f32_avx512.c: c[m, n] = a[m, k] * b[k, 32] (+ bias, + c) with AVX-512. Reference: gemm_generic.
 *
 * A tile is up to 14 rows by one panel of 32 columns: 28 accumulators, two registers of b, one broadcast of a.
 *
 *   instruction          use                    Zen 5: latency, a cycle    Ice Lake: latency, a cycle
 *   vfmadd231ps zmm      the sums               4, 2                       4, 1 (2 with the second unit)
 *   vbroadcastss zmm,m   one value of a         -, 2 (load ports)          -, 2
 *   vmovups zmm,m        a row of the panel     -, 2                       -, 2
 *
 * For each k: 2 loads of b, 14 broadcasts, 28 products: the multipliers are the limit (14 cycles), not the loads (8). With fewer than four
 * rows the latency is the limit, but then memory is slower still: each panel is read for few products. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"

#define MAX_ROWS 14
#define WIDTH 32
/* How far ahead of its use a row of b is asked for: 12 KiB. The hardware's prefetcher stops at page ends, this does not; and one core reads some 40 GB/s from the third
 * cache and memory, of which what is under way at any moment is 4 to 8 KB. */
#define PREFETCH_ROWS 96

/* n_rows is a constant at each place this is inlined, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_rows(const wick_gemm *g, size_t row, const size_t n_rows)
{
    __m512 sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm512_setzero_ps();
    const float *a = g->a + row * g->lda, *b = g->b;
    for (size_t k = 0; k < g->k; k++, b += g->ldb) {
        __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
        _mm_prefetch((const char *)(b + PREFETCH_ROWS * WIDTH), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + PREFETCH_ROWS * WIDTH + 16), _MM_HINT_T0);
        const float *value =
            a + k; /* one address walks down the rows: gcc 12 would keep one for each, for 2 % of the speed */
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++, value += g->lda) {
            __asm__("" : "+r"(value));
            __m512 x = _mm512_set1_ps(*value);
            sums[i][0] = _mm512_fmadd_ps(x, b0, sums[i][0]);
            sums[i][1] = _mm512_fmadd_ps(x, b1, sums[i][1]);
        }
    }
    __m512 bias0 = g->bias ? _mm512_loadu_ps(g->bias) : _mm512_setzero_ps();
    __m512 bias1 = g->bias ? _mm512_loadu_ps(g->bias + 16) : _mm512_setzero_ps();
    __mmask16 lanes0 = wick_lanes16(g->n, 0), lanes1 = wick_lanes16(g->n, 16);
    float *c = g->c + row * g->ldc;
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++, c += g->ldc) {
        wick_store16(c, lanes0, g->accumulate, _mm512_add_ps(sums[i][0], bias0));
        wick_store16(c + 16, lanes1, g->accumulate, _mm512_add_ps(sums[i][1], bias1));
    }
}

WICK_GEMM_BY_TILES(gemm_avx512, wick_gemm, MAX_ROWS, tile_rows)

void wick_gemm_init_avx512(wick_kernels *kernels)
{
    kernels->panel_width = WIDTH;
    kernels->gemm = gemm_avx512;
}
