/* SPDX-License-Identifier: Apache-2.0
 * test_server_embedder.c: what a lane does when the provider fails: one request's fault is not the others', retries, the breaker round the provider. */
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

static void one_bad_request_fails_alone(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.breaker_failures = 3;
    options.metrics = wick_metrics_new();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    static const char *const names[] = {"fine", "bad", "good", "poison", "nan", "also fine"};
    support_job *jobs[6];
    for (size_t i = 0; i < 6; i++)
        support_job_submit(lane, jobs[i] = support_job_new(names[i], 3, 10, i));
    support_fake_release(&fake);
    support_job_wait(first);
    for (size_t i = 0; i < 6; i++)
        support_job_wait(jobs[i]);
    support_job_check(jobs[0], &fake.provider);
    support_job_check(jobs[2], &fake.provider);
    support_job_check(jobs[5], &fake.provider);
    assert_int_equal(jobs[1]->job.code, WICK_E_INVALID_INPUT);
    assert_string_equal(jobs[1]->job.error.where, "texts[0]");
    assert_string_equal(jobs[1]->job.error.message, "a text that cannot be embedded");
    assert_int_equal(jobs[3]->job.code, WICK_E_INTERNAL);
    assert_int_equal(jobs[4]->job.code, WICK_E_INTERNAL);
    assert_string_equal(jobs[4]->job.error.where, "texts[0]");
    assert_string_equal(jobs[4]->job.error.message, WICK_NOT_FINITE);
    assert_int_equal(wick_lane_get_state(lane).breaker, 0);
    support_lane_check_empty(lane);
    wick_buffer text = {0};
    wick_metrics_write(options.metrics, NULL, 0, &text);
    wick_buffer_put(&text, "", 1);
    assert_non_null(strstr(text.bytes, "\nwick_nonfinite_total 1\n"));
    free(text.bytes);
    support_job_free(first);
    for (size_t i = 0; i < 6; i++)
        support_job_free(jobs[i]);
    wick_lane_close(lane, true);
    wick_metrics_free(options.metrics);
    support_fake_clear(&fake);
}

/* The text that is wrong is named by its place in the request, not in the batch. */
static void errors_count_from_the_request_s_first_text(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.batch_tokens = 100;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *job = support_job_new("text", 50, 10, 1);
    char *bad = (char *)job->job.texts[33];
    memcpy(bad, "bad ", 4);
    support_job_submit(lane, job);
    support_job_wait(job);
    assert_int_equal(job->job.code, WICK_E_INVALID_INPUT);
    assert_string_equal(job->job.error.where, "texts[33]");
    assert_string_equal(job->job.error.message, "a text that cannot be embedded");
    assert_string_equal(job->job.error.where, "texts[33]");
    assert_true(fake.n_texts == 40); /* what comes behind is not embedded */
    support_lane_check_empty(lane);
    support_job_free(job);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void dimensions_over_the_model_s_are_refused(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *job = support_job_new("text", 2, 10, 1);
    job->job.options.dimensions = SUPPORT_DIMENSION + 1;
    support_job_submit(lane, job);
    support_job_wait(job);
    assert_int_equal(job->job.code, WICK_E_INVALID_INPUT);
    support_job_free(job);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void retriable_failures_are_tried_again(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.n_retries = 2;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *job = support_job_new("text", 2, 10, 1), *other = support_job_new("text", 2, 10, 1);
    support_job *third = support_job_new("text", 2, 10, 1);
    fake.n_failures = 2;
    support_job_submit(lane, job);
    support_job_wait(job);
    assert_int_equal(fake.n_calls, 3);
    support_job_check(job, &fake.provider);
    fake.n_failures = 3; /* one more than is tried */
    support_job_submit(lane, other);
    support_job_wait(other);
    assert_int_equal(other->job.code, WICK_E_UNAVAILABLE);
    assert_true(other->job.error.retriable);
    assert_int_equal(fake.n_failures, 0);
    fake.failure_code = WICK_E_INTERNAL; /* not retriable */
    fake.n_failures = 1;
    const unsigned n_calls = fake.n_calls;
    support_job_submit(lane, third);
    support_job_wait(third);
    assert_int_equal(third->job.code, WICK_E_INTERNAL);
    assert_int_equal(fake.n_calls, n_calls + 1);
    support_lane_check_empty(lane);
    support_job_free(job);
    support_job_free(other);
    support_job_free(third);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void wait_for_breaker(const wick_lane *lane, int phase)
{
    for (int i = 0; i < 5000 && wick_lane_get_state(lane).breaker != phase; i++)
        support_sleep_ms(1);
    assert_int_equal(wick_lane_get_state(lane).breaker, phase);
}

static void the_breaker_opens_tries_and_closes(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    wick_lane_options options = support_lane_options();
    options.breaker_failures = 3;
    options.breaker_open_ms = 100;
    options.batch_tokens = 20;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    fake.failure_code = WICK_E_INTERNAL;
    fake.n_failures = 4; /* three batches, and the first trial */
    support_job *first = support_lane_occupy(&fake, lane), *jobs[6];
    for (size_t i = 0; i < 6; i++)
        support_job_submit(lane, jobs[i] = support_job_new("text", 1, 20, i)); /* a batch each */
    support_fake_release(&fake);
    for (size_t i = 0; i < 6; i++)
        support_job_wait(jobs[i]);
    support_job_wait(first);
    wait_for_breaker(lane, 2);
    for (size_t i = 0; i < 6; i++) /* two were tried, four are refused without a call */
        assert_int_equal(jobs[i]->job.code, i < 2 ? WICK_E_INTERNAL : WICK_E_UNAVAILABLE);
    assert_int_equal(fake.n_calls, 3);
    support_job *refused = support_job_new("text", 1, 10, 1);
    unsigned retry_ms = 0;
    assert_int_equal(wick_lane_submit(lane, &refused->job, &retry_ms), WICK_SUBMIT_OPEN);
    assert_true(retry_ms >= 1 && retry_ms <= 100);
    support_lane_check_empty(lane);
    wait_for_breaker(lane, 0); /* the second trial succeeds */
    assert_int_equal(fake.n_calls, 5);
    support_job_submit(lane, refused);
    support_job_wait(refused);
    support_job_check(refused, &fake.provider);
    support_job_free(first);
    support_job_free(refused);
    for (size_t i = 0; i < 6; i++)
        support_job_free(jobs[i]);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

int main(void)
{
    wick_log_set_level(WICK_LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_request_fails_alone),
        cmocka_unit_test(errors_count_from_the_request_s_first_text),
        cmocka_unit_test(dimensions_over_the_model_s_are_refused),
        cmocka_unit_test(retriable_failures_are_tried_again),
        cmocka_unit_test(the_breaker_opens_tries_and_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
