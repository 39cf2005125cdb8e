/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/pool.h: every thread runs once a run, the barrier holds back, callers from several threads take turns, a pool of one starts
 * no thread; wick_usable_cpus minds the affinity mask. WICK_TEST_SLOW takes fewer rounds (valgrind). */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/pool.h"

static int rounds(int n)
{
    return getenv("WICK_TEST_SLOW") ? n / 50 + 1 : n;
}

typedef struct count {
    atomic_uint runs[WICK_MAX_THREADS];
} count;

static void count_run(void *arg, unsigned thread_index)
{
    atomic_fetch_add(&((count *)arg)->runs[thread_index], 1);
}

static wick_pool *pool_of(unsigned n_threads)
{
    wick_pool *pool = NULL;
    assert_int_equal(wick_pool_new(n_threads, &pool, NULL), WICK_OK);
    assert_int_equal(wick_pool_size(pool), n_threads);
    return pool;
}

/* Runs of all and of some threads in turn: those meant run exactly once, the others not at all. */
static void every_thread_once(void **state)
{
    static const unsigned sizes[] = {1, 2, 3, 8, 17};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        wick_pool *pool = pool_of(sizes[s]);
        count *seen = calloc(1, sizeof *seen);
        assert_non_null(seen);
        unsigned expected[WICK_MAX_THREADS] = {0};
        for (int i = 0; i < rounds(500); i++) {
            unsigned asked = (unsigned)i % (sizes[s] + 2); /* 0 and more than there are: all */
            unsigned n = asked == 0 || asked > sizes[s] ? sizes[s] : asked;
            wick_pool_run(pool, asked, count_run, seen);
            for (unsigned t = 0; t < WICK_MAX_THREADS; t++) {
                expected[t] += t < n;
                assert_int_equal(atomic_load(&seen->runs[t]), expected[t]);
            }
        }
        free(seen);
        wick_pool_free(pool);
    }
}

typedef struct stages {
    wick_pool *pool;
    unsigned n_threads;
    int n_stages;
    atomic_uint arrived;
    atomic_uint wrong;
    unsigned plain[8]; /* written before a barrier by one thread, read behind it by all: the barrier orders memory */
} stages;

static void run_stages(void *arg, unsigned thread_index)
{
    stages *s = arg;
    for (int stage = 0; stage < s->n_stages; stage++) {
        s->plain[thread_index] = (unsigned)stage * 8 + thread_index;
        atomic_fetch_add(&s->arrived, 1);
        wick_pool_barrier(s->pool);
        if (atomic_load(&s->arrived) != (unsigned)(stage + 1) * s->n_threads)
            atomic_fetch_add(&s->wrong, 1);
        for (unsigned t = 0; t < s->n_threads; t++)
            if (s->plain[t] != (unsigned)stage * 8 + t)
                atomic_fetch_add(&s->wrong, 1);
        wick_pool_barrier(s->pool);
    }
}

static void barrier_holds_back(void **state)
{
    wick_pool *pool = pool_of(8);
    for (unsigned n = 1; n <= 8; n++) {
        stages s = {.pool = pool, .n_threads = n, .n_stages = rounds(300)};
        wick_pool_run(pool, n, run_stages, &s);
        assert_int_equal(atomic_load(&s.wrong), 0);
        assert_int_equal(atomic_load(&s.arrived), (unsigned)s.n_stages * n);
    }
    wick_pool_free(pool);
}

typedef struct shared_run {
    wick_pool *pool;
    atomic_int inside; /* runs under way: never more than one */
    atomic_int wrong;
    atomic_uint total;
} shared_run;

static void enter_alone(void *arg, unsigned thread_index)
{
    shared_run *s = arg;
    if (thread_index == 0 && atomic_fetch_add(&s->inside, 1) != 0)
        atomic_fetch_add(&s->wrong, 1);
    atomic_fetch_add(&s->total, 1);
    wick_pool_barrier(s->pool);
    if (thread_index == 0)
        atomic_fetch_sub(&s->inside, 1);
}

static void *call_often(void *arg)
{
    shared_run *s = arg;
    for (int i = 0; i < rounds(500); i++)
        wick_pool_run(s->pool, 1 + (unsigned)i % 3, enter_alone, s);
    return NULL;
}

static void callers_take_turns(void **state)
{
    shared_run s = {.pool = pool_of(3)};
    pthread_t callers[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, &s), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(callers[i], NULL);
    assert_int_equal(atomic_load(&s.wrong), 0);
    unsigned each = 0;
    for (int i = 0; i < rounds(500); i++)
        each += 1 + (unsigned)i % 3;
    assert_int_equal(atomic_load(&s.total), 4 * each);
    wick_pool_free(s.pool);
}

static void note_thread(void *arg, unsigned thread_index)
{
    *(pthread_t *)arg = pthread_self();
}

static void one_thread_is_the_caller(void **state)
{
    wick_pool *pool = pool_of(1);
    pthread_t ran;
    memset(&ran, 0, sizeof ran);
    wick_pool_run(pool, 0, note_thread, &ran);
    assert_true(pthread_equal(ran, pthread_self()));
    wick_pool_barrier(pool); /* nobody to wait for */
    wick_pool_free(pool);
}

static void wrong_sizes(void **state)
{
    wick_pool *pool = NULL;
    wick_error error;
    assert_int_equal(wick_pool_new(0, &pool, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_pool_new(WICK_MAX_THREADS + 1, &pool, &error), WICK_E_INVALID_INPUT);
    assert_null(pool);
    wick_pool_free(NULL);
}

/* Starting and stopping at once, with no run between and with one: no thread is lost, none hangs. */
static void starts_and_stops(void **state)
{
    for (int i = 0; i < rounds(200); i++) {
        wick_pool *pool = pool_of(1 + (unsigned)i % 5);
        count *seen = calloc(1, sizeof *seen);
        assert_non_null(seen);
        if (i % 2)
            wick_pool_run(pool, 0, count_run, seen);
        wick_pool_free(pool);
        free(seen);
    }
}

static void usable_cpus(void **state)
{
    unsigned n = wick_usable_cpus();
    assert_in_range(n, 1, WICK_MAX_THREADS);
#ifdef __linux__
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_true(n <= (unsigned)CPU_COUNT(&before));
    int first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(wick_usable_cpus(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(wick_usable_cpus(), n);
#endif
}

typedef struct late_run {
    wick_pool *pool;
    unsigned late_ms;
} late_run;

static void arrive_late(void *arg, unsigned thread_index)
{
    wick_pool_barrier(((late_run *)arg)->pool); /* all have begun: what they wait for from here on counts */
    late_run *run = arg;
    const struct timespec pause = {0, (long)run->late_ms * 1000000};
    if (thread_index == 1)
        nanosleep(&pause, NULL);
    wick_pool_barrier(run->pool);
}

/* A thread that waits for a late one sleeps, and the pool knows for how long. */
static void sleep_is_counted(void **state)
{
    wick_pool *pool = pool_of(2);
    assert_int_equal(wick_pool_slept_ns(pool), 0);
    late_run run = {pool, 50};
    wick_pool_run(pool, 0, arrive_late, &run);
    assert_true(wick_pool_slept_ns(pool) > 25 * 1000000u);
    wick_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_once),  cmocka_unit_test(barrier_holds_back),
        cmocka_unit_test(callers_take_turns), cmocka_unit_test(one_thread_is_the_caller),
        cmocka_unit_test(wrong_sizes),        cmocka_unit_test(starts_and_stops),
        cmocka_unit_test(usable_cpus),        cmocka_unit_test(sleep_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
