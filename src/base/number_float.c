/* SPDX-License-Identifier: Apache-2.0
 * number_float.c: wick_float_to_text (number.h). In: a float. Out: its shortest decimal, the same bytes as std::to_chars gives. Called for every value of every reply.
 *
 * Vectors hold values between a ten-thousandth and some tens; for those the shortest decimal is found in whole numbers of 64 bits, without rounding:
 *
 *   value = m * 2^e, and every real number nearer to it than to its neighbours, (m - 1/2) 2^e to (m + 1/2) 2^e, reads back as it
 *
 * With K = -floor(log10(2^e)) that interval is 1 to 10 units of 10^-K wide. So it holds a multiple of K digits behind the point, at most one of K - 1 digits, which then is
 * the shortest (trailing zeros cut off), and else the nearer one of the two around the value is (Steele and White; Giulietti's Schubfach chooses K alike). The ends are
 * read as the value too where m is even. All is multiplied by 4 * 10^K = 4 * 5^K * 2^K: 26 bits times 5^K, which fits into 64 bits up to K = 16.
 * Everything else (powers of two, whose neighbours stand at two distances, large, tiny and special values) is std::to_chars' (number.cc). */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"

#define FRACTION_BITS 23
#define BIAS (127 + FRACTION_BITS) /* of e, in the float's exponent field */
/* e of values from 2^-13 = 0.00012, just above where 1.2e-05 and its like are shorter, up to 1024. */
#define LEAST_E (-13 - FRACTION_BITS)
#define MOST_E (9 - FRACTION_BITS)
/* 0.0002 to 0.0009 are written as 2e-04: four digits behind the point where the first three are zeros. */
#define SCIENTIFIC_E (-10 - FRACTION_BITS)
#define SCIENTIFIC_DIGITS 4

static const uint64_t powers_of_5[] = {1,     5,      25,      125,     625,      3125,      15625,
                                       78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125};
static const uint64_t powers_of_10[] = {1,           10,           100,          1000,      10000,
                                        100000,      1000000,      10000000,     100000000, 1000000000,
                                        10000000000, 100000000000, 1000000000000};

/* -floor(log10(2^e)) for negative e: 1233 / 4096 is log10(2) with an error that shows from |e| = 200 on. */
static unsigned digits_behind_point(int e)
{
    return (unsigned)(-e * 1233 >> 12) + 1;
}

/* Without a branch, which half of the time would be predicted wrongly. */
static uint64_t choose(bool condition, uint64_t yes, uint64_t no)
{
    return no ^ ((yes ^ no) & -(uint64_t)condition);
}

/* The shortest decimal of m * 2^e, in units of 10^-k; shift = -(e + k). */
static uint64_t shortest(uint32_t m, unsigned k, unsigned shift)
{
    const uint64_t value = 4 * (uint64_t)m * powers_of_5[k], half = 2 * powers_of_5[k]; /* in units of 10^-k / 2^unit */
    const unsigned unit = shift + 2, is_odd = m & 1;
    const uint64_t low = value - half + is_odd, high = value + half - is_odd;
    const uint64_t below = value >> unit, tens = below / 10 * 10;
    const uint64_t down = value - (below << unit), up = ((below + 1) << unit) - value;
    const bool fits_below = (below << unit) >= low, fits_above = ((below + 1) << unit) <= high;
    const bool is_above = fits_above & (!fits_below | (down > up) | ((down == up) & (below & 1)));
    const uint64_t decimal = choose(((tens + 10) << unit) <= high, tens + 10, below + is_above);
    return choose((tens << unit) >= low, tens, decimal);
}

/* The eight digits of value, below 10^8, in ASCII, the first one in the lowest byte: halves, quarters, digits side by side. */
static uint64_t eight_digits(uint32_t value)
{
    uint64_t x = value / 10000 | (uint64_t)(value % 10000) << 32;
    const uint64_t hundreds = (x * 5243 >> 19) & 0x0000007f0000007fu; /* 5243 / 2^19 is 1 / 100, exact below 10,000 */
    x = hundreds | (x - 100 * hundreds) << 16;
    const uint64_t tens = (x * 103 >> 10) & 0x000f000f000f000fu; /* and 103 / 2^10 is 1 / 10, below 100 */
    x = tens | (x - 10 * tens) << 8;
    return x | 0x3030303030303030u;
}

static void put_bytes(char *out, uint64_t bytes)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    memcpy(out, &bytes, sizeof bytes);
}

/* How many of the last of 16 digits are zeros; at most 15. */
static unsigned trailing_zeros(uint64_t first, uint64_t last)
{
    const uint64_t zeros = 0x3030303030303030u;
    const bool is_short = last == zeros;
    return 8 * is_short + (unsigned)__builtin_clzll(choose(is_short, (first ^ zeros) | 1, last ^ zeros)) / 8;
}

/* Below 10,000. */
static char *put_whole(char *at, uint32_t value)
{
    for (uint32_t power = 1000; power > 1; power /= 10)
        if (value >= power)
            *at++ = (char)('0' + value / power % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

size_t wick_float_to_text(float value, char out[WICK_FLOAT_TEXT_BYTES])
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t fraction = bits & ((1u << FRACTION_BITS) - 1);
    const int e = (int)(bits >> FRACTION_BITS & 0xff) - BIAS;
    if (e < LEAST_E || e > MOST_E || fraction == 0)
        return wick_float_to_text_any(value, out);
    const unsigned k = digits_behind_point(e);
    const uint64_t decimal = shortest(fraction | 1u << FRACTION_BITS, k, (unsigned)-e - k);
    uint64_t behind = decimal;
    char *at = out;
    *at = '-';
    at += bits >> 31;
    if (e < -FRACTION_BITS) { /* below 1 */
        *at++ = '0';
    } else {
        behind = decimal % powers_of_10[k];
        at = put_whole(at, (uint32_t)(decimal / powers_of_10[k]));
    }
    if (behind == 0)
        return (size_t)(at - out);
    *at++ = '.';
    behind *= powers_of_10[16 - k];
    const uint64_t first = eight_digits((uint32_t)(behind / 100000000));
    const uint64_t last = eight_digits((uint32_t)(behind % 100000000));
    const unsigned n_behind = 16 - trailing_zeros(first, last);
    if (n_behind <= SCIENTIFIC_DIGITS && e < SCIENTIFIC_E)
        return wick_float_to_text_any(value, out);
    put_bytes(at, first);
    put_bytes(at + 8, last);
    return (size_t)(at - out) + n_behind;
}
