/* SPDX-License-Identifier: Apache-2.0
 * score.c: reading a score (score.h). */
#include "text/score.h"

#include <math.h>
#include <stdint.h>

#include "base/digits.h"

#define MAX_POWER 308
/* Beyond this an exponent's digits do not count: with so many digits as a file may have it is out of range or 0 all the same. */
#define MAX_EXPONENT 1000000000

#define TEN_POWERS(n) 1e##n##0, 1e##n##1, 1e##n##2, 1e##n##3, 1e##n##4, 1e##n##5, 1e##n##6, 1e##n##7, 1e##n##8, 1e##n##9

static const double powers[MAX_POWER + 1] = {1e0,
                                             1e1,
                                             1e2,
                                             1e3,
                                             1e4,
                                             1e5,
                                             1e6,
                                             1e7,
                                             1e8,
                                             1e9,
                                             TEN_POWERS(1),
                                             TEN_POWERS(2),
                                             TEN_POWERS(3),
                                             TEN_POWERS(4),
                                             TEN_POWERS(5),
                                             TEN_POWERS(6),
                                             TEN_POWERS(7),
                                             TEN_POWERS(8),
                                             TEN_POWERS(9),
                                             TEN_POWERS(10),
                                             TEN_POWERS(11),
                                             TEN_POWERS(12),
                                             TEN_POWERS(13),
                                             TEN_POWERS(14),
                                             TEN_POWERS(15),
                                             TEN_POWERS(16),
                                             TEN_POWERS(17),
                                             TEN_POWERS(18),
                                             TEN_POWERS(19),
                                             TEN_POWERS(20),
                                             TEN_POWERS(21),
                                             TEN_POWERS(22),
                                             TEN_POWERS(23),
                                             TEN_POWERS(24),
                                             TEN_POWERS(25),
                                             TEN_POWERS(26),
                                             TEN_POWERS(27),
                                             TEN_POWERS(28),
                                             TEN_POWERS(29),
                                             1e300,
                                             1e301,
                                             1e302,
                                             1e303,
                                             1e304,
                                             1e305,
                                             1e306,
                                             1e307,
                                             1e308};

/* digits times ten to the power of exponent, rounded at each step. */
static double scale(uint64_t digits, int64_t exponent)
{
    double value = (double)digits;
    for (; exponent < -MAX_POWER && value != 0; exponent += MAX_POWER)
        value /= powers[MAX_POWER];
    if (value == 0)
        return 0;
    if (exponent > MAX_POWER)
        return INFINITY;
    return exponent >= 0 ? value * powers[exponent] : value / powers[-exponent];
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* Where eight digits more are sure to fit, adds as many at once; returns how many digits it added. */
static size_t add_eight(uint64_t *digits, const char *at, const char *end)
{
    const uint64_t eight = 100000000;
    if (end - at < WICK_DIGITS_STEP || *digits > UINT64_MAX / eight - 1 || !wick_digits_are(at))
        return 0;
    *digits = *digits * eight + wick_digits_value(at);
    return WICK_DIGITS_STEP;
}

/* Adds a digit; false: it does not fit. */
static bool add_digit(uint64_t *digits, char digit)
{
    uint64_t sum;
    if (__builtin_mul_overflow(*digits, 10u, &sum) || __builtin_add_overflow(sum, (uint64_t)(digit - '0'), &sum))
        return false;
    *digits = sum;
    return true;
}

bool wick_score_read(const char *text, size_t n, double *out)
{
    const char *at = text, *end = text + n;
    const bool is_negative = at < end && *at == '-';
    uint64_t digits = 0;
    int64_t exponent = 0, written = 0;
    bool fits = true;
    for (at += is_negative; is_digit(at, end); at++) {
        fits = fits && add_digit(&digits, *at);
        exponent += !fits;
    }
    if (at < end && *at == '.') {
        /* After a whole part that did not fit, digits are tried again, as there. */
        at++;
        fits = true;
        for (size_t n_added; (n_added = add_eight(&digits, at, end)) > 0; at += n_added)
            exponent -= (int64_t)n_added;
        for (; is_digit(at, end); at++) {
            fits = fits && add_digit(&digits, *at);
            exponent -= fits;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const bool is_small = ++at < end && *at == '-';
        for (at += at < end && (*at == '-' || *at == '+'); is_digit(at, end); at++)
            written = written < MAX_EXPONENT ? 10 * written + (*at - '0') : written;
        exponent += is_small ? -written : written;
    }
    const double value = scale(digits, exponent);
    *out = is_negative ? -value : value;
    return isfinite(value);
}

#define MAX_DIGITS 19 /* no number of so many is beyond 64 bits */

const char *wick_score_take(const char *at, const char *end, double *out)
{
    static const uint64_t steps[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    if (end - at < WICK_SCORE_ROOM) /* a sign, digits, a point, and three times digits */
        return NULL;
    const bool is_negative = *at == '-';
    const char *whole = at + is_negative;
    uint32_t value;
    unsigned n_whole = wick_digits_take(whole, &value), n = WICK_DIGITS_STEP, n_digits = n_whole;
    uint64_t digits = value;
    if (n_whole == 0 || (n_whole > 1 && *whole == '0') || whole[n_whole] != '.')
        return NULL;
    for (at = whole + n_whole + 1; n == WICK_DIGITS_STEP && n_digits <= MAX_DIGITS; at += n, n_digits += n) {
        n = wick_digits_take(at, &value);
        digits = digits * steps[n] + value;
    }
    if (n_digits > MAX_DIGITS || n_digits == n_whole || *at == 'e' || *at == 'E')
        return NULL;
    const double score = (double)digits / powers[n_digits - n_whole];
    *out = is_negative ? -score : score;
    return at;
}
