/* SPDX-License-Identifier: Apache-2.0
 * static_embedding.h: sentence-transformers' StaticEmbedding, Model2Vec's models among them: a text's vector is the mean of its tokens' rows, and there is no encoder. In:
 * the weights of a folder. Out: what wick_model_files says of them. Called by model_files.c and packed_model.c. */
#ifndef WICK_MODEL_STATIC_EMBEDDING_H
#define WICK_MODEL_STATIC_EMBEDDING_H
#include "model/json_keys.h"
#include "model/shards.h"

/* Fills the encoder's sizes, word_embeddings and static_embedding. The file holds embedding.weight, or Model2Vec's embeddings, with mapping and weights or without. WICK_E_CORRUPT,
 * WICK_E_UNSUPPORTED, with the tensor and the file. */
int wick_static_bind(const wick_weights *weights, wick_arena *arena, wick_model_files *files, wick_error *error);

/* What stands in a packed file in place of config.json: free *text with free(). */
int wick_static_config_text(const wick_model_files *files, char **text, size_t *n, wick_error *error);
/* Whether config is such a text, and its sizes, which are checked. */
bool wick_static_config_is(const wick_json *config);
int wick_static_config_read(const wick_keys *config, wick_model_files *files);

#endif
