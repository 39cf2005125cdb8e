/* SPDX-License-Identifier: Apache-2.0
 * pretokenizer.h: which characters of the normalised text belong together as a word: BertPreTokenizer, Whitespace, WhitespaceSplit or
 * none. encode.c walks the text with it. */
#ifndef WICK_TEXT_PRETOKENIZER_H
#define WICK_TEXT_PRETOKENIZER_H
#include "text/fields.h"
#include "text/unicode.h"

/* A word is a stretch of characters of one kind; those of kind GAP belong to none, those of kind ALONE are each a word. */
typedef enum wick_char_kind { WICK_CHARS_GAP, WICK_CHARS_ALONE, WICK_CHARS_WORD, WICK_CHARS_SYMBOLS } wick_char_kind;

typedef struct wick_pretokenizer {
    uint8_t ascii[128];   /* wick_char_kind by character */
    bool has_plain_words; /* ASCII letters and digits are of kind WORD */
    uint32_t gap;         /* WICK_CHAR_* flags that make a GAP; looked at first */
    uint32_t alone;       /* flags that make it stand ALONE */
    uint32_t word;        /* flags that make it part of a WORD; 0: all the rest are */
} wick_pretokenizer;

/* value: tokenizer.json's "pre_tokenizer" (NULL and null: the whole text is one word). */
int wick_pretokenizer_load(const wick_reading *reading, const wick_json *value, wick_pretokenizer *out);

static inline wick_char_kind wick_pretokenizer_kind(const wick_pretokenizer *pretokenizer, uint32_t code_point)
{
    uint32_t flags = wick_unicode_of(code_point)->flags;
    if (flags & pretokenizer->gap)
        return WICK_CHARS_GAP;
    if (flags & pretokenizer->alone)
        return WICK_CHARS_ALONE;
    return pretokenizer->word == 0 || (flags & pretokenizer->word) ? WICK_CHARS_WORD : WICK_CHARS_SYMBOLS;
}

#endif
