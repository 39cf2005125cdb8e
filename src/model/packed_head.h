/* SPDX-License-Identifier: Apache-2.0
 * packed_head.h: the sections of a packed file (base/pack.h) that say what a model gives beside pooled vectors: "head", what its files say apart from config.json; "skipped", the
 * tokens that a multi-vector model leaves out; "head.words", the decoder of terms where it is not the section "words". Called by packed_model.c. */
#ifndef WICK_MODEL_PACKED_HEAD_H
#define WICK_MODEL_PACKED_HEAD_H
#include "base/pack.h"
#include "model/json_keys.h"
#include "model/model_files.h"

/* Whether there is something to say. */
bool wick_head_is_packed(const wick_model_files *files);
/* Adds the sections. dtype: of the weights in the pack. */
int wick_head_pack(const wick_model_files *files, const char *dtype, wick_pack_writer *writer, wick_error *error);
/* Fills files->head and files->tokens. config: config.json, whose encoder, like the word embeddings, has been read; files->packed_dtype is set. */
int wick_head_unpack(const wick_pack *pack, const wick_keys *config, wick_arena *arena, wick_model_files *files,
                     wick_error *error);

#endif
