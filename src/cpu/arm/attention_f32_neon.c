/* SPDX-License-Identifier: Apache-2.0
 * attention_f32_neon.c: rotate and add_biases with AArch64's Advanced SIMD: what comes between the products of attention. References: attention_generic.c. A few operations a value: loads and
 * stores are the limit. */
#include "cpu/arm/math_neon.h"
#include "cpu/arm/tiers_arm.h"

static void rotate_neon(float *x, size_t ldx, size_t m, size_t n, const float *cosines, const float *sines)
{
    const size_t half = n / 2;
    for (size_t j = 0; j < half; j += WICK_LANES4) { /* all heads of a token turn by the same angles */
        const size_t left = half - j;
        const float32x4_t c = wick_load4(cosines + j, left), s = wick_load4(sines + j, left);
        float *first = x + j, *second = x + half + j;
        for (size_t i = 0; i < m; i++, first += ldx, second += ldx) {
            const float32x4_t a = wick_load4(first, left), b = wick_load4(second, left);
            wick_store4(first, left, vfmsq_f32(vmulq_f32(a, c), b, s));
            wick_store4(second, left, vfmaq_f32(vmulq_f32(a, s), b, c));
        }
    }
}

static void add_biases_neon(float *x, size_t ldx, size_t m, size_t n, float scale, const float *biases)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        const float *row = biases - i;
        for (size_t j = 0; j < n; j += WICK_LANES4)
            wick_store4(x + j, n - j, vfmaq_n_f32(wick_load4(row + j, n - j), wick_load4(x + j, n - j), scale));
    }
}

void wick_attention_init_neon(wick_kernels *kernels)
{
    kernels->rotate = rotate_neon;
    kernels->add_biases = add_biases_neon;
}
