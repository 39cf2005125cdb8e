/* SPDX-License-Identifier: Apache-2.0
 * positions.h: what depends on nothing but where tokens stand: the angles that queries and keys are turned by (rotary), and the biases that scores get by the distance of their tokens
 * (ALiBi, relative buckets). Opened by model_cpu.c, used by layer.c and attention.c. */
#ifndef WICK_CPU_POSITIONS_H
#define WICK_CPU_POSITIONS_H
#include <wick.h>

#include "model/encoder.h"

typedef struct wick_positions {
    size_t max_rows, head_dim; /* max_rows: of a text, some day */
    size_t n_tables;           /* of angles: 0: nothing is turned; 2: layers with a window turn otherwise */
    double theta[2], divisor;
    size_t n_ready; /* rows of angles that are there */
    float *angles;  /* [n_tables, n_ready, head_dim]: a row's cosines, then its sines */
    size_t memory_bytes;
    unsigned buckets[WICK_RELATIVE_MAX_DISTANCE + 1]; /* relative: of keys so far before the query */
} wick_positions;

/* e is checked (supports.h). Takes no memory yet. */
void wick_positions_open(wick_positions *out, const wick_encoder *e, size_t max_tokens);
void wick_positions_close(wick_positions *positions);

/* Before a text of n_rows <= max_tokens tokens; not while another thread computes with the model. Fails where memory does; what was there stays. */
int wick_positions_reach(wick_positions *positions, size_t n_rows, wick_error *error);

/* Whether there is nothing left to reach for a text of n_rows tokens. */
static inline bool wick_positions_hold(const wick_positions *p, size_t n_rows)
{
    return p->n_tables == 0 || n_rows <= p->n_ready;
}

/* [head_dim]: how the token at `position` is turned: cosines, then sines. */
static inline const float *wick_positions_angles(const wick_positions *p, bool has_window, size_t position)
{
    const size_t table = has_window && p->n_tables == 2;
    return p->angles + (table * p->n_ready + position) * p->head_dim;
}

/* ALiBi, relative: biases[d], -n_rows < d < n_rows, of a key that stands d tokens behind the query. relative: [n_buckets, n_heads]. */
void wick_positions_biases(const wick_positions *positions, const wick_encoder *e, const float *relative, size_t head,
                           size_t n_rows, float *biases);

/* Whether scores get a bias. */
static inline bool wick_has_biases(const wick_encoder *e)
{
    return e->position == WICK_POSITION_RELATIVE || e->position == WICK_POSITION_ALIBI;
}

#endif
