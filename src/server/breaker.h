/* SPDX-License-Identifier: Apache-2.0
 * breaker.h: a circuit breaker round the provider: after so many failures in a row it opens and calls are refused at once, until a trial (the provider's
 * health check) after some time succeeds. In: what calls came to, and the time. Out: whether to call. Not thread-safe; lane.c's thread owns it. */
#ifndef WICK_SERVER_BREAKER_H
#define WICK_SERVER_BREAKER_H
#include <stdbool.h>

/* The values of wick_breaker_state in /metrics. */
typedef enum wick_breaker_phase { WICK_BREAKER_CLOSED, WICK_BREAKER_HALF_OPEN, WICK_BREAKER_OPEN } wick_breaker_phase;

typedef struct wick_breaker {
    unsigned max_failures; /* in a row; 0: it never opens */
    double open_ms;        /* from opening to a trial */
    wick_breaker_phase phase;
    unsigned n_failures; /* in a row */
    double opened_ms;
} wick_breaker;

void wick_breaker_init(wick_breaker *breaker, unsigned max_failures, double open_ms);
/* A call, or the trial, succeeded: the breaker is closed. */
void wick_breaker_succeed(wick_breaker *breaker);
/* A call or the trial failed, and not for what its caller sent. True where this opened the breaker. */
bool wick_breaker_fail(wick_breaker *breaker, double now_ms);
/* Milliseconds until a trial is due; 0 where it is, or the breaker is not open. */
double wick_breaker_wait_ms(const wick_breaker *breaker, double now_ms);
/* True, and half-open, where a trial is due: make one call and tell how it went. */
bool wick_breaker_try(wick_breaker *breaker, double now_ms);

#endif
