/* SPDX-License-Identifier: Apache-2.0
 * test_base_places.c: base/places.h: first come, first served for one place and for all; numbers that are held once; extend and reduce; waiting that ends. (test_base_places_threads.c: many
 * threads at once.) */
#include "base/places.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

#define LONG_MS 20000.0 /* what a test that has failed waits */
#define ARRIVAL_MS 40   /* after it has said that it comes, a thread stands in line within this */

static void sleep_ms(unsigned ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* ---- somebody who waits ---- */

static atomic_uint n_served;

typedef struct guest {
    wick_places *places;
    bool all;
    double max_ms;
    wick_place place;
    atomic_uint order; /* in which they were served: 1, 2, ...; 0: not yet */
    atomic_bool comes;
    double waited_ms;
    pthread_t thread;
} guest;

static void *wait_for_place(void *arg)
{
    guest *self = arg;
    const double start_ms = wick_now_ms();
    atomic_store(&self->comes, true);
    self->place = wick_places_take(self->places, self->all, self->max_ms);
    self->waited_ms = wick_now_ms() - start_ms;
    atomic_store(&self->order, atomic_fetch_add(&n_served, 1) + 1);
    return NULL;
}

/* It stands in line, or has its place, when this returns. */
static void arrive(guest *self, wick_places *places, bool all, double max_ms)
{
    *self = (guest){.places = places, .all = all, .max_ms = max_ms};
    assert_int_equal(pthread_create(&self->thread, NULL, wait_for_place, self), 0);
    while (!atomic_load(&self->comes))
        sleep_ms(1);
    sleep_ms(ARRIVAL_MS);
}

static bool is_served(guest *self)
{
    sleep_ms(ARRIVAL_MS);
    return atomic_load(&self->order) > 0;
}

static void join(guest *self)
{
    assert_int_equal(pthread_join(self->thread, NULL), 0);
}

/* It was served, has what it asked for, and gives it back. */
static void leave(guest *self)
{
    join(self);
    assert_false(self->place.is_none);
    assert_int_equal(self->place.is_all, self->all);
    wick_places_give_back(self->places, self->place);
}

/* ---- one caller ---- */

static void numbers_are_held_once(void **state)
{
    for (unsigned n = 1; n <= 70; n += n < 8 ? 1 : 31) {
        wick_places *places = wick_places_new(n);
        assert_non_null(places);
        assert_int_equal(wick_places_count(places), n);
        for (int round = 0; round < 3; round++) {
            wick_place held[80];
            bool seen[80] = {false};
            for (unsigned i = 0; i < n; i++) {
                assert_int_equal(wick_places_taken(places), i);
                held[i] = wick_places_take(places, false, 0);
                assert_false(held[i].is_none || held[i].is_all);
                assert_true(held[i].index < n && !seen[held[i].index]);
                seen[held[i].index] = true;
            }
            assert_true(wick_places_take(places, false, 0).is_none);
            assert_true(wick_places_take(places, true, 0).is_none);
            assert_int_equal(wick_places_taken(places), n);
            for (unsigned i = 0; i < n; i++) /* in another order each time */
                wick_places_give_back(places, held[(i * 31 + (unsigned)round) % n]);
            assert_int_equal(wick_places_taken(places), 0);
        }
        wick_places_free(places);
    }
    wick_places_free(NULL);
}

static void all_is_alone(void **state)
{
    for (unsigned n = 1; n <= 3; n++) {
        wick_places *places = wick_places_new(n);
        wick_place all = wick_places_take(places, true, 0);
        assert_true(all.is_all && !all.is_none && all.index == 0);
        assert_int_equal(wick_places_taken(places), n);
        assert_true(wick_places_take(places, false, 0).is_none);
        assert_true(wick_places_take(places, true, 0).is_none);
        wick_places_give_back(places, all);
        const wick_place one = wick_places_take(places, false, 0);
        assert_false(one.is_none);
        assert_true(wick_places_take(places, true, 0).is_none);
        wick_places_give_back(places, one);
        wick_places_give_back(places, (wick_place){.is_none = true}); /* nothing */
        assert_int_equal(wick_places_taken(places), 0);
        wick_places_free(places);
    }
}

static void one_becomes_all_and_all_one(void **state)
{
    wick_places *places = wick_places_new(3);
    wick_place a = wick_places_take(places, false, 0), b = wick_places_take(places, false, 0);
    const wick_place before = a;
    assert_false(wick_places_extend(places, &a)); /* somebody else has one */
    assert_true(!a.is_all && !a.is_none && a.index == before.index);
    assert_int_equal(wick_places_taken(places), 2);
    wick_places_give_back(places, b);
    assert_true(wick_places_extend(places, &a));
    assert_true(a.is_all && !a.is_none);
    assert_int_equal(wick_places_taken(places), 3);
    assert_true(wick_places_extend(places, &a)); /* it is all already */
    assert_true(a.is_all);
    assert_true(wick_places_take(places, false, 0).is_none);
    wick_places_reduce(places, &a);
    assert_true(!a.is_all && !a.is_none && a.index < 3);
    assert_int_equal(wick_places_taken(places), 1);
    const wick_place one = a;
    wick_places_reduce(places, &a); /* it is one already */
    assert_true(!a.is_all && a.index == one.index);
    b = wick_places_take(places, false, 0);
    wick_place c = wick_places_take(places, false, 0), none = wick_places_take(places, false, 0);
    assert_true(a.index != b.index && b.index != c.index && c.index != a.index);
    assert_true(none.is_none && !wick_places_extend(places, &none) && none.is_none);
    wick_places_give_back(places, a);
    wick_places_give_back(places, b);
    wick_places_give_back(places, c);
    assert_int_equal(wick_places_taken(places), 0);
    wick_places_free(places);
}

static void waiting_has_an_end(void **state)
{
    wick_places *places = wick_places_new(2);
    const wick_place all = wick_places_take(places, true, 0);
    for (int wants_all = 0; wants_all < 2; wants_all++) {
        const double start_ms = wick_now_ms();
        assert_true(wick_places_take(places, wants_all, 30).is_none);
        const double waited_ms = wick_now_ms() - start_ms;
        assert_true(waited_ms >= 30 && waited_ms < LONG_MS);
        assert_true(wick_places_take(places, wants_all, -5).is_none);
    }
    wick_places_give_back(places, all);
    wick_places_give_back(places, wick_places_take(places, true, 0)); /* those who left stand in nobody's way */
    assert_int_equal(wick_places_taken(places), 0);
    wick_places_free(places);
}

/* ---- in line ---- */

/* One has a place. Then come: all, one, all, one, one. Each of them waits for those before it, though there is a free place all the time. */
static void first_come_first_served(void **state)
{
    static const bool wants_all[] = {true, false, true, false, false};
    enum { N = 5 };
    wick_places *places = wick_places_new(2);
    wick_place held = wick_places_take(places, false, 0);
    guest guests[N];
    atomic_store(&n_served, 0);
    for (size_t i = 0; i < N; i++)
        arrive(&guests[i], places, wants_all[i], INFINITY);
    assert_int_equal(wick_places_taken(places), 1);
    assert_true(wick_places_take(places, false, 0).is_none); /* who does not wait does not pass either */
    assert_false(wick_places_extend(places, &held));         /* nor who has a place already */
    wick_places_give_back(places, held);
    for (size_t i = 0; i < 3; i++) { /* all, one, all: each as the one before leaves */
        assert_true(is_served(&guests[i]));
        assert_false(is_served(&guests[i + 1]));
        assert_int_equal(guests[i].order, i + 1);
        leave(&guests[i]);
    }
    assert_true(is_served(&guests[3]) && is_served(&guests[4])); /* both singles at once */
    assert_int_equal(wick_places_taken(places), 2);
    join(&guests[3]);
    join(&guests[4]);
    assert_true(guests[3].place.index != guests[4].place.index);
    wick_places_give_back(places, guests[3].place);
    wick_places_give_back(places, guests[4].place);
    assert_int_equal(wick_places_taken(places), 0);
    wick_places_free(places);
}

/* Behind one that wants all stand two that want one; when it goes, those get the places that are free, and one gets none. */
static void who_leaves_lets_the_next_ones_in(void **state)
{
    wick_places *places = wick_places_new(2);
    const wick_place held = wick_places_take(places, false, 0);
    guest hasty, patient, last;
    atomic_store(&n_served, 0);
    arrive(&hasty, places, true, 10 * ARRIVAL_MS);
    arrive(&patient, places, false, LONG_MS);
    arrive(&last, places, false, LONG_MS);
    assert_int_equal(hasty.order, 0);
    assert_int_equal(patient.order, 0);
    join(&hasty);
    assert_true(hasty.place.is_none);
    assert_true(hasty.waited_ms >= 10 * ARRIVAL_MS);
    assert_true(is_served(&patient));
    assert_false(is_served(&last));
    assert_true(patient.waited_ms < LONG_MS / 2);
    wick_places_give_back(places, held);
    leave(&last);
    leave(&patient);
    assert_true(patient.place.index != held.index);
    assert_int_equal(wick_places_taken(places), 0);
    wick_places_free(places);
}

/* One in the middle and the last of a line leave it; the line holds. */
static void the_middle_and_the_end_of_a_line_leave(void **state)
{
    wick_places *places = wick_places_new(1);
    const wick_place held = wick_places_take(places, false, 0);
    guest first, middle, third, end, newest;
    arrive(&first, places, false, LONG_MS);
    arrive(&middle, places, true, 4 * ARRIVAL_MS);
    arrive(&third, places, false, LONG_MS);
    arrive(&end, places, false, 2 * ARRIVAL_MS);
    join(&middle);
    join(&end);
    assert_true(middle.place.is_none && end.place.is_none);
    arrive(&newest, places, true, LONG_MS); /* behind the third */
    wick_places_give_back(places, held);
    assert_true(is_served(&first));
    assert_true(third.order == 0 && newest.order == 0);
    leave(&first);
    assert_true(is_served(&third));
    assert_int_equal(newest.order, 0);
    leave(&third);
    leave(&newest);
    assert_int_equal(wick_places_taken(places), 0);
    wick_places_free(places);
}

/* All that become one let others in at once; and one cannot become all while somebody waits. */
static void who_reduces_lets_others_in(void **state)
{
    wick_places *places = wick_places_new(3);
    wick_place all = wick_places_take(places, true, 0);
    guest a, b, whole;
    arrive(&a, places, false, LONG_MS);
    arrive(&b, places, false, LONG_MS);
    arrive(&whole, places, true, LONG_MS);
    wick_places_reduce(places, &all);
    assert_true(is_served(&a) && is_served(&b));
    assert_int_equal(whole.order, 0);
    assert_int_equal(wick_places_taken(places), 3);
    leave(&a);
    leave(&b);
    assert_true(a.place.index != b.place.index && a.place.index != all.index && b.place.index != all.index);
    assert_false(wick_places_extend(places, &all));
    wick_places_give_back(places, all);
    leave(&whole);
    assert_int_equal(wick_places_taken(places), 0);
    wick_places_free(places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_held_once),
        cmocka_unit_test(all_is_alone),
        cmocka_unit_test(one_becomes_all_and_all_one),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(who_leaves_lets_the_next_ones_in),
        cmocka_unit_test(the_middle_and_the_end_of_a_line_leave),
        cmocka_unit_test(who_reduces_lets_others_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
