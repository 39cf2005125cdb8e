/* SPDX-License-Identifier: Apache-2.0
 * ascii.h: sixteen bytes at a time, in the compilers' portable vectors (SSE2 on x86-64, NEON on arm64). Beside the speed of each step,
 * they find where a run ends without a loop whose end the processor cannot foresee. Used by normalizer.c and encode.c. */
#ifndef WICK_TEXT_ASCII_H
#define WICK_TEXT_ASCII_H
#include <stdint.h>
#include <string.h>

#define WICK_ASCII_STEP 16

typedef uint8_t wick_bytes16 __attribute__((vector_size(WICK_ASCII_STEP)));
typedef uint32_t wick_words4 __attribute__((vector_size(16)));

/* The bytes of at least 0x20 and below 0x7F are what texts are made of; the others are looked at one by one. */
#define WICK_ASCII_FIRST_PLAIN 0x20
#define WICK_ASCII_LAST_PLAIN 0x7E

static inline wick_bytes16 wick_ascii_load(const void *bytes)
{
    wick_bytes16 v;
    memcpy(&v, bytes, sizeof v);
    return v;
}

/* Which bytes lie within [first, last]: 0xFF, else 0. */
static inline wick_bytes16 wick_ascii_within(wick_bytes16 v, uint8_t first, uint8_t last)
{
    return (wick_bytes16)(v - first <= (uint8_t)(last - first));
}

/* How many bytes of a mask are 0xFF before the first that is 0. */
static inline unsigned wick_ascii_leading(wick_bytes16 mask)
{
    uint64_t half[2];
    mask = ~mask;
    memcpy(half, &mask, sizeof half);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (half[0])
        return (unsigned)__builtin_ctzll(half[0]) / 8;
    return half[1] ? 8 + (unsigned)__builtin_ctzll(half[1]) / 8 : WICK_ASCII_STEP;
#else
    if (half[0])
        return (unsigned)__builtin_clzll(half[0]) / 8;
    return half[1] ? 8 + (unsigned)__builtin_clzll(half[1]) / 8 : WICK_ASCII_STEP;
#endif
}

#endif
