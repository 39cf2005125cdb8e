/* SPDX-License-Identifier: Apache-2.0
 * support_texts.h: made-up texts of every length for tests of the engine, the same on every run, and calls that fail the test. */
#ifndef WICK_TESTS_SUPPORT_TEXTS_H
#define WICK_TESTS_SUPPORT_TEXTS_H
#include <wick.h>

typedef struct support_texts {
    size_t n;
    char **texts; /* [n] terminated */
} support_texts;

/* n texts of 0 to max_words words, some with punctuation, accents, Chinese characters or emoji; the first is empty. */
support_texts support_texts_make(size_t n, size_t max_words);
void support_texts_free(support_texts *texts);

/* wick_model_open on n_threads threads (0: all); fails the test with the error's text and how to get the model. */
wick_model *support_model_open(const char *name, unsigned n_threads);
/* wick_embed of n texts, terminated; fails the test on an error. */
void support_embed(wick_model *model, const char *const *texts, size_t n, float *out);
size_t support_dimension(const wick_model *model);

#endif
