/* SPDX-License-Identifier: Apache-2.0
 * places.c: a line of waiters before n places; see places.h. Whoever gives places back hands them to those who are first in line. */
#include "base/places.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"

typedef struct waiter {
    struct waiter *next;
    wick_place place; /* is_none: not yet */
    bool wants_all;
} waiter;

struct wick_places {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    unsigned n;
    atomic_uint n_taken;  /* changed with the mutex held */
    waiter *first, **end; /* in the order of their coming */
    unsigned n_free;      /* of free_ones */
    unsigned free_ones[]; /* [n] a stack of the free places' numbers: the one used last is warm */
};

wick_places *wick_places_new(unsigned n)
{
    wick_places *places = calloc(1, sizeof *places + n * sizeof places->free_ones[0]);
    if (!places)
        return NULL;
    if (pthread_mutex_init(&places->mutex, NULL) != 0) {
        free(places);
        return NULL;
    }
    if (wick_wait_init(&places->given) != 0) {
        pthread_mutex_destroy(&places->mutex);
        free(places);
        return NULL;
    }
    places->n = places->n_free = n;
    for (unsigned i = 0; i < n; i++)
        places->free_ones[i] = n - 1 - i;
    places->end = &places->first;
    return places;
}

void wick_places_free(wick_places *places)
{
    if (!places)
        return;
    pthread_cond_destroy(&places->given);
    pthread_mutex_destroy(&places->mutex);
    free(places);
}

unsigned wick_places_count(const wick_places *places)
{
    return places->n;
}

unsigned wick_places_taken(const wick_places *places)
{
    return atomic_load_explicit(&places->n_taken, memory_order_relaxed);
}

/* ---- with the mutex held ---- */

static void count_taken(wick_places *places)
{
    atomic_store_explicit(&places->n_taken, places->n - places->n_free, memory_order_relaxed);
}

/* is_none where there are not enough. All places keep their numbers on the stack: they are free in that order again. */
static wick_place grab(wick_places *places, bool all)
{
    wick_place place = {.is_none = true};
    if (all && places->n_free == places->n) {
        places->n_free = 0;
        place = (wick_place){.is_all = true};
    } else if (!all && places->n_free > 0) {
        place = (wick_place){.index = places->free_ones[--places->n_free]};
    }
    count_taken(places);
    return place;
}

static void put_back(wick_places *places, wick_place place)
{
    if (place.is_all)
        places->n_free = places->n;
    else
        places->free_ones[places->n_free++] = place.index;
    count_taken(places);
}

/* Gives what is free to those who are first in line. */
static void hand_out(wick_places *places)
{
    bool is_given = false;
    for (waiter *one = places->first; one; one = one->next) {
        one->place = grab(places, one->wants_all);
        if (one->place.is_none)
            break;
        places->first = one->next;
        is_given = true;
    }
    if (!places->first)
        places->end = &places->first;
    if (is_given)
        pthread_cond_broadcast(&places->given);
}

static void leave_line(wick_places *places, const waiter *self)
{
    waiter **link = &places->first;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    if (!*link)
        places->end = link;
    hand_out(places); /* the one behind may want less */
}

static void wait_in_line(wick_places *places, waiter *self, double max_ms)
{
    const double end_ms = wick_now_ms() + max_ms;
    *places->end = self;
    places->end = &self->next;
    for (double now_ms = wick_now_ms(); self->place.is_none && now_ms < end_ms; now_ms = wick_now_ms())
        wick_wait_ms(&places->given, &places->mutex, end_ms - now_ms);
    if (self->place.is_none)
        leave_line(places, self);
}

/* ---- */

wick_place wick_places_take(wick_places *places, bool all, double max_ms)
{
    waiter self = {.place = {.is_none = true}, .wants_all = all};
    pthread_mutex_lock(&places->mutex);
    if (!places->first)
        self.place = grab(places, all);
    if (self.place.is_none)
        wait_in_line(places, &self, max_ms);
    pthread_mutex_unlock(&places->mutex);
    return self.place;
}

bool wick_places_extend(wick_places *places, wick_place *place)
{
    if (place->is_all)
        return true;
    pthread_mutex_lock(&places->mutex);
    const bool is_free = !place->is_none && !places->first && places->n_free + 1 == places->n;
    if (is_free) {
        put_back(places, *place);
        *place = grab(places, true);
    }
    pthread_mutex_unlock(&places->mutex);
    return is_free;
}

void wick_places_reduce(wick_places *places, wick_place *place)
{
    if (!place->is_all)
        return;
    pthread_mutex_lock(&places->mutex);
    put_back(places, *place);
    *place = grab(places, false);
    hand_out(places);
    pthread_mutex_unlock(&places->mutex);
}

void wick_places_give_back(wick_places *places, wick_place place)
{
    if (place.is_none)
        return;
    pthread_mutex_lock(&places->mutex);
    put_back(places, place);
    hand_out(places);
    pthread_mutex_unlock(&places->mutex);
}
