/* SPDX-License-Identifier: Apache-2.0
 * columns_avx512.h: how the products of the AVX-512 tiers end: 16 columns of a row of sums into c, nothing past n. */
#ifndef WICK_CPU_X86_COLUMNS_AVX512_H
#define WICK_CPU_X86_COLUMNS_AVX512_H
#include <immintrin.h>

#include "cpu/kernels.h"

/* Lanes j with first + j < n. */
static inline __mmask16 wick_lanes16(size_t n, size_t first)
{
    return n >= first + 16 ? 0xFFFF : n <= first ? 0 : (__mmask16)((1u << (n - first)) - 1);
}

/* c[lanes] = values, or onto what stands there. */
static inline __attribute__((always_inline)) void wick_store16(float *c, __mmask16 lanes, bool accumulate,
                                                               __m512 values)
{
    if (accumulate)
        values = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, c), values);
    _mm512_mask_storeu_ps(c, lanes, values);
}

/* What the int8 product multiplies and adds in 16 columns from `first` on. */
typedef struct wick_columns16 {
    size_t first;
    __mmask16 lanes;
    __m512 scales, sums, bias;
} wick_columns16;

static inline __attribute__((always_inline)) wick_columns16 wick_columns16_at(const wick_gemm_i8 *g, size_t first)
{
    return (wick_columns16){first, wick_lanes16(g->n, first), _mm512_loadu_ps(g->b_scales + first),
                            _mm512_loadu_ps(g->b_sums + first), _mm512_loadu_ps(g->bias + first)};
}

/* Exact sums of those columns of a row, rescaled as kernels.h says. */
static inline __attribute__((always_inline)) __m512 wick_rescale16_i8(wick_row_scale row, wick_columns16 at,
                                                                      __m512i sums)
{
    __m512 scale = _mm512_set1_ps(row.scale), offset = _mm512_set1_ps(row.offset);
    __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
    return _mm512_fmadd_ps(scaled, at.scales, _mm512_fmadd_ps(offset, at.sums, at.bias));
}

/* The same, into c. */
static inline __attribute__((always_inline)) void wick_store16_i8(const wick_gemm_i8 *g, size_t row, wick_columns16 at,
                                                                  __m512i sums)
{
    wick_store16(g->c + row * g->ldc + at.first, at.lanes, g->accumulate, wick_rescale16_i8(g->rows[row], at, sums));
}

/* Sums of a row's columns from `first` on, with the bias, into c. */
static inline __attribute__((always_inline)) void wick_store16_bf16(const wick_gemm_bf16 *g, size_t row, size_t first,
                                                                    __m512 sums)
{
    wick_store16(g->c + row * g->ldc + first, wick_lanes16(g->n, first), g->accumulate,
                 _mm512_add_ps(sums, _mm512_loadu_ps(g->bias + first)));
}

#endif
