/* SPDX-License-Identifier: Apache-2.0
 * multi_vector.h: the modules of a MultiVectorEncoder (ColBERT) behind its Dense: which tokens' vectors are left out, and whether vectors are normalised. Called by
 * model_files.c and by the fuzz target. */
#ifndef WICK_MODEL_MULTI_VECTOR_H
#define WICK_MODEL_MULTI_VECTOR_H
#include "model/json_keys.h"
#include "model/model_files.h"

#define WICK_MAX_SKIPPED 4096

/* N_MultiVectorMask/config.json, text[0..n); words are copied to the arena. WICK_E_UNSUPPORTED: keep_only_token_ids, an unknown task. */
int wick_multi_vector_mask_parse(const char *text, size_t n, const char *where, wick_arena *arena,
                                 wick_token_vectors *out, wick_error *error);
/* N_Normalize/config.json: whether it is the tokens' vectors that it normalises; one that looks at what is not there does nothing. */
int wick_multi_vector_normalize_parse(const char *text, size_t n, const char *where, bool *out, wick_error *error);

#endif
