/* SPDX-License-Identifier: Apache-2.0
 * unigram.h: the Unigram model: a word -> the sequence of tokens with the largest sum of scores. Called by token_model.c. */
#ifndef WICK_TEXT_UNIGRAM_H
#define WICK_TEXT_UNIGRAM_H
#include "text/encoding.h"
#include "text/vocabulary.h"

typedef struct wick_unigram {
    const wick_vocabulary *vocabulary;
} wick_unigram;

/* As the functions of token_model.h. Not there yet: WICK_E_UNSUPPORTED. */
int wick_unigram_load(const wick_reading *reading, const wick_json *value, size_t n_added, wick_vocabulary *vocabulary,
                      wick_unigram *out);
void wick_unigram_run(const wick_unigram *model, const char *word, const uint32_t *origins, size_t n,
                      wick_encoding_state *state);

#endif
