/* SPDX-License-Identifier: Apache-2.0
 * lane_cores.c: when a lane's next batch begins, on one core or on all, and how large it is. In: the queue, and which cores are busy (base/places.h). Out: a place, and a batch for it. With the
 * lane's mutex held.
 *
 * With little to do a batch has all cores: that is soonest done. Where there is work for each core, each has a batch of its own: no thread waits for another at a step's end, so that a core
 * which is taken away for some milliseconds holds up its own batch and no other. */
#include "server/lane_own.h"

/* So many batches for each core wait: then a batch may be so many times as large. */
#define LONG_QUEUE 8
#define LARGE_BATCH 4
/* So long a batch waits for all cores before it takes one: a call that is slow or stuck holds up nobody else. */
#define ALL_MAX_MS 100.0

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

wick_place wick_lane_find_place(wick_lane *lane)
{
    wick_place place = {.is_none = true};
    bool all = !goes_alone(lane, place);
    for (;;) {
        const bool has_choice = all && lane->side_by_side.n_calls > 1;
        wick_lane_tell_ended(lane);
        pthread_mutex_unlock(&lane->mutex);
        place = wick_places_take(lane->places, all, has_choice ? ALL_MAX_MS : WICK_PLACE_MAX_MS);
        pthread_mutex_lock(&lane->mutex);
        wick_lane_look(lane);
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

void wick_lane_take_batch(wick_lane *lane, wick_runner *runner, wick_place place)
{
    wick_batch *batch = &runner->batch;
    batch->max_tokens = place.is_all || place.is_none ? lane->batch_tokens : share_of(lane, place);
    wick_queue_take(lane->queue, batch, wick_lane_keep_wanted, lane);
    for (size_t i = 0; i < batch->n_slices; i++) {
        wick_job *job = batch->slices[i].job;
        if (batch->slices[i].first == 0)
            job->queue_ms = lane->now_ms - job->submitted_ms;
        job->busy_since_ms = job->busy_since_ms > 0 ? job->busy_since_ms : lane->now_ms;
    }
}
