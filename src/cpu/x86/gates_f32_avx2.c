/* SPDX-License-Identifier: Apache-2.0
 * gates_f32_avx2.c: silu, gelu_tanh, and the gates of gated MLPs with AVX2 and FMA. References: gates_generic.c. Ends of rows are masked; a masked-off lane is never read or written.
 *
 * 8 values of silu are some 16 operations and a division (Haswell: one each 13 cycles, Zen 3: 3). */
#include "cpu/x86/math_avx2.h"
#include "cpu/x86/tiers_x86.h"

/* x / (1 + exp(-z)), exactly 0 where exp(z) is no normal number; a NaN stays one. */
static inline __m256 times_sigmoid(__m256 x, __m256 z)
{
    const __m256 exponent = _mm256_or_ps(z, _mm256_set1_ps(-0.0f)); /* -|z| */
    const __m256 inside = _mm256_cmp_ps(exponent, _mm256_set1_ps(WICK_EXP_LOWEST), _CMP_NLT_UQ);
    const __m256 e = _mm256_and_ps(inside, wick_exp8(exponent)), one = _mm256_set1_ps(1.0f);
    const __m256 above = _mm256_blendv_ps(one, e, z); /* by z's sign */
    return _mm256_div_ps(_mm256_mul_ps(x, above), _mm256_add_ps(one, e));
}

static inline __m256 silu8(__m256 x)
{
    return times_sigmoid(x, x);
}

static inline __m256 gelu_tanh8(__m256 x)
{
    const __m256 slope =
        _mm256_fmadd_ps(_mm256_set1_ps(WICK_GELU_TANH_B), _mm256_mul_ps(x, x), _mm256_set1_ps(WICK_GELU_TANH_A));
    return times_sigmoid(x, _mm256_mul_ps(x, slope));
}

#define ELEMENTWISE(name, function)                                                                                    \
    static void name(float *x, size_t ldx, size_t m, size_t n)                                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < m; i++, x += ldx)                                                                       \
            for (size_t j = 0; j < n; j += WICK_LANES8)                                                                \
                wick_store8(x + j, n - j, function(wick_load8(x + j, n - j)));                                         \
    }

#define GATE(name, function)                                                                                           \
    static void name(const wick_gate *g)                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < g->m; i++)                                                                              \
            for (size_t j = 0; j < g->n; j += WICK_LANES8) {                                                           \
                const float *x = g->x + i * g->ldx + wick_gate_column(j);                                              \
                const size_t left = g->n - j;                                                                          \
                wick_store8(g->out + i * g->ldo + j, left,                                                             \
                            _mm256_mul_ps(function(wick_load8(x, left)), wick_load8(x + WICK_GATE_TURN, left)));       \
            }                                                                                                          \
    }

ELEMENTWISE(silu_avx2, silu8)
ELEMENTWISE(gelu_tanh_avx2, gelu_tanh8)
GATE(gate_gelu_avx2, wick_gelu8)
GATE(gate_silu_avx2, silu8)
GATE(gate_gelu_tanh_avx2, gelu_tanh8)

void wick_gates_init_avx2(wick_kernels *kernels)
{
    kernels->silu = silu_avx2;
    kernels->gelu_tanh = gelu_tanh_avx2;
    kernels->gate_gelu = gate_gelu_avx2;
    kernels->gate_silu = gate_silu_avx2;
    kernels->gate_gelu_tanh = gate_gelu_tanh_avx2;
}
