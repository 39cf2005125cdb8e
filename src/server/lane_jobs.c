/* SPDX-License-Identifier: Apache-2.0
 * lane_jobs.c: jobs on their way through a lane: received, given up, counted after each batch, ended. In: what was submitted, and batches that were embedded. Out: the queue, and done of each
 * job. With the lane's mutex held. */
#include "base/error.h"
#include "server/lane_own.h"

#define SWEEP_MS 50.0  /* jobs deep in the queue learn within this that their deadline has passed */
#define RATE_DECAY 0.9 /* of what earlier batches weigh in the tokens a second, at each batch */

/* ---- the end of jobs ----------------------------------------------------------------------------------------------- */

/* The mutex is held; the job is in no list any more. It is told so when the mutex is free. */
static void end_job(wick_lane *lane, wick_job *job)
{
    job->next = NULL;
    *(lane->ended ? lane->ended_end : &lane->ended) = job;
    lane->ended_end = &job->next;
}

void wick_lane_tell_ended(wick_lane *lane)
{
    wick_job *job = lane->ended, *next;
    if (!job)
        return;
    lane->ended = NULL;
    pthread_mutex_unlock(&lane->mutex);
    for (; job; job = next) {
        next = job->next;
        wick_lane_forget(lane, job);
        job->done(job);
    }
    if (wick_lane_is_ended(lane))
        wick_lane_wake_all(lane);
    pthread_mutex_lock(&lane->mutex);
}

/* Nothing more of it is embedded; it ends when none of its texts is in a batch any more. */
static void give_up(wick_lane *lane, wick_job *job, int code, const wick_error *error)
{
    if (job->next_text == 0)
        job->queue_ms = wick_now_ms() - job->submitted_ms;
    wick_embedder_fail(&lane->embedder, job, code, error);
    wick_queue_remove(lane->queue, job);
    if (job->n_slices == 0)
        end_job(lane, job);
}

bool wick_lane_keep_wanted(void *user, wick_job *job)
{
    wick_lane *lane = user;
    wick_error error;
    int code;
    if (job->is_gone && atomic_load(job->is_gone))
        code = wick_fail(&error, WICK_E_UNAVAILABLE, "client", NULL, "the client has left");
    else if (job->deadline_ms > 0 && lane->now_ms > job->deadline_ms)
        code = wick_fail(&error, WICK_E_TIMEOUT, "queue", "try again later, or allow more time",
                         "the deadline passed before the texts' turn came");
    else
        return true;
    give_up(lane, job, code, &error);
    return false;
}

/* A wick_queue_keep: gives up every job. */
static bool keep_none(void *user, wick_job *job)
{
    wick_lane *lane = user;
    wick_error error;
    const int code = atomic_load(&lane->stopping) == WICK_LANE_STOPPING
                         ? wick_fail(&error, WICK_E_UNAVAILABLE, "server", "try again later", "the server is stopping")
                         : wick_embedder_refuse(&lane->embedder, &error);
    give_up(lane, job, code, &error);
    return false;
}

/* ---- the queue; the mutex is held ---------------------------------------------------------------------------------- */

/* Moves what was submitted to the queue, the oldest first. */
static void receive(wick_lane *lane)
{
    if (!atomic_load_explicit(&lane->inbox, memory_order_relaxed))
        return;
    wick_job *newest = atomic_exchange(&lane->inbox, NULL), *oldest = NULL;
    while (newest) {
        wick_job *before = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    while (oldest) {
        wick_job *after = oldest->next;
        wick_queue_add(lane->queue, oldest);
        oldest = after;
    }
    lane->is_stalled = false;
}

void wick_lane_look(wick_lane *lane)
{
    receive(lane);
    lane->now_ms = wick_now_ms();
    if (wick_lane_is_open(lane) || atomic_load(&lane->stopping) == WICK_LANE_STOPPING) {
        wick_queue_sweep(lane->queue, keep_none, lane);
    } else if (lane->now_ms - lane->swept_ms >= SWEEP_MS) {
        wick_queue_sweep(lane->queue, wick_lane_keep_wanted, lane);
        lane->swept_ms = lane->now_ms;
    }
}

/* ---- after a batch ---------------------------------------------------------------------------------------------------- */

/* Batches that go side by side share the time in which any goes. */
static void measure(wick_lane *lane, const wick_batch *batch, double start_ms, double end_ms)
{
    const double from_ms = lane->measured_ms > start_ms ? lane->measured_ms : start_ms;
    lane->recent_tokens = lane->recent_tokens * RATE_DECAY + (double)batch->n_tokens;
    lane->recent_ms = lane->recent_ms * RATE_DECAY + (end_ms > from_ms ? end_ms - from_ms : 0);
    lane->measured_ms = end_ms;
    if (lane->recent_ms > 0)
        atomic_store(&lane->tokens_a_ms, lane->recent_tokens / lane->recent_ms);
}

void wick_lane_end_batch(wick_lane *lane, const wick_batch *batch, double start_ms, double end_ms)
{
    measure(lane, batch, start_ms, end_ms);
    for (size_t i = 0; i < batch->n_slices; i++) {
        const wick_slice *slice = &batch->slices[i];
        wick_job *job = slice->job;
        const size_t n_tokens = wick_lane_count(job->n_tokens + slice->first, slice->n);
        job->n_tokens_left -= n_tokens;
        atomic_fetch_sub(&lane->n_tokens, n_tokens);
        if (job->owner && wick_embedder_has_failed(&lane->embedder, job))
            wick_queue_remove(lane->queue, job);
        if (--job->n_slices > 0)
            continue;
        job->inference_ms += end_ms - job->busy_since_ms;
        job->busy_since_ms = 0;
        if (!job->owner)
            end_job(lane, job);
    }
    lane->is_stalled = false;
}
