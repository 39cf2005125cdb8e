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

#include "cpu/unroll.h"

#define MAX_ROWS 14
#define WIDTH 32
/* How far ahead of its use a row of b is asked for: 2 KiB; the hardware's prefetcher stops at page ends, this does not. */
#define PREFETCH_ROWS 16

typedef struct tile {
    const float *a;
    float *c;
} tile;

/* n_rows is a constant at each place this is inlined, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_rows(const wick_gemm *g, tile t, const size_t n_rows)
{
    __m512 sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm512_setzero_ps();
    const float *b = g->b;
    for (size_t k = 0; k < g->k; k++, b += g->ldb) {
        __m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
        _mm_prefetch((const char *)(b + PREFETCH_ROWS * WIDTH), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + PREFETCH_ROWS * WIDTH + 16), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512 a = _mm512_set1_ps(t.a[i * g->lda + k]);
            sums[i][0] = _mm512_fmadd_ps(a, b0, sums[i][0]);
            sums[i][1] = _mm512_fmadd_ps(a, b1, sums[i][1]);
        }
    }
    __m512 bias0 = g->bias ? _mm512_loadu_ps(g->bias) : _mm512_setzero_ps();
    __m512 bias1 = g->bias ? _mm512_loadu_ps(g->bias + 16) : _mm512_setzero_ps();
    __mmask16 mask0 = g->n >= 16 ? 0xFFFF : (__mmask16)((1u << g->n) - 1);
    __mmask16 mask1 = g->n >= WIDTH ? 0xFFFF : g->n <= 16 ? 0 : (__mmask16)((1u << (g->n - 16)) - 1);
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        float *c = t.c + i * g->ldc;
        __m512 c0 = _mm512_add_ps(sums[i][0], bias0), c1 = _mm512_add_ps(sums[i][1], bias1);
        if (g->accumulate) {
            c0 = _mm512_add_ps(_mm512_maskz_loadu_ps(mask0, c), c0);
            c1 = _mm512_add_ps(_mm512_maskz_loadu_ps(mask1, c + 16), c1);
        }
        _mm512_mask_storeu_ps(c, mask0, c0);
        _mm512_mask_storeu_ps(c + 16, mask1, c1);
    }
}

static void tile_any(const wick_gemm *g, tile t, size_t n_rows)
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

static void gemm_avx512(const wick_gemm *g)
{
    /* The rows are shared out evenly: 15 rows are 8 and 7, not 14 and 1, so that no tile runs at a fraction of the speed. */
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

void wick_gemm_init_avx512(wick_kernels *kernels)
{
    kernels->panel_width = WIDTH;
    kernels->gemm = gemm_avx512;
}
