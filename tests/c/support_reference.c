/* SPDX-License-Identifier: Apache-2.0
 * support_reference.c: an encoder by its formulas (model/encoder.h), in double precision, token by token, for tests alone: nothing here is shared with the backends. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_random_model.h"

static const float *values(const wick_tensor *t)
{
    return (const float *)(const void *)t->data;
}

static double *new_rows(size_t n, size_t width)
{
    double *rows = calloc(n * width + 1, sizeof *rows);
    assert_non_null(rows);
    return rows;
}

/* y[n, out] = x[n, in] W^T + b */
static double *multiply(const wick_linear *l, const double *x, size_t n)
{
    const size_t out = l->weight.shape[0], in = l->weight.shape[1];
    double *y = new_rows(n, out);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            double sum = l->bias.data ? values(&l->bias)[j] : 0;
            for (size_t k = 0; k < in; k++)
                sum += x[i * in + k] * values(&l->weight)[j * in + k];
            y[i * out + j] = sum;
        }
    return y;
}

static void norm_row(const wick_encoder *e, const wick_layer_norm *norm, double *x, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t j = 0; e->norm_kind == WICK_NORM_LAYER && j < n; j++)
        mean += x[j] / (double)n;
    for (size_t j = 0; j < n; j++)
        squares += (x[j] - mean) * (x[j] - mean) / (double)n;
    for (size_t j = 0; j < n; j++) {
        const double weight = values(&norm->weight)[j] + (e->norm_kind == WICK_NORM_RMS_PLUS_ONE ? 1.0 : 0.0);
        x[j] = (x[j] - mean) / sqrt(squares + e->norm_eps) * weight;
        x[j] += norm->bias.data ? values(&norm->bias)[j] : 0;
    }
}

static void norm_rows(const wick_encoder *e, const wick_layer_norm *norm, double *x, size_t n, size_t width)
{
    for (size_t i = 0; norm->weight.data && i < n; i++)
        norm_row(e, norm, x + i * width, width);
}

static double activate(wick_activation activation, double x)
{
    switch (activation) {
    case WICK_ACT_NONE:
        return x;
    case WICK_ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case WICK_ACT_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case WICK_ACT_RELU:
        return x > 0 ? x : 0;
    case WICK_ACT_SILU:
        return x / (1.0 + exp(-x));
    case WICK_ACT_TANH:
        return tanh(x);
    }
    return NAN;
}

/* ---- attention ----------------------------------------------------------------------------------------------------- */

static void rotate(double *x, size_t head_dim, size_t position, double theta)
{
    for (size_t j = 0; j < head_dim / 2; j++) {
        const double angle = (double)position * pow(theta, -2.0 * (double)j / (double)head_dim);
        const double a = x[j], b = x[j + head_dim / 2];
        x[j] = a * cos(angle) - b * sin(angle);
        x[j + head_dim / 2] = b * cos(angle) + a * sin(angle);
    }
}

/* Norms and turns heads x[n, n_heads * head_dim]. */
static void turn(const wick_encoder *e, size_t layer, const wick_layer_norm *norm, double *x, size_t n, size_t n_heads)
{
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < n_heads; h++) {
            double *head = x + (i * n_heads + h) * e->head_dim;
            if (e->has_qk_norm)
                norm_row(e, norm, head, e->head_dim);
            if (e->position == WICK_POSITION_ROTARY)
                rotate(head, e->head_dim, i, e->has_window[layer] ? e->rope_theta_local : e->rope_theta);
        }
}

static double slope(size_t head, size_t n_heads)
{
    size_t power = 1;
    while (2 * power <= n_heads)
        power *= 2;
    return head < power ? pow(2, -8.0 * (double)(head + 1) / (double)power)
                        : pow(2, -4.0 * (double)(2 * (head - power) + 1) / (double)power);
}

/* On the score of key j for query i. */
static double bias(const support_random_model *m, size_t head, size_t i, size_t j)
{
    const wick_encoder *e = &m->files.encoder;
    const size_t distance = i > j ? i - j : j - i, half = e->n_buckets / 2, exact = half / 2;
    if (e->position == WICK_POSITION_ALIBI)
        return -slope(head, e->n_heads) * (double)distance;
    if (e->position != WICK_POSITION_RELATIVE)
        return 0;
    size_t bucket = distance;
    if (distance >= exact) {
        bucket = exact + (size_t)(log((double)distance / (double)exact) /
                                      log((double)WICK_RELATIVE_MAX_DISTANCE / (double)exact) * (double)(half - exact) +
                                  1e-9);
        bucket = bucket < half ? bucket : half - 1;
    }
    return values(&m->files.relative_bias)[(bucket + (j > i ? half : 0)) * e->n_heads + head];
}

static bool is_seen(const wick_encoder *e, size_t layer, size_t i, size_t j)
{
    const size_t distance = i > j ? i - j : j - i;
    return !(e->causal && j > i) && !(e->has_window[layer] && distance > e->window);
}

/* One query of one head; out: [head_dim] */
static void attend(const support_random_model *m, size_t layer, size_t head, size_t i, size_t n,
                   const double *const qkv[3], double *out)
{
    const wick_encoder *e = &m->files.encoder;
    const size_t group = head / (e->n_heads / e->n_kv_heads);
    double total = 0, *weights = new_rows(1, n);
    for (size_t j = 0; j < n; j++) {
        double score = 0;
        for (size_t k = 0; k < e->head_dim; k++)
            score += qkv[0][(i * e->n_heads + head) * e->head_dim + k] *
                     qkv[1][(j * e->n_kv_heads + group) * e->head_dim + k];
        weights[j] = is_seen(e, layer, i, j) ? exp(score * e->score_scale + bias(m, head, i, j)) : 0;
        total += weights[j];
    }
    for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k < e->head_dim; k++)
            out[k] += weights[j] / total * qkv[2][(j * e->n_kv_heads + group) * e->head_dim + k];
    free(weights);
}

static double *attention(const support_random_model *m, size_t layer, const double *x, size_t n)
{
    const wick_encoder *e = &m->files.encoder;
    const wick_encoder_layer *l = &m->layers[layer];
    double *q = multiply(&l->query, x, n), *k = multiply(&l->key, x, n), *v = multiply(&l->value, x, n);
    double *context = new_rows(n, e->n_heads * e->head_dim);
    turn(e, layer, &l->query_norm, q, n, e->n_heads);
    turn(e, layer, &l->key_norm, k, n, e->n_kv_heads);
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < e->n_heads; h++)
            attend(m, layer, h, i, n, (const double *const[]){q, k, v}, context + (i * e->n_heads + h) * e->head_dim);
    double *y = multiply(&l->attention_output, context, n);
    free(q);
    free(k);
    free(v);
    free(context);
    return y;
}

static double *mlp(const wick_encoder *e, const wick_encoder_layer *l, const double *x, size_t n)
{
    double *inner = multiply(&l->up, x, n), *gate = e->is_gated ? multiply(&l->gate, x, n) : NULL;
    for (size_t i = 0; i < n * e->intermediate_size; i++)
        inner[i] = gate ? activate(e->activation, gate[i]) * inner[i] : activate(e->activation, inner[i]);
    double *y = multiply(&l->down, inner, n);
    free(inner);
    free(gate);
    return y;
}

/* ---- layers -------------------------------------------------------------------------------------------------------- */

/* x = what the step makes of it: f 0: attention, 1: the MLP. */
static void step(const support_random_model *m, size_t layer, int f, double *x, size_t n)
{
    const wick_encoder *e = &m->files.encoder;
    const wick_encoder_layer *l = &m->layers[layer];
    const wick_layer_norm *norm = f ? &l->output_norm : &l->attention_norm,
                          *end = f ? &l->output_end_norm : &l->attention_end_norm;
    const size_t width = e->hidden_size;
    double *in = new_rows(n, width);
    memcpy(in, x, n * width * sizeof *in);
    if (e->norm_place != WICK_NORM_AFTER)
        norm_rows(e, norm, in, n, width);
    double *y = f ? mlp(e, l, in, n) : attention(m, layer, in, n);
    norm_rows(e, end, y, n, width);
    for (size_t i = 0; i < n * width; i++)
        x[i] += y[i];
    if (e->norm_place == WICK_NORM_AFTER)
        norm_rows(e, norm, x, n, width);
    free(in);
    free(y);
}

void support_reference_forward(const support_random_model *m, const int32_t *ids, size_t n, double *out)
{
    const wick_model_files *f = &m->files;
    const wick_encoder *e = &f->encoder;
    const size_t width = e->hidden_size;
    size_t next = e->position_first;
    for (size_t i = 0; i < n; i++) {
        const size_t position = ids[i] == e->padding_id ? (size_t)e->padding_id : next++;
        for (size_t j = 0; j < width; j++) {
            double *x = out + i * width + j;
            *x = values(&f->word_embeddings)[(size_t)ids[i] * width + j] * e->embedding_scale;
            *x += e->max_positions > 0 ? values(&f->position_embeddings)[position * width + j] : 0;
            *x += e->type_vocab_size > 0 ? values(&f->token_type_embeddings)[j] : 0;
        }
    }
    norm_rows(e, &f->embedding_norm, out, n, width);
    for (size_t layer = 0; layer < e->n_layers; layer++) {
        step(m, layer, 0, out, n);
        step(m, layer, 1, out, n);
    }
    norm_rows(e, &f->final_norm, out, n, width);
}
