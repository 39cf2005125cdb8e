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

#include "cpu/unroll.h"

#define MAX_ROWS 14
#define WIDTH 32
#define STEP 4
#define PREFETCH_STEPS 16 /* 2 KiB ahead, as in gemm_f32_avx512.c */

typedef struct tile {
    const uint8_t *a;
    const wick_row_scale *rows;
    float *c;
} tile;

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

static inline __mmask16 mask_of(size_t n, size_t first)
{
    return n >= first + 16 ? 0xFFFF : n <= first ? 0 : (__mmask16)((1u << (n - first)) - 1);
}

/* One half of a row: 16 columns from `first` on. */
static inline __attribute__((always_inline)) void store_half(const wick_gemm_i8 *g, const tile *t, size_t row,
                                                             size_t first, __m512i sums)
{
    __m512 scale = _mm512_set1_ps(t->rows[row].scale), offset = _mm512_set1_ps(t->rows[row].offset);
    __m512 value = _mm512_fmadd_ps(offset, _mm512_loadu_ps(g->b_sums + first), _mm512_loadu_ps(g->bias + first));
    value =
        _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale), _mm512_loadu_ps(g->b_scales + first), value);
    float *c = t->c + row * g->ldc + first;
    __mmask16 mask = mask_of(g->n, first);
    if (g->accumulate)
        value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), value);
    _mm512_mask_storeu_ps(c, mask, value);
}

static inline __attribute__((always_inline)) void tile_rows(const wick_gemm_i8 *g, tile t, const size_t n_rows)
{
    __m512i sums[MAX_ROWS][2];
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++)
        sums[i][0] = sums[i][1] = _mm512_setzero_si512();
    const int8_t *b = g->b;
    for (size_t k = 0; k < g->k; k += STEP, b += WIDTH * STEP) {
        __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 64);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + PREFETCH_STEPS * WIDTH * STEP + 64), _MM_HINT_T0);
        WICK_UNROLL
        for (size_t i = 0; i < n_rows; i++) {
            __m512i a = broadcast4(t.a + i * g->lda + k);
            sums[i][0] = dot4(sums[i][0], a, b0);
            sums[i][1] = dot4(sums[i][1], a, b1);
        }
    }
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        store_half(g, &t, i, 0, sums[i][0]);
        store_half(g, &t, i, 16, sums[i][1]);
    }
}

static void tile_any(const wick_gemm_i8 *g, tile t, size_t n_rows)
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

static void gemm_i8_avx512vnni(const wick_gemm_i8 *g)
{
    size_t n_tiles = (g->m + MAX_ROWS - 1) / MAX_ROWS;
    for (size_t i = 0, row = 0; i < n_tiles; i++) {
        size_t n_rows = (g->m - row) / (n_tiles - i);
        tile_any(g, (tile){g->a + row * g->lda, g->rows + row, g->c + row * g->ldc}, n_rows);
        row += n_rows;
    }
}

void wick_gemm_i8_init_avx512vnni(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avx512vnni;
}
