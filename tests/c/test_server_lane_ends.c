/* SPDX-License-Identifier: Apache-2.0
 * test_server_lane_ends.c: the lane on several cores, with a fake provider: stopping and the circuit breaker while several calls are under way, and lanes that share the cores of a machine. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/places.h"
#include "provider/vectors.h"
#include "server/breaker.h"
#include "support_lane.h"

#define N_CORES 2
#define N_JOBS 12

typedef struct bench {
    support_fake fake;
    wick_lane *lane;
    support_job *jobs[N_JOBS];
} bench;

static void begin(bench *own, const wick_lane_options *options)
{
    support_fake_init(&own->fake);
    own->fake.side_by_side = (wick_side_by_side){N_CORES, 50};
    own->lane = support_lane_open(&own->fake.provider, options);
    support_fake_hold(&own->fake);
}

/* Jobs of many texts; returns when every core has a call under way. */
static void fill(bench *own)
{
    for (size_t i = 0; i < N_JOBS; i++)
        support_job_submit(own->lane, own->jobs[i] = support_job_new("text", 40, 10, i % 5));
    support_fake_wait_calls(&own->fake, N_CORES);
    assert_int_equal(own->fake.n_inside, N_CORES);
}

static void end(bench *own)
{
    support_lane_check_empty(own->lane);
    wick_lane_close(own->lane, false);
    assert_int_equal(own->fake.n_inside, 0);
    for (size_t i = 0; i < N_JOBS; i++)
        support_job_free(own->jobs[i]);
    support_fake_clear(&own->fake);
}

/* ---- stopping ---- */

typedef struct stopper {
    wick_lane *lane;
    bool drain;
    atomic_bool has_stopped;
    pthread_t thread;
} stopper;

static void *stop(void *arg)
{
    stopper *self = arg;
    wick_lane_stop(self->lane, self->drain);
    atomic_store(&self->has_stopped, true);
    return NULL;
}

/* Jobs are refused when this returns; what it took meanwhile is in late, for the caller to free. */
static size_t begin_to_stop(stopper *self, wick_lane *lane, bool drain, support_job *late[1000])
{
    size_t n = 0;
    *self = (stopper){.lane = lane, .drain = drain};
    assert_int_equal(pthread_create(&self->thread, NULL, stop, self), 0);
    do {
        assert_true(n < 1000);
        support_sleep_ms(1);
        late[n] = support_job_new("late", 1, 1, 1);
        late[n]->dimension = SUPPORT_DIMENSION;
        late[n]->job.out = calloc(SUPPORT_DIMENSION + 1, sizeof(float));
        assert_non_null(late[n]->job.out);
        late[n]->job.out[SUPPORT_DIMENSION] = 99.0f;
    } while (wick_lane_submit(lane, &late[n++]->job, NULL) == WICK_SUBMITTED);
    return n;
}

static void stops(bool drain)
{
    bench own;
    const wick_lane_options options = support_lane_options();
    stopper self;
    support_job *late[1000] = {NULL};
    begin(&own, &options);
    fill(&own);
    const size_t n_late = begin_to_stop(&self, own.lane, drain, late);
    assert_false(self.has_stopped); /* it waits for what is under way */
    support_fake_release(&own.fake);
    pthread_join(self.thread, NULL);
    size_t n_failed = 0;
    for (size_t i = 0; i < N_JOBS; i++) {
        assert_true(support_job_is_done(own.jobs[i]));
        n_failed += own.jobs[i]->job.code == WICK_E_UNAVAILABLE;
        if (own.jobs[i]->job.code == WICK_OK)
            support_job_check(own.jobs[i], &own.fake.provider);
        else
            assert_string_equal(own.jobs[i]->job.error.message, "the server is stopping");
    }
    for (size_t i = 0; i < n_late; i++) {
        assert_true(i == n_late - 1 || support_job_is_done(late[i]));
        support_job_free(late[i]);
    }
    /* Without drain what is in no batch yet is left: at most the calls under way were whole jobs. */
    assert_true(drain ? n_failed == 0 : n_failed >= N_JOBS - N_CORES);
    end(&own);
}

static void a_drain_works_off_what_every_core_has(void **state)
{
    stops(true);
}

static void a_stop_ends_what_no_core_has(void **state)
{
    stops(false);
}

/* A drain that takes too long is cut short, by another thread. */
static void a_drain_is_cut_short(void **state)
{
    bench own;
    const wick_lane_options options = support_lane_options();
    stopper patient, hasty;
    support_job *late[1000] = {NULL};
    begin(&own, &options);
    fill(&own);
    const size_t n_late = begin_to_stop(&patient, own.lane, true, late);
    hasty = (stopper){.lane = own.lane};
    assert_int_equal(pthread_create(&hasty.thread, NULL, stop, &hasty), 0);
    support_sleep_ms(40);
    support_fake_release(&own.fake);
    pthread_join(patient.thread, NULL);
    pthread_join(hasty.thread, NULL);
    for (size_t i = 0; i < N_JOBS; i++)
        assert_true(support_job_is_done(own.jobs[i]));
    assert_int_equal(own.jobs[N_JOBS - 1]->job.code, WICK_E_UNAVAILABLE);
    for (size_t i = 0; i < n_late; i++)
        support_job_free(late[i]);
    end(&own);
}

/* ---- the breaker ---- */

static wick_lane_options breaker_options(unsigned open_ms)
{
    wick_lane_options options = support_lane_options();
    options.breaker_failures = 2;
    options.breaker_open_ms = open_ms;
    return options;
}

static void wait_phase(const wick_lane *lane, int phase)
{
    for (int i = 0; wick_lane_get_state(lane).breaker != phase; i++) {
        if (i == 10000)
            fail_msg("the breaker does not come to phase %d", phase);
        support_sleep_ms(1);
    }
}

/* Both calls under way fail: that opens it, and everything that waits ends. After a trial it takes jobs again. */
static void calls_side_by_side_open_the_breaker(void **state)
{
    bench own;
    const wick_lane_options options = breaker_options(100);
    begin(&own, &options);
    fill(&own);
    own.fake.n_failures = 1000;
    support_fake_release(&own.fake);
    for (size_t i = 0; i < N_JOBS; i++) {
        support_job_wait(own.jobs[i]);
        assert_int_equal(own.jobs[i]->job.code, WICK_E_UNAVAILABLE);
    }
    support_job *job = support_job_new("text", 3, 10, 1);
    job->job.out = calloc(3 * SUPPORT_DIMENSION + 1, sizeof(float));
    assert_non_null(job->job.out);
    job->job.out[3 * SUPPORT_DIMENSION] = 99.0f;
    job->dimension = SUPPORT_DIMENSION;
    unsigned retry_ms = 0;
    assert_int_equal(wick_lane_submit(own.lane, &job->job, &retry_ms), WICK_SUBMIT_OPEN);
    assert_in_range(retry_ms, 1, 100);
    support_lane_check_empty(own.lane);
    assert_true(own.fake.n_texts < N_JOBS * 40 / 2); /* no more than was under way, and trials */
    const unsigned n_calls = own.fake.n_calls;
    support_fake_wait_calls(&own.fake, n_calls + 1); /* it is tried, and fails */
    support_sleep_ms(5);
    assert_int_not_equal(wick_lane_get_state(own.lane).breaker, WICK_BREAKER_CLOSED);
    own.fake.n_failures = 0;
    wait_phase(own.lane, WICK_BREAKER_CLOSED);
    support_job_submit(own.lane, job);
    support_job_wait(job);
    support_job_check(job, &own.fake.provider);
    support_job_free(job);
    end(&own);
}

/* A call from before the breaker opened ends well: its job has its vectors, but the breaker stays open until the trial. */
static void a_success_from_before_closes_nothing(void **state)
{
    bench own;
    const wick_lane_options options = breaker_options(400);
    begin(&own, &options);
    support_job *both[2] = {support_job_new("stuck", 1, 10, 1), support_job_new("text", 1, 10, 2)};
    support_job *first = support_lane_occupy(&own.fake, own.lane);
    for (size_t i = 0; i < 2; i++)
        support_job_submit(own.lane, both[i]);
    support_fake_catch(&own.fake);
    support_job_wait(first);
    support_job_wait(both[1]);
    support_fake_wait_calls(&own.fake, 3);
    own.fake.n_failures = 2;
    const double before_ms = wick_now_ms();
    for (size_t i = 0; i < N_JOBS; i++) { /* two of them fail */
        own.jobs[i] = support_job_new("text", 1, 10, i);
        if (i >= 2)
            continue;
        support_job_submit(own.lane, own.jobs[i]);
        support_job_wait(own.jobs[i]);
        assert_int_equal(own.jobs[i]->job.code, WICK_E_UNAVAILABLE);
    }
    assert_int_equal(wick_lane_get_state(own.lane).breaker, WICK_BREAKER_OPEN);
    support_fake_release(&own.fake);
    support_job_wait(both[0]);
    support_job_check(both[0], &own.fake.provider);
    support_sleep_ms(20);
    const int phase = wick_lane_get_state(own.lane).breaker;
    assert_true(phase == WICK_BREAKER_OPEN || wick_now_ms() - before_ms >= 400);
    wait_phase(own.lane, WICK_BREAKER_CLOSED);
    assert_true(wick_now_ms() - before_ms >= 400);
    support_job_submit(own.lane, own.jobs[2]);
    support_job_wait(own.jobs[2]);
    assert_int_equal(own.jobs[2]->job.code, WICK_OK);
    support_job_free(first);
    support_job_free(both[0]);
    support_job_free(both[1]);
    end(&own);
}

/* ---- lanes that share cores ---- */

/* One with much to do, whose batches have a core each, and one that says nothing of such calls, whose batches have all: neither starves, and nobody has a core that another has. */
static void lanes_share_the_cores(void **state)
{
    enum { N = 100 };
    for (unsigned n_calls = 0; n_calls <= N_CORES; n_calls += N_CORES) {
        support_fake fake; /* of both: it sees who is inside. Which lane it is, it says as that opens */
        support_fake_init(&fake);
        wick_lane_options options = support_lane_options();
        options.places = wick_places_new(N_CORES);
        options.batch_tokens = 50;
        wick_lane *lanes[2];
        support_job *jobs[2][N];
        fake.side_by_side = (wick_side_by_side){n_calls, 20};
        lanes[0] = support_lane_open(&fake.provider, &options);
        fake.side_by_side = (wick_side_by_side){N_CORES, 20};
        lanes[1] = support_lane_open(&fake.provider, &options);
        fake.ms_a_call = 1;
        for (size_t i = 0; i < N; i++)
            for (size_t l = 0; l < 2; l++)
                support_job_submit(lanes[l], jobs[l][i] = support_job_new("text", 1, 10, 1));
        unsigned n_early[2] = {0}, first = UINT_MAX;
        for (size_t l = 0; l < 2; l++)
            for (size_t i = 0; i < N; i++) {
                support_job_wait(jobs[l][i]);
                assert_int_equal(jobs[l][i]->job.code, WICK_OK);
                first = jobs[l][i]->order < first ? jobs[l][i]->order : first;
            }
        for (size_t l = 0; l < 2; l++)
            for (size_t i = 0; i < N; i++)
                n_early[l] += jobs[l][i]->order - first < N; /* of the half that was done first */
        assert_true(n_early[0] > 0 && n_early[1] > 0);
        assert_true(fake.n_cores_most <= N_CORES);
        assert_int_equal(fake.n_cores_inside, 0);
        for (size_t l = 0; l < 2; l++) {
            support_lane_check_empty(lanes[l]);
            wick_lane_close(lanes[l], true);
            for (size_t i = 0; i < N; i++)
                support_job_free(jobs[l][i]);
        }
        assert_int_equal(wick_places_taken(options.places), 0);
        wick_places_free(options.places);
        support_fake_clear(&fake);
    }
}

int main(void)
{
    wick_log_set_level(WICK_LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drain_works_off_what_every_core_has),
        cmocka_unit_test(a_stop_ends_what_no_core_has),
        cmocka_unit_test(a_drain_is_cut_short),
        cmocka_unit_test(calls_side_by_side_open_the_breaker),
        cmocka_unit_test(a_success_from_before_closes_nothing),
        cmocka_unit_test(lanes_share_the_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
