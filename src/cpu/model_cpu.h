/* SPDX-License-Identifier: Apache-2.0
 * model_cpu.h: a model's weights as the CPU kernels want them: f32, packed in panels, one anonymous mapping.
 *
 * A linear layer y = x W^T + b (W stored [out, in]) becomes n_panels panels of panel_width output columns; panel p holds
 * [in, panel_width]: the values that meet x[k] stand side by side, so that a kernel reads the panel once from front to back. Columns past
 * `out` are zero. Query, key and value are one layer of 3 * hidden_size outputs. Built once at open, immutable afterwards. */
#ifndef WICK_CPU_MODEL_CPU_H
#define WICK_CPU_MODEL_CPU_H
#include "base/pool.h"
#include "cpu/kernels.h"
#include "model/model_files.h"

typedef struct wick_cpu_linear {
    size_t in, out, n_panels;
    float *panels; /* [n_panels, in, panel_width] */
    float *bias;   /* [n_panels * panel_width] */
} wick_cpu_linear;

typedef struct wick_cpu_norm {
    float *weight, *bias; /* [hidden_size] */
} wick_cpu_norm;

typedef struct wick_cpu_layer {
    wick_cpu_linear qkv, attention_output, up, down;
    wick_cpu_norm attention_norm, output_norm;
} wick_cpu_layer;

typedef struct wick_cpu_model {
    const wick_kernels *kernels;
    const wick_model_files *files; /* hyper-parameters, and the word embeddings, which are read in place */
    float *positions;              /* [max_positions, hidden_size]: position embedding + embedding of token type 0 */
    wick_cpu_norm embedding_norm;
    wick_cpu_layer *layers; /* [n_layers] */
    wick_cpu_linear dense[WICK_MAX_DENSE];
    float *memory; /* all of the above but `layers` */
    size_t memory_bytes;
} wick_cpu_model;

/* Packs the weights on the pool's threads and gives the files' pages back as it goes, so that weights are never resident twice. */
int wick_cpu_model_open(const wick_model_files *files, const wick_kernels *kernels, wick_pool *pool, wick_cpu_model *out,
                        wick_error *error);
void wick_cpu_model_close(wick_cpu_model *model);

/* Zeroed memory in pages of its own, huge ones where the system has them. NULL: none left. */
void *wick_pages_take(size_t size_bytes);
void wick_pages_free(void *pages, size_t size_bytes);

#endif
