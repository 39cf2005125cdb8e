/* SPDX-License-Identifier: Apache-2.0
 * normalizer_bert.h: wick_normalizer_run for a normaliser with is_bert. Called by normalizer.c. */
#ifndef WICK_TEXT_NORMALIZER_BERT_H
#define WICK_TEXT_NORMALIZER_BERT_H
#include "text/normalizer.h"

void wick_normalizer_run_bert(const wick_normalizer *normalizer, wick_source *source, size_t n_bytes,
                              wick_encoding_state *state);

#endif
