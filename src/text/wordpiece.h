/* SPDX-License-Identifier: Apache-2.0
 * wordpiece.h: the model: a word -> the longest token it begins with, then the longest tail, and so on; the unknown token where that
 * fails or the word is too long. Called by encode.c. */
#ifndef WICK_TEXT_WORDPIECE_H
#define WICK_TEXT_WORDPIECE_H
#include "text/encoding.h"
#include "text/vocabulary.h"

typedef struct wick_wordpiece {
    const wick_vocabulary *vocabulary;
    int32_t unknown_id;
    size_t max_word_chars; /* longer words are unknown as a whole */
} wick_wordpiece;

/* value: tokenizer.json's "model"; n_added: how many added tokens the vocabulary must have room for. */
int wick_wordpiece_load(const wick_reading *reading, const wick_json *value, size_t n_added,
                        wick_vocabulary *vocabulary, wick_wordpiece *out);
/* Whether word[0..n) has more than max_word_chars characters. */
bool wick_wordpiece_is_too_long(const wick_wordpiece *model, const char *word, size_t n);
/* Appends the tokens of word[0..n), n >= 1, of at most max_word_chars characters; origins: the original character of every byte. */
void wick_wordpiece_run(const wick_wordpiece *model, const char *word, const uint32_t *origins, size_t n,
                        wick_encoding_state *state);

#endif
