/* SPDX-License-Identifier: Apache-2.0
 * pooling.h: 1_Pooling/config.json -> the pooling mode. Called by model_files.c and by the fuzz target. */
#ifndef WICK_MODEL_POOLING_H
#define WICK_MODEL_POOLING_H
#include "model/json_keys.h"
#include "model/model_files.h"

/* Parses text[0..n), in the old form (pooling_mode_mean_tokens: true) or the new one (pooling_mode: "mean").
 * hidden_size is what the file must agree with. *pools_prompt: include_prompt, true
 * where it is not said. Several modes at once are WICK_E_UNSUPPORTED and named. */
int wick_pooling_parse(const char *text, size_t n, const char *where, size_t hidden_size, wick_pooling *out,
                       bool *pools_prompt, wick_error *error);

/* The mode that sentence-transformers puts behind a plain transformers folder: the last token's vector of what config.json, text[0..n), says was made to go on with texts (architectures
 * "...ForCausalLM", unless is_causal is false), else the mean. */
int wick_pooling_default_parse(const char *text, size_t n, const char *where, wick_pooling *out, wick_error *error);

#endif
