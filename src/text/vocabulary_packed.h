/* SPDX-License-Identifier: Apache-2.0
 * vocabulary_packed.h: a vocabulary of WordPiece or BPE as a list of bytes (tokenizer_packed.h tells the form) instead of a JSON object. */
#ifndef WICK_TEXT_VOCABULARY_PACKED_H
#define WICK_TEXT_VOCABULARY_PACKED_H
#include "text/vocabulary.h"

/* Writes tokenizer.json's "model.vocab". *out: malloc'ed, or NULL where it is of a kind that the list does not hold (no object of token: id, or a token of 64 KiB). */
int wick_vocabulary_pack(const wick_json *vocab, uint8_t **out, size_t *n, wick_error *error);
/* As wick_vocabulary_load, of the list that reading->vocabulary points to. WICK_E_CORRUPT. */
int wick_vocabulary_unpack(const wick_reading *reading, size_t n_added, const wick_vocabulary_index *index,
                           wick_vocabulary *out);

/* From the lists that reading has, else from vocab. */
int wick_vocabulary_read(const wick_reading *reading, const wick_json *vocab, size_t n_added,
                         const wick_vocabulary_index *index, wick_vocabulary *out);

#endif
