/* SPDX-License-Identifier: Apache-2.0
 * breaker.c: closed -> open (failures in a row) -> half-open (a trial is due) -> closed or open again; see breaker.h. */
#include "server/breaker.h"

void wick_breaker_init(wick_breaker *breaker, unsigned max_failures, double open_ms)
{
    *breaker = (wick_breaker){.max_failures = max_failures, .open_ms = open_ms};
}

void wick_breaker_succeed(wick_breaker *breaker)
{
    breaker->phase = WICK_BREAKER_CLOSED;
    breaker->n_failures = 0;
}

bool wick_breaker_fail(wick_breaker *breaker, double now_ms)
{
    if (breaker->max_failures == 0 || breaker->phase == WICK_BREAKER_OPEN)
        return false;
    breaker->n_failures++;
    if (breaker->phase == WICK_BREAKER_CLOSED && breaker->n_failures < breaker->max_failures)
        return false;
    breaker->phase = WICK_BREAKER_OPEN;
    breaker->opened_ms = now_ms;
    return true;
}

double wick_breaker_wait_ms(const wick_breaker *breaker, double now_ms)
{
    const double left = breaker->opened_ms + breaker->open_ms - now_ms;
    return breaker->phase == WICK_BREAKER_OPEN && left > 0 ? left : 0;
}

bool wick_breaker_try(wick_breaker *breaker, double now_ms)
{
    if (breaker->phase != WICK_BREAKER_OPEN || wick_breaker_wait_ms(breaker, now_ms) > 0)
        return false;
    breaker->phase = WICK_BREAKER_HALF_OPEN;
    return true;
}
