/* SPDX-License-Identifier: Apache-2.0
 * utf8.c: validation after table 3-7 of the Unicode Standard ("Well-Formed UTF-8 Byte Sequences"); sixteen bytes are looked at at once. */
#include "base/utf8.h"

#include <string.h>

/* Length of the well-formed sequence at s with n bytes left, or 0. */
static unsigned sequence_length(const uint8_t *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) /* begins no character */
        return 0;
    unsigned length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (n < length)
        return 0;
    uint8_t low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;  /* no overlong forms */
    uint8_t high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF; /* no surrogates, nothing past U+10FFFF */
    if (s[1] < low || s[1] > high)
        return 0;
    for (unsigned i = 2; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* ---- sixteen bytes at a time ---------------------------------------------------------------------------------------- */

#define STEP 16
#define MAX_BEFORE 3 /* a character's first byte stands at most so many before its last */

typedef uint8_t bytes16 __attribute__((vector_size(STEP)));

static bytes16 load(const uint8_t *s)
{
    bytes16 v;
    memcpy(&v, s, sizeof v);
    return v;
}

static bool has_any(bytes16 v, uint64_t bits)
{
    uint64_t half[2];
    memcpy(half, &v, sizeof half);
    return ((half[0] | half[1]) & bits) != 0;
}

/* Where something is wrong among s[0..16): each byte is held against the three before it, which are there. */
static bytes16 errors_of(const uint8_t *s, bytes16 now)
{
    const bytes16 one = load(s - 1), two = load(s - 2), three = load(s - 3);
    const bytes16 continues = (bytes16)((now & 0xC0) == 0x80);
    const bytes16 must = (bytes16)(one >= 0xC0) | (bytes16)(two >= 0xE0) | (bytes16)(three >= 0xF0);
    const bytes16 never = (bytes16)((now & 0xFE) == 0xC0) | (bytes16)(now >= 0xF5);
    const bytes16 overlong =
        ((bytes16)(one == 0xE0) & (bytes16)(now < 0xA0)) | ((bytes16)(one == 0xF0) & (bytes16)(now < 0x90));
    const bytes16 beyond =
        ((bytes16)(one == 0xED) & (bytes16)(now >= 0xA0)) | ((bytes16)(one == 0xF4) & (bytes16)(now >= 0x90));
    return (continues ^ must) | never | overlong | beyond;
}

/* From i on, before which all is well: goes as far as sixteen bytes are left and nothing is wrong, and back to where a character begins. */
static size_t skip_well_formed(const uint8_t *s, size_t i, size_t n)
{
    const size_t begin = i;
    for (; n - i >= STEP; i += STEP) {
        const bytes16 now = load(s + i);
        /* the three before: a character may go on */
        const bool has_more =
            has_any(now, 0x8080808080808080u) || s[i - 1] >= 0xC0 || s[i - 2] >= 0xE0 || s[i - 3] >= 0xF0;
        if (has_more && has_any(errors_of(s + i, now), ~(uint64_t)0))
            break;
    }
    while (i > begin && (s[i - 1] & 0xC0) == 0x80) /* at most three: they were looked at */
        i--;
    return i > begin && s[i - 1] >= 0xC0 ? i - 1 : i;
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */

bool wick_utf8_valid(const char *text, size_t n, size_t *bad_offset)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t i = 0, checked = 0;
    while (i < n) {
        if (i >= MAX_BEFORE && i >= checked && n - i >= STEP) {
            i = skip_well_formed(s, i, n);
            checked = i + STEP; /* what is wrong stands before it, or the text ends there */
            if (i == n)
                break;
        }
        const unsigned length = sequence_length(s + i, n - i);
        if (length == 0) {
            if (bad_offset)
                *bad_offset = i;
            return false;
        }
        i += length;
    }
    return true;
}
