/* SPDX-License-Identifier: Apache-2.0
 * gates_f32_avx512.c: silu, gelu_tanh, and the gates of gated MLPs with AVX-512. References: gates_generic.c. Ends of rows are masked; a masked-off lane is never read or written.
 *
 * 16 values of silu are some 14 operations and a division; a division of 16 values takes 16 cycles on Intel's cores (vdivps zmm; uops.info), about as long. */
#include "cpu/x86/exp_avx512.h"
#include "cpu/x86/gelu_avx512.h"
#include "cpu/x86/tiers_x86.h"

/* x / (1 + exp(-z)), exactly 0 where exp(z) is no normal number; a NaN stays one. */
static inline __m512 times_sigmoid(__m512 x, __m512 z)
{
    const __m512 exponent = _mm512_or_ps(z, _mm512_set1_ps(-0.0f)); /* -|z| */
    const __mmask16 inside = _mm512_cmp_ps_mask(exponent, _mm512_set1_ps(WICK_EXP_LOWEST), _CMP_NLT_UQ);
    const __m512 e = _mm512_maskz_mov_ps(inside, wick_exp16(exponent)), one = _mm512_set1_ps(1.0f);
    const __m512 above = _mm512_mask_mov_ps(one, _mm512_movepi32_mask(_mm512_castps_si512(z)), e);
    return _mm512_div_ps(_mm512_mul_ps(x, above), _mm512_add_ps(one, e));
}

static inline __m512 silu16(__m512 x)
{
    return times_sigmoid(x, x);
}

static inline __m512 gelu_tanh16(__m512 x)
{
    const __m512 slope =
        _mm512_fmadd_ps(_mm512_set1_ps(WICK_GELU_TANH_B), _mm512_mul_ps(x, x), _mm512_set1_ps(WICK_GELU_TANH_A));
    return times_sigmoid(x, _mm512_mul_ps(x, slope));
}

#define ELEMENTWISE(name, function)                                                                                    \
    static void name(float *x, size_t ldx, size_t m, size_t n)                                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < m; i++, x += ldx)                                                                       \
            for (size_t j = 0; j < n; j += WICK_LANES16) {                                                             \
                const __mmask16 mask = wick_mask16(n - j);                                                             \
                _mm512_mask_storeu_ps(x + j, mask, function(_mm512_maskz_loadu_ps(mask, x + j)));                      \
            }                                                                                                          \
    }

#define GATE(name, function)                                                                                           \
    static void name(const wick_gate *g)                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < g->m; i++)                                                                              \
            for (size_t j = 0; j < g->n; j += WICK_LANES16) {                                                          \
                const __mmask16 mask = wick_mask16(g->n - j);                                                          \
                const float *x = g->x + i * g->ldx + wick_gate_column(j);                                              \
                const __m512 gate = function(_mm512_maskz_loadu_ps(mask, x));                                          \
                _mm512_mask_storeu_ps(g->out + i * g->ldo + j, mask,                                                   \
                                      _mm512_mul_ps(gate, _mm512_maskz_loadu_ps(mask, x + WICK_GATE_TURN)));           \
            }                                                                                                          \
    }

ELEMENTWISE(silu_avx512, silu16)
ELEMENTWISE(gelu_tanh_avx512, gelu_tanh16)
GATE(gate_gelu_avx512, wick_gelu16)
GATE(gate_silu_avx512, silu16)
GATE(gate_gelu_tanh_avx512, gelu_tanh16)

void wick_gates_init_avx512(wick_kernels *kernels)
{
    kernels->silu = silu_avx512;
    kernels->gelu_tanh = gelu_tanh_avx512;
    kernels->gate_gelu = gate_gelu_avx512;
    kernels->gate_silu = gate_silu_avx512;
    kernels->gate_gelu_tanh = gate_gelu_tanh_avx512;
}
