/* SPDX-License-Identifier: Apache-2.0
 * modules.h: modules.json of sentence-transformers -> the pipeline behind the transformer. Called by model_files.c and by the fuzz
 * target. */
#ifndef WICK_MODEL_MODULES_H
#define WICK_MODEL_MODULES_H
#include "model/json_keys.h"
#include "model/model_files.h"

#define WICK_MAX_MODULE_PATH_BYTES 256

typedef enum wick_module_kind {
    WICK_MODULE_TRANSFORMER,
    WICK_MODULE_POOLING,
    WICK_MODULE_DENSE,
    WICK_MODULE_NORMALIZE,
    WICK_MODULE_SPLADE, /* SpladePooling */
    WICK_MODULE_MASK,   /* MultiVectorMask */
    WICK_MODULE_STATIC  /* StaticEmbedding */
} wick_module_kind;

/* What the modules make together. */
typedef enum wick_pipeline {
    WICK_PIPELINE_VECTORS, /* Transformer, Pooling, Dense..., Normalize: one vector a text */
    WICK_PIPELINE_LABELS,  /* Transformer alone, with a head for labels: CrossEncoder */
    WICK_PIPELINE_TERMS,   /* Transformer with a head for words, SpladePooling: SparseEncoder */
    WICK_PIPELINE_TOKENS,  /* Transformer, Dense..., MultiVectorMask, Normalize: a vector a token, MultiVectorEncoder */
    WICK_PIPELINE_STATIC   /* StaticEmbedding, Normalize: one vector a text, without a transformer */
} wick_pipeline;

typedef struct wick_module {
    wick_module_kind kind;
    char path[WICK_MAX_MODULE_PATH_BYTES]; /* below the model's folder; "" is the folder itself */
} wick_module;

/* Transformer, Pooling, WICK_MAX_DENSE times Dense, Normalize; or MultiVectorMask in place of Pooling. */
#define WICK_MAX_MODULES (3 + WICK_MAX_DENSE)

typedef struct wick_module_list {
    wick_pipeline pipeline;
    size_t n_modules;
    wick_module modules[WICK_MAX_MODULES]; /* in the order they run, as the pipeline has them */
} wick_module_list;

/* Parses modules.json, text[0..n). where names the file. An unknown module or another order is WICK_E_UNSUPPORTED
 * and names the type; a path that leaves the folder is WICK_E_CORRUPT. */
int wick_modules_parse(const char *text, size_t n, const char *where, wick_module_list *out, wick_error *error);

#endif
