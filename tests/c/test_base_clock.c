/* SPDX-License-Identifier: Apache-2.0
 * test_base_clock.c: base/clock.h: the clock never goes back; waiting takes as long as it was told to, ends at once where there is nothing to wait, and lasts for a signal where it was told to
 * last for ever. */
#include "base/clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define SLACK_MS 5000.0 /* of a machine that has other things to do */

typedef struct bell {
    pthread_mutex_t mutex;
    pthread_cond_t rung;
    bool is_rung;
} bell;

static void bell_init(bell *own)
{
    *own = (bell){.is_rung = false};
    assert_int_equal(pthread_mutex_init(&own->mutex, NULL), 0);
    assert_int_equal(wick_wait_init(&own->rung), 0);
}

static void bell_clear(bell *own)
{
    assert_int_equal(pthread_cond_destroy(&own->rung), 0);
    assert_int_equal(pthread_mutex_destroy(&own->mutex), 0); /* nobody has it */
}

/* How long one wait took; nobody rings, but it may wake for no reason. */
static double wait_once(double ms)
{
    bell own;
    bell_init(&own);
    const double start_ms = wick_now_ms();
    pthread_mutex_lock(&own.mutex);
    wick_wait_ms(&own.rung, &own.mutex, ms);
    pthread_mutex_unlock(&own.mutex); /* it was ours again */
    const double end_ms = wick_now_ms();
    bell_clear(&own);
    return end_ms - start_ms;
}

static void the_clock_never_goes_back(void **state)
{
    double last_ms = wick_now_ms();
    const double start_ms = last_ms;
    for (int i = 0; i < 100000; i++) {
        const double now_ms = wick_now_ms();
        assert_true(now_ms >= last_ms);
        last_ms = now_ms;
    }
    assert_true(last_ms > start_ms);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    assert_true(wick_now_ms() - last_ms >= 19 && wick_now_ms() - last_ms < SLACK_MS); /* in milliseconds */
}

/* Longer than a second, so that the sum of nanoseconds carries over. */
static void waits_as_long_as_told(void **state)
{
    static const double ms[] = {0.5, 25, 130.75, 1100};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++) {
        double waited_ms = 0;
        for (int k = 0; k < 3 && waited_ms < ms[i] - 0.01; k++) /* again, where it woke for no reason */
            waited_ms = wait_once(ms[i]);
        assert_true(waited_ms >= ms[i] - 0.01);
        assert_true(waited_ms < ms[i] + SLACK_MS);
    }
}

static void nothing_to_wait_for_takes_no_time(void **state)
{
    static const double ms[] = {0, -0.0, -1, -1e9, -1e300, -INFINITY};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        assert_true(wait_once(ms[i]) < SLACK_MS);
}

static void *ring(void *arg)
{
    bell *own = arg;
    nanosleep(&(struct timespec){0, 60000000}, NULL);
    pthread_mutex_lock(&own->mutex);
    own->is_rung = true;
    pthread_cond_signal(&own->rung);
    pthread_mutex_unlock(&own->mutex);
    return NULL;
}

/* More than any clock can tell: it waits, and wakes where it is told to. */
static void a_signal_ends_any_wait(void **state)
{
    static const double ms[] = {1e7, 1e18, 1e300, INFINITY, NAN};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++) {
        bell own;
        pthread_t thread;
        bell_init(&own);
        const double start_ms = wick_now_ms();
        unsigned n_waits = 0;
        assert_int_equal(pthread_create(&thread, NULL, ring, &own), 0);
        pthread_mutex_lock(&own.mutex);
        for (; !own.is_rung; n_waits++)
            wick_wait_ms(&own.rung, &own.mutex, ms[i]);
        pthread_mutex_unlock(&own.mutex);
        const double waited_ms = wick_now_ms() - start_ms;
        pthread_join(thread, NULL);
        assert_true(waited_ms >= 50 && waited_ms < SLACK_MS);
        assert_true(n_waits <= 5); /* it slept, and did not ask again and again */
        bell_clear(&own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(waits_as_long_as_told),
        cmocka_unit_test(nothing_to_wait_for_takes_no_time),
        cmocka_unit_test(a_signal_ends_any_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
