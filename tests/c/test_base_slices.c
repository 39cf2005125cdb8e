/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/slices.c: a thread that asks for short slices gets them, and those that it makes do not inherit them; one that steps back does so with those that it makes,
 * and nobody else. */
#include "base/slices.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __linux__
#include <sys/syscall.h>

/* The calling thread's slice in nanoseconds; 0: the system's own. The kernel's struct sched_attr, first version. */
static uint64_t slice_ns(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } now = {0};
    assert_int_equal(syscall(SYS_sched_getattr, 0, &now, sizeof now, 0), 0);
    return now.runtime;
}

static void *child(void *arg)
{
    *(uint64_t *)arg = slice_ns();
    return NULL;
}

/* On a thread of its own, so that the other tests keep theirs. */
static void *asker(void *arg)
{
    uint64_t *seen = arg;
    pthread_t thread;
    seen[0] = slice_ns();
    seen[1] = wick_thread_shorten_slices();
    seen[2] = slice_ns();
    if (pthread_create(&thread, NULL, child, &seen[3]) == 0)
        pthread_join(thread, NULL);
    return NULL;
}

static void slices_are_short_for_who_asks(void **state)
{
    (void)state;
    uint64_t seen[4] = {0};
    pthread_t thread;
    const int nice_before = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(pthread_create(&thread, NULL, asker, seen), 0);
    pthread_join(thread, NULL);
    if (!seen[1]) {
        assert_int_equal(seen[2], seen[0]);
        print_message("this system has no such slices\n");
        skip();
    }
    assert_true(seen[2] == 100000);
    assert_true(seen[3] == seen[0]);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), nice_before);
}

static void *nice_child(void *arg)
{
    *(int *)arg = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

static void *stepper(void *arg)
{
    int *seen = arg;
    pthread_t thread;
    seen[0] = wick_thread_step_back();
    seen[1] = getpriority(PRIO_PROCESS, 0);
    if (pthread_create(&thread, NULL, nice_child, &seen[2]) == 0)
        pthread_join(thread, NULL);
    wick_thread_step_back();
    wick_thread_step_back();
    seen[3] = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

static void who_steps_back_takes_its_own_along(void **state)
{
    (void)state;
    int seen[4] = {0};
    pthread_t thread;
    const int before = getpriority(PRIO_PROCESS, 0), due = before + 8 < 19 ? before + 8 : 19;
    assert_int_equal(pthread_create(&thread, NULL, stepper, seen), 0);
    pthread_join(thread, NULL);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], due);
    assert_int_equal(seen[2], due);
    assert_int_equal(seen[3], 19); /* there is no more */
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
}
#endif

int main(void)
{
#ifdef __linux__
    const struct CMUnitTest tests[] = {cmocka_unit_test(slices_are_short_for_who_asks),
                                       cmocka_unit_test(who_steps_back_takes_its_own_along)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 0;
#endif
}
