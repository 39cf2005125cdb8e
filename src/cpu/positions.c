/* SPDX-License-Identifier: Apache-2.0
 * positions.c: angles and biases (positions.h), rounded where torch rounds: in f32, powers, logarithms, sines and cosines to the nearest. */
#include "cpu/positions.h"

#include <math.h>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/pages.h"

/* Angles are made for so many rows at the least. */
#define LEAST_ROWS 64

/* Raffel et al. 2020, as MPNet has it: half of one direction's buckets for a distance each, the others by the distance's logarithm. */
static void fill_buckets(unsigned *buckets, size_t n_buckets)
{
    const unsigned n = (unsigned)(n_buckets / 2), n_exact = n / 2;
    const float range = (float)log((double)WICK_RELATIVE_MAX_DISTANCE / n_exact);
    for (unsigned d = 0; d <= WICK_RELATIVE_MAX_DISTANCE; d++) {
        if (d < n_exact) {
            buckets[d] = d;
            continue;
        }
        const float part = (float)log((double)((float)d / (float)n_exact)) / range * (float)(n - n_exact);
        const unsigned bucket = n_exact + (unsigned)part;
        buckets[d] = bucket < n ? bucket : n - 1;
    }
}

static bool has_local_angles(const wick_encoder *e)
{
    for (size_t i = 0; i < e->n_layers; i++)
        if (e->has_window[i] && e->rope_theta_local != e->rope_theta)
            return true;
    return false;
}

void wick_positions_open(wick_positions *p, const wick_encoder *e, size_t max_tokens)
{
    *p = (wick_positions){.max_rows = max_tokens,
                          .head_dim = e->head_dim,
                          .theta = {e->rope_theta, e->rope_theta_local},
                          .divisor = e->rope_divisor};
    if (e->position == WICK_POSITION_RELATIVE)
        fill_buckets(p->buckets, e->n_buckets);
    if (e->position == WICK_POSITION_ROTARY)
        p->n_tables = has_local_angles(e) ? 2 : 1;
}

void wick_positions_close(wick_positions *p)
{
    wick_pages_free(p->angles, p->memory_bytes);
    *p = (wick_positions){0};
}

/* Su et al. 2021: pair j of the head turns by position * theta^(-2 j / head_dim) / divisor. rows: [n, head_dim] */
static void fill_angles(float *rows, size_t n, size_t head_dim, double theta, double divisor)
{
    const size_t half = head_dim / 2;
    for (size_t j = 0; j < half; j++) {
        const float exponent = (float)(2 * j) / (float)head_dim,
                    frequency = 1.0f / (float)pow(theta, exponent) / (float)divisor;
        for (size_t row = 0; row < n; row++) {
            const float angle = (float)row * frequency;
            rows[row * head_dim + j] = (float)cos(angle);
            rows[row * head_dim + half + j] = (float)sin(angle);
        }
    }
}

int wick_positions_reach(wick_positions *p, size_t n_rows, wick_error *error)
{
    if (wick_positions_hold(p, n_rows))
        return WICK_OK;
    size_t n = LEAST_ROWS, n_bytes; /* twice as many each time */
    while (n < n_rows)
        n *= 2;
    n = n < p->max_rows ? n : p->max_rows;
    float *angles =
        wick_mul_size(n, p->n_tables * p->head_dim * sizeof(float), &n_bytes) ? wick_pages_take(n_bytes, false) : NULL;
    if (!angles)
        return wick_fail_memory(error, "the angles of positions");
    for (size_t i = 0; i < p->n_tables; i++)
        fill_angles(angles + i * n * p->head_dim, n, p->head_dim, p->theta[i], p->divisor);
    wick_pages_free(p->angles, p->memory_bytes);
    p->angles = angles;
    p->memory_bytes = n_bytes;
    p->n_ready = n;
    return WICK_OK;
}

/* Press et al. 2021: of 2^k heads, head i has 2^(-8 (i + 1) / 2^k); what is left of other numbers takes every other slope of twice as many heads. */
static float slope_of(size_t head, size_t n_heads)
{
    size_t power = 1;
    while (power * 2 <= n_heads)
        power *= 2;
    if (head < power)
        return (float)exp2(-8.0 * (double)(head + 1) / (double)power);
    return (float)exp2(-8.0 * (double)(2 * (head - power) + 1) / (double)(2 * power));
}

void wick_positions_biases(const wick_positions *p, const wick_encoder *e, const float *relative, size_t head,
                           size_t n_rows, float *biases)
{
    const float slope = e->position == WICK_POSITION_ALIBI ? slope_of(head, e->n_heads) : 0;
    for (size_t d = 0; d < n_rows; d++) {
        float before, behind; /* of a key d tokens before the query, and behind */
        if (e->position == WICK_POSITION_ALIBI) {
            before = behind = -slope * (float)d;
        } else {
            const unsigned bucket = p->buckets[d < WICK_RELATIVE_MAX_DISTANCE ? d : WICK_RELATIVE_MAX_DISTANCE];
            before = relative[bucket * e->n_heads + head];
            behind = relative[(bucket + e->n_buckets / 2) * e->n_heads + head];
        }
        biases[(ptrdiff_t)d] = behind;
        biases[-(ptrdiff_t)d] = before;
    }
}
