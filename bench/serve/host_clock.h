/* SPDX-License-Identifier: Apache-2.0
 * host_clock.h: does the host keep its clock? A virtual machine's host may slow its cores down for a tenth of a second at a time, for all of its guests, and say nothing about it: neither "steal" nor
 * a late timer shows it. A thread times the same few thousand dependent multiplications again and again, which no memory and no neighbour on the same core makes slower, only the clock. In: nothing. Out:
 * when the clock was below half of its best. Used by paced.c. */
#ifndef WICK_BENCH_HOST_CLOCK_H
#define WICK_BENCH_HOST_CLOCK_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct host_clock {
    pthread_t thread;
    atomic_bool is_over;
    double *at_ms; /* [n] on CLOCK_MONOTONIC */
    float *us;     /* [n] what the multiplications took */
    size_t n, capacity;
    float best_us; /* after stopping */
} host_clock;

/* Begins to watch, every few milliseconds, with some thousandths of a core. False: no thread or no memory. */
bool host_clock_start(host_clock *clock);
/* Once; from then on the questions below have answers. */
void host_clock_stop(host_clock *clock);
void host_clock_free(host_clock *clock);

/* Share of all looks between the two times that found less than half of the best clock; 0 where there was none. */
double host_clock_slow_share(const host_clock *clock, double from_ms, double to_ms);
/* Whether there was none. */
bool host_clock_was_kept(const host_clock *clock, double from_ms, double to_ms);

#endif
