/* SPDX-License-Identifier: Apache-2.0
 * names.h: a family's weights by name, as a table: which tensor plays which part. Matrices that hold several parts (Wqkv) become views of their rows, so that no family
 * costs a copy. Shapes, biases and norms follow from the description (encoder.h). Called by model_files.c. */
#ifndef WICK_MODEL_NAMES_H
#define WICK_MODEL_NAMES_H
#include "model/shards.h"

typedef enum wick_part {
    /* of the model */
    WICK_PART_WORDS,
    WICK_PART_POSITIONS,
    WICK_PART_TYPES, /* where type_vocab_size > 0 */
    WICK_PART_RELATIVE_BIAS,
    WICK_PART_EMBEDDING_NORM,
    WICK_PART_FINAL_NORM,
    /* of a layer */
    WICK_PART_QUERY,
    WICK_PART_KEY,
    WICK_PART_VALUE,
    WICK_PART_QUERY_KEY_VALUE, /* one matrix, its rows in this order */
    WICK_PART_QUERY_NORM,
    WICK_PART_KEY_NORM,
    WICK_PART_ATTENTION_OUTPUT,
    WICK_PART_ATTENTION_NORM,
    WICK_PART_ATTENTION_END_NORM,
    WICK_PART_GATE,
    WICK_PART_UP,
    WICK_PART_GATE_UP, /* one matrix */
    WICK_PART_UP_GATE, /* the same, the other way round */
    WICK_PART_DOWN,
    WICK_PART_OUTPUT_NORM,
    WICK_PART_OUTPUT_END_NORM
} wick_part;

typedef struct wick_name {
    wick_part part;
    const char *stem; /* without prefix, layer and ".weight" or ".bias" */
} wick_name;

#define WICK_MAX_BASES 3

typedef struct wick_names {
    const char *bases[WICK_MAX_BASES]; /* what models with heads keep the encoder under: "bert" */
    const char *layer;                 /* in front of a layer's number: "encoder.layer." */
    const wick_name *list;
    size_t n;
    const char *refused;    /* a stem of layer 0 that another variant of the family has; NULL: none is known */
    const char *refused_as; /* what that variant is called */
} wick_names;

/* Fills the tensors of *files and adds to n_parameters; layers come from the arena. Every tensor that the description asks for is there, of its shape, f32, f16 or bf16;
 * else WICK_E_CORRUPT or WICK_E_UNSUPPORTED, with the tensor's name. */
int wick_names_bind(const wick_names *names, const wick_weights *weights, wick_arena *arena, wick_model_files *files,
                    wick_error *error);

#endif
