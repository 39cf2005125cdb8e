/* SPDX-License-Identifier: Apache-2.0
 * lane_run.c: the threads that empty a lane's queue (runners), as many as the provider takes calls side by side.
 *
 * One of them at a time is the picker: it looks at the queue, waits until it has a core or all of them (base/places.h), puts a batch together, and only then leaves the queue to the next. So a
 * batch is made when it can begin, of all that has come by then, and the others sleep meanwhile.
 *
 * With little to do a batch has all cores: that is soonest done. Where there is work for each core, each has a batch of its own: no thread waits for another at a step's end, so that a core
 * which is taken away for some milliseconds holds up its own batch and no other. The switch between both ways is wick_lane_goes_alone. */
#include "base/error.h"
#include "provider/provider.h"
#include "server/lane_own.h"
#include "server/metrics.h"
#include <sched.h>

/* After a batch, before sleep: longer than a job takes from a callback to the next submit at full load. */
#define SPIN_MS 0.03
#define SWEEP_MS 50.0       /* jobs deep in the queue learn within this that their deadline has passed */
#define PLACE_MAX_MS 3000.0 /* far more than any batch takes: another engine is stuck */
/* So many batches for each core wait: then a batch may be so many times as large. */
#define LONG_QUEUE 8
#define LARGE_BATCH 4
/* So long a batch waits for all cores before it takes one: a call that is slow or stuck holds up nobody else. */
#define ALL_MAX_MS 100.0
#define RATE_DECAY 0.9 /* of what earlier batches weigh in the tokens a second, at each batch */

/* ---- sleeping and waking; the mutex is held ------------------------------------------------------------------------ */

static void wake_one(wick_lane *lane)
{
    wick_runner *runner = lane->asleep;
    if (!runner)
        return;
    lane->asleep = runner->next_asleep;
    runner->is_awake = true;
    pthread_cond_signal(&runner->woken);
}

void wick_lane_wake(wick_lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    wake_one(lane);
    pthread_mutex_unlock(&lane->mutex);
}

void wick_lane_wake_all(wick_lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    while (lane->asleep)
        wake_one(lane);
    pthread_mutex_unlock(&lane->mutex);
}

static void forget_sleeper(wick_lane *lane, wick_runner *runner)
{
    wick_runner **link = &lane->asleep;
    while (*link && *link != runner)
        link = &(*link)->next_asleep;
    if (*link)
        *link = runner->next_asleep;
}

/* This runner has the queue until leave_queue: whoever submits a job need wake nobody. */
static void take_queue(wick_lane *lane)
{
    lane->has_picker = true;
    atomic_store(&lane->wants_waking, false);
}

/* Whoever submits a job from here on wakes a runner; where one has come just before, one is woken now. */
static void ask_to_be_woken(wick_lane *lane)
{
    if (!lane->asleep)
        return;
    atomic_store(&lane->wants_waking, true);
    if (atomic_load(&lane->inbox) && atomic_exchange(&lane->wants_waking, false))
        wake_one(lane);
}

/* Until it is woken, or for max_ms where that is not negative. */
static void sleep_until_woken(wick_lane *lane, wick_runner *runner, double max_ms)
{
    const double start_ms = wick_now_ms();
    runner->is_awake = false;
    runner->next_asleep = lane->asleep;
    lane->asleep = runner;
    if (!lane->has_picker)
        ask_to_be_woken(lane);
    while (!runner->is_awake) {
        if (max_ms < 0) {
            pthread_cond_wait(&runner->woken, &lane->mutex);
            continue;
        }
        const double left_ms = start_ms + max_ms - wick_now_ms();
        if (left_ms <= 0)
            break;
        wick_wait_ms(&runner->woken, &lane->mutex, left_ms);
    }
    if (!runner->is_awake)
        forget_sleeper(lane, runner);
}

/* ---- the end of jobs ----------------------------------------------------------------------------------------------- */

/* The mutex is held; the job is in no list any more. It is told so when the mutex is free. */
static void end_job(wick_lane *lane, wick_job *job)
{
    job->next = NULL;
    *(lane->ended ? lane->ended_end : &lane->ended) = job;
    lane->ended_end = &job->next;
}

/* Gives the mutex up for it where there are any. */
static void tell_ended(wick_lane *lane)
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

/* A wick_queue_keep: gives up jobs that nobody waits for any more. */
static bool keep_wanted(void *user, wick_job *job)
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

static bool is_open(const wick_lane *lane)
{
    return atomic_load(&lane->embedder.phase) != WICK_BREAKER_CLOSED;
}

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

/* What there is to embed is in the queue then, and nothing that is not to be. */
static void look(wick_lane *lane)
{
    receive(lane);
    lane->now_ms = wick_now_ms();
    if (is_open(lane) || atomic_load(&lane->stopping) == WICK_LANE_STOPPING) {
        wick_queue_sweep(lane->queue, keep_none, lane);
    } else if (lane->now_ms - lane->swept_ms >= SWEEP_MS) {
        wick_queue_sweep(lane->queue, keep_wanted, lane);
        lane->swept_ms = lane->now_ms;
    }
}

/* ---- cores --------------------------------------------------------------------------------------------------------- */

/* All cores at once where none is busy and there are fewer texts than cores, or so little that half of them would idle: then one that is alone waits until the others are through. */
bool wick_lane_goes_alone(unsigned n_calls, unsigned n_busy, size_t n_apart)
{
    if (n_calls < 2)
        return false;
    if (n_busy == 0)
        return n_apart >= n_calls;
    return n_busy + n_apart > n_calls / 2;
}

/* Cores that others have. */
static unsigned count_busy(const wick_lane *lane, wick_place own)
{
    const unsigned n_taken = wick_places_taken(lane->places), n_own = own.is_none ? 0 : own.is_all ? n_taken : 1;
    return n_taken > n_own ? n_taken - n_own : 0;
}

/* What waits beside the longest text is so little that the other cores would have less than half of its work to do: it is the cores' together. */
static bool has_giant(const wick_lane *lane)
{
    const size_t longest = wick_queue_longest(lane->queue, lane->batch_tokens),
                 others = wick_queue_n_tokens(lane->queue) - longest;
    return others / (lane->side_by_side.n_calls - 1) < longest / 2;
}

static bool goes_alone(wick_lane *lane, wick_place own)
{
    const unsigned n_calls = lane->side_by_side.n_calls, n_busy = count_busy(lane, own);
    lane->is_held_up = lane->is_held_up && n_busy > 0;
    if (lane->is_held_up)
        return true;
    return wick_lane_goes_alone(n_calls, n_busy, wick_queue_n_apart(lane->queue)) && (n_busy > 0 || !has_giant(lane));
}

/* Waits for a core, or for all; the mutex is given up for it. What has come meanwhile is in the queue, and the place is what that asks for. */
static wick_place find_place(wick_lane *lane)
{
    wick_place place = {.is_none = true};
    bool all = !goes_alone(lane, place);
    for (;;) {
        const bool has_choice = all && lane->side_by_side.n_calls > 1;
        tell_ended(lane);
        pthread_mutex_unlock(&lane->mutex);
        place = wick_places_take(lane->places, all, has_choice ? ALL_MAX_MS : PLACE_MAX_MS);
        pthread_mutex_lock(&lane->mutex);
        look(lane);
        if (place.is_none && has_choice) {
            lane->is_held_up = true;
            all = false;
            continue;
        }
        const bool alone = goes_alone(lane, place);
        if (place.is_none || alone == !place.is_all)
            return place;
        if (alone) {
            wick_places_reduce(lane->places, &place);
            return place;
        }
        if (wick_places_extend(lane->places, &place))
            return place;
        wick_places_give_back(lane->places, place);
        all = true;
    }
}

/* ---- a batch ------------------------------------------------------------------------------------------------------- */

/* What one core takes: its share of what waits, but no more than it needs for its best; or some more, where the queue is so long that this is not what anybody waits for. */
static size_t share_of(const wick_lane *lane, wick_place place)
{
    const size_t n_calls = lane->side_by_side.n_calls, n_busy = count_busy(lane, place),
                 n_free = n_calls > n_busy ? n_calls - n_busy : 1, n_waiting = wick_queue_n_tokens(lane->queue),
                 share = (n_waiting + n_free - 1) / n_free, best = lane->side_by_side.n_tokens,
                 most = n_waiting / n_calls / LONG_QUEUE >= best ? LARGE_BATCH * best : best;
    const size_t n_tokens = share < most ? share : most;
    return n_tokens == 0 ? 1 : n_tokens < lane->batch_tokens ? n_tokens : lane->batch_tokens;
}

/* The mutex is held. */
static void take_batch(wick_lane *lane, wick_runner *runner, wick_place place)
{
    wick_batch *batch = &runner->batch;
    batch->max_tokens = place.is_all || place.is_none ? lane->batch_tokens : share_of(lane, place);
    wick_queue_take(lane->queue, batch, keep_wanted, lane);
    for (size_t i = 0; i < batch->n_slices; i++)
        if (batch->slices[i].first == 0)
            batch->slices[i].job->queue_ms = lane->now_ms - batch->slices[i].job->submitted_ms;
}

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

/* The mutex is held. Counts, and ends the jobs that are through or have failed. */
static void end_batch(wick_lane *lane, const wick_batch *batch, double inference_ms)
{
    for (size_t i = 0; i < batch->n_slices; i++) {
        const wick_slice *slice = &batch->slices[i];
        wick_job *job = slice->job;
        const size_t n_tokens = wick_lane_count(job->n_tokens + slice->first, slice->n);
        job->n_tokens_left -= n_tokens;
        atomic_fetch_sub(&lane->n_tokens, n_tokens);
        job->inference_ms += slice->is_again ? 0 : inference_ms;
        if (job->owner && wick_embedder_has_failed(&lane->embedder, job))
            wick_queue_remove(lane->queue, job);
        if (--job->n_slices == 0 && !job->owner)
            end_job(lane, job);
    }
    lane->is_stalled = false;
}

/* The batch has been put together: the queue is left to the others, and one of them is woken where there is a core and work for it, or as soon as there is work. None where this one has all
 * cores, or others have: it would only stand in line. */
static void leave_queue(wick_lane *lane)
{
    lane->has_picker = false;
    if (wick_places_taken(lane->places) >= wick_places_count(lane->places))
        return;
    if (wick_queue_n_texts(lane->queue) > 0 && !lane->is_stalled)
        wake_one(lane);
    else
        ask_to_be_woken(lane);
}

/* The mutex is given up meanwhile. start_ms: when the batch was put together. */
static void embed(wick_lane *lane, wick_runner *runner, wick_place place, double start_ms)
{
    const bool side_by_side = !place.is_all && lane->side_by_side.n_calls > 1;
    atomic_store(&runner->busy_since_ms, start_ms);
    pthread_mutex_unlock(&lane->mutex);
    wick_embedder_run(&lane->embedder, &runner->texts, &runner->batch, side_by_side);
    const double end_ms = wick_now_ms();
    wick_places_give_back(lane->places, place);
    atomic_store(&runner->busy_since_ms, 0);
    wick_metrics_batch(lane->metrics, runner->batch.n_texts, runner->batch.n_tokens);
    pthread_mutex_lock(&lane->mutex);
    measure(lane, &runner->batch, start_ms, end_ms);
    end_batch(lane, &runner->batch, end_ms - start_ms);
    runner->was_busy = true;
}

static void pick_batch(wick_lane *lane, wick_runner *runner)
{
    take_queue(lane);
    const wick_place place = find_place(lane);
    take_batch(lane, runner, place);
    const bool is_empty = runner->batch.n_texts == 0;
    const double now_ms = lane->now_ms;
    lane->is_stalled = is_empty && wick_queue_n_texts(lane->queue) > 0;
    if (is_empty)
        wick_places_give_back(lane->places, place);
    leave_queue(lane);
    tell_ended(lane); /* who was dropped does not wait for the batch */
    if (!is_empty)
        embed(lane, runner, place, now_ms);
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

/* Yields for a moment: under load the next job is microseconds away, while waking a thread takes tens of them. The mutex is given up meanwhile. */
static void spin(wick_lane *lane)
{
    const double start_ms = wick_now_ms();
    take_queue(lane);
    pthread_mutex_unlock(&lane->mutex);
    while (wick_now_ms() - start_ms < SPIN_MS && !atomic_load(&lane->inbox) && !wick_lane_is_ended(lane))
        sched_yield();
    pthread_mutex_lock(&lane->mutex);
    lane->has_picker = false;
}

/* The breaker is open. */
static void wait_for_trial(wick_lane *lane, wick_runner *runner)
{
    const double ms = wick_embedder_wait_ms(&lane->embedder);
    if (ms > 0) {
        sleep_until_woken(lane, runner, ms);
        return;
    }
    take_queue(lane);
    pthread_mutex_unlock(&lane->mutex);
    const wick_place place = wick_places_take(lane->places, true, PLACE_MAX_MS);
    atomic_store(&runner->busy_since_ms, wick_now_ms());
    wick_embedder_try(&lane->embedder);
    atomic_store(&runner->busy_since_ms, 0);
    wick_places_give_back(lane->places, place);
    pthread_mutex_lock(&lane->mutex);
    lane->has_picker = false;
}

static void step(wick_lane *lane, wick_runner *runner)
{
    if (lane->has_picker) {
        sleep_until_woken(lane, runner, -1);
        return;
    }
    look(lane);
    if (lane->ended) {
        tell_ended(lane);
    } else if (is_open(lane)) {
        wait_for_trial(lane, runner);
    } else if (wick_queue_n_texts(lane->queue) > 0 && !lane->is_stalled) {
        pick_batch(lane, runner);
        tell_ended(lane);
    } else if (runner->was_busy) {
        runner->was_busy = false;
        spin(lane);
    } else {
        sleep_until_woken(lane, runner, -1);
    }
}

void *wick_lane_run(void *arg)
{
    wick_runner *runner = arg;
    wick_lane *lane = runner->lane;
    pthread_mutex_lock(&lane->mutex);
    while (!wick_lane_is_ended(lane))
        step(lane, runner);
    pthread_mutex_unlock(&lane->mutex);
    return NULL;
}
