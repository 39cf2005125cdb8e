/* SPDX-License-Identifier: Apache-2.0
 * quantize_i8_avx2.c: f32 rows to u8, each with a scale and an offset, on the way into an int8 product. Reference: quantize_generic.
 *
 *   instruction            use                                       Haswell: latency, a cycle    Zen 3: latency, a cycle
 *   vminps, vmaxps ymm     a row's range                             3, 1                         1, 2
 *   vcvtps2dq ymm          round to nearest even                     3, 1                         3, 2
 *   vpackusdw, vpackuswb   8 values to 8 bytes, saturated            1, 1                         1, 2 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "cpu/constants.h"

#define LANES 8

static inline __m256i mask_of(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= LANES ? LANES : (int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* x times factor; `other` in the lanes from n on, of which nothing is read. */
static inline __m256 scaled(const float *x, const float *factors, size_t n, __m256 other)
{
    if (n >= LANES)
        return _mm256_mul_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(factors));
    __m256i mask = mask_of(n);
    __m256 y = _mm256_mul_ps(_mm256_maskload_ps(x, mask), _mm256_maskload_ps(factors, mask));
    return _mm256_blendv_ps(other, y, _mm256_castsi256_ps(mask));
}

static inline __m128 halves_min(__m256 x)
{
    __m128 s = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_min_ps(s, _mm_movehl_ps(s, s));
    return _mm_min_ss(s, _mm_movehdup_ps(s));
}

static inline __m128 halves_max(__m256 x)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_max_ss(s, _mm_movehdup_ps(s));
}

/* 8 values of 0 to 255 to as many bytes, in the lower half. */
static inline __m128i narrow(__m256i x)
{
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_packus_epi16(words, words);
}

static wick_row_scale quantize_row(const wick_quantize *q, const float *x, uint8_t *out)
{
    __m256 first = _mm256_set1_ps(x[0] * q->factors[0]), least = first, largest = first, bad = _mm256_setzero_ps();
    for (size_t j = 0; j < q->n; j += LANES) {
        __m256 y = scaled(x + j, q->factors + j, q->n - j, first);
        least = _mm256_min_ps(least, y);
        largest = _mm256_max_ps(largest, y);
        bad = _mm256_fmadd_ps(y, _mm256_setzero_ps(), bad); /* NaN where y is not finite */
    }
    float low = _mm_cvtss_f32(halves_min(least)), range = _mm_cvtss_f32(halves_max(largest)) - low;
    bool usable = _mm256_movemask_ps(_mm256_cmp_ps(bad, bad, _CMP_UNORD_Q)) == 0 && isfinite(range);
    wick_row_scale scale = {usable ? range / 255.0f : NAN, low};
    if (!usable || range <= WICK_LEAST_RANGE) {
        memset(out, 0, q->ldo);
        return scale;
    }
    __m256 inverse = _mm256_set1_ps(255.0f / range), offset = _mm256_set1_ps(low);
    for (size_t j = 0; j < q->n; j += LANES) {
        __m256 y = _mm256_sub_ps(scaled(x + j, q->factors + j, q->n - j, offset), offset);
        __m128i bytes = narrow(_mm256_cvtps_epi32(_mm256_mul_ps(y, inverse)));
        if (q->n - j >= LANES)
            _mm_storel_epi64((__m128i *)(void *)(out + j), bytes);
        else
            memcpy(out + j, &bytes, q->n - j);
    }
    for (size_t j = q->n; j < q->ldo; j++)
        out[j] = 0;
    return scale;
}

static void quantize_avx2(const wick_quantize *q)
{
    for (size_t i = 0; i < q->m; i++)
        q->rows[i] = quantize_row(q, q->x + i * q->ldx, q->out + i * q->ldo);
}

void wick_quantize_init_avx2(wick_kernels *kernels)
{
    kernels->quantize = quantize_avx2;
}
