/* SPDX-License-Identifier: Apache-2.0
 * clock.h: a clock that nobody sets and that never goes back; and waiting on a condition variable by it. */
#ifndef WICK_BASE_CLOCK_H
#define WICK_BASE_CLOCK_H
#include <pthread.h>

/* Milliseconds; only differences mean anything. */
double wick_now_ms(void);

/* A condition variable for wick_wait_ms; 0, or an errno. */
int wick_wait_init(pthread_cond_t *condition);
/* As pthread_cond_wait, for at most ms (an hour, where that is less: callers look again). */
void wick_wait_ms(pthread_cond_t *condition, pthread_mutex_t *mutex, double ms);

#endif
