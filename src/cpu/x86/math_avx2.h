/* SPDX-License-Identifier: Apache-2.0
 * math_avx2.h: 8 values at a time with AVX2 and FMA, for the files that work row by row: ends of rows, sums across lanes, gelu and exp (constants.h). */
#ifndef WICK_CPU_X86_MATH_AVX2_H
#define WICK_CPU_X86_MATH_AVX2_H
#include <immintrin.h>
#include <stddef.h>

#include "cpu/constants.h"

#define WICK_LANES8 8

/* All ones in the lanes that stand before n. */
static inline __m256i wick_mask8(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= WICK_LANES8 ? WICK_LANES8 : (int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 wick_load8(const float *x, size_t n)
{
    return n >= WICK_LANES8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, wick_mask8(n));
}

static inline void wick_store8(float *x, size_t n, __m256 value)
{
    if (n >= WICK_LANES8)
        _mm256_storeu_ps(x, value);
    else
        _mm256_maskstore_ps(x, wick_mask8(n), value);
}

/* Zero in the lanes from n on. */
static inline __m256 wick_keep8(__m256 value, size_t n)
{
    return n >= WICK_LANES8 ? value : _mm256_and_ps(value, _mm256_castsi256_ps(wick_mask8(n)));
}

static inline float wick_sum8(__m256 x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float wick_max8(__m256 x)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline __m256 wick_gelu8(__m256 x)
{
    const __m256 limit = _mm256_set1_ps(WICK_GELU_LIMIT);
    __m256 c = _mm256_max_ps(_mm256_min_ps(x, limit), _mm256_sub_ps(_mm256_setzero_ps(), limit));
    __m256 t = _mm256_mul_ps(c, c);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(WICK_GELU_P5), t, _mm256_set1_ps(WICK_GELU_P4));
    __m256 q = _mm256_fmadd_ps(_mm256_set1_ps(WICK_GELU_Q5), t, _mm256_set1_ps(WICK_GELU_Q4));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P3));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(WICK_GELU_Q3));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P2));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(WICK_GELU_Q2));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P1));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(WICK_GELU_Q1));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P0));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(1.0f));
    __m256 phi = _mm256_add_ps(_mm256_div_ps(_mm256_mul_ps(c, p), q), _mm256_set1_ps(0.5f));
    return _mm256_mul_ps(x, phi);
}

/* x <= 0. */
static inline __m256 wick_exp8(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(WICK_EXP_LOWEST), x); /* in this order a NaN stays one */
    __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(WICK_LOG2_E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(WICK_LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(WICK_LN2_LOW), r);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(WICK_EXP_C6), r, _mm256_set1_ps(WICK_EXP_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(WICK_EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(WICK_EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(WICK_EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    /* n is in [-126, 0]: 2^n is made by its exponent bits. */
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

#endif
