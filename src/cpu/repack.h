/* SPDX-License-Identifier: Apache-2.0
 * repack.h: from the panels of a packed file (pack_cpu.h) to those that this machine's kernels read, where they differ. Called by pack_cpu.c. */
#ifndef WICK_CPU_REPACK_H
#define WICK_CPU_REPACK_H
#include "cpu/model_cpu.h"

/* model: as it was found in the file, its panels WICK_PACK_PANEL_WIDTH wide, its layers in model->compute; becomes one of the kernels' panels, its layers in
 * model->layer_compute. What is made anew stands in model->memory; all else stays in the file. On all threads of pool. */
int wick_cpu_repack(wick_cpu_model *model, wick_pool *pool, wick_error *error);

#endif
