/* SPDX-License-Identifier: Apache-2.0
 * bpe_merge.h: merging a word's symbols, called by bpe.c. */
#ifndef WICK_TEXT_BPE_MERGE_H
#define WICK_TEXT_BPE_MERGE_H
#include "text/bpe.h"

/* So many symbols are merged in place; more by a heap. */
#define WICK_SHORT_WORD 64

/* How tokens came about that were met, by id: when the last merge of each comes, and which two it takes. The one is looked at far more often than the other. */
typedef struct wick_bpe_parts {
    _Atomic uint32_t left, right;
} wick_bpe_parts;

typedef struct wick_bpe_origins {
    _Atomic uint32_t *when; /* WICK_WHEN_*, else WICK_WHEN_MERGED + the merge's rank */
    wick_bpe_parts *parts;
} wick_bpe_origins;
#define WICK_WHEN_NOT_MET 0u
#define WICK_WHEN_UNSOUND 1u /* merging its text does not give it alone, or not by merges that rise in rank */
#define WICK_WHEN_SYMBOL 2u  /* never merged: a character or byte */
#define WICK_WHEN_MERGED 3u

/* Merges n symbols in place; returns how many are left. bytes: the word, where symbol i is its byte i; else NULL. Out of memory is remembered in state. */
size_t wick_bpe_merge_symbols(const wick_bpe *model, wick_bpe_symbol *symbols, size_t n, const char *bytes,
                              wick_encoding_state *state);
/* The same of n <= WICK_SHORT_WORD symbols; notes how each token came about. */
size_t wick_bpe_merge_noting(const wick_bpe *model, wick_bpe_symbol *symbols, size_t n,
                             const wick_bpe_origins *origins);

#endif
