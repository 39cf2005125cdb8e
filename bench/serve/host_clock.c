/* SPDX-License-Identifier: Apache-2.0
 * host_clock.c: see host_clock.h. */
#include "host_clock.h"

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define EVERY_NS 4000000
#define MULTIPLICATIONS 1000 /* about a microsecond */
#define TRIES 4              /* the fastest counts: others were interrupted */
#define SLOW 2.0f            /* times the best */

static volatile uint64_t sink;

static float time_once(void)
{
    const double begin = wick_now_ms();
    uint64_t x = sink;
    for (int i = 0; i < MULTIPLICATIONS; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
    return (float)((wick_now_ms() - begin) * 1e3);
}

static bool reserve(host_clock *clock)
{
    if (clock->n < clock->capacity)
        return true;
    const size_t capacity = clock->capacity * 2 + 4096;
    double *at_ms = realloc(clock->at_ms, capacity * sizeof *at_ms);
    clock->at_ms = at_ms ? at_ms : clock->at_ms;
    float *us = realloc(clock->us, capacity * sizeof *us);
    clock->us = us ? us : clock->us;
    clock->capacity = at_ms && us ? capacity : clock->capacity;
    return at_ms && us;
}

static void *watch(void *arg)
{
    host_clock *clock = arg;
    const struct timespec pause = {0, EVERY_NS};
    while (!atomic_load(&clock->is_over) && reserve(clock)) {
        float us = time_once();
        for (int i = 1; i < TRIES; i++) {
            const float again = time_once();
            us = again < us ? again : us;
        }
        clock->at_ms[clock->n] = wick_now_ms();
        clock->us[clock->n++] = us;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

bool host_clock_start(host_clock *clock)
{
    *clock = (host_clock){0};
    return reserve(clock) && pthread_create(&clock->thread, NULL, watch, clock) == 0;
}

void host_clock_stop(host_clock *clock)
{
    atomic_store(&clock->is_over, true);
    pthread_join(clock->thread, NULL);
    for (size_t i = 0; i < clock->n; i++)
        clock->best_us = i == 0 || clock->us[i] < clock->best_us ? clock->us[i] : clock->best_us;
}

void host_clock_free(host_clock *clock)
{
    free(clock->at_ms);
    free(clock->us);
}

/* The first look at or after the time. */
static size_t find(const host_clock *clock, double ms)
{
    size_t low = 0, high = clock->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (clock->at_ms[middle] < ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t count_slow(const host_clock *clock, size_t first, size_t last)
{
    size_t n = 0;
    for (size_t i = first; i < last; i++)
        n += clock->us[i] > SLOW * clock->best_us;
    return n;
}

double host_clock_slow_share(const host_clock *clock, double from_ms, double to_ms)
{
    const size_t first = find(clock, from_ms), last = find(clock, to_ms);
    return last > first ? (double)count_slow(clock, first, last) / (double)(last - first) : 0;
}

bool host_clock_was_kept(const host_clock *clock, double from_ms, double to_ms)
{
    const size_t first = find(clock, from_ms), last = find(clock, to_ms);
    return count_slow(clock, first, last < clock->n ? last + 1 : last) == 0;
}
