/* SPDX-License-Identifier: Apache-2.0
 * test_server_lane_cores.c: the lane on several cores, with a fake provider: when a batch has all of them and when each has one of its own, how large those are, and that a call which is stuck
 * stops nobody else. (test_server_lane_slices.c: jobs that are in several batches at once; test_server_lane_ends.c: stopping, failing, and lanes that share cores.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/places.h"
#include "provider/vectors.h"
#include "server/lane_own.h"
#include "support_lane.h"

static wick_lane *open_lane(support_fake *fake, unsigned n_cores, size_t n_tokens)
{
    const wick_lane_options options = support_lane_options();
    support_fake_init(fake);
    fake->side_by_side = (wick_side_by_side){n_cores, n_tokens};
    return support_lane_open(&fake->provider, &options);
}

static void close_lane(support_fake *fake, wick_lane *lane)
{
    support_lane_check_empty(lane);
    wick_lane_close(lane, true);
    assert_int_equal(fake->n_inside, 0);
    support_fake_clear(fake);
}

static void finish(support_job *job, support_fake *fake)
{
    support_job_wait(job);
    support_job_check(job, &fake->provider);
    support_job_free(job);
}

/* Alone: as many texts as cores where none is busy; else where half of the cores would not idle by it. */
static void when_a_core_goes_alone(void **state)
{
    static const struct {
        unsigned n_calls, n_busy;
        size_t n_texts;
        bool alone;
    } rows[] = {
        {1, 0, 1, false},  {1, 0, 1000, false},                                              /* there is one */
        {2, 0, 0, false},  {2, 0, 1, false},    {2, 0, 2, true},         {2, 0, 1000, true}, /* none is busy */
        {2, 1, 0, false},  {2, 1, 1, true},     {2, 1, 1000, true},                          /* one is */
        {2, 2, 1, true}, /* both: it waits for one */
        {4, 0, 3, false},  {4, 0, 4, true},     {4, 1, 1, false},        {4, 1, 2, true},    {4, 2, 0, false},
        {4, 2, 1, true},   {4, 3, 0, true},     {4, 3, 1, true},         {64, 0, 1, false},  {64, 0, 63, false},
        {64, 0, 64, true}, {64, 1, 1, false},   {64, 1, 31, false},      {64, 1, 32, true},  {64, 31, 1, false},
        {64, 32, 1, true}, {64, 63, 1, true},   {64, 0, SIZE_MAX, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wick_lane_goes_alone(rows[i].n_calls, rows[i].n_busy, rows[i].n_texts) != rows[i].alone)
            fail_msg("%u cores, %u busy, %zu texts", rows[i].n_calls, rows[i].n_busy, rows[i].n_texts);
}

/* One after the other: each has all cores, as has one job of fewer texts than cores. */
static void few_texts_have_all_cores(void **state)
{
    support_fake fake;
    wick_lane *lane = open_lane(&fake, 4, 100);
    for (unsigned i = 1; i <= 60; i++) {
        support_job *job = support_job_new("text", 1 + i % 3, 10, i % 5);
        support_job_submit(lane, job);
        support_job_wait(job);
        assert_int_equal(fake.n_calls, i);
        assert_int_equal(fake.n_alone, 0);
        assert_int_equal(job->job.code, WICK_OK);
        support_job_free(job);
    }
    assert_int_equal(fake.n_inside_most, 1);
    close_lane(&fake, lane);
}

/* As many texts as cores, or more, but one of them is most of the work: on a core of its own it would take longest. */
static void one_long_text_has_all_cores(void **state)
{
    static const uint32_t longest[] = {240, 46, 45, 10};
    for (size_t i = 0; i < 4; i++) {
        support_fake fake;
        wick_lane *lane = open_lane(&fake, 4, 100);
        support_job *job =
            support_job_new("text", 7, 11, 1); /* 66 tokens beside the longest, 22 for each of three cores */
        ((uint32_t *)job->job.n_tokens)[3] = longest[i];
        support_fake_hold(&fake);
        support_job_submit(lane, job);
        support_fake_wait_calls(&fake, i < 2 ? 1 : 4);
        assert_int_equal(fake.n_alone, i < 2 ? 0 : 4);
        support_fake_release(&fake);
        support_job_wait(job);
        finish(job, &fake);
        close_lane(&fake, lane);
    }
}

/* A provider that says nothing of calls side by side, or of one, gets none; nor does any lane where the machine has one place. */
static void one_core_goes_never_side_by_side(void **state)
{
    for (unsigned n = 0; n < 3; n++) {
        support_fake fake;
        support_fake_init(&fake);
        fake.side_by_side = (wick_side_by_side){n, 20};
        fake.ms_a_call = 1;
        wick_lane_options options = support_lane_options();
        options.places = n == 2 ? wick_places_new(1) : NULL;
        wick_lane *lane = support_lane_open(&fake.provider, &options);
        support_job *jobs[10];
        for (size_t i = 0; i < 10; i++)
            support_job_submit(lane, jobs[i] = support_job_new("text", 50, 10, i));
        for (size_t i = 0; i < 10; i++)
            support_job_wait(jobs[i]);
        assert_int_equal(fake.n_alone, 0);
        assert_int_equal(fake.n_inside_most, 1);
        for (size_t i = 0; i < 10; i++)
            finish(jobs[i], &fake);
        close_lane(&fake, lane);
        wick_places_free(options.places);
    }
}

/* So many calls at once as there are cores, no more, and none larger than a core is best at: what waits is some batches for each. */
static void much_to_do_keeps_every_core_busy(void **state)
{
    for (unsigned n = 2; n <= 4; n++) {
        support_fake fake;
        wick_lane *lane = open_lane(&fake, n, 100);
        support_job *jobs[8];
        support_fake_hold(&fake);
        for (size_t i = 0; i < 8; i++)
            support_job_submit(lane, jobs[i] = support_job_new("text", 18, 10, i));
        support_fake_wait_calls(&fake, n);
        support_sleep_ms(20);
        assert_int_equal(fake.n_calls, n);
        assert_int_equal(fake.n_inside, n);
        assert_int_equal(fake.n_alone, n);
        fake.ms_a_call = 1;
        support_fake_release(&fake);
        for (size_t i = 0; i < 8; i++)
            support_job_wait(jobs[i]);
        assert_int_equal(fake.n_inside_most, n);
        assert_int_equal(fake.n_cores_most, n);
        assert_int_equal(fake.n_texts_alone_most, 10);
        assert_int_equal(fake.n_texts, 8 * 18);
        assert_true(fake.n_alone + n >= fake.n_calls); /* all but the last ones */
        fake.ms_a_call = 0;
        for (size_t i = 0; i < 8; i++)
            finish(jobs[i], &fake);
        close_lane(&fake, lane);
    }
}

/* Less than each core could take at once is shared out evenly. */
static void little_is_shared_out(void **state)
{
    for (unsigned n = 2; n <= 4; n++) {
        support_fake fake;
        wick_lane *lane = open_lane(&fake, n, 1000);
        support_job *job = support_job_new("text", 12, 10, 1);
        support_fake_hold(&fake);
        support_job_submit(lane, job);
        support_fake_wait_calls(&fake, n);
        assert_int_equal(fake.n_texts_alone_most, 12 / n);
        assert_int_equal(fake.n_texts, 12);
        support_fake_release(&fake);
        support_job_wait(job);
        assert_int_equal(fake.n_calls, n);
        assert_int_equal(fake.n_alone, n);
        finish(job, &fake);
        close_lane(&fake, lane);
    }
}

/* A text longer than a core's share goes all the same, and alone. */
static void a_long_text_goes_by_itself(void **state)
{
    support_fake fake;
    wick_lane *lane = open_lane(&fake, 2, 50);
    support_job *job = support_job_new("long", 9, 400, 1);
    fake.ms_a_call = 1;
    support_job_submit(lane, job);
    support_job_wait(job);
    assert_int_equal(fake.n_texts_alone_most, 1);
    assert_int_equal(fake.n_cores_most, 2);
    fake.ms_a_call = 0;
    finish(job, &fake);
    close_lane(&fake, lane);
}

/* As many jobs of one text as there are cores: each has one; the first is stuck. */
static support_job *catch_one(support_fake *fake, wick_lane *lane)
{
    support_job *first = support_lane_occupy(fake, lane), *jobs[8];
    const unsigned n = fake->side_by_side.n_calls;
    for (unsigned i = 0; i < n; i++)
        support_job_submit(lane, jobs[i] = support_job_new(i == 0 ? "stuck" : "other", 1, 10, i));
    support_fake_catch(fake);
    finish(first, fake);
    for (unsigned i = 1; i < n; i++)
        finish(jobs[i], fake);
    assert_false(support_job_is_done(jobs[0]));
    return jobs[0];
}

static void a_stuck_call_stops_nobody_else_of(unsigned n_cores)
{
    support_fake fake;
    wick_lane *lane = open_lane(&fake, n_cores, 50);
    support_job *stuck = catch_one(&fake, lane);
    const double start_ms = wick_now_ms();
    for (size_t i = 0; i < 50; i++) {
        support_job *job = support_job_new("text", 1 + i % 20, 10, i);
        job->job.is_urgent = i % 5 == 0; /* as the canary is */
        support_job_submit(lane, job);
        finish(job, &fake);
    }
    support_job *both[2] = {support_job_new("big", 500, 10, 1), support_job_new("small", 1, 10, 2)};
    for (size_t i = 0; i < 2; i++)
        support_job_submit(lane, both[i]);
    for (size_t i = 0; i < 2; i++)
        finish(both[i], &fake);
    assert_true(wick_now_ms() - start_ms < 2500); /* none waited for the other core */
    assert_false(support_job_is_done(stuck));
    assert_int_equal(wick_lane_get_state(lane).n_jobs, 1);
    assert_true(wick_lane_get_state(lane).n_tokens == 10);
    support_fake_release(&fake);
    finish(stuck, &fake);
    close_lane(&fake, lane);
}

static void a_stuck_call_stops_nobody_else(void **state)
{
    for (unsigned n = 2; n <= 4; n++)
        a_stuck_call_stops_nobody_else_of(n);
}

/* What is stuck is what shows, however many batches come and go beside it. */
static void the_longest_batch_shows(void **state)
{
    support_fake fake;
    wick_lane *lane = open_lane(&fake, 2, 50);
    assert_true(wick_lane_get_state(lane).busy_ms == 0);
    support_job *stuck = catch_one(&fake, lane);
    const double start_ms = wick_now_ms();
    double busy_ms = 0;
    for (int i = 0; i < 10; i++) {
        support_job *job = support_job_new("text", 1, 10, 3);
        support_job_submit(lane, job);
        support_job_wait(job);
        support_sleep_ms(3);
        const double now_busy_ms = wick_lane_get_state(lane).busy_ms;
        assert_true(now_busy_ms >= busy_ms + 3);
        assert_true(now_busy_ms >= wick_now_ms() - start_ms - 1);
        busy_ms = now_busy_ms;
        support_job_free(job);
    }
    support_fake_release(&fake);
    finish(stuck, &fake);
    wick_lane_stop(lane, true);
    assert_true(wick_lane_get_state(lane).busy_ms == 0);
    close_lane(&fake, lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_a_core_goes_alone),           cmocka_unit_test(few_texts_have_all_cores),
        cmocka_unit_test(one_long_text_has_all_cores),      cmocka_unit_test(one_core_goes_never_side_by_side),
        cmocka_unit_test(much_to_do_keeps_every_core_busy), cmocka_unit_test(little_is_shared_out),
        cmocka_unit_test(a_long_text_goes_by_itself),       cmocka_unit_test(a_stuck_call_stops_nobody_else),
        cmocka_unit_test(the_longest_batch_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
