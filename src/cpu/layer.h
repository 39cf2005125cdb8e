/* SPDX-License-Identifier: Apache-2.0
 * layer.h: one layer, and what stands between two of them. Called by forward.c, embed.c and calibrate.c. */
#ifndef WICK_CPU_LAYER_H
#define WICK_CPU_LAYER_H
#include "cpu/forward.h"

/* What the layer's first product reads, out of act->hidden; the team's share of rows [row, row + n), which must be this thread's already. No barrier. */
void wick_layer_begin(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_team *team,
                      const wick_activations *act, size_t row, size_t n);
/* The chunk's rows of act->hidden through one layer that was begun. next: the layer that is begun behind it, or NULL. */
void wick_layer_forward(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_cpu_layer *next,
                        const wick_team *team, const wick_chunk *chunk, const wick_activations *act,
                        const wick_thread_scratch *scratch);
/* x = norm(x) of the team's share of rows [row, row + n); nothing where there is no such norm. No barrier. */
void wick_norm_shared(const wick_cpu_model *model, const wick_team *team, const wick_cpu_norm *norm, const wick_rows *x,
                      size_t row, size_t n);

#endif
