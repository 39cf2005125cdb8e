/* SPDX-License-Identifier: Apache-2.0
 * late_origins.h: what step_charsmap.c holds back between two slices: the origins of characters that have come and whose places were not given away yet, first
 * in first out, and the character that takes the next. */
#ifndef WICK_TEXT_LATE_ORIGINS_H
#define WICK_TEXT_LATE_ORIGINS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wick_late_origins {
    uint32_t *origins; /* [capacity] a ring */
    size_t first, n;   /* the oldest, how many */
    size_t capacity;   /* 0 or a power of two */
    uint32_t last;     /* given away last */
    bool has_character;
    uint32_t character; /* the newest of the output, where has_character */
    int64_t change;     /* 1: it is an addition; 0: it takes the next place; -n: and n more */
} wick_late_origins;

/* False: out of memory. */
bool wick_late_origins_grow(wick_late_origins *late);

static inline bool wick_late_origins_add(wick_late_origins *late, uint32_t origin)
{
    if (late->n == late->capacity && !wick_late_origins_grow(late))
        return false;
    late->origins[(late->first + late->n++) & (late->capacity - 1)] = origin;
    return true;
}

/* The oldest; the one given away last where there is none. */
static inline uint32_t wick_late_origins_first(const wick_late_origins *late)
{
    return late->n > 0 ? late->origins[late->first] : late->last;
}

/* Gives the n oldest away, or all that there are; n >= 1. */
static inline void wick_late_origins_drop(wick_late_origins *late, size_t n)
{
    n = n < late->n ? n : late->n;
    if (n == 0)
        return;
    late->last = late->origins[(late->first + n - 1) & (late->capacity - 1)];
    late->first = (late->first + n) & (late->capacity - 1);
    late->n -= n;
}

#endif
