/* SPDX-License-Identifier: Apache-2.0
 * lane.c: takes jobs, from any thread, and counts them; opens and closes. See lane.h; lane_run.c empties the queue.
 *
 * Submitting takes no lock: a job is counted (tokens of the queue and of its client) and pushed on a list that only grows (inbox), and a runner is woken where one sleeps that could take it. */
#include "server/lane_own.h"
#include "base/error.h"
#include "provider/provider.h"
#include <signal.h>
#include <stdlib.h>

#define MAX_BATCH_TEXTS ((size_t)16384) /* whatever the budget of tokens: bounds the scratch memory */
/* A request is not read where less room is left than such a part of the queue and a text's special tokens: the room would be too small for most, which would be read for
 * nothing, and at 4 times the capacity that is most of what the server does. */
#define SHED_PARTS 256
#define LEAST_TOKENS 2
#define MIN_RETRY_MS 1.0
#define MAX_RETRY_MS 60000.0
#define UNKNOWN_RETRY_MS 1000.0 /* before the first batch has been measured */

/* ---- accounting: any thread ---- */

static size_t account_of(uint64_t client)
{
    return (client * 0x9E3779B97F4A7C15u) >> 32 & (WICK_QUEUE_CLIENTS - 1);
}

static atomic_size_t *client_account(wick_lane *lane, const wick_job *job)
{
    return &lane->client_charged[account_of(job->client)];
}

/* Adds n where the sum stays within limit or was 0. */
static bool account_add(atomic_size_t *account, size_t n, size_t limit)
{
    size_t before = atomic_load_explicit(account, memory_order_relaxed);
    do {
        if (before > 0 && (before > limit || n > limit - before))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(account, &before, before + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

size_t wick_lane_count(const uint32_t *n_tokens, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += n_tokens[i] > 0 ? n_tokens[i] : 1;
    return sum;
}

static size_t charge_of(const wick_lane *lane, size_t n_tokens)
{
    return n_tokens < lane->client_tokens ? n_tokens : lane->client_tokens;
}

static bool take_room(wick_lane *lane, wick_job *job)
{
    job->n_tokens_left = wick_lane_count(job->n_tokens, job->n_texts);
    job->charge = job->is_urgent ? 0 : charge_of(lane, job->n_tokens_left);
    if (job->charge == 0)
        return true;
    if (!account_add(client_account(lane, job), job->charge, lane->client_tokens))
        return false;
    if (account_add(&lane->n_charged, job->charge, lane->queue_tokens))
        return true;
    atomic_fetch_sub_explicit(client_account(lane, job), job->charge, memory_order_relaxed);
    return false;
}

static void give_room(wick_lane *lane, const wick_job *job)
{
    if (job->charge == 0)
        return;
    atomic_fetch_sub_explicit(client_account(lane, job), job->charge, memory_order_relaxed);
    atomic_fetch_sub_explicit(&lane->n_charged, job->charge, memory_order_relaxed);
}

bool wick_lane_is_full(const wick_lane *lane, size_t n_tokens)
{
    const size_t charged = atomic_load_explicit(&lane->n_charged, memory_order_relaxed);
    const size_t charge = charge_of(lane, n_tokens);
    return charged > 0 && (charged > lane->queue_tokens || charge > lane->queue_tokens - charged);
}

bool wick_lane_sheds(const wick_lane *lane, uint64_t client)
{
    const size_t n_tokens = LEAST_TOKENS + lane->queue_tokens / SHED_PARTS;
    const size_t charged = atomic_load_explicit(&lane->client_charged[account_of(client)], memory_order_relaxed);
    return wick_lane_is_full(lane, n_tokens) ||
           (charged > 0 && (charged > lane->client_tokens || n_tokens > lane->client_tokens - charged));
}

/* ---- submitting: any thread ---- */

/* A runner that falls asleep says so first (wants_waking) and then looks; a submitter pushes first and then looks whether anybody sleeps. */
static void wake(wick_lane *lane)
{
    if (atomic_load(&lane->wants_waking) && atomic_exchange(&lane->wants_waking, false))
        wick_lane_wake(lane);
}

static unsigned retry_after(double ms)
{
    return (unsigned)(ms < MIN_RETRY_MS ? MIN_RETRY_MS : ms < MAX_RETRY_MS ? ms : MAX_RETRY_MS);
}

static double queued_ms(const wick_lane *lane)
{
    const double rate = atomic_load(&lane->tokens_a_ms);
    return rate > 0 ? (double)atomic_load(&lane->n_tokens) / rate : UNKNOWN_RETRY_MS;
}

wick_submitted wick_lane_submit(wick_lane *lane, wick_job *job, unsigned *retry_after_ms)
{
    if (atomic_load(&lane->embedder.phase) != WICK_BREAKER_CLOSED) {
        if (retry_after_ms)
            *retry_after_ms = retry_after(atomic_load(&lane->embedder.open_until_ms) - wick_now_ms());
        return WICK_SUBMIT_OPEN;
    }
    if (!take_room(lane, job)) {
        if (retry_after_ms)
            *retry_after_ms = retry_after(queued_ms(lane));
        return WICK_SUBMIT_FULL;
    }
    job->code = WICK_OK;
    job->queue_ms = job->inference_ms = job->busy_since_ms = 0;
    job->submitted_ms = wick_now_ms();
    atomic_fetch_add(&lane->n_tokens, job->n_tokens_left);
    /* First counted, then the look: either this thread sees that the lane stops, or the lane sees that a job is coming. */
    atomic_fetch_add(&lane->n_jobs, 1);
    if (atomic_load(&lane->stopping) != WICK_LANE_RUNNING) {
        give_room(lane, job);
        atomic_fetch_sub(&lane->n_tokens, job->n_tokens_left);
        atomic_fetch_sub(&lane->n_jobs, 1);
        wick_lane_wake_all(lane);
        return WICK_SUBMIT_STOPPING;
    }
    job->next = atomic_load_explicit(&lane->inbox, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&lane->inbox, &job->next, job)) {
    }
    wake(lane);
    return WICK_SUBMITTED;
}

/* How long the longest batch under way has been. */
static double busy_ms(const wick_lane *lane)
{
    const double now_ms = wick_now_ms();
    double longest = 0;
    for (unsigned i = 0; i < lane->n_runners; i++) {
        const double since = atomic_load(&lane->runners[i].busy_since_ms);
        longest = since > 0 && now_ms - since > longest ? now_ms - since : longest;
    }
    return longest;
}

wick_lane_state wick_lane_get_state(const wick_lane *lane)
{
    return (wick_lane_state){
        .n_jobs = atomic_load(&lane->n_jobs),
        .n_tokens = atomic_load(&lane->n_tokens),
        .busy_ms = busy_ms(lane),
        .breaker = atomic_load(&lane->embedder.phase),
    };
}

void wick_lane_forget(wick_lane *lane, const wick_job *job)
{
    give_room(lane, job);
    atomic_fetch_sub(&lane->n_tokens, job->n_tokens_left);
    atomic_fetch_sub(&lane->n_jobs, 1);
}

/* ---- open and close ---- */

/* Runners take no signals: those are the program's. */
static int start_runners(wick_lane *lane)
{
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < lane->side_by_side.n_calls && rc == 0; i++) {
        wick_runner *runner = &lane->runners[i];
        rc = pthread_create(&runner->thread, NULL, wick_lane_run, runner);
        lane->n_runners += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void lane_free(wick_lane *lane)
{
    for (unsigned i = 0; lane->runners && i < lane->side_by_side.n_calls; i++) {
        wick_runner *runner = &lane->runners[i];
        wick_embedder_texts_clear(&runner->texts);
        free(runner->batch.slices);
        if (runner->lane)
            pthread_cond_destroy(&runner->woken);
    }
    free(lane->runners);
    wick_queue_free(lane->queue);
    wick_embedder_close(&lane->embedder);
    wick_places_free(lane->own_places);
    pthread_mutex_destroy(&lane->mutex);
    pthread_mutex_destroy(&lane->join_mutex);
    free(lane);
}

/* Its memory. False: there is none. */
static bool runner_init(wick_lane *lane, wick_runner *runner)
{
    const size_t max_texts = lane->batch_tokens < MAX_BATCH_TEXTS ? lane->batch_tokens : MAX_BATCH_TEXTS;
    if (wick_wait_init(&runner->woken) != 0)
        return false;
    runner->lane = lane;
    runner->batch.max_texts = max_texts;
    runner->batch.slices = malloc(max_texts * sizeof *runner->batch.slices);
    return runner->batch.slices && wick_embedder_texts_init(&runner->texts, max_texts);
}

/* How many calls go side by side: as the provider says, and no more than there are cores for. */
static bool find_places(wick_lane *lane, const wick_provider *provider, wick_places *places)
{
    wick_side_by_side *own = &lane->side_by_side;
    *own = wick_provider_side_by_side(provider);
    own->n_calls = own->n_calls > 0 ? own->n_calls : 1;
    own->n_tokens = own->n_tokens > 0 ? own->n_tokens : 1;
    if (!places)
        places = lane->own_places = wick_places_new(own->n_calls);
    lane->places = places;
    if (places && own->n_calls > wick_places_count(places))
        own->n_calls = wick_places_count(places);
    return places != NULL;
}

static bool lane_init(wick_lane *lane, const wick_provider *provider, const wick_lane_options *options)
{
    lane->batch_tokens = options->batch_tokens > 0 ? options->batch_tokens : 1;
    lane->queue_tokens = options->queue_tokens > 0 ? options->queue_tokens : 1;
    lane->client_tokens = lane->queue_tokens - lane->queue_tokens / 4;
    lane->metrics = options->metrics;
    const size_t quantum = lane->batch_tokens /
                           WICK_QUEUE_MOST_QUANTA; /* so many clients find room in one batch when all have much to do */
    lane->queue = wick_queue_new(quantum > 0 ? quantum : 1);
    if (!find_places(lane, provider, options->places) || !lane->queue)
        return false;
    lane->runners = calloc(lane->side_by_side.n_calls, sizeof *lane->runners);
    bool is_whole = lane->runners != NULL;
    for (unsigned i = 0; is_whole && i < lane->side_by_side.n_calls; i++)
        is_whole = runner_init(lane, &lane->runners[i]);
    return is_whole;
}

int wick_lane_open(wick_provider *provider, const wick_lane_options *options, wick_lane **out, wick_error *error)
{
    *out = NULL;
    wick_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return wick_fail_memory(error, "the lane");
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_mutex_init(&lane->join_mutex, NULL);
    wick_embedder_open(&lane->embedder, provider, options, &lane->stopping);
    if (!lane_init(lane, provider, options)) {
        lane_free(lane);
        return wick_fail_memory(error, "the lane");
    }
    if (start_runners(lane) != 0) {
        wick_lane_close(lane, false);
        return wick_fail(error, WICK_E_INTERNAL, "lane", "raise the limit on processes",
                         "cannot start the lane's threads");
    }
    *out = lane;
    return WICK_OK;
}

void wick_lane_stop(wick_lane *lane, bool drain)
{
    int running = WICK_LANE_RUNNING;
    if (drain)
        atomic_compare_exchange_strong(&lane->stopping, &running, WICK_LANE_DRAINING);
    else
        atomic_store(&lane->stopping, WICK_LANE_STOPPING);
    wick_lane_wake_all(lane);
    pthread_mutex_lock(&lane->join_mutex);
    for (unsigned i = 0; i < lane->n_runners && !lane->is_joined; i++)
        pthread_join(lane->runners[i].thread, NULL);
    lane->is_joined = true;
    pthread_mutex_unlock(&lane->join_mutex);
}

void wick_lane_close(wick_lane *lane, bool drain)
{
    if (!lane)
        return;
    wick_lane_stop(lane, drain);
    lane_free(lane);
}
