/* SPDX-License-Identifier: Apache-2.0
 * shards.h: the weights of one folder, whether they lie in model.safetensors or in the shards that
 * model.safetensors.index.json lists, as one set of named tensors. Called by model_files.c, bert.c and dense.c. */
#ifndef WICK_MODEL_SHARDS_H
#define WICK_MODEL_SHARDS_H
#include "model/safetensors.h"

/* A model of 1024 shards of 5 GB has 5 TB. */
#define WICK_MAX_SHARDS 1024
#define WICK_MAX_INDEX_BYTES ((size_t)8 << 20)

typedef struct wick_weight {
    const wick_tensor *tensor;
    const char *file;
} wick_weight;

typedef struct wick_weights {
    const char *origin; /* model.safetensors or the index: where a missing tensor was looked for */
    size_t n_files;
    wick_safetensors *files; /* [n_files] */
    size_t n_weights;
    const wick_weight *by_name; /* [n_weights], sorted by the tensors' names */
} wick_weights;

/* Maps the weights of folder; names and tables are taken from the arena. Nothing stays open after an error. */
int wick_weights_open(const char *folder, wick_arena *arena, wick_weights *out, wick_error *error);
void wick_weights_close(wick_weights *weights);

/* NULL: no tensor of that name. */
const wick_weight *wick_weights_find(const wick_weights *weights, const char *name);

/* Copies the view of the tensor name, which must be f32, f16 or bf16 and of shape[0..n_dims). WICK_E_CORRUPT or
 * WICK_E_UNSUPPORTED, with the tensor, what was found and expected, and the file. */
int wick_weights_take(const wick_weights *weights, const char *name, unsigned n_dims, const size_t *shape,
                      wick_tensor *out, wick_error *error);

/* Checks a shard's or module's name from a file: WICK_E_CORRUPT unless weight_map may name it (a plain file name
 * that ends in .safetensors). */
int wick_shard_name_check(const char *name, const char *where, wick_error *error);

#endif
