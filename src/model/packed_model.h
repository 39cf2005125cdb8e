/* SPDX-License-Identifier: Apache-2.0
 * packed_model.h: the section "model" of a packed file (base/pack.h): all that wick_model_files says of a model but its tensors, as a small JSON object, so that any
 * version and machine can read it. Called by src/provider. */
#ifndef WICK_MODEL_PACKED_MODEL_H
#define WICK_MODEL_PACKED_MODEL_H
#include "base/pack.h"
#include "model/model_files.h"

/* Adds the section. name: what the model is called; dtype: of the weights in the pack. */
int wick_model_describe(const wick_model_files *files, const char *name, const char *dtype, wick_pack_writer *writer,
                        wick_error *error);
/* The model in pack, which outlives it; close with wick_model_files_close. out->pack and packed_dtype are set, tensors have no data but for word embeddings in
 * f32 (section "words"). WICK_E_CORRUPT, WICK_E_UNSUPPORTED. */
int wick_model_files_unpack(const wick_pack *pack, wick_model_files **out, wick_error *error);

#endif
