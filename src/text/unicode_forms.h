/* SPDX-License-Identifier: Apache-2.0
 * unicode_forms.h: reading the generated tables of form_tables.h, as unicode.h does those of unicode_tables.h. Used by the normaliser's steps. */
#ifndef WICK_TEXT_UNICODE_FORMS_H
#define WICK_TEXT_UNICODE_FORMS_H
#include "text/form_tables.h"
#include "text/unicode.h"

/* A wick_cluster_class and WICK_FORM_* flags above it. */
static inline uint8_t wick_unicode_form(uint32_t code_point)
{
    uint32_t block = wick_form_blocks[code_point >> WICK_UNICODE_SHIFT];
    return wick_forms[(block << WICK_UNICODE_SHIFT) | (code_point & WICK_UNICODE_BLOCK_MASK)];
}

/* The full compatibility decomposition of a character with WICK_FORM_COMPATIBLE; *n is its length. */
static inline const uint32_t *wick_unicode_compatible(uint32_t code_point, unsigned *n)
{
    uint32_t block = wick_compatible_blocks[code_point >> WICK_UNICODE_SHIFT];
    uint32_t at = (block << WICK_UNICODE_SHIFT) | (code_point & WICK_UNICODE_BLOCK_MASK);
    const uint32_t *sequence = &wick_compatible_pool[wick_compatible_starts[at]];
    *n = sequence[0];
    return sequence + 1;
}

/* The syllable that two jamo, or a syllable without a tail and a jamo, become together (The Unicode Standard, section 3.12); 0: none. */
static inline uint32_t wick_unicode_compose_hangul(uint32_t first, uint32_t second)
{
    enum { FIRST = 0xAC00, LEAD = 0x1100, VOWEL = 0x1161, TAIL = 0x11A7, N_LEADS = 19, N_VOWELS = 21, N_TAILS = 28 };
    if (first - LEAD < N_LEADS && second - VOWEL < N_VOWELS)
        return FIRST + ((first - LEAD) * N_VOWELS + second - VOWEL) * N_TAILS;
    if (first - FIRST < N_LEADS * N_VOWELS * N_TAILS && (first - FIRST) % N_TAILS == 0 &&
        second - TAIL - 1 < N_TAILS - 1)
        return first + second - TAIL;
    return 0;
}

#endif
