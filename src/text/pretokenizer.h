/* SPDX-License-Identifier: Apache-2.0
 * pretokenizer.h: tokenizer.json's "pre_tokenizer": how the normalised text is split into words. It is a sequence of stages (splitter.h); the
 * most usual one, a single stage that parts kinds of characters (BertPreTokenizer, Whitespace, WhitespaceSplit, or none at all), also stands
 * in `kinds` for encode_kinds.c. */
#ifndef WICK_TEXT_PRETOKENIZER_H
#define WICK_TEXT_PRETOKENIZER_H
#include "text/splitter.h"

typedef struct wick_pretokenizer {
    bool is_kinds;         /* `kinds` says all of it */
    wick_char_kinds kinds; /* where there are no stages, the whole text is one word */
    bool byte_level;       /* the last one is ByteLevel: symbols are bytes */
    size_t n_stages;
    wick_split_stage stages[WICK_MAX_SPLIT_STAGES]; /* in order: each splits the pieces of the one before */
} wick_pretokenizer;

/* value: tokenizer.json's "pre_tokenizer" (NULL and null: the whole text is one word). */
int wick_pretokenizer_load(const wick_reading *reading, const wick_json *value, wick_pretokenizer *out);
/* ByteLevel before a model whose symbols are characters: one stage more, which writes bytes as such. */
int wick_pretokenizer_write_bytes(const wick_reading *reading, wick_pretokenizer *pretokenizer);

#endif
