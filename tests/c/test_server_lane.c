/* SPDX-License-Identifier: Apache-2.0
 * test_server_lane.c: the lane with a fake provider: what is embedded, what is dropped, who waits for whom, and that all that was counted is given back. */
#include "base/places.h"
#include "provider/vectors.h"
#include "server/metrics.h"
#include "support_lane.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void embeds_what_differs_in_options_together(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane), *jobs[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = support_job_new("text", 3 + i, 5, i % 2);
        jobs[i]->job.options.normalize = i % 2 == 0;
        jobs[i]->job.options.dimensions = i < 2 ? 0 : 5;
        support_job_submit(lane, jobs[i]);
    }
    assert_int_equal(wick_lane_get_state(lane).n_jobs, 5);
    assert_int_equal(wick_lane_get_state(lane).n_tokens, 1 + 5 * (3 + 4 + 5 + 6));
    support_fake_release(&fake);
    support_job_wait(first);
    for (size_t i = 0; i < 4; i++)
        support_job_wait(jobs[i]);
    assert_int_equal(fake.n_calls, 2);
    support_lane_check_empty(lane);
    for (size_t i = 0; i < 4; i++) {
        support_job_check(jobs[i], &fake.provider);
        assert_true(jobs[i]->job.queue_ms > 0);
        assert_true(jobs[i]->job.inference_ms >= 0);
        support_job_free(jobs[i]);
    }
    support_job_check(first, &fake.provider);
    support_job_free(first);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* 2,000 texts of one client, single ones of another: each waits for the batch under way and is in the next. */
static void a_large_request_starves_nobody(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    fake.ms_a_call = 5;
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *big = support_job_new("big", 2000, 20, 1);
    support_job_submit(lane, big);
    support_fake_wait_calls(&fake, 1);
    for (int i = 0; i < 10; i++) {
        support_job *small = support_job_new("small", 1, 20, i % 2 ? 1 : 2); /* the same sender's too */
        const unsigned n_calls = fake.n_calls;
        support_job_submit(lane, small);
        support_job_wait(small);
        assert_true(fake.n_calls <= n_calls + 3); /* under way, under way when it came, its own */
        assert_false(support_job_is_done(big));
        support_job_check(small, &fake.provider);
        support_job_free(small);
    }
    support_job_wait(big);
    support_lane_check_empty(lane);
    fake.ms_a_call = 0;
    support_job_check(big, &fake.provider);
    support_job_free(big);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void late_and_gone_jobs_are_never_embedded(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    atomic_bool has_left = false;
    support_job *gone = support_job_new("gone", 10, 5, 1), *late = support_job_new("gone too late", 10, 5, 2);
    support_job *fine = support_job_new("fine", 10, 5, 3);
    gone->job.is_gone = fine->job.is_gone = &has_left;
    late->job.deadline_ms = wick_now_ms() + 5;
    fine->job.is_gone = NULL;
    fine->job.deadline_ms = wick_now_ms() + 60000;
    support_job_submit(lane, gone);
    support_job_submit(lane, late);
    support_job_submit(lane, fine);
    has_left = true;
    support_sleep_ms(10);
    support_fake_release(&fake);
    support_job_wait(gone);
    support_job_wait(late);
    support_job_wait(fine);
    support_job_wait(first);
    assert_int_equal(gone->job.code, WICK_E_UNAVAILABLE);
    assert_int_equal(late->job.code, WICK_E_TIMEOUT);
    assert_int_equal(late->job.error.code, WICK_E_TIMEOUT);
    assert_true(late->job.queue_ms >= 10);
    assert_int_equal(fake.n_gone, 0);
    assert_int_equal(fake.n_texts, 11);
    support_job_check(fine, &fake.provider);
    support_lane_check_empty(lane);
    support_job *all[] = {first, gone, late, fine};
    for (size_t i = 0; i < 4; i++)
        support_job_free(all[i]);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* A client that leaves in the middle of a large request. */
static void the_rest_of_a_gone_job_is_left(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    fake.ms_a_call = 2;
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    atomic_bool has_left = false;
    support_job *gone = support_job_new("gone", 2000, 20, 1);
    gone->job.is_gone = &has_left;
    support_job_submit(lane, gone);
    support_fake_wait_calls(&fake, 2);
    has_left = true;
    support_job_wait(gone);
    assert_int_equal(gone->job.code, WICK_E_UNAVAILABLE);
    assert_true(fake.n_texts < 1000);
    support_lane_check_empty(lane);
    support_job_free(gone);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static atomic_bool sender_left;
static void (*done_before)(wick_job *job);

static void done_and_leave(wick_job *job)
{
    sender_left = true;
    done_before(job);
}

/* A client leaves while a batch with some of its texts is being put together (here: as another job is dropped). Its job ends after that batch. */
static void leaving_amid_a_batch_ends_a_job_once(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    support_job *big = support_job_new("big", 2000, 10, 1), *gone = support_job_new("gone", 1, 10, 2);
    atomic_bool has_left = true;
    sender_left = false;
    big->job.is_gone = &sender_left;
    gone->job.is_gone = &has_left;
    done_before = gone->job.done;
    gone->job.done = done_and_leave;
    support_job_submit(lane, big);
    support_job_submit(lane, gone);
    support_fake_release(&fake);
    support_job_wait(big);
    support_job_wait(gone);
    support_job_wait(first);
    assert_int_equal(big->job.code, WICK_E_UNAVAILABLE);
    assert_true(fake.n_texts <= 1 + 102); /* one batch of it at most */
    support_lane_check_empty(lane);
    wick_lane_close(lane, true);
    support_job_free(first);
    support_job_free(big);
    support_job_free(gone);
    support_fake_clear(&fake);
}

static support_fake *fake_to_hold;

static void done_and_hold(wick_job *job)
{
    support_fake_hold(fake_to_hold);
    done_before(job);
}

/* Who is dropped as a batch is put together does not wait until that batch is embedded. */
static void gone_jobs_end_before_the_batch(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    atomic_bool has_left = true;
    support_job *gone = support_job_new("gone", 1, 5, 1), *next = support_job_new("next", 1, 5, 2);
    gone->job.is_gone = &has_left;
    fake_to_hold = &fake;
    done_before = first->job.done;
    first->job.done = done_and_hold; /* so that the next batch does not end */
    support_job_submit(lane, gone);
    support_job_submit(lane, next);
    support_fake_release(&fake);
    support_fake_wait_calls(&fake, 2);
    for (int i = 0; i < 500 && !support_job_is_done(gone); i++)
        support_sleep_ms(10);
    assert_true(support_job_is_done(gone));
    assert_false(support_job_is_done(next));
    support_fake_release(&fake);
    support_job_wait(next);
    support_job *all[] = {first, gone, next};
    wick_lane_close(lane, true);
    for (size_t i = 0; i < 3; i++)
        support_job_free(all[i]);
    support_fake_clear(&fake);
}

static void who_has_his_share_is_shed_and_nobody_else(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.queue_tokens = 1000;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    assert_false(wick_lane_sheds(lane, 1));
    support_job *first = support_lane_occupy(&fake, lane); /* a token of client 77 */
    support_job *one = support_job_new("one", 74, 10, 1), *two = support_job_new("two", 1, 6, 1);
    support_job *three = support_job_new("three", 24, 10, 2), *four = support_job_new("four", 1, 9, 2);
    support_job_submit(lane, one);
    assert_false(wick_lane_sheds(lane, 1)); /* ten tokens of its three quarters are left: room for one more */
    support_job_submit(lane, two);
    assert_true(wick_lane_sheds(lane, 1)); /* four: less than a part in 256 of the queue and two special tokens */
    assert_false(wick_lane_sheds(lane, 2));
    support_job_submit(lane, three);
    assert_false(wick_lane_sheds(lane, 3)); /* of the whole, 13 */
    support_job_submit(lane, four);
    assert_true(wick_lane_sheds(lane, 3));
    support_fake_release(&fake);
    support_job *all[] = {first, one, two, three, four};
    for (size_t i = 0; i < 5; i++)
        support_job_wait(all[i]);
    assert_false(wick_lane_sheds(lane, 1));
    wick_lane_close(lane, true);
    for (size_t i = 0; i < 5; i++)
        support_job_free(all[i]);
    support_fake_clear(&fake);
}

static void a_full_queue_refuses_and_recovers(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.queue_tokens = 1000;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane); /* a token of client 77 */
    support_job *one = support_job_new("one", 74, 10, 1), *two = support_job_new("two", 25, 10, 2);
    support_job *more = support_job_new("more", 2, 10, 1), *other = support_job_new("other", 1, 10, 3);
    support_job *urgent = support_job_new("urgent", 1, 500, 4);
    urgent->job.is_urgent = true;
    unsigned retry_ms = 0;
    support_job_submit(lane, one);
    assert_int_equal(wick_lane_submit(lane, &more->job, &retry_ms),
                     WICK_SUBMIT_FULL); /* three quarters are client 1's, no more */
    assert_true(retry_ms > 0);
    assert_false(wick_lane_is_full(lane, 250));
    support_job_submit(lane, two);
    assert_true(wick_lane_is_full(lane, 10));
    assert_false(wick_lane_is_full(lane, 9));
    assert_int_equal(wick_lane_submit(lane, &other->job, NULL), WICK_SUBMIT_FULL);
    support_job_submit(lane, urgent);
    support_fake_release(&fake);
    support_job_wait(one);
    support_job_wait(two);
    support_job_wait(urgent);
    support_job_wait(first);
    assert_true(urgent->order < one->order && urgent->order < two->order);
    support_lane_check_empty(lane);
    support_job_submit(lane, other);
    support_job_submit(lane, more);
    support_job_wait(other);
    support_job_wait(more);
    support_lane_check_empty(lane);
    support_job *all[] = {first, one, two, more, other, urgent};
    for (size_t i = 0; i < 6; i++)
        support_job_free(all[i]);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* A request larger than the queue is served, and leaves room for others meanwhile. */
static void a_job_over_the_whole_queue_is_taken(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.queue_tokens = 1000;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *huge = support_job_new("huge", 2000, 100, 1), *other = support_job_new("other", 20, 10, 2);
    support_fake_hold(&fake);
    support_job_submit(lane, huge);
    support_job_submit(lane, other);
    assert_true(wick_lane_is_full(lane, 100));
    support_fake_release(&fake);
    support_job_wait(huge);
    support_job_wait(other);
    assert_true(other->order < huge->order);
    support_job_check(huge, &fake.provider);
    support_lane_check_empty(lane);
    support_job_free(huge);
    support_job_free(other);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* What was embedded says how long the rest will take. */
static void retry_after_follows_the_measured_speed(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    fake.ms_a_call = 10;
    wick_lane_options options = support_lane_options();
    options.batch_tokens = 100;
    options.queue_tokens = 1000;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    for (int i = 0; i < 5; i++) { /* 10 tokens a ms, at most */
        support_job *job = support_job_new("text", 10, 10, 1);
        support_job_submit(lane, job);
        support_job_wait(job);
        support_job_free(job);
    }
    support_job *first = support_lane_occupy(&fake, lane), *one = support_job_new("one", 70, 10, 1),
                *two = support_job_new("two", 70, 10, 2);
    unsigned retry_ms = 0;
    support_job_submit(lane, one);
    assert_int_equal(wick_lane_submit(lane, &two->job, &retry_ms), WICK_SUBMIT_FULL);
    assert_true(retry_ms >= 65 && retry_ms < 1000);
    support_fake_release(&fake);
    support_job_wait(one);
    support_job_wait(first);
    support_job_free(first);
    support_job_free(one);
    support_job_free(two);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void close_works_off_what_is_queued(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    fake.ms_a_call = 1;
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *jobs[20];
    for (size_t i = 0; i < 20; i++)
        support_job_submit(lane, jobs[i] = support_job_new("text", 100, 20, i % 3));
    wick_lane_stop(lane, true);
    for (size_t i = 0; i < 20; i++)
        assert_true(support_job_is_done(jobs[i]));
    support_job *late = support_job_new("text", 1, 1, 1);
    assert_int_equal(wick_lane_submit(lane, &late->job, NULL), WICK_SUBMIT_STOPPING);
    support_lane_check_empty(lane);
    wick_lane_close(lane, true);
    for (size_t i = 0; i < 20; i++) {
        support_job_check(jobs[i], &fake.provider);
        support_job_free(jobs[i]);
    }
    support_job_free(late);
    support_fake_clear(&fake);
}

static void *stop_now(void *arg)
{
    wick_lane_stop(arg, false);
    return NULL;
}

static void close_without_drain_ends_them(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane), *jobs[20];
    for (size_t i = 0; i < 20; i++)
        support_job_submit(lane, jobs[i] = support_job_new("gone", 100, 20, i % 3));
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_now, lane), 0);
    support_job *late[1000] = {NULL};
    size_t n_late = 0;
    do { /* until the other thread is there */
        assert_true(n_late < 1000);
        support_sleep_ms(1);
        late[n_late] = support_job_new("gone", 1, 1, 1);
    } while (wick_lane_submit(lane, &late[n_late++]->job, NULL) == WICK_SUBMITTED);
    support_fake_release(&fake);
    pthread_join(stopper, NULL);
    support_job_check(first, &fake.provider); /* the batch under way ends as it would have */
    for (size_t i = 0; i < 20; i++) {
        assert_true(support_job_is_done(jobs[i]));
        assert_int_equal(jobs[i]->job.code, WICK_E_UNAVAILABLE);
    }
    assert_int_equal(fake.n_gone, 0);
    support_lane_check_empty(lane);
    wick_lane_close(lane, false);
    support_job_free(first);
    for (size_t i = 0; i < 20; i++)
        support_job_free(jobs[i]);
    for (size_t i = 0; i < n_late; i++)
        support_job_free(late[i]);
    support_fake_clear(&fake);
}

static void a_stuck_engine_shows(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    assert_true(wick_lane_get_state(lane).busy_ms == 0);
    support_job *first = support_lane_occupy(&fake, lane);
    support_sleep_ms(20);
    const double busy_ms = wick_lane_get_state(lane).busy_ms;
    assert_true(busy_ms >= 20);
    support_sleep_ms(5);
    assert_true(wick_lane_get_state(lane).busy_ms >= busy_ms + 5);
    support_job *canary = support_job_new("canary", 1, 1, 0);
    canary->job.is_urgent = true;
    support_job_submit(lane, canary); /* accepted all the same */
    support_fake_release(&fake);
    support_job_wait(canary);
    support_job_wait(first);
    wick_lane_stop(lane, true);
    assert_true(wick_lane_get_state(lane).busy_ms == 0);
    wick_lane_close(lane, true);
    support_job_free(first);
    support_job_free(canary);
    support_fake_clear(&fake);
}

/* Two lanes never embed at once, and neither waits for more than the other's batch. */
static void lanes_take_turns(void **state)
{
    support_fake fake;
    support_fake_init(&fake); /* one provider for both: it sees who is inside */
    fake.ms_a_call = 1;
    wick_lane_options options = support_lane_options();
    options.batch_tokens = 10;
    options.places = wick_places_new(1);
    wick_lane *lanes[2];
    support_job *jobs[2][50];
    for (size_t l = 0; l < 2; l++)
        lanes[l] = support_lane_open(&fake.provider, &options);
    for (size_t i = 0; i < 50; i++)
        for (size_t l = 0; l < 2; l++)
            support_job_submit(lanes[l], jobs[l][i] = support_job_new("text", 1, 10, 1));
    for (size_t i = 0; i < 50; i++) {
        support_job_wait(jobs[0][i]);
        support_job_wait(jobs[1][i]);
        const unsigned a = jobs[0][i]->order, b = jobs[1][i]->order;
        assert_true((a > b ? a - b : b - a) <= 40); /* side by side, as far as the machine lets them run */
    }
    assert_int_equal(fake.n_inside_most, 1);
    for (size_t l = 0; l < 2; l++) {
        wick_lane_close(lanes[l], true);
        for (size_t i = 0; i < 50; i++)
            support_job_free(jobs[l][i]);
    }
    wick_places_free(options.places);
    support_fake_clear(&fake);
}

typedef struct sender {
    wick_lane *lane;
    wick_provider *provider;
    uint64_t client;
    unsigned n_refused;
    size_t dimension;
} sender;

static void *send(void *arg)
{
    sender *self = arg;
    for (size_t i = 0; i < 150; i++) {
        support_job *job = support_job_new("text", 1 + i * 7 % 40, 1 + (uint32_t)(i % 30), self->client);
        job->dimension = self->dimension;
        job->job.options.normalize = i % 2;
        job->job.options.truncate = i % 5 > 0;
        job->job.options.dimensions = i % 3 ? 0 : 4;
        wick_submitted submitted = WICK_SUBMIT_FULL;
        unsigned retry_ms;
        job->job.out = NULL;
        const size_t dimension = job->job.options.dimensions ? 4 : self->dimension;
        job->job.out = calloc(job->job.n_texts * dimension + 1, sizeof(float));
        job->job.out[job->job.n_texts * dimension] = 99.0f;
        job->dimension = dimension;
        while ((submitted = wick_lane_submit(self->lane, &job->job, &retry_ms)) == WICK_SUBMIT_FULL) {
            self->n_refused++;
            support_sleep_ms(1);
        }
        assert_int_equal(submitted, WICK_SUBMITTED);
        support_job_wait(job);
        support_job_check(job, self->provider);
        support_job_free(job);
    }
    return NULL;
}

static void many_threads(wick_provider *provider, size_t dimension)
{
    enum { N = 6 };
    wick_lane_options options = {.batch_tokens = 500, .queue_tokens = 1500};
    wick_lane *lane = support_lane_open(provider, &options);
    pthread_t threads[N];
    sender senders[N];
    for (size_t i = 0; i < N; i++) {
        senders[i] = (sender){lane, provider, i / 2, 0, dimension};
        assert_int_equal(pthread_create(&threads[i], NULL, send, &senders[i]), 0);
    }
    for (size_t i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    support_lane_check_empty(lane);
    wick_lane_close(lane, true);
}

static void threads_submit_side_by_side(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    many_threads(&fake.provider, SUPPORT_DIMENSION);
    support_fake_clear(&fake);
}

/* The library's own vectors, bit by bit, whatever the batch: mock, and the engine on the small model of the fixtures. */
static void vectors_are_the_library_s(void **state)
{
    static const char *const providers[] = {"mock", "candle"};
    for (size_t i = 0; i < 1 + WICK_WITH_CANDLE; i++) {
        wick_provider_options options;
        wick_provider_options_init(&options);
        options.provider = providers[i];
        options.model = WICK_FIXTURES "/tiny-bert";
        wick_provider *provider = NULL;
        wick_error error = {0};
        if (wick_provider_open(&options, &provider, &error) != WICK_OK)
            fail_msg("%s", error.message);
        many_threads(provider, provider->dimension);
        wick_provider_close(provider);
    }
}

int main(void)
{
    wick_log_set_level(WICK_LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeds_what_differs_in_options_together),
        cmocka_unit_test(a_large_request_starves_nobody),
        cmocka_unit_test(late_and_gone_jobs_are_never_embedded),
        cmocka_unit_test(the_rest_of_a_gone_job_is_left),
        cmocka_unit_test(leaving_amid_a_batch_ends_a_job_once),
        cmocka_unit_test(gone_jobs_end_before_the_batch),
        cmocka_unit_test(who_has_his_share_is_shed_and_nobody_else),
        cmocka_unit_test(a_full_queue_refuses_and_recovers),
        cmocka_unit_test(a_job_over_the_whole_queue_is_taken),
        cmocka_unit_test(retry_after_follows_the_measured_speed),
        cmocka_unit_test(close_works_off_what_is_queued),
        cmocka_unit_test(close_without_drain_ends_them),
        cmocka_unit_test(a_stuck_engine_shows),
        cmocka_unit_test(lanes_take_turns),
        cmocka_unit_test(threads_submit_side_by_side),
        cmocka_unit_test(vectors_are_the_library_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
