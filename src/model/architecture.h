/* SPDX-License-Identifier: Apache-2.0
 * architecture.h: the table of model families (config.c). Each reads its keys of config.json into the description and lists its weights by name; another family is another
 * entry (docs/adding-a-model.md). Used by config.c and model_files.c. */
#ifndef WICK_MODEL_ARCHITECTURE_H
#define WICK_MODEL_ARCHITECTURE_H
#include "model/json_keys.h"
#include "model/names.h"

typedef struct wick_architecture {
    const char *model_type; /* config.json's */
    /* Fills files->encoder and max_tokens; checks what the forward pass relies on. */
    int (*read_config)(const wick_keys *keys, wick_model_files *files);
    const wick_names *names;
    const char *variant_key,
        *variant; /* among entries of one model_type: this one where the key has this text. NULL: where no other is meant */
} wick_architecture;

/* A line of families is one file. */
extern const wick_architecture wick_jina_bert_line[], wick_bert_line[], wick_mpnet_line[], wick_gated_bert_line[],
    wick_modern_bert_line[], wick_decoder_line[], wick_gemma_line[];
#define WICK_JINA_BERT_LINE 1
#define WICK_BERT_LINE 5
#define WICK_MPNET_LINE 1
#define WICK_GATED_BERT_LINE 3
#define WICK_MODERN_BERT_LINE 1
#define WICK_DECODER_LINE 5
#define WICK_GEMMA_LINE 1

/* Sanity bounds on config.json, far above any encoder that exists; below them no product of three overflows. */
#define WICK_MAX_HIDDEN_SIZE 65536
#define WICK_MAX_QUERY_WIDTH (4 * WICK_MAX_HIDDEN_SIZE)
#define WICK_MAX_INTERMEDIATE_SIZE ((size_t)1 << 20)
#define WICK_MAX_VOCAB_SIZE ((size_t)1 << 24)
#define WICK_MAX_POSITIONS ((size_t)1 << 24)
#define WICK_MAX_TYPE_VOCAB_SIZE 65536

#endif
