/* SPDX-License-Identifier: Apache-2.0
 * test_server_queue.c: turns of clients, slices of jobs, the budget of a batch; and a random walk that checks that every text is taken once, in order. */
#include "server/queue.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_TEXTS 4096

static wick_slice slices[MAX_TEXTS];

static wick_batch batch_of(size_t max_tokens)
{
    return (wick_batch){.max_tokens = max_tokens, .max_texts = MAX_TEXTS, .slices = slices};
}

/* A job of n texts with so many tokens each. */
static wick_job *job_new(uint64_t client, size_t n, uint32_t tokens_each)
{
    wick_job *job = calloc(1, sizeof *job);
    uint32_t *n_tokens = calloc(n, sizeof *n_tokens);
    assert_true(job && n_tokens);
    for (size_t i = 0; i < n; i++)
        n_tokens[i] = tokens_each;
    wick_embed_options_init(&job->options);
    job->n_tokens = n_tokens;
    job->n_texts = n;
    job->client = client;
    return job;
}

/* As the lane adds it. */
static void add(wick_queue *queue, wick_job *job)
{
    job->n_tokens_left = 0;
    for (size_t i = 0; i < job->n_texts; i++)
        job->n_tokens_left += job->n_tokens[i] > 0 ? job->n_tokens[i] : 1;
    wick_queue_add(queue, job);
}

static void job_free(wick_job *job)
{
    free((void *)job->n_tokens);
    free(job);
}

static bool keep_all(void *user, wick_job *job)
{
    return true;
}

static size_t texts_of(const wick_batch *batch, const wick_job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->n_slices; i++)
        n += batch->slices[i].job == job ? batch->slices[i].n : 0;
    return n;
}

static void empties_in_order_within_the_budget(void **state)
{
    wick_queue *queue = wick_queue_new(16);
    wick_batch batch = batch_of(100);
    assert_true(wick_queue_n_texts(queue) == 0);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_int_equal(batch.n_texts, 0);
    wick_job *job = job_new(1, 25, 10);
    add(queue, job);
    for (size_t i = 0; i < 3; i++) {
        assert_false(wick_queue_n_texts(queue) == 0);
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_int_equal(batch.n_slices, 1); /* one client alone: one slice, however many turns it was */
        assert_int_equal(batch.slices[0].first, 10 * i);
        assert_int_equal(batch.n_texts, i < 2 ? 10 : 5);
        assert_int_equal(batch.n_tokens, 10 * batch.n_texts);
        assert_int_equal(job->n_slices, i + 1); /* the caller's to take off */
        assert_int_equal(wick_queue_n_texts(queue), i < 2 ? 15 - 10 * i : 0);
        assert_int_equal(wick_queue_n_tokens(queue), 10 * wick_queue_n_texts(queue));
    }
    assert_true(wick_queue_n_texts(queue) == 0);
    job_free(job);
    wick_queue_free(queue);
}

/* The reason for all this: 2,000 texts of one client, and one text of another who comes later. */
static void a_small_client_is_in_the_next_batch(void **state)
{
    wick_queue *queue = wick_queue_new(256);
    wick_batch batch = batch_of(4096);
    wick_job *big = job_new(1, 2000, 100);
    add(queue, big);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_int_equal(texts_of(&batch, big), 40);
    for (int i = 0; i < 10; i++) {
        wick_job *small = job_new(2, 1, 12);
        add(queue, small);
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_int_equal(texts_of(&batch, small), 1);
        assert_true(texts_of(&batch, big) >= 39); /* and the big one loses next to nothing */
        job_free(small);
    }
    wick_queue_remove(queue, big);
    assert_true(wick_queue_n_texts(queue) == 0);
    job_free(big);
    wick_queue_free(queue);
}

/* A small job behind a big one of the same client. */
static void a_small_job_passes_its_own_sender_s_big_one(void **state)
{
    wick_queue *queue = wick_queue_new(256);
    wick_batch batch = batch_of(4096);
    wick_job *big = job_new(1, 2000, 100), *small = job_new(1, 1, 12), *second = job_new(1, 2, 12);
    add(queue, big);
    add(queue, small);
    add(queue, second);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_int_equal(texts_of(&batch, small), 1);
    assert_int_equal(texts_of(&batch, second), 2);
    for (size_t i = 0; i < batch.n_slices; i++)
        if (batch.slices[i].job == small)
            assert_true(batch.slices[i].row < 8); /* after one turn of the big one */
    assert_true(batch.n_slices == 4);             /* big, small, second, big */
    assert_int_equal(big->n_slices, 2);
    wick_queue_remove(queue, big);
    job_free(big);
    job_free(small);
    job_free(second);
    wick_queue_free(queue);
}

/* Clients with endless work get the same number of tokens, however long their texts are. */
static void tokens_are_shared_equally(void **state)
{
    static const uint32_t tokens_each[] = {3, 12, 100, 511, 7};
    enum { N = sizeof tokens_each / sizeof tokens_each[0] };
    wick_queue *queue = wick_queue_new(128);
    wick_batch batch = batch_of(2048);
    wick_job *jobs[N];
    size_t sums[N] = {0};
    for (size_t i = 0; i < N; i++)
        add(queue, jobs[i] = job_new(i, 4000000 / tokens_each[i], tokens_each[i]));
    for (int b = 0; b < 1000; b++) {
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_true(batch.n_tokens <= 2048 && batch.n_tokens > 2048 - 512);
        for (size_t i = 0; i < N; i++)
            sums[i] += texts_of(&batch, jobs[i]) * tokens_each[i];
    }
    for (size_t i = 1; i < N; i++) {
        const size_t apart = sums[i] > sums[0] ? sums[i] - sums[0] : sums[0] - sums[i];
        assert_true(apart <= 128 + 511 + 2048); /* a quantum, a text, and the batch that is not through the round */
    }
    for (size_t i = 0; i < N; i++) {
        wick_queue_remove(queue, jobs[i]);
        job_free(jobs[i]);
    }
    assert_true(wick_queue_n_texts(queue) == 0);
    wick_queue_free(queue);
}

/* The same where a batch is for one core of several: a turn is several batches then, and texts may be longer than any of them. */
static void small_batches_share_tokens_equally(void **state)
{
    static const uint32_t tokens_each[] = {10, 1000, 300};
    enum { N = sizeof tokens_each / sizeof tokens_each[0] };
    wick_queue *queue = wick_queue_new(64);
    wick_batch batch = batch_of(128);
    wick_job *jobs[N];
    size_t sums[N] = {0};
    for (size_t i = 0; i < N; i++)
        add(queue, jobs[i] = job_new(i, 4000000 / tokens_each[i], tokens_each[i]));
    for (int b = 0; b < 3000; b++) {
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_true(batch.n_tokens <= 128 || batch.n_texts == 1);
        for (size_t i = 0; i < N; i++)
            sums[i] += texts_of(&batch, jobs[i]) * tokens_each[i];
    }
    for (size_t i = 1; i < N; i++) {
        const size_t apart = sums[i] > sums[0] ? sums[i] - sums[0] : sums[0] - sums[i];
        assert_true(apart <= 64 + 2 * 1000); /* a quantum, and a text of either */
    }
    for (size_t i = 0; i < N; i++) {
        wick_queue_remove(queue, jobs[i]);
        job_free(jobs[i]);
    }
    wick_queue_free(queue);
}

static void the_longest_of_what_is_next(void **state)
{
    wick_queue *queue = wick_queue_new(100);
    wick_batch batch = batch_of(100);
    assert_int_equal(wick_queue_longest(queue, 100), 0);
    wick_job *short_ones = job_new(1, 5, 10), *long_one = job_new(1, 1, 90), *other = job_new(2, 2, 40),
             *urgent = job_new(3, 1, 7);
    urgent->is_urgent = true;
    add(queue, short_ones);
    assert_int_equal(wick_queue_longest(queue, 100), 10);
    add(queue, long_one);
    add(queue, other);
    assert_int_equal(wick_queue_longest(queue, 50), 10); /* no further */
    assert_int_equal(wick_queue_longest(queue, 51), 90);
    add(queue, urgent);
    assert_int_equal(wick_queue_longest(queue, 7), 7);
    assert_int_equal(wick_queue_longest(queue, 51), 10);
    wick_queue_remove(queue, long_one);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_int_equal(batch.n_tokens, 97); /* all but a text of the last */
    assert_int_equal(wick_queue_longest(queue, SIZE_MAX), 40);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_int_equal(wick_queue_longest(queue, SIZE_MAX), 0);
    job_free(short_ones);
    job_free(long_one);
    job_free(other);
    job_free(urgent);
    wick_queue_free(queue);
}

static void a_text_over_the_budget_goes_alone(void **state)
{
    wick_queue *queue = wick_queue_new(6);
    wick_batch batch = batch_of(100);
    wick_job *longest = job_new(1, 2, 4000000000u), *small = job_new(2, 1, 5);
    add(queue, longest);
    add(queue, small);
    size_t n_small = 0, n_long = 0;
    for (int i = 0; i < 3; i++) {
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_int_equal(batch.n_texts, 1);
        n_small += texts_of(&batch, small);
        n_long += texts_of(&batch, longest);
        assert_true(i > 0 || n_small == 1); /* the long one has to save up for it */
    }
    assert_int_equal(n_small, 1);
    assert_int_equal(n_long, 2);
    job_free(longest);
    job_free(small);
    wick_queue_free(queue);
}

static void urgent_jobs_come_first(void **state)
{
    wick_queue *queue = wick_queue_new(256);
    wick_batch batch = batch_of(1000);
    wick_job *big = job_new(1, 100, 100), *urgent = job_new(9, 2, 3), *other = job_new(9, 1, 3);
    urgent->is_urgent = other->is_urgent = true;
    other->options.truncate = false;
    add(queue, big);
    add(queue, urgent);
    add(queue, other);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_ptr_equal(batch.slices[0].job, urgent);
    assert_int_equal(batch.slices[0].n, 2);
    assert_int_equal(texts_of(&batch, big), 9);
    assert_int_equal(texts_of(&batch, other), 0);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_ptr_equal(batch.slices[0].job, other);
    assert_int_equal(batch.n_texts, 1); /* nothing else goes with it */
    assert_false(wick_queue_n_texts(queue) == 0);
    wick_queue_remove(queue, big);
    job_free(big);
    job_free(urgent);
    job_free(other);
    wick_queue_free(queue);
}

/* Jobs that one call cannot embed together take turns too: none waits for ever. Those that differ in what is done afterwards do go together. */
static void other_options_are_passed_over_and_then_first(void **state)
{
    wick_queue *queue = wick_queue_new(64);
    wick_batch batch = batch_of(256);
    wick_job *a = job_new(1, 1000, 10), *b = job_new(2, 1000, 10), *c = job_new(3, 1000, 10);
    a->options.normalize = true;
    b->options.truncate = false;
    c->options.dimensions = 64;
    add(queue, a);
    add(queue, b);
    add(queue, c);
    for (int i = 0; i < 6; i++) {
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_int_equal(batch.n_texts, 25);
        if (i % 2 == 0) {
            assert_int_equal(texts_of(&batch, b), 0);
            assert_true(texts_of(&batch, a) > 0 && texts_of(&batch, c) > 0);
        } else {
            assert_int_equal(texts_of(&batch, b), 25);
        }
    }
    wick_job *left = job_new(4, 1, 1);
    left->options.truncate_side = WICK_TRUNCATE_LEFT;
    add(queue, left);
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        wick_queue_take(queue, &batch, keep_all, NULL);
        n += texts_of(&batch, left);
        assert_true(texts_of(&batch, left) == 0 || batch.n_texts == 1);
    }
    assert_int_equal(n, 1);
    char query[] = "query: ", same[] = "query: ";
    wick_job *prompted = job_new(5, 1, 1), *alike = job_new(6, 1, 1);
    prompted->options.prompt = query;
    alike->options.prompt = same; /* in another place */
    add(queue, prompted);
    add(queue, alike);
    n = 0;
    for (int i = 0; i < 4; i++) {
        wick_queue_take(queue, &batch, keep_all, NULL);
        n += texts_of(&batch, prompted);
        assert_int_equal(texts_of(&batch, prompted), texts_of(&batch, alike));
        assert_true(texts_of(&batch, prompted) == 0 || batch.n_texts == 2);
    }
    assert_int_equal(n, 1);
    job_free(prompted);
    job_free(alike);
    wick_job *all[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        wick_queue_remove(queue, all[i]);
        job_free(all[i]);
    }
    job_free(left);
    wick_queue_free(queue);
}

typedef struct dropping {
    wick_queue *queue;
    size_t n_dropped;
} dropping;

/* Drops jobs whose code is set. */
static bool keep_unmarked(void *user, wick_job *job)
{
    dropping *self = user;
    if (job->code == WICK_OK)
        return true;
    wick_queue_remove(self->queue, job);
    job_free(job);
    self->n_dropped++;
    return false;
}

static void dropped_jobs_are_never_taken(void **state)
{
    wick_queue *queue = wick_queue_new(64);
    wick_batch batch = batch_of(1000);
    dropping self = {queue, 0};
    for (uint64_t i = 0; i < 40; i++) {
        wick_job *job = job_new(i % 4, 1, 5);
        job->code = i % 2 == 0 || i < 20 ? -1 : WICK_OK;
        job->is_urgent = i % 8 == 1;
        add(queue, job);
    }
    wick_queue_take(queue, &batch, keep_unmarked, &self);
    assert_int_equal(self.n_dropped, 30);
    assert_int_equal(batch.n_texts, 10);
    for (size_t i = 0; i < batch.n_slices; i++) {
        assert_int_equal(batch.slices[i].job->code, WICK_OK);
        job_free(batch.slices[i].job);
    }
    assert_true(wick_queue_n_texts(queue) == 0);
    for (uint64_t i = 0; i < 30; i++) {
        wick_job *job = job_new(i % 7, 3, 5);
        job->code = i % 3 ? -1 : WICK_OK;
        add(queue, job);
    }
    wick_queue_sweep(queue, keep_unmarked, &self);
    assert_int_equal(self.n_dropped, 50);
    wick_queue_take(queue, &batch, keep_all, NULL);
    assert_int_equal(batch.n_texts, 30);
    for (size_t i = 0; i < batch.n_slices; i++)
        if (--batch.slices[i].job->n_slices == 0)
            job_free(batch.slices[i].job);
    wick_queue_free(queue);
}

/* More clients at once than are told apart: they share turns, and nothing is lost; then all places are free again. */
static void more_clients_than_places(void **state)
{
    enum { N = 3 * WICK_QUEUE_CLIENTS };
    wick_queue *queue = wick_queue_new(4);
    wick_batch batch = batch_of(50);
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < N; i++)
            add(queue, job_new(i * 0x123456789u, 1, 2));
        size_t n = 0;
        while (wick_queue_n_texts(queue) > 0) {
            wick_queue_take(queue, &batch, keep_all, NULL);
            assert_int_equal(batch.n_texts, n + 25 <= N ? 25 : N - n);
            n += batch.n_texts;
            for (size_t i = 0; i < batch.n_slices; i++)
                job_free(batch.slices[i].job);
        }
        assert_int_equal(n, N);
    }
    wick_queue_free(queue);
}

static uint32_t random_below(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % n);
}

/* What is taken of each job is texts 0, 1, 2... without a gap, each batch keeps its budget, and no job is passed over for ever. */
static void random_walk(void **state)
{
    enum { N = 3000 };
    static wick_job *jobs[N];
    static size_t taken[N];
    uint64_t seed = 42;
    size_t n_added = 0, n_texts = 0, n_taken = 0;
    wick_queue *queue = wick_queue_new(100);
    wick_batch batch = batch_of(1600);
    batch.max_texts = 64;
    memset(taken, 0, sizeof taken);
    while (n_added < N || wick_queue_n_texts(queue) > 0) {
        for (uint32_t i = random_below(&seed, 6); i > 0 && n_added < N; i--, n_added++) {
            wick_job *job =
                job_new(random_below(&seed, 20), 1 + random_below(&seed, random_below(&seed, 10) ? 4 : 200), 0);
            for (size_t t = 0; t < job->n_texts; t++)
                ((uint32_t *)job->n_tokens)[t] = random_below(&seed, random_below(&seed, 50) ? 60 : 3000);
            job->options.truncate = random_below(&seed, 4) > 0;
            job->is_urgent = random_below(&seed, 40) == 0;
            job->user = (void *)(uintptr_t)n_added;
            jobs[n_added] = job;
            n_texts += job->n_texts;
            add(queue, job);
        }
        wick_queue_take(queue, &batch, keep_all, NULL);
        assert_true(batch.n_texts <= 64);
        assert_true(batch.n_tokens <= 1600 || batch.n_texts == 1);
        size_t row = 0;
        for (size_t i = 0; i < batch.n_slices; i++) {
            const wick_slice *slice = &batch.slices[i];
            const size_t at = (size_t)(uintptr_t)slice->job->user;
            assert_int_equal(slice->row, row);
            assert_int_equal(slice->first, taken[at]);
            assert_true(slice->n > 0);
            assert_int_equal(slice->job->options.truncate, batch.slices[0].job->options.truncate);
            taken[at] += slice->n;
            row += slice->n;
            assert_true(slice->job->n_slices > 0);
            slice->job->n_slices--;
        }
        assert_int_equal(row, batch.n_texts);
        n_taken += row;
    }
    assert_int_equal(n_taken, n_texts);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(taken[i], jobs[i]->n_texts);
        job_free(jobs[i]);
    }
    wick_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empties_in_order_within_the_budget),
        cmocka_unit_test(a_small_client_is_in_the_next_batch),
        cmocka_unit_test(a_small_job_passes_its_own_sender_s_big_one),
        cmocka_unit_test(tokens_are_shared_equally),
        cmocka_unit_test(small_batches_share_tokens_equally),
        cmocka_unit_test(the_longest_of_what_is_next),
        cmocka_unit_test(a_text_over_the_budget_goes_alone),
        cmocka_unit_test(urgent_jobs_come_first),
        cmocka_unit_test(other_options_are_passed_over_and_then_first),
        cmocka_unit_test(dropped_jobs_are_never_taken),
        cmocka_unit_test(more_clients_than_places),
        cmocka_unit_test(random_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
