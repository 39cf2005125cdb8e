/* SPDX-License-Identifier: Apache-2.0
 * attention_f32_avx2.c: rotate and add_biases with AVX2 and FMA: what comes between the products of attention. References: attention_generic.c. A few operations a value: loads and stores are
 * the limit. */
#include "cpu/x86/math_avx2.h"
#include "cpu/x86/tiers_x86.h"

static void rotate_avx2(float *x, size_t ldx, size_t m, size_t n, const float *cosines, const float *sines)
{
    const size_t half = n / 2;
    for (size_t j = 0; j < half; j += WICK_LANES8) { /* all heads of a token turn by the same angles */
        const size_t left = half - j;
        const __m256 c = wick_load8(cosines + j, left), s = wick_load8(sines + j, left);
        float *first = x + j, *second = x + half + j;
        for (size_t i = 0; i < m; i++, first += ldx, second += ldx) {
            const __m256 a = wick_load8(first, left), b = wick_load8(second, left);
            wick_store8(first, left, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
            wick_store8(second, left, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
        }
    }
}

static void add_biases_avx2(float *x, size_t ldx, size_t m, size_t n, float scale, const float *biases)
{
    const __m256 factor = _mm256_set1_ps(scale);
    for (size_t i = 0; i < m; i++, x += ldx) {
        const float *row = biases - i;
        for (size_t j = 0; j < n; j += WICK_LANES8)
            wick_store8(x + j, n - j, _mm256_fmadd_ps(wick_load8(x + j, n - j), factor, wick_load8(row + j, n - j)));
    }
}

void wick_attention_init_avx2(wick_kernels *kernels)
{
    kernels->rotate = rotate_avx2;
    kernels->add_biases = add_biases_avx2;
}
