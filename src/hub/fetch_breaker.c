/* SPDX-License-Identifier: Apache-2.0
 * fetch_breaker.c: closed -> open (failures in a row) -> a trial -> closed, or open again; see fetch_breaker.h. */
#include "hub/fetch_breaker.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define N_ORIGINS 8 /* a process has one endpoint, its tests some more; the one used longest ago gives way */

typedef struct breaker {
    char origin[256];
    unsigned n_failures; /* in a row */
    bool is_open, is_tried;
    uint64_t opened_ms, used_ms;
} breaker;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static breaker breakers[N_ORIGINS];

static breaker *find(const char *origin, uint64_t now_ms)
{
    breaker *oldest = &breakers[0];
    for (size_t i = 0; i < N_ORIGINS; i++) {
        if (strncmp(breakers[i].origin, origin, sizeof breakers[i].origin - 1) == 0) {
            breakers[i].used_ms = now_ms;
            return &breakers[i];
        }
        if (breakers[i].used_ms < oldest->used_ms)
            oldest = &breakers[i];
    }
    *oldest = (breaker){.used_ms = now_ms};
    snprintf(oldest->origin, sizeof oldest->origin, "%s", origin);
    return oldest;
}

bool wick_hub_breaker_allows(const char *origin, uint64_t now_ms)
{
    pthread_mutex_lock(&lock);
    breaker *b = find(origin, now_ms);
    const bool is_trial = b->is_open && !b->is_tried && now_ms - b->opened_ms >= WICK_BREAKER_OPEN_MS;
    const bool allows = !b->is_open || is_trial;
    b->is_tried |= is_trial;
    pthread_mutex_unlock(&lock);
    return allows;
}

void wick_hub_breaker_note(const char *origin, wick_hub_outcome outcome, uint64_t now_ms)
{
    pthread_mutex_lock(&lock);
    breaker *b = find(origin, now_ms);
    b->is_tried = false;
    if (outcome == WICK_HUB_ANSWERED) {
        b->n_failures = 0;
        b->is_open = false;
    } else if (outcome == WICK_HUB_FAILED && ++b->n_failures >= WICK_BREAKER_FAILURES) {
        b->is_open = true;
        b->opened_ms = now_ms;
    }
    pthread_mutex_unlock(&lock);
}
