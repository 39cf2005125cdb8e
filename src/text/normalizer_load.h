/* SPDX-License-Identifier: Apache-2.0
 * normalizer_load.h: what the parts of loading a normaliser share: normalizer_load.c (all of it) and normalizer_load_texts.c (those that are told
 * something). Each appends the steps of one normaliser. */
#ifndef WICK_TEXT_NORMALIZER_LOAD_H
#define WICK_TEXT_NORMALIZER_LOAD_H
#include "text/normalizer.h"

int wick_normalizer_add_step(const wick_reading *reading, wick_normalizer *nz, wick_normalizer_step step);
int wick_normalizer_load_strip(const wick_reading *reading, const wick_json *value, const char *path,
                               wick_normalizer *nz);
int wick_normalizer_load_prepend(const wick_reading *reading, const wick_json *value, const char *path,
                                 wick_normalizer *nz);
int wick_normalizer_load_replace(const wick_reading *reading, const wick_json *value, const char *path,
                                 wick_normalizer *nz);
int wick_normalizer_load_charsmap(const wick_reading *reading, const wick_json *value, const char *path,
                                  wick_normalizer *nz);

#endif
