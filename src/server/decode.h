/* SPDX-License-Identifier: Apache-2.0
 * decode.h: token ids -> text, as the WordPiece decoder of the Hugging Face tokenizers library does it. In: ids. Out: UTF-8 in a buffer. Used where
 * clients send ids in place of texts, and by Text Embeddings Inference's /decode. */
#ifndef WICK_SERVER_DECODE_H
#define WICK_SERVER_DECODE_H
#include "server/json_writer.h"
#include <wick.h>

/* Appends the text of ids[0..n). Ids without a token are passed over. Special tokens are where skip_special. */
void wick_decode(const wick_tokenizer *tokenizer, const int32_t *ids, size_t n, bool skip_special, wick_buffer *out);

/* Takes from *ids[0..*n) what a tokenizer puts around a text, as far as it is there: [CLS] at the beginning, [SEP] and [PAD] at the end, so
 * that what is left can be embedded as a text, which puts them there again. WICK_OK or the tokenizer's error. */
int wick_decode_trim(const wick_tokenizer *tokenizer, const int32_t **ids, size_t *n, wick_error *error);

#endif
