/* SPDX-License-Identifier: Apache-2.0
 * pack_cpu.h: the CPU's weights in a packed file (base/pack.h): the arrays of layout.h as sections of the same names, in panels of WICK_PACK_PANEL_WIDTH columns. Tiers
 * with panels of that width use them where they are mapped; the others copy them into theirs, which takes a few milliseconds. Called by backend_cpu.c and model_cpu.c. */
#ifndef WICK_CPU_PACK_CPU_H
#define WICK_CPU_PACK_CPU_H
#include "base/pack.h"
#include "cpu/model_cpu.h"

/* AVX-512's. A multiple of every tier's. */
#define WICK_PACK_PANEL_WIDTH 32

/* Packs the weights of files and adds them to writer, which keeps the memory. */
int wick_cpu_pack_files(const wick_model_files *files, wick_compute compute, wick_pool *pool, wick_pack_writer *writer,
                        wick_error *error);
/* Fills model from files->pack: kernels, compute, panel_width, files and layers are set. WICK_E_CORRUPT where a section is missing or of another size. */
int wick_cpu_unpack(wick_cpu_model *model, wick_pool *pool, wick_error *error);

#endif
