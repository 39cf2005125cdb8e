/* SPDX-License-Identifier: Apache-2.0
 * unigram.h: the model of SentencePiece's Unigram tokenizers (XLM-RoBERTa, CamemBERT, T5): of all ways to part a word into tokens the one
 * whose scores have the largest sum. Called by encode.c. */
#ifndef WICK_TEXT_UNIGRAM_H
#define WICK_TEXT_UNIGRAM_H
#include "text/encoding.h"
#include "text/vocabulary.h"

/* Larger scores are refused: sums over the longest text stay finite. */
#define WICK_UNIGRAM_MAX_SCORE 1e290

typedef struct wick_unigram {
    const wick_vocabulary *vocabulary;
    const double *scores; /* [n_entries of the vocabulary] by id: log probabilities */
    double unknown_score; /* of a character that is no token */
    int32_t unknown_id;
    uint64_t serial;       /* of the words that are kept in encodings (word_cache.h) */
    int32_t byte_ids[256]; /* by byte: the token that stands for it where a character is unknown, or -1 */
} wick_unigram;

/* value: tokenizer.json's "model"; n_added: how many added tokens the vocabulary must have room for. */
int wick_unigram_load(const wick_reading *reading, const wick_json *value, size_t n_added, wick_vocabulary *vocabulary,
                      wick_unigram *out);
/* Appends the tokens of word[0..n), n >= 1; origins: the original character of every byte. Time: n times the longest token. */
void wick_unigram_run(const wick_unigram *model, const char *word, const uint32_t *origins, size_t n,
                      wick_encoding_state *state);

#endif
