/* SPDX-License-Identifier: Apache-2.0
 * architecture.h: the table of model families. Each reads its keys of config.json and finds its weights; another
 * family is another entry and another file. Used by config.c and model_files.c. */
#ifndef WICK_MODEL_ARCHITECTURE_H
#define WICK_MODEL_ARCHITECTURE_H
#include "model/json_keys.h"
#include "model/shards.h"

typedef struct wick_architecture {
    const char *model_type; /* config.json's */
    /* Fills the hyper-parameters of *files, everything up to max_tokens; checks what the forward pass relies on. */
    int (*read_config)(const wick_keys *keys, wick_model_files *files);
    /* Fills the tensors of *files and adds to n_parameters; layers come from the arena. */
    int (*bind_weights)(const wick_weights *weights, wick_arena *arena, wick_model_files *files, wick_error *error);
} wick_architecture;

extern const wick_architecture wick_architecture_bert; /* bert.c */

/* Sanity bounds on config.json, far above any encoder that exists; below them no product of two overflows. */
#define WICK_MAX_HIDDEN_SIZE 65536
#define WICK_MAX_INTERMEDIATE_SIZE ((size_t)1 << 20)
#define WICK_MAX_VOCAB_SIZE ((size_t)1 << 24)
#define WICK_MAX_POSITIONS ((size_t)1 << 24)
#define WICK_MAX_TYPE_VOCAB_SIZE 65536

#endif
