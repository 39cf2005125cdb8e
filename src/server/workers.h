/* SPDX-License-Identifier: Apache-2.0
 * workers.h: a few threads for what would hold up the loop: large bodies, large replies, loading models. In: work, in order. Called by calls.c. */
#ifndef WICK_SERVER_WORKERS_H
#define WICK_SERVER_WORKERS_H
#include <wick.h>

typedef struct wick_workers wick_workers;

typedef struct wick_work {
    struct wick_work *next;
    void (*fn)(void *arg, unsigned worker); /* worker: 0 to n - 1 */
    void *arg;
} wick_work;

int wick_workers_new(unsigned n, size_t max_queued, wick_workers **out, wick_error *error);
/* Waits for what is queued. */
void wick_workers_free(wick_workers *workers);
/* *work stays the workers' until fn is called. must: whatever the length of the queue. False: the queue is full. Any thread. */
bool wick_workers_add(wick_workers *workers, wick_work *work, bool must);

#endif
