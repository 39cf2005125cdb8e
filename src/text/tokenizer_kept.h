/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_kept.h: a tokenizer's tables, kept from one start to the next in a prepared file (base/prepared.h), which is used where it is mapped. Called by
 * src/provider, which knows the folder of prepared files. */
#ifndef WICK_TEXT_TOKENIZER_KEPT_H
#define WICK_TEXT_TOKENIZER_KEPT_H
#include "text/tokenizer.h"

/* The tokenizer that prepared_dir (NULL: none) has of the tokenizer.json at path, as it is now; NULL: none, read the file. */
wick_tokenizer *wick_tokenizer_find_kept(const char *prepared_dir, const char *path);
/* Keeps a tokenizer that was read from path, unless the file has changed since. Best effort. The tokenizer may be in use meanwhile. */
void wick_tokenizer_keep(const char *prepared_dir, const char *path, const wick_tokenizer *tokenizer);

#endif
