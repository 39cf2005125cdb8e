/* SPDX-License-Identifier: Apache-2.0
 * supports.c: what a description must keep so that the CPU carries it out: sizes that fit, indices that stay inside their tables (supports.h). The readers of config.json say more, and
 * sooner; this is what the code of this folder relies on, whoever filled the description. */
#include "cpu/supports.h"

#include <math.h>
#include <stddef.h>

#include "base/error.h"

/* Of any row of activations: a few of them times a number of rows that fits stay far below SIZE_MAX. */
#define LARGEST_WIDTH ((size_t)1 << 24)

static bool fits(size_t n, size_t size)
{
    return n >= 1 && size >= 1 && n <= LARGEST_WIDTH / size;
}

/* What is wrong with sizes, or NULL. */
static const char *wrong_size(const wick_encoder *e)
{
    if (e->n_layers > WICK_MAX_LAYERS || !fits(e->hidden_size, 1) || !fits(e->intermediate_size, 1))
        return "sizes of layers";
    if (!fits(e->n_heads, e->head_dim) || !fits(e->n_kv_heads, e->head_dim))
        return "width of heads";
    if (e->n_heads % e->n_kv_heads != 0)
        return "key and value heads that do not divide the heads";
    return isfinite(e->score_scale) && isfinite(e->embedding_scale) && e->norm_eps >= 0 ? NULL : "scales";
}

static bool is_theta(double theta)
{
    return theta > 0 && isfinite(theta);
}

static const char *wrong_rotation(const wick_encoder *e)
{
    if (e->head_dim % 2 != 0)
        return "rotated heads of odd width";
    if (!is_theta(e->rope_divisor))
        return "rope_divisor";
    for (size_t i = 0; i < e->n_layers; i++)
        if (!is_theta(e->has_window[i] ? e->rope_theta_local : e->rope_theta))
            return "rope_theta";
    return NULL;
}

static const char *wrong_position(const wick_encoder *e)
{
    if (e->max_positions > 0 && e->position_first >= e->max_positions)
        return "first position";
    if (e->max_positions > 0 && e->padding_id >= 0 && (unsigned long)e->padding_id >= e->max_positions)
        return "padding id";
    switch (e->position) {
    case WICK_POSITION_LEARNED:
        return e->max_positions == 0 ? "learned positions without a table" : NULL;
    case WICK_POSITION_RELATIVE:
        return e->n_buckets % 2 != 0 || e->n_buckets < 4 || e->n_buckets > 2 * WICK_RELATIVE_MAX_DISTANCE
                   ? "number of relative buckets"
                   : NULL;
    case WICK_POSITION_ROTARY:
        return wrong_rotation(e);
    case WICK_POSITION_ALIBI:
    case WICK_POSITION_NONE:
        return NULL;
    }
    return "kind of positions";
}

int wick_cpu_supports(const wick_encoder *e, const char *where, wick_error *error)
{
    const char *wrong = wrong_size(e);
    if (!wrong)
        wrong = wrong_position(e);
    if (!wrong)
        return WICK_OK;
    return wick_fail(error, WICK_E_UNSUPPORTED, where, "choose a model of another family",
                     "%s: this is not supported on the CPU", wrong);
}
