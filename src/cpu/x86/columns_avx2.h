/* SPDX-License-Identifier: Apache-2.0
 * columns_avx2.h: how the products of the AVX2 tiers end: 8 columns of a row of sums into c, nothing past n. */
#ifndef WICK_CPU_X86_COLUMNS_AVX2_H
#define WICK_CPU_X86_COLUMNS_AVX2_H
#include <immintrin.h>

#include "cpu/kernels.h"

/* Lanes j with first + j < n. */
static inline __m256i wick_lanes8(size_t n, size_t first)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - (int)first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* c[lanes] = values, or onto what stands there. */
static inline __attribute__((always_inline)) void wick_store8(float *c, __m256i lanes, bool accumulate, __m256 values)
{
    if (accumulate)
        values = _mm256_add_ps(_mm256_maskload_ps(c, lanes), values);
    _mm256_maskstore_ps(c, lanes, values);
}

/* What the int8 product multiplies and adds in 8 columns from `first` on. */
typedef struct wick_columns8 {
    size_t first;
    __m256i lanes;
    __m256 scales, sums, bias;
} wick_columns8;

static inline __attribute__((always_inline)) wick_columns8 wick_columns8_at(const wick_gemm_i8 *g, size_t first)
{
    return (wick_columns8){first, wick_lanes8(g->n, first), _mm256_loadu_ps(g->b_scales + first),
                           _mm256_loadu_ps(g->b_sums + first), _mm256_loadu_ps(g->bias + first)};
}

/* Exact sums of those columns of a row, rescaled as kernels.h says, into c. */
static inline __attribute__((always_inline)) void wick_store8_i8(const wick_gemm_i8 *g, size_t row, wick_columns8 at,
                                                                 __m256i sums)
{
    __m256 scale = _mm256_set1_ps(g->rows[row].scale), offset = _mm256_set1_ps(g->rows[row].offset);
    __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
    wick_store8(g->c + row * g->ldc + at.first, at.lanes, g->accumulate,
                _mm256_fmadd_ps(scaled, at.scales, _mm256_fmadd_ps(offset, at.sums, at.bias)));
}

/* Sums of a row's columns from `first` on, with the bias, into c. */
static inline __attribute__((always_inline)) void wick_store8_bf16(const wick_gemm_bf16 *g, size_t row, size_t first,
                                                                   __m256 sums)
{
    wick_store8(g->c + row * g->ldc + first, wick_lanes8(g->n, first), g->accumulate,
                _mm256_add_ps(sums, _mm256_loadu_ps(g->bias + first)));
}

#endif
