/* SPDX-License-Identifier: Apache-2.0
 * dense.h: N_Dense/config.json -> sizes and activation of a Dense module; its weights are found by model_files.c
 * with shards.h. Called by model_files.c and by the fuzz target. */
#ifndef WICK_MODEL_DENSE_H
#define WICK_MODEL_DENSE_H
#include "model/json_keys.h"
#include "model/shards.h"

/* What a module reads and writes: the pooled vector, or each token's. */
#define WICK_FEATURE_VECTOR "sentence_embedding"
#define WICK_FEATURE_TOKENS "token_embeddings"

/* Parses text[0..n) into everything of *out but the tensors. n_in: the size of what the module is applied to; feature: what that must be. */
int wick_dense_parse(const char *text, size_t n, const char *where, size_t n_in, const char *feature, wick_dense *out,
                     bool *has_bias, wick_error *error);
/* Finds linear.weight and, where there is one, linear.bias; adds to *n_parameters. */
int wick_dense_bind(const wick_weights *weights, bool has_bias, wick_dense *dense, size_t *n_parameters,
                    wick_error *error);

#endif
