/* SPDX-License-Identifier: Apache-2.0
 * attention_f32_avx512.c: rotate and add_biases with AVX-512: what comes between the products of attention. References: attention_generic.c. A few operations a value: loads and stores are the limit. */
#include "cpu/x86/exp_avx512.h"
#include "cpu/x86/tiers_x86.h"

static void rotate_avx512(float *x, size_t ldx, size_t m, size_t n, const float *cosines, const float *sines)
{
    const size_t half = n / 2;
    for (size_t j = 0; j < half; j += WICK_LANES16) { /* all heads of a token turn by the same angles */
        const __mmask16 mask = wick_mask16(half - j);
        const __m512 c = _mm512_maskz_loadu_ps(mask, cosines + j), s = _mm512_maskz_loadu_ps(mask, sines + j);
        float *first = x + j, *second = x + half + j;
        for (size_t i = 0; i < m; i++, first += ldx, second += ldx) {
            const __m512 a = _mm512_maskz_loadu_ps(mask, first), b = _mm512_maskz_loadu_ps(mask, second);
            _mm512_mask_storeu_ps(first, mask, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
            _mm512_mask_storeu_ps(second, mask, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
        }
    }
}

static void add_biases_avx512(float *x, size_t ldx, size_t m, size_t n, float scale, const float *biases)
{
    const __m512 factor = _mm512_set1_ps(scale);
    for (size_t i = 0; i < m; i++, x += ldx) {
        const float *row = biases - i;
        for (size_t j = 0; j < n; j += WICK_LANES16) {
            const __mmask16 mask = wick_mask16(n - j);
            const __m512 b = _mm512_maskz_loadu_ps(mask, row + j);
            _mm512_mask_storeu_ps(x + j, mask, _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, x + j), factor, b));
        }
    }
}

void wick_attention_init_avx512(wick_kernels *kernels)
{
    kernels->rotate = rotate_avx512;
    kernels->add_biases = add_biases_avx512;
}
