/* SPDX-License-Identifier: Apache-2.0
 * clock.c: CLOCK_MONOTONIC; see clock.h. */
#include "base/clock.h"
#include <time.h>

#define MAX_WAIT_MS 3600e3

double wick_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

int wick_wait_init(pthread_cond_t *condition)
{
#if defined(__APPLE__)
    return pthread_cond_init(condition, NULL);
#else
    pthread_condattr_t attributes;
    int rc = pthread_condattr_init(&attributes);
    if (rc != 0)
        return rc;
    rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (rc == 0)
        rc = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return rc;
#endif
}

void wick_wait_ms(pthread_cond_t *condition, pthread_mutex_t *mutex, double ms)
{
    struct timespec time = {0};
    ms = ms < 0 ? 0 : ms < MAX_WAIT_MS ? ms : MAX_WAIT_MS;
#if !defined(__APPLE__)
    clock_gettime(CLOCK_MONOTONIC, &time);
#endif
    const long long ns = time.tv_nsec + (long long)(ms * 1e6);
    time.tv_sec += (time_t)(ns / 1000000000);
    time.tv_nsec = (long)(ns % 1000000000);
#if defined(__APPLE__)
    pthread_cond_timedwait_relative_np(condition, mutex, &time);
#else
    pthread_cond_timedwait(condition, mutex, &time);
#endif
}
