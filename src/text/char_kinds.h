/* SPDX-License-Identifier: Apache-2.0
 * char_kinds.h: which characters of the normalised text belong together as a word: BertPreTokenizer, Whitespace, WhitespaceSplit or
 * none. encode_kinds.c and splitter.c walk texts with it. */
#ifndef WICK_TEXT_CHAR_KINDS_H
#define WICK_TEXT_CHAR_KINDS_H
#include <stdbool.h>

#include "text/unicode.h"

/* A word is a stretch of characters of one kind; those of kind GAP belong to none, those of kind ALONE are each a word. */
typedef enum wick_char_kind { WICK_CHARS_GAP, WICK_CHARS_ALONE, WICK_CHARS_WORD, WICK_CHARS_SYMBOLS } wick_char_kind;

typedef struct wick_char_kinds {
    uint8_t ascii[128];   /* wick_char_kind by character */
    bool has_plain_words; /* ASCII letters and digits are of kind WORD */
    uint32_t gap;         /* WICK_CHAR_* flags that make a GAP; looked at first */
    uint32_t alone;       /* flags that make it stand ALONE */
    uint32_t word;        /* flags that make it part of a WORD; 0: all the rest are */
} wick_char_kinds;

static inline wick_char_kind wick_char_kind_of(const wick_char_kinds *kinds, uint32_t code_point)
{
    uint32_t flags = wick_unicode_of(code_point)->flags;
    if (flags & kinds->gap)
        return WICK_CHARS_GAP;
    if (flags & kinds->alone)
        return WICK_CHARS_ALONE;
    return kinds->word == 0 || (flags & kinds->word) ? WICK_CHARS_WORD : WICK_CHARS_SYMBOLS;
}

/* Fills the table of ASCII characters from the flags. */
void wick_char_kinds_prepare(wick_char_kinds *kinds);

#endif
