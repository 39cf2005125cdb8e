/* SPDX-License-Identifier: Apache-2.0
 * turns.c: a lock that is handed on in the order in which it was asked for; see turns.h. */
#include "server/turns.h"
#include "provider/vectors.h"
#include <stdlib.h>
#include <time.h>

#define MAX_WAIT_MS 3600e3 /* longer waits are cut to it: their callers look again */

typedef struct waiter {
    struct waiter *next;
    bool has_turn;
} waiter;

struct wick_turns {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    bool is_taken;
    waiter *first, **end; /* in the order of their coming */
};

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

wick_turns *wick_turns_new(void)
{
    wick_turns *turns = calloc(1, sizeof *turns);
    if (!turns)
        return NULL;
    if (pthread_mutex_init(&turns->mutex, NULL) != 0) {
        free(turns);
        return NULL;
    }
    if (wick_wait_init(&turns->given) != 0) {
        pthread_mutex_destroy(&turns->mutex);
        free(turns);
        return NULL;
    }
    turns->end = &turns->first;
    return turns;
}

void wick_turns_free(wick_turns *turns)
{
    if (!turns)
        return;
    pthread_cond_destroy(&turns->given);
    pthread_mutex_destroy(&turns->mutex);
    free(turns);
}

static void leave_line(wick_turns *turns, const waiter *self)
{
    waiter **link = &turns->first;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    if (!*link)
        turns->end = link;
}

bool wick_turns_take(wick_turns *turns, double max_ms)
{
    if (!turns)
        return true;
    waiter self = {0};
    pthread_mutex_lock(&turns->mutex);
    if (!turns->is_taken) { /* then nobody is waiting either */
        turns->is_taken = self.has_turn = true;
    } else {
        const double end_ms = wick_now_ms() + max_ms;
        *turns->end = &self;
        turns->end = &self.next;
        for (double now_ms = wick_now_ms(); !self.has_turn && now_ms < end_ms; now_ms = wick_now_ms())
            wick_wait_ms(&turns->given, &turns->mutex, end_ms - now_ms);
        if (!self.has_turn)
            leave_line(turns, &self);
    }
    pthread_mutex_unlock(&turns->mutex);
    return self.has_turn;
}

void wick_turns_give_back(wick_turns *turns)
{
    if (!turns)
        return;
    pthread_mutex_lock(&turns->mutex);
    waiter *next = turns->first;
    turns->is_taken = next != NULL;
    if (next) { /* it stays taken, by the next one */
        next->has_turn = true;
        turns->first = next->next;
        if (!turns->first)
            turns->end = &turns->first;
        pthread_cond_broadcast(&turns->given);
    }
    pthread_mutex_unlock(&turns->mutex);
}
