/* SPDX-License-Identifier: Apache-2.0
 * lane_run.c: the threads that empty a lane's queue (runners), as many as the provider takes calls side by side.
 *
 * One of them at a time is the picker: it looks at the queue (lane_jobs.c), waits until it has a core or all of them, puts a batch together (lane_cores.c), and only then leaves the queue to the
 * next. So a batch is made when it can begin, of all that has come by then, and the others sleep meanwhile. */
#include "server/lane_own.h"
#include "server/metrics.h"
#include <sched.h>

/* After a batch, before sleep: longer than a job takes from a callback to the next submit at full load. */
#define SPIN_MS 0.03

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

/* ---- a batch ---------------------------------------------------------------------------------------------------------- */

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
    wick_lane_end_batch(lane, &runner->batch, start_ms, end_ms);
    runner->was_busy = true;
}

static void pick_batch(wick_lane *lane, wick_runner *runner)
{
    take_queue(lane);
    const wick_place place = wick_lane_find_place(lane);
    wick_lane_take_batch(lane, runner, place);
    const bool is_empty = runner->batch.n_texts == 0;
    const double now_ms = lane->now_ms;
    lane->is_stalled = is_empty && wick_queue_n_texts(lane->queue) > 0;
    if (is_empty)
        wick_places_give_back(lane->places, place);
    leave_queue(lane);
    wick_lane_tell_ended(lane); /* who was dropped does not wait for the batch */
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
    const wick_place place = wick_places_take(lane->places, true, WICK_PLACE_MAX_MS);
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
    wick_lane_look(lane);
    if (lane->ended) {
        wick_lane_tell_ended(lane);
    } else if (wick_lane_is_open(lane)) {
        wait_for_trial(lane, runner);
    } else if (wick_queue_n_texts(lane->queue) > 0 && !lane->is_stalled) {
        pick_batch(lane, runner);
        wick_lane_tell_ended(lane);
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
