/* SPDX-License-Identifier: Apache-2.0
 * activation.c: the activations that config.json and Dense modules name, alone and as gates. relu and tanh are rare and plain, the others have kernels in each tier. */
#include <math.h>

#include "cpu/forward.h"

static float relu(float x)
{
    return x < 0.0f ? 0.0f : x; /* a NaN stays one */
}

/* NULL: not one of the plain ones. */
static float (*plain(wick_activation activation))(float)
{
    return activation == WICK_ACT_RELU ? relu : activation == WICK_ACT_TANH ? tanhf : NULL;
}

void wick_activate(const wick_kernels *kernels, wick_activation activation, float *x, size_t ldx, size_t m, size_t n)
{
    float (*function)(float) = plain(activation);
    switch (activation) {
    case WICK_ACT_GELU:
        kernels->gelu(x, ldx, m, n);
        break;
    case WICK_ACT_GELU_TANH:
        kernels->gelu_tanh(x, ldx, m, n);
        break;
    case WICK_ACT_SILU:
        kernels->silu(x, ldx, m, n);
        break;
    case WICK_ACT_NONE:
    case WICK_ACT_RELU:
    case WICK_ACT_TANH:
        break;
    }
    for (size_t i = 0; function && i < m; i++)
        for (size_t j = 0; j < n; j++)
            x[i * ldx + j] = function(x[i * ldx + j]);
}

void wick_activate_gate(const wick_kernels *kernels, wick_activation activation, const wick_gate *g)
{
    float (*function)(float) = plain(activation);
    switch (activation) {
    case WICK_ACT_GELU:
        kernels->gate_gelu(g);
        return;
    case WICK_ACT_GELU_TANH:
        kernels->gate_gelu_tanh(g);
        return;
    case WICK_ACT_SILU:
        kernels->gate_silu(g);
        return;
    case WICK_ACT_NONE:
    case WICK_ACT_RELU:
    case WICK_ACT_TANH:
        break;
    }
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const float *x = g->x + i * g->ldx + wick_gate_column(j);
            g->out[i * g->ldo + j] = (function ? function(x[0]) : x[0]) * x[WICK_GATE_TURN];
        }
}
