/* SPDX-License-Identifier: Apache-2.0
 * passed_over.h: the parts of tokenizer.json that have no part in encoding: padding is the caller's business, the decoder turns ids into text. They are looked at all the same: a file that
 * the tokenizers package refuses is damaged, or of a kind that nobody has tried. Called by tokenizer.c. */
#ifndef WICK_TEXT_PASSED_OVER_H
#define WICK_TEXT_PASSED_OVER_H
#include "text/fields.h"

/* value: tokenizer.json's "padding", and "decoder" (NULL and null: none). */
int wick_padding_check(const wick_reading *reading, const wick_json *value);
int wick_decoder_check(const wick_reading *reading, const wick_json *value);
/* Fails unless object has the field and it is an integer from 0 to limit. */
int wick_field_count(const wick_reading *reading, const wick_json *object, const char *path, const char *key,
                     int64_t limit);

#endif
