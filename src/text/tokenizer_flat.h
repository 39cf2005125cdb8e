/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat.h: a tokenizer as one block of bytes without pointers, to be kept in a file and used where it is mapped: reading tokenizer.json takes
 * milliseconds, this takes as long as looking at every byte once. For the same machine and version of Wick only (byte order, struct layout).
 *
 *     flat_head                      the small parts as they are, and where each array stands
 *     texts                          every token's text, terminated, one behind the other
 *     places     [n_ids] u32         by id: where its text begins; the largest u32: no token has the id
 *     special    [n_ids] bool        by id
 *     the tries, the added tokens, the template
 */
#ifndef WICK_TEXT_TOKENIZER_FLAT_H
#define WICK_TEXT_TOKENIZER_FLAT_H
#include "text/tokenizer_parts.h"

/* *out: malloc'ed. WICK_E_NO_MEMORY, also where it would not fit 4 GiB. */
int wick_tokenizer_flatten(const wick_tokenizer *tokenizer, uint8_t **out, size_t *n_bytes);
/* A tokenizer whose arrays stand in bytes[0..n), which is 64-byte aligned and must outlive it. Every place, id and number in it is checked: wrong ones are
 * WICK_E_CORRUPT, never a crash now or later. */
int wick_tokenizer_unflatten(const uint8_t *bytes, size_t n, wick_tokenizer **out);
/* A hash of the layout of the structs within. */
uint64_t wick_tokenizer_flat_layout(void);

#endif
