/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat_parts.h: whether the parts of a flat tokenizer that are plain data (tokenizer_flat.h) are such as loading makes: no value in them leads outside of an array, or to a text that never ends. */
#ifndef WICK_TEXT_TOKENIZER_FLAT_PARTS_H
#define WICK_TEXT_TOKENIZER_FLAT_PARTS_H
#include "text/tokenizer_parts.h"

/* With its charsmap, whose pointers are real. */
bool wick_normalizer_is_sound(const wick_normalizer *normalizer);
bool wick_pretokenizer_is_sound(const wick_pretokenizer *pretokenizer);

#endif
