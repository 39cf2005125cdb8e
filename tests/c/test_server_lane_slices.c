/* SPDX-License-Identifier: Apache-2.0
 * test_server_lane_slices.c: a job that is in several batches at once, on several cores, with a fake provider: it ends once, after the last of them, with all of its vectors or with what went
 * wrong first; and what wants rows is in one batch at a time, so that they keep their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "provider/vectors.h"
#include "support_lane.h"

#define N_CORES 3

typedef struct bench {
    support_fake fake;
    wick_lane *lane;
    support_job *big;
} bench;

/* A job of 2,000 texts, of which every core has some, until support_fake_release. */
static void begin(bench *own, void (*prepare)(support_job *job))
{
    const wick_lane_options options = support_lane_options();
    support_fake_init(&own->fake);
    own->fake.side_by_side = (wick_side_by_side){N_CORES, 50};
    own->lane = support_lane_open(&own->fake.provider, &options);
    own->big = support_job_new("big", 2000, 10, 1);
    if (prepare)
        prepare(own->big);
    support_fake_hold(&own->fake);
    support_job_submit(own->lane, own->big);
    support_fake_wait_calls(&own->fake, N_CORES);
    assert_int_equal(own->fake.n_inside, N_CORES);
    assert_true(own->fake.n_texts < 500);
}

static void end(bench *own)
{
    support_lane_check_empty(own->lane);
    support_job_free(own->big);
    wick_lane_close(own->lane, true);
    support_fake_clear(&own->fake);
}

static void set_text(support_job *own, size_t i, const char *text)
{
    const char **texts = (const char **)(uintptr_t)own->job.texts;
    free((void *)(uintptr_t)texts[i]);
    texts[i] = strdup(text);
    assert_non_null(texts[i]);
    ((size_t *)(uintptr_t)own->job.text_bytes)[i] = strlen(text);
}

/* ---- all goes well ---- */

/* Batches that are under way at once are one time for who waits. */
static void its_time_is_counted_once(void **state)
{
    support_fake fake;
    support_fake_init(&fake);
    fake.side_by_side = (wick_side_by_side){N_CORES, 50};
    fake.ms_a_call = 10;
    const wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *big = support_job_new("big", 60, 10, 1);
    support_job_submit(lane, big);
    support_job_wait(big);
    assert_true(fake.n_alone >= 2 * N_CORES);
    assert_true(big->job.inference_ms >= 10);
    assert_true(big->job.queue_ms + big->job.inference_ms <= big->done_ms - big->job.submitted_ms);
    support_job_free(big);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void it_ends_after_its_last_batch(void **state)
{
    bench own;
    begin(&own, NULL);
    support_job *small = support_job_new("small", 1, 10, 2);
    support_job_submit(own.lane, small);
    support_sleep_ms(10);
    assert_false(support_job_is_done(own.big) || support_job_is_done(small));
    support_fake_release(&own.fake);
    support_job_wait(small);
    support_job_wait(own.big);
    assert_true(small->order < own.big->order);
    assert_int_equal(own.fake.n_texts, 2001); /* each once */
    assert_int_equal(own.fake.n_inside_most, N_CORES);
    assert_int_equal(own.fake.n_cores_most, N_CORES);
    support_job_check(own.big, &own.fake.provider);
    support_job_check(small, &own.fake.provider);
    assert_true(own.big->job.inference_ms >= 10);
    support_job_free(small);
    end(&own);
}

static void begin_with_stuck(support_job *job)
{
    set_text(job, 0, "stuck here");
}

/* Its first batch is the last to end: all others are done long before. */
static void its_first_batch_ends_last(void **state)
{
    bench own;
    begin(&own, begin_with_stuck);
    support_fake_catch(&own.fake);
    for (int i = 0; own.fake.n_texts < 2000; i++) {
        assert_true(i < 5000);
        support_sleep_ms(1);
    }
    support_sleep_ms(20);
    assert_false(support_job_is_done(own.big));
    const wick_lane_state now = wick_lane_get_state(own.lane);
    assert_int_equal(now.n_jobs, 1);
    assert_true(now.n_tokens > 0 && now.n_tokens < 5000); /* those of the first batch */
    support_fake_release(&own.fake);
    support_job_wait(own.big);
    assert_int_equal(own.fake.n_texts, 2000);
    support_job_check(own.big, &own.fake.provider);
    end(&own);
}

/* ---- something goes wrong while every core has some of it ---- */

static atomic_bool has_left;

static void begin_with_leaving(support_job *job)
{
    atomic_store(&has_left, false);
    job->job.is_gone = &has_left;
}

static void its_client_leaves(void **state)
{
    bench own;
    begin(&own, begin_with_leaving);
    const unsigned n_texts = own.fake.n_texts;
    atomic_store(&has_left, true);
    support_sleep_ms(5);
    assert_false(support_job_is_done(own.big)); /* its vectors are being written */
    support_fake_release(&own.fake);
    support_job_wait(own.big);
    assert_int_equal(own.big->job.code, WICK_E_UNAVAILABLE);
    assert_string_equal(own.big->job.error.message, "the client has left");
    assert_int_equal(own.fake.n_texts, n_texts); /* and no more of them */
    end(&own);
}

static void begin_with_deadline(support_job *job)
{
    job->job.deadline_ms = wick_now_ms() + 200;
}

static void its_deadline_passes(void **state)
{
    bench own;
    begin(&own, begin_with_deadline);
    const unsigned n_texts = own.fake.n_texts;
    support_sleep_ms(220);
    support_fake_release(&own.fake);
    support_job_wait(own.big);
    assert_int_equal(own.big->job.code, WICK_E_TIMEOUT);
    assert_int_equal(own.big->job.error.code, WICK_E_TIMEOUT);
    assert_int_equal(own.fake.n_texts, n_texts);
    end(&own);
}

static void begin_with_bad(support_job *job)
{
    set_text(job, 1, "bad one");
}

/* A text in its first batch; the other batches of it go well. Other jobs, which share batches with it, do not notice. */
static void one_of_its_texts_is_bad(void **state)
{
    bench own;
    begin(&own, begin_with_bad);
    support_job *jobs[6];
    for (size_t i = 0; i < 6; i++)
        support_job_submit(own.lane, jobs[i] = support_job_new("fine", 1 + i * 20, 10, i % 3));
    own.fake.ms_a_call = 1;
    support_fake_release(&own.fake);
    support_job_wait(own.big);
    assert_int_equal(own.big->job.code, WICK_E_INVALID_INPUT);
    assert_string_equal(own.big->job.error.where, "texts[1]");
    for (size_t i = 0; i < 6; i++)
        support_job_wait(jobs[i]);
    assert_true(own.fake.n_texts < 2000); /* its rest was left */
    own.fake.ms_a_call = 0;
    for (size_t i = 0; i < 6; i++) {
        support_job_check(jobs[i], &own.fake.provider);
        support_job_free(jobs[i]);
    }
    end(&own);
}

static void begin_with_all_bad(support_job *job)
{
    for (size_t i = 0; i < job->job.n_texts; i++)
        set_text(job, i, "bad one");
    begin_with_leaving(job);
}

/* Every batch of it fails, and its client leaves, too: still it ends once, with one of the reasons. */
static void all_goes_wrong_at_once(void **state)
{
    bench own;
    begin(&own, begin_with_all_bad);
    atomic_store(&has_left, true);
    support_fake_release(&own.fake);
    support_job_wait(own.big);
    const int code = own.big->job.code;
    assert_true(code == WICK_E_INVALID_INPUT || code == WICK_E_UNAVAILABLE);
    assert_int_equal(own.big->job.error.code, code);
    end(&own);
}

/* ---- rows ---- */

static atomic_uint n_inside_of_a_job[4], n_wrong; /* by the number that its texts begin with */

/* One score a text: the number that it ends with. */
static int fake_outputs(void *state, const wick_outputs_request *request, wick_rows_response *out, wick_error *error)
{
    support_fake *fake = state;
    bool seen[4] = {false};
    for (size_t i = 0; i < request->n_texts; i++) {
        const unsigned job = (unsigned)(request->texts[i][0] - '0') % 4;
        if (!seen[job] && atomic_fetch_add(&n_inside_of_a_job[job], 1) > 0)
            atomic_fetch_add(&n_wrong, 1);
        seen[job] = true;
    }
    const unsigned n_inside = atomic_fetch_add(&fake->n_inside, 1) + 1;
    if (n_inside > 1)
        atomic_store(&fake->n_inside_most, n_inside);
    out->n_texts = request->n_texts;
    out->dimension = 1;
    out->offsets = calloc(request->n_texts + 1, sizeof *out->offsets);
    out->values = calloc(request->n_texts, sizeof *out->values);
    if (!out->offsets || !out->values) {
        atomic_fetch_add(&n_wrong, 1);
        return wick_fail_memory(error, "rows");
    }
    for (size_t i = 0; i < request->n_texts; i++) {
        out->offsets[i + 1] = i + 1;
        out->values[i] = strtof(strchr(request->texts[i], ' '), NULL);
    }
    support_sleep_ms(1);
    atomic_fetch_sub(&fake->n_inside, 1);
    for (unsigned job = 0; job < 4; job++)
        if (seen[job])
            atomic_fetch_sub(&n_inside_of_a_job[job], 1);
    return WICK_OK;
}

/* Jobs that want rows go beside each other, but each of them in one batch at a time. */
static void rows_keep_their_order(void **state)
{
    static const wick_wanted wanted[4] = {WICK_WANT_SCORES, WICK_WANT_SCORES, WICK_WANT_TOKENS, WICK_WANT_TOKENS};
    support_fake fake;
    support_fake_init(&fake);
    wick_provider_ops ops = *fake.provider.ops;
    ops.outputs = fake_outputs;
    fake.provider.ops = &ops;
    fake.side_by_side = (wick_side_by_side){N_CORES, 50};
    wick_lane_options options = support_lane_options();
    options.batch_tokens = 200;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *jobs[4];
    for (unsigned i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "%u", i);
        jobs[i] = support_job_new(name, 150, 10, i);
        jobs[i]->job.wanted = wanted[i];
        assert_int_equal(wick_lane_submit(lane, &jobs[i]->job, NULL), WICK_SUBMITTED);
    }
    for (unsigned i = 0; i < 4; i++) {
        support_job_wait(jobs[i]);
        const wick_rows_response *rows = &jobs[i]->job.rows;
        assert_int_equal(jobs[i]->job.code, WICK_OK);
        assert_int_equal(rows->n_texts, 150);
        for (size_t k = 0; k < 150; k++) {
            assert_int_equal(rows->offsets[k + 1], k + 1);
            assert_true(rows->values[k] == (float)k);
        }
        wick_rows_response_clear(&jobs[i]->job.rows);
        support_job_free(jobs[i]);
    }
    assert_int_equal(n_wrong, 0);
    assert_in_range(fake.n_inside_most, 2, N_CORES);
    support_lane_check_empty(lane);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_time_is_counted_once),  cmocka_unit_test(it_ends_after_its_last_batch),
        cmocka_unit_test(its_first_batch_ends_last), cmocka_unit_test(its_client_leaves),
        cmocka_unit_test(its_deadline_passes),       cmocka_unit_test(one_of_its_texts_is_bad),
        cmocka_unit_test(all_goes_wrong_at_once),    cmocka_unit_test(rows_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
