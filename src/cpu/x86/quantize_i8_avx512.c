/* SPDX-License-Identifier: Apache-2.0
 * quantize_i8_avx512.c: f32 rows to u8, each with a scale and an offset, on the way into an int8 product. Reference: quantize_generic.
 *
 *   instruction            use                                Zen 5: latency, a cycle    Ice Lake: latency, a cycle
 *   vminps, vmaxps zmm     a row's range                      2, 2                       4, 1
 *   vcvtps2dq zmm          round to nearest even              4, 2                       4, 1
 *   vpmovusdb m128,zmm     16 values to 16 bytes, saturated   -, 1/2                     -, 1/2 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <math.h>

#include "cpu/constants.h"

#define LANES 16

static inline __mmask16 mask_of(size_t n)
{
    return n >= LANES ? 0xFFFF : (__mmask16)((1u << n) - 1);
}

static inline __m512 scaled(const float *x, const float *factors, __mmask16 mask)
{
    return _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x), _mm512_maskz_loadu_ps(mask, factors));
}

static wick_row_scale quantize_row(const wick_quantize *q, const float *x, uint8_t *out)
{
    __m512 least = _mm512_set1_ps(x[0] * q->factors[0]), largest = least, bad = _mm512_setzero_ps();
    for (size_t j = 0; j < q->n; j += LANES) {
        __mmask16 mask = mask_of(q->n - j);
        __m512 y = scaled(x + j, q->factors + j, mask);
        least = _mm512_mask_min_ps(least, mask, least, y);
        largest = _mm512_mask_max_ps(largest, mask, largest, y);
        bad = _mm512_fmadd_ps(y, _mm512_setzero_ps(), bad); /* NaN where y is not finite */
    }
    float low = _mm512_reduce_min_ps(least), range = _mm512_reduce_max_ps(largest) - low;
    bool usable = _mm512_cmp_ps_mask(bad, bad, _CMP_UNORD_Q) == 0 && isfinite(range);
    bool constant = !usable || range <= WICK_LEAST_RANGE;
    __m512 inverse = _mm512_set1_ps(constant ? 0.0f : 255.0f / range), offset = _mm512_set1_ps(low);
    for (size_t j = 0; j < q->ldo; j += LANES) {
        __mmask16 mask = j < q->n && !constant ? mask_of(q->n - j) : 0;
        __m512 y = _mm512_sub_ps(scaled(x + j, q->factors + j, mask), offset);
        __m512i rounded = _mm512_maskz_cvtps_epi32(mask, _mm512_mul_ps(y, inverse));
        _mm512_mask_cvtusepi32_storeu_epi8(out + j, mask_of(q->ldo - j), rounded);
    }
    return (wick_row_scale){usable ? range / 255.0f : NAN, low};
}

static void quantize_avx512(const wick_quantize *q)
{
    for (size_t i = 0; i < q->m; i++)
        q->rows[i] = quantize_row(q, q->x + i * q->ldx, q->out + i * q->ldo);
}

void wick_quantize_init_avx512(wick_kernels *kernels)
{
    kernels->quantize = quantize_avx512;
}
