/* SPDX-License-Identifier: Apache-2.0
 * config.h: config.json -> the architecture and its hyper-parameters. Called by model_files.c and by the fuzz
 * target. */
#ifndef WICK_MODEL_CONFIG_H
#define WICK_MODEL_CONFIG_H
#include "model/architecture.h"

/* Parses config.json, text[0..n), into the hyper-parameters of *files (everything from architecture to max_tokens).
 * where names the file. An unknown model_type or setting is WICK_E_UNSUPPORTED and names the key, its value and
 * what is supported; the rest is WICK_E_CORRUPT. */
int wick_model_config_parse(const char *text, size_t n, const char *where, const wick_architecture **architecture,
                            wick_model_files *files, wick_error *error);

/* The same of a parsed object. */
int wick_model_config_read(const wick_keys *keys, const wick_architecture **architecture, wick_model_files *files);

/* The families, one after another; NULL behind the last. */
const wick_architecture *wick_architecture_at(size_t index);

/* "gelu" -> WICK_ACT_GELU, as transformers spells activations. False: unknown. */
bool wick_activation_of_name(const char *name, wick_activation *out);

#endif
