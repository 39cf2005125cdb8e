/* SPDX-License-Identifier: Apache-2.0
 * activation.c: the activations that config.json and Dense modules name. gelu has a kernel of its own in each tier; the others are rare and plain. */
#include <math.h>

#include "cpu/forward.h"

/* Hendrycks and Gimpel 2016, the approximation with tanh ("gelu_new"). */
static float gelu_tanh(float x)
{
    return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

static float relu(float x)
{
    return x < 0.0f ? 0.0f : x; /* a NaN stays one */
}

static float silu(float x)
{
    return x / (1.0f + expf(-x));
}

void wick_activate(const wick_kernels *kernels, wick_activation activation, float *x, size_t ldx, size_t m, size_t n)
{
    float (*function)(float) = NULL;
    switch (activation) {
    case WICK_ACT_NONE:
        return;
    case WICK_ACT_GELU:
        kernels->gelu(x, ldx, m, n);
        return;
    case WICK_ACT_GELU_TANH:
        function = gelu_tanh;
        break;
    case WICK_ACT_RELU:
        function = relu;
        break;
    case WICK_ACT_SILU:
        function = silu;
        break;
    case WICK_ACT_TANH:
        function = tanhf;
        break;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            x[i * ldx + j] = function(x[i * ldx + j]);
}
