/* SPDX-License-Identifier: Apache-2.0
 * gelu_avx512.h: gelu of 16 values, for rows_f32_avx512.c and for the products that end with it. Reference: gelu_generic; the quotient: constants.h. */
#ifndef WICK_CPU_X86_GELU_AVX512_H
#define WICK_CPU_X86_GELU_AVX512_H
#include <immintrin.h>

#include "cpu/constants.h"

static inline __attribute__((always_inline)) __m512 wick_gelu16(__m512 x)
{
    const __m512 limit = _mm512_set1_ps(WICK_GELU_LIMIT);
    __m512 c = _mm512_max_ps(_mm512_min_ps(x, limit), _mm512_sub_ps(_mm512_setzero_ps(), limit));
    __m512 t = _mm512_mul_ps(c, c);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(WICK_GELU_P5), t, _mm512_set1_ps(WICK_GELU_P4));
    __m512 q = _mm512_fmadd_ps(_mm512_set1_ps(WICK_GELU_Q5), t, _mm512_set1_ps(WICK_GELU_Q4));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_P3));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(WICK_GELU_Q3));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_P2));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(WICK_GELU_Q2));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_P1));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(WICK_GELU_Q1));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_P0));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(1.0f));
    __m512 phi = _mm512_add_ps(_mm512_div_ps(_mm512_mul_ps(c, p), q), _mm512_set1_ps(0.5f));
    return _mm512_mul_ps(x, phi);
}

/* The same, as near as narrow dtypes need it: a division of 16 values takes 16 cycles on Intel's cores. */
static inline __attribute__((always_inline)) __m512 wick_gelu16_narrow(__m512 x)
{
    const __m512 limit = _mm512_set1_ps(WICK_GELU_NARROW_LIMIT);
    __m512 c = _mm512_max_ps(_mm512_min_ps(x, limit), _mm512_sub_ps(_mm512_setzero_ps(), limit));
    __m512 t = _mm512_mul_ps(c, c);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(WICK_GELU_NARROW_P8), t, _mm512_set1_ps(WICK_GELU_NARROW_P7));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P6));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P5));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P4));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P3));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P2));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P1));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(WICK_GELU_NARROW_P0));
    return _mm512_mul_ps(x, _mm512_add_ps(_mm512_mul_ps(c, p), _mm512_set1_ps(0.5f)));
}

#endif
