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

#define LANES 16

static inline __mmask16 mask_of(size_t n)
{
    return n >= LANES ? 0xFFFF : (__mmask16)((1u << n) - 1);
}

static wick_row_scale quantize_row(const float *x, size_t n, uint8_t *out, size_t n_out)
{
    __m512 least = _mm512_set1_ps(x[0]), largest = least, bad = _mm512_setzero_ps();
    for (size_t j = 0; j < n; j += LANES) {
        __mmask16 mask = mask_of(n - j);
        __m512 value = _mm512_maskz_loadu_ps(mask, x + j);
        least = _mm512_mask_min_ps(least, mask, least, value);
        largest = _mm512_mask_max_ps(largest, mask, largest, value);
        bad = _mm512_fmadd_ps(value, _mm512_setzero_ps(), bad); /* 0 * x is NaN where x is not finite */
    }
    float low = _mm512_reduce_min_ps(least), range = _mm512_reduce_max_ps(largest) - low;
    __mmask16 is_bad = _mm512_cmp_ps_mask(bad, bad, _CMP_UNORD_Q);
    __m512 inverse = _mm512_set1_ps(range > 0 ? 255.0f / range : 0.0f), offset = _mm512_set1_ps(low);
    for (size_t j = 0; j < n_out; j += LANES) {
        __mmask16 mask = j < n && !is_bad ? mask_of(n - j) : 0;
        __m512 value = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + j), offset), inverse);
        __m512i rounded = _mm512_maskz_cvtps_epi32(mask, value);
        _mm512_mask_cvtusepi32_storeu_epi8(out + j, mask_of(n_out - j), rounded);
    }
    return (wick_row_scale){is_bad ? NAN : range / 255.0f, low};
}

static void quantize_avx512(const float *x, size_t ldx, size_t m, size_t n, uint8_t *out, size_t ldo, wick_row_scale *rows)
{
    for (size_t i = 0; i < m; i++)
        rows[i] = quantize_row(x + i * ldx, n, out + i * ldo, ldo);
}

void wick_quantize_init_avx512(wick_kernels *kernels)
{
    kernels->quantize = quantize_avx512;
}
