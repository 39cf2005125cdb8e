/* SPDX-License-Identifier: Apache-2.0
 * layout.h: every array that a packed model is made of, with its name and size, in one order. What a walk does with them is the visitor's business: model_cpu.c
 * counts them and places them in memory, pack_cpu.c writes them to a file and finds them in one. */
#ifndef WICK_CPU_LAYOUT_H
#define WICK_CPU_LAYOUT_H
#include "cpu/model_cpu.h"

#define WICK_PIECE_NAME_BYTES 40 /* "layers.1023.attention_output.weights" and its end */

/* Is told a piece's name and size and where it stands now (NULL: nowhere yet); returns where it shall stand. */
typedef void *(*wick_piece_fn)(void *arg, const char *name, void *piece, size_t n_bytes);

typedef struct wick_cpu_walk {
    wick_piece_fn visit;
    void *arg;
    bool overflow; /* a size did not fit; that piece was not visited */
} wick_cpu_walk;

/* model: kernels, compute, layer_compute, panel_width and files are set, and layers is there. Sets the sizes of all parts as it goes. */
void wick_cpu_walk_model(wick_cpu_walk *walk, wick_cpu_model *model);
/* One layer's linear layers and norms, in compute. */
void wick_cpu_walk_layer(wick_cpu_walk *walk, const wick_cpu_model *model, wick_compute compute, size_t index,
                         wick_cpu_layer *layer);

/* For the walks of other files: n * m values of size bytes as piece "PREFIX.NAME"; a linear layer in f32. */
void *wick_cpu_walk_piece(wick_cpu_walk *walk, const char *prefix, const char *name, void *now, size_t n, size_t m,
                          size_t size);
void wick_cpu_walk_linear_f32(wick_cpu_walk *walk, const char *prefix, wick_cpu_linear *linear, size_t out, size_t in,
                              size_t panel_width);

#endif
