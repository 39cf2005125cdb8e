/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat_model.h: the part of a flat tokenizer (tokenizer_flat.h) that its model reads. */
#ifndef WICK_TEXT_TOKENIZER_FLAT_MODEL_H
#define WICK_TEXT_TOKENIZER_FLAT_MODEL_H
#include "text/flat.h"
#include "text/tokenizer_parts.h"

/* Stands in the block's head. */
typedef struct wick_flat_model {
    wick_token_model as_is; /* its pointers, of which none is read, are NULL */
    wick_flat_span merges, filter, merged, characters, joins, byte_ranks, scores;
    wick_flat_trie whole, tails; /* of the vocabulary */
} wick_flat_model;

void wick_flat_put_model(wick_flat_writer *writer, const wick_tokenizer *tokenizer, wick_flat_model *out);
/* Fills tokenizer->model, and the vocabulary's tries; its texts are there. */
void wick_flat_read_model(wick_flat_reader *reader, const wick_flat_model *flat, wick_tokenizer *tokenizer);

#endif
