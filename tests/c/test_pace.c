/* SPDX-License-Identifier: Apache-2.0
 * test_pace.c: on machines that are simulated, pace.c takes the faster way, notices soon when the other becomes faster, and its tries cost little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/pace.h"

#define MS 1e6

/* A machine of two threads: what a call takes shared and alone, in ms; with noise, each up to so much of it more; one call in `spike_every` takes six times as long. */
typedef struct machine {
    double shared, alone, noise;
    unsigned spike_every;
} machine;

typedef struct tally {
    double spent_ns, best_ns; /* best: always the faster way */
    unsigned n_calls, n_alone;
} tally;

static wick_pace pace;
static uint64_t dice;

static double random_unit(void)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (double)(dice >> 40) / (double)(1 << 24);
}

static int start(void **state)
{
    (void)state;
    memset(&pace, 0, sizeof pace);
    dice = 1;
    return 0;
}

static double time_of(const machine *m, bool alone)
{
    double ns = (alone ? m->alone : m->shared) * MS * (1 + m->noise * random_unit());
    return m->spike_every && random_unit() * m->spike_every < 1 ? 6 * ns : ns;
}

static void call(const machine *m, size_t n_rows, tally *t)
{
    const bool alone = wick_pace_begin(&pace, n_rows);
    const double ns = time_of(m, alone);
    wick_pace_end(&pace, n_rows, alone, (uint64_t)ns, 0, 2);
    t->spent_ns += ns;
    t->best_ns += (m->shared < m->alone ? m->shared : m->alone) * MS;
    t->n_calls++;
    t->n_alone += alone;
}

static tally run(const machine *m, size_t n_rows, double ms)
{
    tally t = {0};
    while (t.spent_ns < ms * MS)
        call(m, n_rows, &t);
    return t;
}

static const machine own_cores = {.shared = 0.9, .alone = 1.35}, one_core = {.shared = 1.8, .alone = 1.35};

static void test_own_cores(void **state)
{
    (void)state;
    const tally t = run(&own_cores, 12, 10000);
    assert_true(t.n_alone > 0 && t.n_alone * 100 < t.n_calls);
    assert_true(t.spent_ns < 1.01 * t.best_ns);
}

static void test_one_core(void **state)
{
    (void)state;
    const tally first = run(&one_core, 12, 60);
    assert_true(first.n_alone > first.n_calls / 3); /* it does not take long to see */
    const tally t = run(&one_core, 12, 10000);
    assert_true(t.n_alone < t.n_calls && t.n_alone * 20 > t.n_calls * 19);
    assert_true(t.spent_ns < 1.02 * t.best_ns);
}

/* Alone is four times slower, as with many threads: a try ends early. */
static void test_hopeless(void **state)
{
    (void)state;
    const machine m = {.shared = 0.3, .alone = 1.2};
    tally t = run(&m, 12, 10000);
    assert_true(t.n_alone * 100 < t.n_calls);
    assert_true(t.spent_ns < 1.01 * t.best_ns);
    const machine large = {.shared = 100, .alone = 190}; /* calls that take long are not tried more often */
    t = run(&large, 12, 200000);
    assert_true(t.n_alone * 100 < t.n_calls);
}

/* Many threads: what a try costs is made up for by a pause. */
static void test_many_threads(void **state)
{
    (void)state;
    machine m = {.shared = 2, .alone = 60};
    tally t = run(&m, 200, 60000);
    assert_true(t.n_alone > 0);
    assert_true(t.spent_ns < 1.03 * t.best_ns);
    m.noise = 0.4; /* calls seem to become slower again and again */
    m.spike_every = 20;
    m.alone = 32;
    t = run(&m, 200, 600000);
    assert_true(t.n_alone * m.alone < 0.02 * t.n_calls * m.shared);
}

/* So many rows are worth sharing: even one try would take long. */
static void test_many_rows(void **state)
{
    (void)state;
    const tally t = run(&one_core, 256, 3000);
    assert_int_equal(t.n_alone, 0);
}

/* A try that stops for long, since the process did, does not keep the slower way for as long. */
static void test_stops(void **state)
{
    (void)state;
    while (!wick_pace_begin(&pace, 12))
        wick_pace_end(&pace, 12, false, 1800000, 0, 2);
    wick_pace_end(&pace, 12, true, 3600000000000u, 0, 2);
    run(&one_core, 12, 61000);
    const tally t = run(&one_core, 12, 1000);
    assert_true(t.n_alone * 20 > t.n_calls * 19);
}

static void test_changes(void **state)
{
    (void)state;
    run(&own_cores, 12, 1000);
    for (int i = 0; i < 10; i++) {
        tally t = run(&one_core, 12, 30); /* the slower calls are seen at once */
        assert_true(t.n_alone >= t.n_calls / 4);
        t = run(&one_core, 12, 970);
        assert_true(t.spent_ns < 1.03 * t.best_ns);
        t = run(&own_cores, 12, 120);
        assert_true(t.n_alone < t.n_calls);
        t = run(&own_cores, 12, 880);
        assert_true(t.n_alone * 50 < t.n_calls);
        assert_true(t.spent_ns < 1.02 * t.best_ns);
    }
}

static void test_noise(void **state)
{
    (void)state;
    machine noisy = own_cores;
    noisy.noise = 0.4;
    noisy.spike_every = 20;
    tally t = run(&noisy, 12, 20000);
    assert_true(t.n_alone * 20 < t.n_calls);
    noisy.shared = one_core.shared;
    t = run(&noisy, 12, 20000);
    assert_true(t.n_alone * 20 > t.n_calls * 17);
}

/* One text after another, of one octave of lengths: some cost more, which is not the way's fault. */
static void test_lengths(void **state)
{
    (void)state;
    tally t = {0};
    for (size_t i = 0; i < 20000; i++) {
        const size_t n_rows = 8 + (size_t)(random_unit() * 8);
        const double work = 0.5 + (double)n_rows / 16;
        call(&(machine){.shared = 0.9 * work, .alone = 1.35 * work}, n_rows, &t);
    }
    assert_true(t.n_alone * 50 < t.n_calls);
}

static void test_classes_are_apart(void **state)
{
    (void)state;
    tally few = {0}, many = {0};
    const machine wide = {.shared = 5, .alone = 9};
    for (int i = 0; i < 3000; i++) {
        call(&one_core, 12, &few);
        call(&wide, 90, &many);
    }
    assert_true(few.n_alone * 10 > few.n_calls * 9);
    assert_true(many.n_alone * 20 < many.n_calls);
}

/* Any number of rows has a class. */
static void test_rows(void **state)
{
    (void)state;
    const size_t rows[] = {0, 1, 2, 3, 4, 5, 511, 512, 12287, 1000000, SIZE_MAX};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        wick_pace_begin(&pace, rows[i]);
        wick_pace_end(&pace, rows[i], false, 1000, 0, 2);
    }
}

/* A call that slept is followed by calls alone, each time it happens by twice as many, 128 at the most. */
static void test_crowding(void **state)
{
    (void)state;
    for (unsigned backoff = 1, i = 0; i < 10; i++) {
        assert_false(wick_pace_begin(&pace, 12));
        wick_pace_end(&pace, 12, false, 4000000, 4000000, 2);
        unsigned n = 0;
        for (; pace.crowding.n_alone > 0; n++) {
            assert_true(wick_pace_begin(&pace, 12));
            wick_pace_end(&pace, 12, true, 1000000, 0, 2);
        }
        assert_int_equal(n, backoff);
        backoff = backoff < 128 ? backoff * 2 : 128;
    }
    for (double ns = 0; ns < 30 * MS; ns += 0.9 * MS) { /* free again */
        const bool alone = wick_pace_begin(&pace, 12);
        wick_pace_end(&pace, 12, alone, 900000, 0, 2);
    }
    assert_int_equal(pace.crowding.backoff, 0);
}

/* Tries of sharing that end in a crowd become rare. */
static void test_crowded_tries(void **state)
{
    (void)state;
    run(&one_core, 12, 100);
    unsigned n_shared = 0;
    for (int i = 0; i < 20000; i++) {
        const bool alone = wick_pace_begin(&pace, 12);
        n_shared += !alone;
        wick_pace_end(&pace, 12, alone, alone ? 1350000 : 6000000, alone ? 0 : 9000000, 2);
    }
    assert_in_range(n_shared, 5, 40);
}

/* Calls that are made alone anyway do not use up those that a crowd gave to another length. */
static void test_crowds_of_two_lengths(void **state)
{
    (void)state;
    run(&one_core, 12, 100);
    unsigned n_shared = 0;
    for (int i = 0; i < 2000; i++) {
        for (int k = 0; k < 100; k++) {
            const bool alone = wick_pace_begin(&pace, 12);
            wick_pace_end(&pace, 12, alone, alone ? 1350000 : 6000000, alone ? 0 : 9000000, 2);
        }
        const bool alone = wick_pace_begin(&pace, 90);
        n_shared += !alone;
        wick_pace_end(&pace, 90, alone, alone ? 7000000 : 20000000, alone ? 0 : 20000000, 2);
    }
    assert_true(n_shared < 200);
}

/* Threads that slept while one took all calls make the first of a try late, which must not end it. */
static void test_wake_up(void **state)
{
    (void)state;
    const machine slower = {.shared = 0.15, .alone = 0.1}, faster = {.shared = 0.06, .alone = 0.1};
    run(&slower, 12, 1000);
    tally t = {0};
    for (bool was_alone = true; t.spent_ns < 2000 * MS;) {
        const bool alone = wick_pace_begin(&pace, 12);
        const double ns = time_of(&faster, alone) + (!alone && was_alone ? 0.4 * MS : 0);
        wick_pace_end(&pace, 12, alone, (uint64_t)ns, 0, 2);
        t.spent_ns += ns;
        t.n_calls++;
        t.n_alone += alone;
        was_alone = alone;
    }
    assert_true(t.n_alone * 10 < t.n_calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_own_cores, start),     cmocka_unit_test_setup(test_one_core, start),
        cmocka_unit_test_setup(test_hopeless, start),      cmocka_unit_test_setup(test_many_threads, start),
        cmocka_unit_test_setup(test_many_rows, start),     cmocka_unit_test_setup(test_stops, start),
        cmocka_unit_test_setup(test_changes, start),       cmocka_unit_test_setup(test_noise, start),
        cmocka_unit_test_setup(test_lengths, start),       cmocka_unit_test_setup(test_classes_are_apart, start),
        cmocka_unit_test_setup(test_rows, start),          cmocka_unit_test_setup(test_crowding, start),
        cmocka_unit_test_setup(test_crowded_tries, start), cmocka_unit_test_setup(test_crowds_of_two_lengths, start),
        cmocka_unit_test_setup(test_wake_up, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
