/* SPDX-License-Identifier: Apache-2.0
 * test_base_places_threads.c: base/places.h under many threads: at random, each checks that nobody else is where it is; and neither those that want one place nor those that want all starve
 * beside a crowd of the others. WICK_TEST_SLOW takes fewer rounds (valgrind). No cmocka in the threads: its failures must come from the main one. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/places.h"

#define MAX_PLACES 5
#define N_THREADS 6

static unsigned rounds(unsigned n)
{
    return getenv("WICK_TEST_SLOW") ? n / 20 + 1 : n;
}

/* What those who hold places say themselves; the places know nothing of it. */
typedef struct room {
    wick_places *places;
    unsigned n;
    unsigned
        plain[MAX_PLACES]; /* written by whoever is there, without any other lock: ThreadSanitizer sees where two are */
    atomic_bool is_held[MAX_PLACES];
    atomic_uint n_wrong, n_served;
} room;

static void enter(room *own, wick_place place)
{
    for (unsigned i = place.is_all ? 0 : place.index; i < (place.is_all ? own->n : place.index + 1); i++) {
        if (i >= own->n || atomic_exchange(&own->is_held[i], true))
            atomic_fetch_add(&own->n_wrong, 1);
        else
            own->plain[i]++;
    }
    const unsigned n_taken = wick_places_taken(own->places);
    if (n_taken < (place.is_all ? own->n : 1) || n_taken > own->n)
        atomic_fetch_add(&own->n_wrong, 1);
}

static void go(room *own, wick_place place)
{
    for (unsigned i = place.is_all ? 0 : place.index; i < (place.is_all ? own->n : place.index + 1); i++)
        atomic_store(&own->is_held[i], false);
}

/* ---- at random ---- */

typedef struct walker {
    room *own;
    uint32_t random;
    unsigned n_rounds, n_all, n_one, n_none;
    pthread_t thread;
} walker;

static uint32_t next_random(walker *self)
{
    self->random = self->random * 1664525u + 1013904223u;
    return self->random >> 16;
}

/* One becomes all where it can, all become one, and sometimes both, one after the other. */
static void change(walker *self, wick_place *place)
{
    room *own = self->own;
    if (!place->is_all) {
        go(own, *place); /* nobody can come: it is still taken */
        wick_places_extend(own->places, place);
        enter(own, *place);
    }
    if (place->is_all && next_random(self) % 2) {
        go(own, *place);
        wick_places_reduce(own->places, place);
        enter(own, *place);
    }
}

static void *walk(void *arg)
{
    walker *self = arg;
    room *own = self->own;
    for (unsigned i = 0; i < self->n_rounds; i++) {
        static const double max_ms[] = {0, 0.05, INFINITY, INFINITY};
        const double ms = max_ms[next_random(self) % 4];
        const bool all = next_random(self) % 4 == 0;
        wick_place place = wick_places_take(own->places, all, ms);
        if (place.is_none) {
            self->n_none++;
            if (isinf(ms))
                atomic_fetch_add(&own->n_wrong, 1);
            continue;
        }
        if (place.is_all != all)
            atomic_fetch_add(&own->n_wrong, 1);
        *(all ? &self->n_all : &self->n_one) += 1;
        enter(own, place);
        if (next_random(self) % 2)
            sched_yield();
        if (next_random(self) % 4 == 0)
            change(self, &place);
        go(own, place);
        wick_places_give_back(own->places, place);
    }
    return NULL;
}

static void threads_at_random(void **state)
{
    for (unsigned n = 1; n <= MAX_PLACES; n += 2) {
        room own = {.places = wick_places_new(n), .n = n};
        walker walkers[N_THREADS];
        unsigned n_all = 0, n_one = 0;
        for (unsigned i = 0; i < N_THREADS; i++) {
            walkers[i] = (walker){.own = &own, .random = n * 100 + i, .n_rounds = rounds(4000)};
            assert_int_equal(pthread_create(&walkers[i].thread, NULL, walk, &walkers[i]), 0);
        }
        for (unsigned i = 0; i < N_THREADS; i++) {
            pthread_join(walkers[i].thread, NULL);
            n_all += walkers[i].n_all;
            n_one += walkers[i].n_one;
        }
        assert_int_equal(own.n_wrong, 0);
        assert_true(n_all > 0 &&
                    n_one >
                        0); /* whether a place is ever extended is up to the scheduler; test_base_places.c does so */
        assert_int_equal(wick_places_taken(own.places), 0);
        for (unsigned i = 0; i < n; i++)
            assert_false(own.is_held[i]);
        wick_places_free(own.places);
    }
}

/* ---- nobody starves ---- */

typedef struct crowd {
    wick_places *places;
    bool all;
    atomic_bool is_over;
    atomic_ulong n_served;
} crowd;

/* Takes a place again as soon as it has given it back. */
static void *press(void *arg)
{
    crowd *own = arg;
    while (!atomic_load(&own->is_over)) {
        const wick_place place = wick_places_take(own->places, own->all, INFINITY);
        atomic_fetch_add(&own->n_served, 1);
        const double start_ms = wick_now_ms();
        while (wick_now_ms() - start_ms < 0.2)
            sched_yield();
        wick_places_give_back(own->places, place);
    }
    return NULL;
}

/* A crowd that never lets the places go free, and one who wants the other thing: it comes in every time. */
static void nobody_starves(void **state)
{
    enum { N_CROWD = 4 };
    for (int all = 0; all < 2; all++) {
        crowd own = {.places = wick_places_new(2), .all = all};
        pthread_t threads[N_CROWD];
        for (size_t i = 0; i < N_CROWD; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, press, &own), 0);
        while (atomic_load(&own.n_served) < 2 * N_CROWD)
            sched_yield();
        unsigned n_served = 0;
        const unsigned n = rounds(100);
        for (unsigned i = 0; i < n; i++) {
            const wick_place place = wick_places_take(own.places, !all, 10000);
            n_served += !place.is_none && place.is_all == !all;
            wick_places_give_back(own.places, place);
        }
        atomic_store(&own.is_over, true);
        for (size_t i = 0; i < N_CROWD; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(n_served, n);
        assert_int_equal(wick_places_taken(own.places), 0);
        wick_places_free(own.places);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_at_random),
        cmocka_unit_test(nobody_starves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
