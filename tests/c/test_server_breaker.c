/* SPDX-License-Identifier: Apache-2.0
 * test_server_breaker.c: the circuit breaker's phases, with a clock of the test's own. */
#include "server/breaker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void opens_after_failures_in_a_row(void **state)
{
    wick_breaker breaker;
    wick_breaker_init(&breaker, 3, 1000);
    assert_int_equal(breaker.phase, WICK_BREAKER_CLOSED);
    assert_false(wick_breaker_fail(&breaker, 10));
    assert_false(wick_breaker_fail(&breaker, 11));
    wick_breaker_succeed(&breaker); /* in a row: counting begins anew */
    assert_false(wick_breaker_fail(&breaker, 12));
    assert_false(wick_breaker_fail(&breaker, 13));
    assert_int_equal(breaker.phase, WICK_BREAKER_CLOSED);
    assert_false(wick_breaker_try(&breaker, 1e9)); /* nothing to try while closed */
    assert_true(wick_breaker_fail(&breaker, 14));
    assert_int_equal(breaker.phase, WICK_BREAKER_OPEN);
    assert_false(wick_breaker_fail(&breaker, 15)); /* open already */
}

static void tries_when_time_is_up(void **state)
{
    wick_breaker breaker;
    wick_breaker_init(&breaker, 1, 1000);
    assert_true(wick_breaker_wait_ms(&breaker, 5) == 0);
    assert_true(wick_breaker_fail(&breaker, 100));
    assert_true(wick_breaker_wait_ms(&breaker, 100) == 1000);
    assert_true(wick_breaker_wait_ms(&breaker, 1099) == 1);
    assert_false(wick_breaker_try(&breaker, 1099));
    assert_int_equal(breaker.phase, WICK_BREAKER_OPEN);
    assert_true(wick_breaker_wait_ms(&breaker, 1100) == 0);
    assert_true(wick_breaker_try(&breaker, 1100));
    assert_int_equal(breaker.phase, WICK_BREAKER_HALF_OPEN);
    assert_false(wick_breaker_try(&breaker, 1101)); /* one at a time */
}

static void a_failed_trial_opens_it_again(void **state)
{
    wick_breaker breaker;
    wick_breaker_init(&breaker, 5, 1000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(wick_breaker_fail(&breaker, 0), i == 4);
    assert_true(wick_breaker_try(&breaker, 2000));
    assert_true(wick_breaker_fail(&breaker, 2500)); /* once is enough */
    assert_int_equal(breaker.phase, WICK_BREAKER_OPEN);
    assert_true(wick_breaker_wait_ms(&breaker, 2500) == 1000);
    assert_true(wick_breaker_try(&breaker, 3500));
    wick_breaker_succeed(&breaker);
    assert_int_equal(breaker.phase, WICK_BREAKER_CLOSED);
    for (int i = 0; i < 5; i++) /* and counts from 0 */
        assert_int_equal(wick_breaker_fail(&breaker, 4000), i == 4);
}

static void zero_failures_means_never(void **state)
{
    wick_breaker breaker;
    wick_breaker_init(&breaker, 0, 1000);
    for (int i = 0; i < 100; i++)
        assert_false(wick_breaker_fail(&breaker, i));
    assert_int_equal(breaker.phase, WICK_BREAKER_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_failures_in_a_row),
        cmocka_unit_test(tries_when_time_is_up),
        cmocka_unit_test(a_failed_trial_opens_it_again),
        cmocka_unit_test(zero_failures_means_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
