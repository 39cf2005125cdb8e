/* SPDX-License-Identifier: Apache-2.0
 * workers.c: a queue under a lock and the threads that empty it (workers.h). */
#include "server/workers.h"
#include "base/error.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef struct worker {
    wick_workers *workers;
    pthread_t thread;
    unsigned index;
} worker;

struct wick_workers {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    wick_work *first, **end;
    size_t n_queued, max_queued;
    bool is_closing;
    unsigned n_started;
    worker threads[];
};

static void *run(void *arg)
{
    worker *own = arg;
    wick_workers *workers = own->workers;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->first && !workers->is_closing)
            pthread_cond_wait(&workers->has_work, &workers->lock);
        wick_work *work = workers->first;
        if (!work)
            break;
        workers->first = work->next;
        if (!workers->first)
            workers->end = &workers->first;
        workers->n_queued--;
        pthread_mutex_unlock(&workers->lock);
        work->fn(work->arg, own->index); /* may free the work */
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

int wick_workers_new(unsigned n, size_t max_queued, wick_workers **out, wick_error *error)
{
    *out = NULL;
    wick_workers *workers = calloc(1, sizeof *workers + n * sizeof *workers->threads);
    if (!workers)
        return wick_fail_memory(error, "the server's workers");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->has_work, NULL);
    workers->end = &workers->first;
    workers->max_queued = max_queued;
    /* Signals are the loop's. */
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = 0;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        workers->threads[i] = (worker){.workers = workers, .index = i};
        rc = pthread_create(&workers->threads[i].thread, NULL, run, &workers->threads[i]);
        workers->n_started += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (rc != 0) {
        wick_workers_free(workers);
        return wick_fail(error, WICK_E_INTERNAL, "the server's workers", "the limit on threads may be too low",
                         "cannot start a thread");
    }
    *out = workers;
    return WICK_OK;
}

void wick_workers_free(wick_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->is_closing = true;
    pthread_cond_broadcast(&workers->has_work);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->n_started; i++)
        pthread_join(workers->threads[i].thread, NULL);
    pthread_cond_destroy(&workers->has_work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

bool wick_workers_add(wick_workers *workers, wick_work *work, bool must)
{
    pthread_mutex_lock(&workers->lock);
    const bool has_room = must || workers->n_queued < workers->max_queued;
    if (has_room) {
        work->next = NULL;
        *workers->end = work;
        workers->end = &work->next;
        workers->n_queued++;
        pthread_cond_signal(&workers->has_work);
    }
    pthread_mutex_unlock(&workers->lock);
    return has_room;
}
