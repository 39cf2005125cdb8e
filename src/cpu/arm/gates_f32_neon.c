/* SPDX-License-Identifier: Apache-2.0
 * gates_f32_neon.c: silu, gelu_tanh, and the gates of gated MLPs with AArch64's Advanced SIMD. References: gates_generic.c. Ends of rows are loaded and stored lane by lane.
 *
 * 4 values of silu are some 16 operations and a division (Neoverse N1: one each 7 cycles). */
#include "cpu/arm/math_neon.h"
#include "cpu/arm/tiers_arm.h"

/* x / (1 + exp(-z)), exactly 0 where exp(z) is no normal number; a NaN stays one. */
static inline float32x4_t times_sigmoid(float32x4_t x, float32x4_t z)
{
    const float32x4_t exponent = vnegq_f32(vabsq_f32(z)), one = vdupq_n_f32(1.0f);
    const uint32x4_t below = vcltq_f32(exponent, vdupq_n_f32(WICK_EXP_LOWEST)); /* not so of a NaN */
    const float32x4_t e = vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(wick_exp4(exponent)), below));
    const float32x4_t above = vbslq_f32(vcltq_f32(z, vdupq_n_f32(0.0f)), e, one);
    return vdivq_f32(vmulq_f32(x, above), vaddq_f32(one, e));
}

static inline float32x4_t silu4(float32x4_t x)
{
    return times_sigmoid(x, x);
}

static inline float32x4_t gelu_tanh4(float32x4_t x)
{
    const float32x4_t slope = vfmaq_f32(vdupq_n_f32(WICK_GELU_TANH_A), vdupq_n_f32(WICK_GELU_TANH_B), vmulq_f32(x, x));
    return times_sigmoid(x, vmulq_f32(x, slope));
}

#define ELEMENTWISE(name, function)                                                                                    \
    static void name(float *x, size_t ldx, size_t m, size_t n)                                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < m; i++, x += ldx)                                                                       \
            for (size_t j = 0; j < n; j += WICK_LANES4)                                                                \
                wick_store4(x + j, n - j, function(wick_load4(x + j, n - j)));                                         \
    }

#define GATE(name, function)                                                                                           \
    static void name(const wick_gate *g)                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < g->m; i++)                                                                              \
            for (size_t j = 0; j < g->n; j += WICK_LANES4) {                                                           \
                const float *x = g->x + i * g->ldx + wick_gate_column(j);                                              \
                const size_t left = g->n - j;                                                                          \
                wick_store4(g->out + i * g->ldo + j, left,                                                             \
                            vmulq_f32(function(wick_load4(x, left)), wick_load4(x + WICK_GATE_TURN, left)));           \
            }                                                                                                          \
    }

ELEMENTWISE(silu_neon, silu4)
ELEMENTWISE(gelu_tanh_neon, gelu_tanh4)
GATE(gate_gelu_neon, wick_gelu4)
GATE(gate_silu_neon, silu4)
GATE(gate_gelu_tanh_neon, gelu_tanh4)

void wick_gates_init_neon(wick_kernels *kernels)
{
    kernels->silu = silu_neon;
    kernels->gelu_tanh = gelu_tanh_neon;
    kernels->gate_gelu = gate_gelu_neon;
    kernels->gate_silu = gate_silu_neon;
    kernels->gate_gelu_tanh = gate_gelu_tanh_neon;
}
