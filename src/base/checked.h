/* SPDX-License-Identifier: Apache-2.0
 * checked.h: arithmetic on sizes that come from files or callers; each returns false on overflow and leaves *out alone. */
#ifndef WICK_BASE_CHECKED_H
#define WICK_BASE_CHECKED_H
#include <stdbool.h>
#include <stddef.h>

static inline bool wick_mul_size(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

static inline bool wick_add_size(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

/* Rounds up to a multiple of alignment (a power of two). */
static inline bool wick_round_up(size_t value, size_t alignment, size_t *out)
{
    size_t sum;
    if (!wick_add_size(value, alignment - 1, &sum))
        return false;
    *out = sum & ~(alignment - 1);
    return true;
}

#endif
