/* SPDX-License-Identifier: Apache-2.0
 * pair.h: two texts -> the token ids of both with special tokens around them and a type by token, as rerankers read them: [CLS] first [SEP] second [SEP]. The texts are tokenized
 * one by one, so that a query that meets many documents is tokenized once, and then joined. */
#ifndef WICK_TEXT_PAIR_H
#define WICK_TEXT_PAIR_H
#include <stdbool.h>
#include <wick.h>

/* One text of a pair, without special tokens; its offsets are those of wick_tokenize but for white space that a join may trim. max_tokens: no more are kept (0: all). As many as the whole pair may
 * have are enough, but for one thing: where both texts have more and an odd number is left, the odd token goes to the longer one, which is then not known. Errors as wick_tokenize. */
int wick_tokenize_part(const wick_tokenizer *tokenizer, const char *text, size_t n, size_t max_tokens,
                       uint8_t truncate_side, wick_encoding *out, wick_error *error);
/* Joins two parts, cut to max_tokens in all (0: not cut): "longest first", as the tokenizers package calls it: the longer one loses tokens until both are of the same length, then both. out is neither of them;
 * its offsets are of the text that a token is from. *types [n_tokens], owned by out, until its next use. WICK_E_UNSUPPORTED: the tokenizer has no form for pairs; WICK_E_INVALID_INPUT: max_tokens has no room for the
 * special tokens. */
int wick_pair_join(const wick_tokenizer *tokenizer, const wick_encoding *first, const wick_encoding *second,
                   size_t max_tokens, uint8_t truncate_side, wick_encoding *out, const uint8_t **types,
                   wick_error *error);
/* Whether texts are cut at their beginning where options ask for truncate_side. */
bool wick_tokenizer_cuts_left(const wick_tokenizer *tokenizer, uint8_t truncate_side);

#endif
