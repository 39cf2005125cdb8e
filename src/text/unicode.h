/* SPDX-License-Identifier: Apache-2.0
 * unicode.h: reading the generated tables of unicode_tables.h. Code points are scalar values, at most U+10FFFF. Used by every stage
 * of this room; base/utf8.h decodes. */
#ifndef WICK_TEXT_UNICODE_H
#define WICK_TEXT_UNICODE_H
#include "text/unicode_tables.h"

#define WICK_UNICODE_BLOCK_MASK ((1u << WICK_UNICODE_SHIFT) - 1)
#define WICK_HANGUL_MAX_PARTS 3
/* The one character whose lower case is two: U+0069 U+0307. The generator proves it. */
#define WICK_DOTTED_CAPITAL_I 0x130u
#define WICK_COMBINING_DOT_ABOVE 0x307u

static inline const wick_unicode_record *wick_unicode_of(uint32_t code_point)
{
    uint32_t block = wick_unicode_blocks[code_point >> WICK_UNICODE_SHIFT];
    uint32_t at = (block << WICK_UNICODE_SHIFT) | (code_point & WICK_UNICODE_BLOCK_MASK);
    return &wick_unicode_records[wick_unicode_record_ids[at]];
}

/* The full canonical decomposition of a character with WICK_CHAR_DECOMPOSES; *n is its length. */
static inline const uint32_t *wick_unicode_decomposition(uint32_t code_point, unsigned *n)
{
    uint32_t block = wick_decomposition_blocks[code_point >> WICK_UNICODE_SHIFT];
    uint32_t at = (block << WICK_UNICODE_SHIFT) | (code_point & WICK_UNICODE_BLOCK_MASK);
    const uint32_t *sequence = &wick_decomposition_pool[wick_decomposition_starts[at]];
    *n = sequence[0];
    return sequence + 1;
}

/* The jamo of a character with WICK_CHAR_HANGUL (The Unicode Standard, section 3.12); returns how many. */
static inline unsigned wick_unicode_hangul(uint32_t code_point, uint32_t out[WICK_HANGUL_MAX_PARTS])
{
    enum { FIRST = 0xAC00, LEAD = 0x1100, VOWEL = 0x1161, TAIL = 0x11A7, N_VOWELS = 21, N_TAILS = 28 };
    uint32_t index = code_point - FIRST;
    out[0] = LEAD + index / (N_VOWELS * N_TAILS);
    out[1] = VOWEL + index % (N_VOWELS * N_TAILS) / N_TAILS;
    out[2] = TAIL + index % N_TAILS;
    return out[2] == TAIL ? 2 : 3;
}

#endif
