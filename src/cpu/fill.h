/* SPDX-License-Identifier: Apache-2.0
 * fill.h: from the tensors of the files to the packed model's arrays, which stand in memory already. Called by model_cpu.c, and by calibrate.c for a layer at a time. */
#ifndef WICK_CPU_FILL_H
#define WICK_CPU_FILL_H
#include "cpu/model_cpu.h"

/* One tensor [n_rows, in] on its way to columns of a packed layer. */
typedef struct wick_packing {
    const wick_linear *source;
    const wick_cpu_linear *target;
    size_t first_column, n_rows;
    bool in_turns; /* gate and up: row j goes to wick_gate_column(j), from first_column on */
} wick_packing;

#define WICK_PACKINGS_A_LAYER 7

/* The tensors of one layer; returns how many, WICK_PACKINGS_A_LAYER at the most. */
size_t wick_cpu_list_packings(const wick_model_files *files, size_t layer, const wick_cpu_layer *target,
                              wick_packing *list);
/* Packs them on the pool's threads, and gives the files' pages back as it goes. */
int wick_cpu_pack(const wick_cpu_model *model, const wick_packing *list, size_t n, wick_pool *pool, wick_error *error);

/* Everything; in int8 calibrates first. */
int wick_cpu_fill(wick_cpu_model *model, wick_pool *pool, wick_error *error);

#endif
