/* SPDX-License-Identifier: Apache-2.0
 * heads_table.h: the heads of each family: the names of their weights and what is fixed about them. Used by heads.c and heads_bind.c. */
#ifndef WICK_MODEL_HEADS_TABLE_H
#define WICK_MODEL_HEADS_TABLE_H
#include "model/model_files.h"

typedef struct wick_head_names {
    wick_head_kind kind;
    const char *const *types;   /* model types, ended by NULL */
    const char *dense, *norm;   /* stems, whatever the file puts in front of them; NULL: none */
    const char *last;           /* TERMS: a file that has none takes the word embeddings, unless they are not tied */
    const char *last_bias;      /* another name of its bias, whole; NULL: none */
    const char *activation_key; /* config.json's; NULL: always `activation`, which is also its default */
    wick_activation activation;
    wick_pooling row;
    bool has_choices; /* ModernBERT's keys */
    bool is_plain;    /* last has no bias */
    bool gives_types; /* where no tokenizer_config.json says otherwise */
} wick_head_names;

/* NULL: not known. */
const wick_head_names *wick_head_names_of(const char *model_type, wick_head_kind kind);

#endif
