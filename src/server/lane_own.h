/* SPDX-License-Identifier: Apache-2.0
 * lane_own.h: what the lane's files share. lane.c takes jobs, counts them, opens and closes; lane_run.c is the threads that put batches together and embed them (runners), lane_cores.c says when
 * and how large, lane_jobs.c what becomes of jobs. docs/server-queue.md shows the whole. */
#ifndef WICK_SERVER_LANE_OWN_H
#define WICK_SERVER_LANE_OWN_H
#include <pthread.h>
#include "base/clock.h"
#include "base/places.h"
#include "provider/provider.h"
#include "server/embedder.h"

enum wick_lane_stopping { WICK_LANE_RUNNING, WICK_LANE_DRAINING, WICK_LANE_STOPPING };

/* One of the lane's threads, and the batch that it has under way. */
typedef struct wick_runner {
    struct wick_lane *lane;
    struct wick_runner *next_asleep;
    pthread_cond_t woken; /* with the lane's mutex */
    bool is_awake;
    bool was_busy; /* it has just embedded a batch */
    wick_batch batch;
    wick_embedder_texts texts;
    _Atomic double busy_since_ms; /* 0: idle */
    pthread_t thread;
} wick_runner;

struct wick_lane {
    wick_embedder embedder;
    struct wick_metrics *metrics;
    size_t queue_tokens, client_tokens; /* what may be queued, and of one client */
    size_t batch_tokens;
    wick_side_by_side side_by_side; /* n_calls: at least 1, at most as many as there are places */
    /* Any thread. */
    _Atomic double tokens_a_ms; /* 0: not known yet */
    atomic_size_t n_jobs, n_tokens, n_charged;
    atomic_size_t client_charged[WICK_QUEUE_CLIENTS]; /* clients whose hashes meet share one */
    _Atomic(wick_job *) inbox;                        /* the last one submitted first */
    atomic_int stopping;
    atomic_bool wants_waking; /* a job that comes has to wake a runner: all that could take it are asleep */
    wick_places *places;      /* of the machine's cores */
    wick_places *own_places;  /* the same, where they are not the caller's */
    /* With the mutex held. */
    pthread_mutex_t mutex;
    wick_queue *queue;
    bool has_picker;              /* a runner puts the next batch together, or waits until it may; others wait */
    bool is_stalled;              /* what waits cannot be embedded before a batch under way has ended */
    bool is_held_up;              /* all cores did not come in time, and one is busy since: what comes takes one */
    wick_runner *asleep;          /* the last one to fall asleep first: its memory is warm */
    wick_job *ended, **ended_end; /* to be told so when the mutex is free, in this order */
    double now_ms, swept_ms;      /* when the batch under way was put together; of the last sweep */
    double recent_tokens, recent_ms, measured_ms; /* decaying sums over batches; up to when time has been counted */
    /* Of opening and closing. */
    unsigned n_runners; /* started */
    wick_runner *runners;
    pthread_mutex_t join_mutex;
    bool is_joined;
};

/* lane.c */
/* job is nowhere any more: what was counted for it is given back, before the job's own done, which may free it. */
void wick_lane_forget(struct wick_lane *lane, const wick_job *job);
/* Tokens of n texts, each of which counts as one at least. */
size_t wick_lane_count(const uint32_t *n_tokens, size_t n);
static inline bool wick_lane_is_ended(struct wick_lane *lane)
{
    return atomic_load(&lane->stopping) != WICK_LANE_RUNNING && atomic_load(&lane->n_jobs) == 0;
}

/* lane_jobs.c; the mutex is held. */
/* What there is to embed is in the queue then, and nothing that is not to be. */
void wick_lane_look(struct wick_lane *lane);
/* A wick_queue_keep, user: the lane: gives up jobs that nobody waits for any more. */
bool wick_lane_keep_wanted(void *user, wick_job *job);
/* Calls done of jobs that have ended; gives the mutex up for it where there are any. */
void wick_lane_tell_ended(struct wick_lane *lane);
/* Counts, and ends the jobs that are through or have failed. */
void wick_lane_end_batch(struct wick_lane *lane, const wick_batch *batch, double start_ms, double end_ms);
static inline bool wick_lane_is_open(const struct wick_lane *lane)
{
    return atomic_load(&lane->embedder.phase) != WICK_BREAKER_CLOSED;
}

/* lane_cores.c; the mutex is held. */
#define WICK_PLACE_MAX_MS 3000.0 /* far more than any batch takes: another engine is stuck */
/* Waits for a core, or for all; the mutex is given up for it. What has come meanwhile is in the queue, and the place is what that asks for. */
wick_place wick_lane_find_place(struct wick_lane *lane);
void wick_lane_take_batch(struct wick_lane *lane, wick_runner *runner, wick_place place);
/* Whether the next batch is to be taken by one core alone. n_calls: that there are; n_busy: taken by others; n_apart: of the queue (wick_queue_n_apart). For its test. */
bool wick_lane_goes_alone(unsigned n_calls, unsigned n_busy, size_t n_apart);

/* lane_run.c: a runner's thread; arg: the wick_runner. */
void *wick_lane_run(void *arg);
/* Wakes one that is asleep. */
void wick_lane_wake(struct wick_lane *lane);
/* Wakes all runners, whatever they wait for but places and the provider. */
void wick_lane_wake_all(struct wick_lane *lane);

#endif
