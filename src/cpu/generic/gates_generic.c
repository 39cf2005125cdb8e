/* SPDX-License-Identifier: Apache-2.0
 * gates_generic.c: the reference of silu, gelu_tanh and the gates (kernels.h), in plain C. */
#include <math.h>

#include "cpu/constants.h"
#include "cpu/kernels.h"

/* x / (1 + exp(-z)); the exponent is never positive, so that nothing overflows. */
static inline float times_sigmoid(float x, float z)
{
    const float e = expf(-fabsf(z));
    return x * (z < 0 ? e : 1.0f) / (1.0f + e);
}

static inline float silu_of(float x)
{
    return times_sigmoid(x, x);
}

static inline float gelu_tanh_of(float x)
{
    return times_sigmoid(x, x * (WICK_GELU_TANH_A + WICK_GELU_TANH_B * (x * x)));
}

static inline float gelu_of(float x)
{
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

#define ELEMENTWISE(name, function)                                                                                    \
    static void name(float *x, size_t ldx, size_t m, size_t n)                                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < m; i++)                                                                                 \
            for (size_t j = 0; j < n; j++)                                                                             \
                x[i * ldx + j] = function(x[i * ldx + j]);                                                             \
    }

#define GATE(name, function)                                                                                           \
    static void name(const wick_gate *g)                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < g->m; i++)                                                                              \
            for (size_t j = 0; j < g->n; j++) {                                                                        \
                const float *x = g->x + i * g->ldx + wick_gate_column(j);                                              \
                g->out[i * g->ldo + j] = function(x[0]) * x[WICK_GATE_TURN];                                           \
            }                                                                                                          \
    }

ELEMENTWISE(silu_generic, silu_of)
ELEMENTWISE(gelu_tanh_generic, gelu_tanh_of)
GATE(gate_gelu_generic, gelu_of)
GATE(gate_silu_generic, silu_of)
GATE(gate_gelu_tanh_generic, gelu_tanh_of)

void wick_gates_init_generic(wick_kernels *kernels)
{
    kernels->silu = silu_generic;
    kernels->gelu_tanh = gelu_tanh_generic;
    kernels->gate_gelu = gate_gelu_generic;
    kernels->gate_silu = gate_silu_generic;
    kernels->gate_gelu_tanh = gate_gelu_tanh_generic;
}
