/* SPDX-License-Identifier: Apache-2.0
 * places.h: who computes on which cores. Each place stands for a core: a caller takes one, for work that one thread does, or all of them, for work that every thread shares. First come, first
 * served, so that neither kind starves; two that share the same cores would both take more than twice as long. A plain mutex would not do even for a single place: who gives it back takes it again
 * before the one that waits has woken. */
#ifndef WICK_BASE_PLACES_H
#define WICK_BASE_PLACES_H
#include <stdbool.h>

typedef struct wick_places wick_places;

/* What a caller has: one place, which has a number, or all. */
typedef struct wick_place {
    unsigned index; /* below n; of all: 0 */
    bool is_all;
    bool is_none; /* it has not come in time: nothing to give back */
} wick_place;

/* n >= 1. NULL: out of memory. */
wick_places *wick_places_new(unsigned n);
/* Nobody has or waits for a place. NULL is accepted. */
void wick_places_free(wick_places *places);
unsigned wick_places_count(const wick_places *places);
/* How many are taken; without a lock, so it may just have changed. */
unsigned wick_places_taken(const wick_places *places);

/* Waits for one place, or for all, up to max_ms (INFINITY: however long). */
wick_place wick_places_take(wick_places *places, bool all, double max_ms);
/* The one place becomes all where nobody else has any, or waits. False: it stays as it is. */
bool wick_places_extend(wick_places *places, wick_place *place);
/* All become one. */
void wick_places_reduce(wick_places *places, wick_place *place);
void wick_places_give_back(wick_places *places, wick_place place);

#endif
