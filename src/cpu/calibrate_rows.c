/* SPDX-License-Identifier: Apache-2.0
 * calibrate_rows.c: all operations on rows but the products, for calibration: the tiers' own add up in different orders, and factors that differ in their last bit would make other
 * int8 weights. These give the same bits on every machine (additions, products, quotients and roots alone, in one order, no libm), and so do the f32 products of all
 * tiers that have fused ones: a model packed on one of them is the same file as on another (docs/pack.md). Called by calibrate.c. */
#include <math.h>
#include <string.h>

#include "cpu/calibrate.h"
#include "cpu/constants.h"

static float gelu_of(float x)
{
    const float c = x > WICK_GELU_LIMIT ? WICK_GELU_LIMIT : x < -WICK_GELU_LIMIT ? -WICK_GELU_LIMIT : x, t = c * c;
    const float p =
        ((((WICK_GELU_P5 * t + WICK_GELU_P4) * t + WICK_GELU_P3) * t + WICK_GELU_P2) * t + WICK_GELU_P1) * t +
        WICK_GELU_P0;
    const float q =
        ((((WICK_GELU_Q5 * t + WICK_GELU_Q4) * t + WICK_GELU_Q3) * t + WICK_GELU_Q2) * t + WICK_GELU_Q1) * t + 1.0f;
    return x * (c * p / q + 0.5f);
}

static void gelu(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            x[i * ldx + j] = gelu_of(x[i * ldx + j]);
}

static void layer_norm(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        double sum = 0, squares = 0;
        for (size_t j = 0; j < n; j++)
            sum += x[j];
        const double mean = sum / (double)n;
        for (size_t j = 0; j < n; j++)
            squares += (x[j] - mean) * (x[j] - mean);
        const double scale = 1.0 / sqrt(squares / (double)n + eps);
        for (size_t j = 0; j < n; j++)
            x[j] = (float)((x[j] - mean) * scale) * weight[j] + bias[j];
    }
}

/* x <= 0. */
static float exp_of(float x)
{
    if (!(x >= WICK_EXP_LOWEST))
        return x == x ? 0 : x;                      /* a NaN stays one */
    const int power = (int)lrintf(x * WICK_LOG2_E); /* in [-126, 0] */
    const float n = (float)power, r = x - n * WICK_LN2_HIGH - n * WICK_LN2_LOW;
    const float p =
        (((((WICK_EXP_C6 * r + WICK_EXP_C5) * r + WICK_EXP_C4) * r + WICK_EXP_C3) * r + WICK_EXP_C2) * r + 1.0f) * r +
        1.0f;
    const uint32_t bits = (uint32_t)(power + 127) << 23; /* 2^n is made by its exponent's bits */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static void softmax(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        float largest = x[0];
        double sum = 0;
        for (size_t j = 1; j < n; j++)
            largest = x[j] > largest ? x[j] : largest;
        for (size_t j = 0; j < n; j++) {
            x[j] = exp_of((x[j] - largest) * scale);
            sum += x[j];
        }
        inverse_sums[i] = (float)(1.0 / sum);
    }
}

/* x / (1 + exp(-z)) */
static float times_sigmoid(float x, float z)
{
    const float e = exp_of(z < 0 ? z : -z);
    return x * (z < 0 ? e : 1.0f) / (1.0f + e);
}

static float silu_of(float x)
{
    return times_sigmoid(x, x);
}

static float gelu_tanh_of(float x)
{
    return times_sigmoid(x, x * (WICK_GELU_TANH_A + WICK_GELU_TANH_B * (x * x)));
}

static void elementwise(float (*function)(float), float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            x[i * ldx + j] = function(x[i * ldx + j]);
}

static void silu(float *x, size_t ldx, size_t m, size_t n)
{
    elementwise(silu_of, x, ldx, m, n);
}

static void gelu_tanh(float *x, size_t ldx, size_t m, size_t n)
{
    elementwise(gelu_tanh_of, x, ldx, m, n);
}

static void gate_by(float (*function)(float), const wick_gate *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const float *x = g->x + i * g->ldx + wick_gate_column(j);
            g->out[i * g->ldo + j] = function(x[0]) * x[WICK_GATE_TURN];
        }
}

static void gate_gelu(const wick_gate *g)
{
    gate_by(gelu_of, g);
}

static void gate_silu(const wick_gate *g)
{
    gate_by(silu_of, g);
}

static void gate_gelu_tanh(const wick_gate *g)
{
    gate_by(gelu_tanh_of, g);
}

void wick_calibration_kernels(const wick_kernels *tier, wick_kernels *out)
{
    *out = *tier;
    out->gelu = gelu;
    out->layer_norm = layer_norm;
    out->softmax = softmax;
    out->silu = silu;
    out->gelu_tanh = gelu_tanh;
    out->gate_gelu = gate_gelu;
    out->gate_silu = gate_silu;
    out->gate_gelu_tanh = gate_gelu_tanh;
    wick_attention_init_generic(out);
}
