/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_packed.h: a tokenizer in a packed model (base/pack.h), in two sections that any version of Wick can read on any machine:
 *
 *     tokenizer     tokenizer.json, its model's vocabulary left out where it is a WordPiece one
 *     vocabulary    n_ids u32; then by id: the token's length u16 (65535: no token has the id) and its bytes. Not there: the vocabulary stands in tokenizer
 *
 * Reading takes a few milliseconds: the tries are built anew. Called by src/provider. */
#ifndef WICK_TEXT_TOKENIZER_PACKED_H
#define WICK_TEXT_TOKENIZER_PACKED_H
#include "base/pack.h"
#include "text/tokenizer.h"

/* Adds the sections of the tokenizer.json at path. */
int wick_tokenizer_pack(const char *path, wick_pack_writer *writer, wick_error *error);
/* Reads them. Errors as wick_tokenizer_parse, and WICK_E_CORRUPT for damaged sections. Nothing of the pack is needed afterwards. */
int wick_tokenizer_unpack(const wick_pack *pack, wick_tokenizer **out, wick_error *error);

#endif
