/* SPDX-License-Identifier: Apache-2.0
 * heads.h: what config.json and the weights say of a head: a classifier for labels and for the scores of pairs, or a word for each token. Fills wick_output_head. Called by
 * model_files.c and by the fuzz target; carried out by the backends. */
#ifndef WICK_MODEL_HEADS_H
#define WICK_MODEL_HEADS_H
#include "model/json_keys.h"
#include "model/shards.h"

/* ImageNet's 21,841 is the largest list of labels that is about. */
#define WICK_MAX_LABELS 65536

/* Whether config.json's `architectures` names a model for labels. For folders without modules.json, which says it otherwise. */
int wick_head_kind_parse(const char *text, size_t n, const char *where, wick_head_kind *out, wick_error *error);
/* Fills files->head but its tensors from config.json, text[0..n), whose encoder has been read; label names come from the arena. WICK_E_UNSUPPORTED: this model_type's head
 * is not known, or has a setting that is not. */
int wick_head_parse(const char *text, size_t n, const char *where, wick_head_kind kind, wick_arena *arena,
                    wick_model_files *files, wick_error *error);
/* The same of a config.json that is parsed. */
int wick_head_read(const wick_keys *keys, wick_head_kind kind, wick_arena *arena, wick_model_files *files);
/* config_sentence_transformers.json: its activation_fn, which beats that of config.json. */
int wick_head_activation_parse(const char *text, size_t n, const char *where, wick_output_head *head,
                               wick_error *error);
/* tokenizer_config.json: whether its model_input_names, or else the class that it names, gives the model token types. Without the file the model type decides. */
int wick_head_types_parse(const char *text, size_t n, const char *where, wick_output_head *head, wick_error *error);
/* 1_SpladePooling/config.json. */
int wick_head_splade_parse(const char *text, size_t n, const char *where, wick_output_head *head, wick_error *error);

/* Finds the head's tensors and adds to n_parameters. After the encoder's: a decoder that the file does not hold is the word embeddings, unless config.json
 * says that they are not tied: WICK_E_CORRUPT. */
int wick_head_bind(const wick_weights *weights, wick_model_files *files, wick_error *error);

#endif
