/* SPDX-License-Identifier: Apache-2.0
 * token_model.h: tokenizer.json's "model": a word -> tokens. One of the models below, chosen at load. Each has two functions: one that loads it from the "model" object and
 * fills the vocabulary, and one that appends the tokens of a word's bytes, with the origin of every byte, to the encoding. Called by tokenizer.c and encode_splits.c. */
#ifndef WICK_TEXT_TOKEN_MODEL_H
#define WICK_TEXT_TOKEN_MODEL_H
#include "text/bpe.h"
#include "text/unigram.h"
#include "text/wordpiece.h"

typedef enum wick_token_model_kind {
    WICK_TOKENS_WORDPIECE,
    WICK_TOKENS_BPE,
    WICK_TOKENS_UNIGRAM
} wick_token_model_kind;
#define WICK_TOKENS_LAST_KIND WICK_TOKENS_UNIGRAM

typedef struct wick_token_model {
    wick_token_model_kind kind;
    union {
        wick_wordpiece wordpiece;
        wick_bpe bpe;
        wick_unigram unigram;
    };
} wick_token_model;

/* value: tokenizer.json's "model"; n_added: how many added tokens the vocabulary must have room for; byte_level: the pre-tokenizer is ByteLevel, which BPE does itself. */
int wick_token_model_load(const wick_reading *reading, const wick_json *value, size_t n_added, bool byte_level,
                          wick_vocabulary *vocabulary, wick_token_model *out);
/* Appends the tokens of word[0..n), n >= 1, behind which WICK_NORMALIZED_PAD bytes may be read. Out of memory is remembered in state. */
void wick_token_model_run(const wick_token_model *model, const char *word, const uint32_t *origins, size_t n,
                          wick_encoding_state *state);
/* Frees what it has come to hold beside the arena that it was loaded into, which is there still. */
void wick_token_model_clear(wick_token_model *model);

#endif
