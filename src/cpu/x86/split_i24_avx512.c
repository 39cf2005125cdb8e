/* SPDX-License-Identifier: Apache-2.0
 * split_i24_avx512.c: f32 rows to 24-bit integers in digits of s8 (kernels.h), on the way into a product of those. Reference: split_generic.
 *
 *   instruction           use                                  Golden Cove: latency, a cycle
 *   vcvtps2dq zmm         round to nearest even                4, 1
 *   vpmovdb m128,zmm      16 digits, the lowest bytes          -, 1/2 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <math.h>

#include "cpu/constants.h"
#include "cpu/unroll.h"

#define LANES 16

static inline __mmask16 mask_of(size_t n)
{
    return n >= LANES ? 0xFFFF : (__mmask16)((1u << n) - 1);
}

/* The largest magnitude of x[n]; NaN where one is not finite. */
static float largest_of(const float *x, size_t n)
{
    __m512 largest = _mm512_setzero_ps(), bad = largest;
    for (size_t j = 0; j < n; j += LANES) {
        const __m512 y = _mm512_maskz_loadu_ps(mask_of(n - j), x + j);
        largest = _mm512_max_ps(largest, _mm512_abs_ps(y));
        bad = _mm512_fmadd_ps(y, _mm512_setzero_ps(), bad); /* NaN where y is not finite */
    }
    const bool usable = _mm512_cmp_ps_mask(bad, bad, _CMP_UNORD_Q) == 0;
    return usable ? _mm512_reduce_max_ps(largest) : NAN;
}

/* 16 values to each of the three digits, WICK_I24_STEP bytes apart. */
static inline __attribute__((always_inline)) void split16(__m512 scaled, int8_t *out)
{
    const __m512i middles = _mm512_set1_epi32(0x808080); /* split_row in i24_generic.c */
    const __m512i digits = _mm512_xor_si512(_mm512_add_epi32(_mm512_cvtps_epi32(scaled), middles), middles);
    _mm_storeu_si128((__m128i *)(void *)out, _mm512_cvtepi32_epi8(_mm512_srli_epi32(digits, 16)));
    _mm_storeu_si128((__m128i *)(void *)(out + WICK_I24_STEP), _mm512_cvtepi32_epi8(_mm512_srli_epi32(digits, 8)));
    _mm_storeu_si128((__m128i *)(void *)(out + 2 * WICK_I24_STEP), _mm512_cvtepi32_epi8(digits));
}

static wick_row_scale split_row(const float *x, size_t n, int8_t *out)
{
    const float largest = largest_of(x, n);
    const bool usable = largest > WICK_LEAST_RANGE;
    const float factor = usable ? WICK_I24_LARGEST / largest : 0;
    for (size_t j = 0; j < n; j += WICK_I24_STEP, out += WICK_I24_DIGITS * WICK_I24_STEP) {
        WICK_UNROLL
        for (size_t i = 0; i < WICK_I24_STEP; i += LANES) {
            const __mmask16 mask = usable && j + i < n ? mask_of(n - j - i) : 0;
            split16(_mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + j + i), _mm512_set1_ps(factor)), out + i);
        }
    }
    return (wick_row_scale){isnan(largest) ? NAN : usable ? 1.0f / factor : 0, 0};
}

static void split_avx512(const wick_split *s)
{
    for (size_t i = 0; i < s->m; i++)
        s->rows[i] = split_row(s->x + i * s->ldx, s->n, s->out + i * s->ldo);
}

void wick_split_init_avx512(wick_kernels *kernels)
{
    kernels->split = split_avx512;
}
