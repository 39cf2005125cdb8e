/* SPDX-License-Identifier: Apache-2.0
 * bpe_merge.h: merging a word's symbols, called by bpe.c. */
#ifndef WICK_TEXT_BPE_MERGE_H
#define WICK_TEXT_BPE_MERGE_H
#include "text/bpe.h"

/* Merges n symbols in place; returns how many are left. bytes: the word, where symbol i is its byte i; else NULL. Out of memory is remembered in state. */
size_t wick_bpe_merge_symbols(const wick_bpe *model, wick_bpe_symbol *symbols, size_t n, const char *bytes,
                              wick_encoding_state *state);

#endif
