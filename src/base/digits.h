/* SPDX-License-Identifier: Apache-2.0
 * digits.h: eight decimal digits at once, for long lists of numbers (json_list.c, text/score.c). */
#ifndef WICK_BASE_DIGITS_H
#define WICK_BASE_DIGITS_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WICK_DIGITS_STEP 8

/* Whether all of at[0..8) are digits. */
static inline bool wick_digits_are(const char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    /* '0' to '9' are 0x30 to 0x39: the high half is 3, and the low one with 6 added stays below 16. */
    const uint64_t high = v & 0xF0F0F0F0F0F0F0F0u, low = v & 0x0F0F0F0F0F0F0F0Fu;
    return (high | ((low + 0x0606060606060606u) & 0x1010101010101010u) >> 4) == 0x3030303030303030u;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Their value; the first one stands lowest. */
static inline uint32_t wick_digits_sum(uint64_t v)
{
    v = (v & 0x0F0F0F0F0F0F0F0Fu) * (10 << 8 | 1) >> 8; /* pairs */
    v = (v & 0x00FF00FF00FF00FFu) * (100 << 16 | 1) >> 16;
    return (uint32_t)((v & 0x0000FFFF0000FFFFu) * ((uint64_t)10000 << 32 | 1) >> 32);
}
#endif

/* How many digits at[0..8) begins with, and their value. */
static inline unsigned wick_digits_take(const char *at, uint32_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    memcpy(&v, at, sizeof v);
    const uint64_t moved = v ^ 0x3030303030303030u; /* digits become 0 to 9, and with 0x76 added stay below 0x80 */
    const uint64_t other = (((moved & 0x7F7F7F7F7F7F7F7Fu) + 0x7676767676767676u) | moved) & 0x8080808080808080u;
    const unsigned n = other ? (unsigned)__builtin_ctzll(other) / 8 : WICK_DIGITS_STEP;
    *value = n == 0 ? 0 : wick_digits_sum(v << 8 * (WICK_DIGITS_STEP - n)); /* zeros before them */
    return n;
#else
    unsigned n = 0;
    *value = 0;
    for (; n < WICK_DIGITS_STEP && at[n] >= '0' && at[n] <= '9'; n++)
        *value = 10 * *value + (uint32_t)(at[n] - '0');
    return n;
#endif
}

/* The value of eight digits. */
static inline uint32_t wick_digits_value(const char *at)
{
    uint32_t value;
    wick_digits_take(at, &value);
    return value;
}

#endif
