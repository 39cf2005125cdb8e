/* SPDX-License-Identifier: Apache-2.0
 * lane.c: jobs in, from any thread; batches through the embedder, on the lane's own; see lane.h.
 *
 * Submitting takes no lock: a job is counted (tokens of the queue and of its client), pushed on a list that only grows (inbox), and the thread is
 * woken where it sleeps. The thread moves what has come into the queue (queue.h), which is its own, and embeds one batch after the other. */
#include "server/lane.h"
#include "base/error.h"
#include "provider/vectors.h"
#include "server/embedder.h"
#include "server/metrics.h"
#include "server/turns.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define MAX_BATCH_TEXTS ((size_t)16384) /* whatever the budget of tokens: bounds the scratch memory */
#define QUANTA_A_BATCH 16               /* so many clients find room in one batch when all have much to do */
/* After a batch, before sleep: longer than a job takes from a callback to the next submit at full load. */
#define SPIN_MS 0.03
#define SWEEP_MS 50.0      /* jobs deep in the queue learn within this that their deadline has passed */
#define TURN_MAX_MS 3000.0 /* far more than any batch takes: another lane's engine is stuck */
#define RATE_DECAY 0.9     /* of what earlier batches weigh in the tokens a second, at each batch */
/* A request is not read where less room is left than such a part of the queue and a text's special tokens: the room would be too small for most, which would be read for
 * nothing, and at 4 times the capacity that is most of what the server does. */
#define SHED_PARTS 256
#define LEAST_TOKENS 2
#define MIN_RETRY_MS 1.0
#define MAX_RETRY_MS 60000.0
#define UNKNOWN_RETRY_MS 1000.0 /* before the first batch has been measured */

enum stopping { RUNNING, DRAINING, STOPPING };

struct wick_lane {
    wick_embedder embedder;
    wick_queue *queue;
    wick_batch batch;
    size_t queue_tokens, client_tokens; /* what may be queued, and of one client */
    struct wick_metrics *metrics;
    wick_turns *turns;
    double now_ms, swept_ms;         /* when the batch under way was put together; of the last sweep */
    double recent_tokens, recent_ms; /* decaying sums over batches */
    int drop_code;                   /* for drop_job */
    _Atomic double tokens_a_ms;      /* 0: not known yet */
    _Atomic double busy_since_ms;    /* 0: idle */
    atomic_size_t n_jobs, n_tokens, n_charged;
    atomic_size_t client_charged[WICK_QUEUE_CLIENTS]; /* clients whose hashes meet share one */
    _Atomic(wick_job *) inbox;                        /* the last one submitted first */
    atomic_int stopping;
    atomic_bool is_asleep;
    pthread_mutex_t mutex; /* of the sleep */
    pthread_cond_t woken;
    pthread_t thread;
    pthread_mutex_t join_mutex;
    bool is_joined;
};

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

static size_t count_tokens(const uint32_t *n_tokens, size_t n)
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
    job->n_tokens_left = count_tokens(job->n_tokens, job->n_texts);
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

static void wake(wick_lane *lane)
{
    if (!atomic_load(&lane->is_asleep) || !atomic_exchange(&lane->is_asleep, false))
        return;
    /* The lane holds the mutex from its last look until it sleeps. The signal comes after it is free again: a thread that wakes up into a mutex that is taken
     * sleeps once more. */
    pthread_mutex_lock(&lane->mutex);
    pthread_mutex_unlock(&lane->mutex);
    pthread_cond_signal(&lane->woken);
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
    job->queue_ms = job->inference_ms = 0;
    job->submitted_ms = wick_now_ms();
    atomic_fetch_add(&lane->n_tokens, job->n_tokens_left);
    /* First counted, then the look: either this thread sees that the lane stops, or the lane sees that a job is coming. */
    atomic_fetch_add(&lane->n_jobs, 1);
    if (atomic_load(&lane->stopping) != RUNNING) {
        give_room(lane, job);
        atomic_fetch_sub(&lane->n_tokens, job->n_tokens_left);
        atomic_fetch_sub(&lane->n_jobs, 1);
        wake(lane);
        return WICK_SUBMIT_STOPPING;
    }
    job->next = atomic_load_explicit(&lane->inbox, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&lane->inbox, &job->next, job)) {
    }
    wake(lane);
    return WICK_SUBMITTED;
}

wick_lane_state wick_lane_get_state(const wick_lane *lane)
{
    const double since = atomic_load(&lane->busy_since_ms), busy = wick_now_ms() - since;
    return (wick_lane_state){
        .n_jobs = atomic_load(&lane->n_jobs),
        .n_tokens = atomic_load(&lane->n_tokens),
        .busy_ms = since > 0 && busy > 0 ? busy : 0,
        .breaker = atomic_load(&lane->embedder.phase),
    };
}

/* ---- the lane's thread ---- */

/* job is in no list any more. Everything is given back before done, which may free the job. */
static void end_job(wick_lane *lane, wick_job *job)
{
    give_room(lane, job);
    atomic_fetch_sub(&lane->n_tokens, job->n_tokens_left);
    atomic_fetch_sub(&lane->n_jobs, 1);
    job->done(job);
}

static void drop(wick_lane *lane, wick_job *job)
{
    if (job->next_text == 0)
        job->queue_ms = wick_now_ms() - job->submitted_ms;
    wick_queue_remove(lane->queue, job);
    end_job(lane, job);
}

static bool is_in_batch(const wick_batch *batch, const wick_job *job)
{
    return job->slice < batch->n_slices && batch->slices[job->slice].job == job;
}

/* A wick_queue_keep: ends jobs that nobody waits for any more. One that is in the batch being put together stays until it was embedded. */
static bool keep_wanted(void *user, wick_job *job)
{
    wick_lane *lane = user;
    if (is_in_batch(&lane->batch, job))
        return true;
    if (job->is_gone && atomic_load(job->is_gone))
        job->code = wick_fail(&job->error, WICK_E_UNAVAILABLE, "client", NULL, "the client has left");
    else if (job->deadline_ms > 0 && lane->now_ms > job->deadline_ms)
        job->code = wick_fail(&job->error, WICK_E_TIMEOUT, "queue", "try again later, or allow more time",
                              "the deadline passed before the texts' turn came");
    else
        return true;
    drop(lane, job);
    return false;
}

/* A wick_queue_keep: ends every job. */
static bool keep_none(void *user, wick_job *job)
{
    wick_lane *lane = user;
    job->code = atomic_load(&lane->stopping) == STOPPING
                    ? wick_fail(&job->error, WICK_E_UNAVAILABLE, "server", "try again later", "the server is stopping")
                    : wick_embedder_refuse(&lane->embedder, &job->error);
    drop(lane, job);
    return false;
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
        oldest->slice = SIZE_MAX;
        wick_queue_add(lane->queue, oldest);
        oldest = after;
    }
}

static void measure(wick_lane *lane, double ms)
{
    lane->recent_tokens = lane->recent_tokens * RATE_DECAY + (double)lane->batch.n_tokens;
    lane->recent_ms = lane->recent_ms * RATE_DECAY + ms;
    if (lane->recent_ms > 0)
        atomic_store(&lane->tokens_a_ms, lane->recent_tokens / lane->recent_ms);
}

/* After the batch: counts, and ends the jobs that are through or have failed. */
static void end_batch(wick_lane *lane, double inference_ms)
{
    const wick_batch *batch = &lane->batch;
    for (size_t i = 0; i < batch->n_slices; i++) {
        const wick_slice *slice = &batch->slices[i];
        wick_job *job = slice->job;
        const size_t n_tokens = count_tokens(job->n_tokens + slice->first, slice->n);
        job->n_tokens_left -= n_tokens;
        atomic_fetch_sub(&lane->n_tokens, n_tokens);
        if (job->slice != i) /* an earlier one of several: nothing may be said of the job before its last */
            continue;
        job->inference_ms += inference_ms;
        const bool is_through = job->next_text == job->n_texts;
        if (is_through)
            end_job(lane, job);
        else if (job->code != WICK_OK)
            drop(lane, job);
    }
}

static void run_batch(wick_lane *lane)
{
    const wick_batch *batch = &lane->batch;
    atomic_store(&lane->busy_since_ms, wick_now_ms());
    const bool has_turn = wick_turns_take(lane->turns, TURN_MAX_MS);
    receive(lane); /* what came while others had their turn */
    lane->now_ms = wick_now_ms();
    lane->batch.n_slices = 0;
    if (lane->now_ms - lane->swept_ms >= SWEEP_MS) {
        wick_queue_sweep(lane->queue, keep_wanted, lane);
        lane->swept_ms = lane->now_ms;
    }
    wick_queue_take(lane->queue, &lane->batch, keep_wanted, lane);
    for (size_t i = 0; i < batch->n_slices; i++)
        if (batch->slices[i].first == 0)
            batch->slices[i].job->queue_ms = lane->now_ms - batch->slices[i].job->submitted_ms;
    double ms = 0;
    if (batch->n_texts > 0) {
        wick_embedder_run(&lane->embedder, batch);
        ms = wick_now_ms() - lane->now_ms;
    }
    if (has_turn)
        wick_turns_give_back(lane->turns);
    atomic_store(&lane->busy_since_ms, 0);
    if (batch->n_texts == 0)
        return;
    measure(lane, ms);
    wick_metrics_batch(lane->metrics, batch->n_texts, batch->n_tokens);
    end_batch(lane, ms);
}

static void try_again(wick_lane *lane)
{
    atomic_store(&lane->busy_since_ms, wick_now_ms());
    const bool has_turn = wick_turns_take(lane->turns, TURN_MAX_MS);
    wick_embedder_try(&lane->embedder);
    if (has_turn)
        wick_turns_give_back(lane->turns);
    atomic_store(&lane->busy_since_ms, 0);
}

static bool is_ended(wick_lane *lane)
{
    return atomic_load(&lane->stopping) != RUNNING && atomic_load(&lane->n_jobs) == 0;
}

/* Returns when there may be something to do, or after max_ms (negative: whenever that is). Yields for a moment first: under load the next job is
 * microseconds away, while waking a thread takes tens of them. */
static void wait_for_work(wick_lane *lane, bool is_spinning, double max_ms)
{
    const double start_ms = wick_now_ms();
    while (is_spinning && wick_now_ms() - start_ms < SPIN_MS) {
        if (atomic_load(&lane->inbox) || is_ended(lane))
            return;
        sched_yield();
    }
    pthread_mutex_lock(&lane->mutex);
    /* First asleep, then the look; a submitter pushes first and then looks whether anybody sleeps. */
    atomic_store(&lane->is_asleep, true);
    while (atomic_load(&lane->is_asleep) && !atomic_load(&lane->inbox) && !is_ended(lane)) {
        if (max_ms < 0) {
            pthread_cond_wait(&lane->woken, &lane->mutex);
            continue;
        }
        const double left_ms = start_ms + max_ms - wick_now_ms();
        if (left_ms <= 0)
            break;
        wick_wait_ms(&lane->woken, &lane->mutex, left_ms);
    }
    atomic_store(&lane->is_asleep, false);
    pthread_mutex_unlock(&lane->mutex);
}

static void *run(void *arg)
{
    wick_lane *lane = arg;
    bool was_busy = false;
    for (;;) {
        receive(lane);
        const bool is_open = lane->embedder.breaker.phase != WICK_BREAKER_CLOSED;
        if (is_open || atomic_load(&lane->stopping) == STOPPING)
            wick_queue_sweep(lane->queue, keep_none, lane);
        const bool is_busy = !wick_queue_is_empty(lane->queue);
        if (is_busy) {
            run_batch(lane);
        } else if (is_ended(lane)) {
            return NULL;
        } else if (is_open) {
            const double ms = wick_breaker_wait_ms(&lane->embedder.breaker, wick_now_ms());
            if (ms > 0)
                wait_for_work(lane, false, ms);
            else
                try_again(lane);
        } else {
            wait_for_work(lane, was_busy, -1);
        }
        was_busy = is_busy;
    }
}

/* ---- open and close ---- */

/* The lane's thread takes no signals: those are the program's. */
static int start_thread(wick_lane *lane)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&lane->thread, NULL, run, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void lane_free(wick_lane *lane)
{
    wick_embedder_close(&lane->embedder);
    wick_queue_free(lane->queue);
    free(lane->batch.slices);
    free(lane);
}

int wick_lane_open(wick_provider *provider, const wick_lane_options *options, wick_lane **out, wick_error *error)
{
    *out = NULL;
    wick_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return wick_fail_memory(error, "the lane");
    wick_batch *batch = &lane->batch;
    batch->max_tokens = options->batch_tokens > 0 ? options->batch_tokens : 1;
    batch->max_texts = batch->max_tokens < MAX_BATCH_TEXTS ? batch->max_tokens : MAX_BATCH_TEXTS;
    batch->slices = malloc(batch->max_texts * sizeof *batch->slices);
    lane->queue_tokens = options->queue_tokens > 0 ? options->queue_tokens : 1;
    lane->client_tokens = lane->queue_tokens - lane->queue_tokens / 4;
    lane->metrics = options->metrics;
    lane->turns = options->turns;
    const size_t quantum = batch->max_tokens / QUANTA_A_BATCH;
    lane->queue = wick_queue_new(quantum > 0 ? quantum : 1);
    int rc = wick_embedder_open(&lane->embedder, provider, options, batch->max_texts, &lane->stopping, error);
    if (rc == WICK_OK && (!lane->queue || !batch->slices))
        rc = wick_fail_memory(error, "the lane's queue");
    if (rc != WICK_OK) {
        lane_free(lane);
        return rc;
    }
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_mutex_init(&lane->join_mutex, NULL);
    if (wick_wait_init(&lane->woken) != 0 || start_thread(lane) != 0) {
        lane_free(lane);
        return wick_fail(error, WICK_E_INTERNAL, "lane", "raise the limit on processes",
                         "cannot start the lane's thread");
    }
    *out = lane;
    return WICK_OK;
}

void wick_lane_stop(wick_lane *lane, bool drain)
{
    int running = RUNNING;
    if (drain)
        atomic_compare_exchange_strong(&lane->stopping, &running, DRAINING);
    else
        atomic_store(&lane->stopping, STOPPING);
    pthread_mutex_lock(&lane->mutex); /* wakes it whatever it waits for */
    atomic_store(&lane->is_asleep, false);
    pthread_cond_signal(&lane->woken);
    pthread_mutex_unlock(&lane->mutex);
    pthread_mutex_lock(&lane->join_mutex);
    if (!lane->is_joined)
        pthread_join(lane->thread, NULL);
    lane->is_joined = true;
    pthread_mutex_unlock(&lane->join_mutex);
}

void wick_lane_close(wick_lane *lane, bool drain)
{
    if (!lane)
        return;
    wick_lane_stop(lane, drain);
    pthread_cond_destroy(&lane->woken);
    pthread_mutex_destroy(&lane->mutex);
    pthread_mutex_destroy(&lane->join_mutex);
    lane_free(lane);
}
