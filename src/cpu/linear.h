/* SPDX-License-Identifier: Apache-2.0
 * linear.h: the products of the encoder's layers, shared out between the threads of a team, and the narrow copies of activations that they read. Called by layer.c and embed.c. */
#ifndef WICK_CPU_LINEAR_H
#define WICK_CPU_LINEAR_H
#include "cpu/forward.h"

typedef struct wick_linear_step {
    const wick_cpu_linear *linear;
    const wick_rows *in;
    float *out; /* [.., linear->out]; gated: [.., columns] */
    size_t ldo;
    size_t row, rows; /* rows [row, row + rows) of in and out */
    bool accumulate;
    wick_activation activation;
    uint16_t *narrow; /* NULL, or [.., linear->out rounded up to 2] in bf16, instead of out; see wick_ends_narrow */
} wick_linear_step;

/* out = activation(in W^T + b) (+ out); the team's share of it. */
void wick_linear_rows(const wick_cpu_model *model, const wick_team *team, const wick_linear_step *s);
/* out[.., n] = activation(gate) * up, both columns of s->linear in turns. gated: the thread's scratch. */
void wick_gated_rows(const wick_cpu_model *model, const wick_team *team, const wick_linear_step *s, size_t n,
                     float *gated);
/* Values of that scratch. */
size_t wick_gated_scratch(const wick_cpu_model *model);

/* Whether a layer's result can be handed to its reader as it is wanted there, with no f32 in between. */
bool wick_ends_narrow(const wick_cpu_model *model, const wick_cpu_linear *linear, const wick_cpu_linear *reader,
                      wick_activation activation);

/* Makes the copy of rows [row, row + n) of x that `reader` wants; the team's share of it: all rows must be there, and a barrier follows where something was to be done. */
void wick_narrow_shared(const wick_cpu_model *model, const wick_team *team, const wick_rows *x,
                        const wick_cpu_linear *reader, size_t row, size_t n);
/* The same, of all these rows by this thread. */
void wick_narrow_rows(const wick_cpu_model *model, const wick_rows *x, const wick_cpu_linear *reader, size_t row,
                      size_t n);

#endif
