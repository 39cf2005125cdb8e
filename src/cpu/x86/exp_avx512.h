/* SPDX-License-Identifier: Apache-2.0
 * exp_avx512.h: 16 values at a time with AVX-512, for the files that work row by row: masks for ends of rows, and exp (constants.h). */
#ifndef WICK_CPU_X86_EXP_AVX512_H
#define WICK_CPU_X86_EXP_AVX512_H
#include <immintrin.h>
#include <stddef.h>

#include "cpu/constants.h"

#define WICK_LANES16 16

/* The lanes that stand before n. */
static inline __mmask16 wick_mask16(size_t n)
{
    return n >= WICK_LANES16 ? 0xFFFF : (__mmask16)((1u << n) - 1);
}

/* x <= 0. */
static inline __m512 wick_exp16(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(WICK_EXP_LOWEST), x); /* in this order a NaN stays one */
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(WICK_LOG2_E)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(WICK_LN2_HIGH), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(WICK_LN2_LOW), r);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(WICK_EXP_C6), r, _mm512_set1_ps(WICK_EXP_C5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(WICK_EXP_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(WICK_EXP_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(WICK_EXP_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

#endif
