/* SPDX-License-Identifier: Apache-2.0
 * test_server_rows.c: jobs that want no vectors (lane.h: wick_job.wanted): like goes with like, rows come together from batches in the order of the texts, one request's fault is
 * not the others', and what a reply may hold has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "provider/vectors.h"
#include "server/embedder_rows.h"
#include "support_lane.h"

#define MAX_CALLS 64

/* What the provider was asked for. */
static struct {
    wick_wanted wanted[MAX_CALLS];
    uint8_t scores[MAX_CALLS];
    size_t n_texts[MAX_CALLS];
    bool side_by_side[MAX_CALLS];
    size_t n;
} calls;

static uint64_t hash_of(const wick_outputs_request *request, size_t i)
{
    uint64_t hash = wick_hash64(request->texts[i], request->text_bytes[i], request->wanted);
    if (request->seconds && request->seconds[i])
        hash = wick_hash64(request->seconds[i], request->second_bytes[i], hash);
    return hash + request->score_options.scores;
}

/* Scores: two a text; tokens and terms: as many rows as the text's hash says, 0 to 4. Values are of the text alone. */
static int make_rows(const wick_outputs_request *request, wick_rows_response *out, wick_error *error)
{
    const bool is_scores = request->wanted == WICK_WANT_SCORES, is_sparse = request->wanted == WICK_WANT_SPARSE;
    const size_t width = is_sparse ? 1 : 2;
    out->n_texts = request->n_texts;
    out->dimension = is_sparse ? 1000 : 2;
    out->offsets = calloc(request->n_texts + 1, sizeof *out->offsets);
    out->values = calloc(request->n_texts * 4 * width + 1, sizeof *out->values);
    out->indices = is_sparse ? calloc(request->n_texts * 4 + 1, sizeof *out->indices) : NULL;
    assert_true(out->offsets && out->values && (out->indices || !is_sparse));
    for (size_t i = 0; i < request->n_texts; i++) {
        const uint64_t hash = hash_of(request, i);
        const size_t at = out->offsets[i], n = is_scores ? 1 : hash % 5;
        if (request->text_bytes[i] >= 3 && memcmp(request->texts[i], "bad", 3) == 0) {
            wick_error inner;
            wick_fail(&inner, WICK_E_INVALID_INPUT, NULL, NULL, "a text that cannot be embedded");
            return wick_fail_text(i, &inner, error);
        }
        out->offsets[i + 1] = at + n;
        for (size_t k = 0; k < n * width; k++)
            out->values[at * width + k] = (float)((hash >> 8) % 1000 + k);
        for (size_t k = 0; is_sparse && k < n; k++)
            out->indices[at + k] = (uint32_t)(hash % 100 + k);
    }
    return WICK_OK;
}

static int fake_outputs(void *state, const wick_outputs_request *request, wick_rows_response *response,
                        wick_error *error)
{
    support_fake *fake = state;
    pthread_mutex_lock(&fake->mutex);
    if (calls.n < MAX_CALLS) {
        calls.wanted[calls.n] = request->wanted;
        calls.scores[calls.n] = request->score_options.scores;
        calls.side_by_side[calls.n] = request->embed_options.side_by_side;
        calls.n_texts[calls.n++] = request->n_texts;
    }
    fake->n_calls++;
    pthread_cond_broadcast(&fake->changed);
    while (fake->is_stuck)
        pthread_cond_wait(&fake->changed, &fake->mutex);
    pthread_mutex_unlock(&fake->mutex);
    const int rc = make_rows(request, response, error);
    if (rc != WICK_OK)
        wick_rows_response_clear(response);
    return rc;
}

static wick_side_by_side two_calls(const void *state)
{
    return (wick_side_by_side){2, 20};
}

static wick_provider_ops ops;

static void init(support_fake *fake)
{
    support_fake_init(fake);
    ops = *fake->provider.ops;
    ops.outputs = fake_outputs;
    fake->provider.ops = &ops;
    memset(&calls, 0, sizeof calls);
}

static support_job *job_of(const char *name, size_t n, wick_wanted wanted, uint64_t client)
{
    support_job *own = support_job_new(name, n, 10, client);
    own->job.wanted = wanted;
    return own;
}

static void free_job(support_job *own)
{
    wick_rows_response_clear(&own->job.rows);
    support_job_free(own);
}

/* The job's rows are those that each of its texts gets alone. */
static void check(const support_job *own)
{
    const wick_job *job = &own->job;
    assert_int_equal(job->code, WICK_OK);
    assert_int_equal(job->rows.n_texts, job->n_texts);
    for (size_t i = 0; i < job->n_texts; i++) {
        wick_rows_response one = {0};
        wick_outputs_request request = {.wanted = job->wanted,
                                        .texts = job->texts + i,
                                        .text_bytes = job->text_bytes + i,
                                        .n_texts = 1,
                                        .seconds = job->seconds ? job->seconds + i : NULL,
                                        .second_bytes = job->seconds ? job->second_bytes + i : NULL,
                                        .score_options = {.scores = job->scores}};
        assert_int_equal(make_rows(&request, &one, NULL), WICK_OK);
        const size_t at = job->rows.offsets[i], n = job->rows.offsets[i + 1] - at, width = one.indices ? 1 : 2;
        assert_int_equal(n, one.offsets[1]);
        assert_int_equal(job->rows.dimension, one.dimension);
        if (n > 0)
            assert_memory_equal(job->rows.values + at * width, one.values, n * width * sizeof *one.values);
        if (n > 0 && one.indices)
            assert_memory_equal(job->rows.indices + at, one.indices, n * sizeof *one.indices);
        wick_rows_response_clear(&one);
    }
}

static void like_goes_with_like(void **state)
{
    support_fake fake;
    init(&fake);
    wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    support_job *jobs[8];
    static const wick_wanted wanted[8] = {WICK_WANT_SCORES, WICK_WANT_TOKENS, WICK_WANT_SCORES, WICK_WANT_SPARSE,
                                          WICK_WANT_TOKENS, WICK_WANT_SCORES, WICK_WANT_SPARSE, WICK_WANT_SCORES};
    for (size_t i = 0; i < 8; i++) {
        jobs[i] = job_of("text", 3 + i, wanted[i], i);
        jobs[i]->job.scores = i == 5 ? WICK_SCORES_RAW : WICK_SCORES_MODEL;
        assert_int_equal(wick_lane_submit(lane, &jobs[i]->job, NULL), WICK_SUBMITTED);
    }
    support_fake_release(&fake);
    support_job_wait(first);
    for (size_t i = 0; i < 8; i++) {
        support_job_wait(jobs[i]);
        check(jobs[i]);
    }
    /* Scores of one kind, raw ones, tokens, sparse vectors: a call each. */
    assert_int_equal(calls.n, 4);
    for (size_t i = 0; i < 4; i++) {
        size_t expected = 0;
        for (size_t k = 0; k < 8; k++)
            if (jobs[k]->job.wanted == calls.wanted[i] &&
                (calls.wanted[i] != WICK_WANT_SCORES || jobs[k]->job.scores == calls.scores[i]))
                expected += jobs[k]->job.n_texts;
        assert_int_equal(calls.n_texts[i], expected);
    }
    support_lane_check_empty(lane);
    support_job_free(first);
    for (size_t i = 0; i < 8; i++)
        free_job(jobs[i]);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* A job that takes several batches, of sparse vectors at most 64 texts each. */
static void rows_come_together_from_batches(void **state)
{
    static const wick_wanted wanted[] = {WICK_WANT_TOKENS, WICK_WANT_SPARSE, WICK_WANT_SCORES};
    for (size_t i = 0; i < 3; i++) {
        support_fake fake;
        init(&fake);
        wick_lane_options options = support_lane_options();
        options.batch_tokens = 1000;
        wick_lane *lane = support_lane_open(&fake.provider, &options);
        support_job *own = job_of("one of many", 250, wanted[i], 1);
        assert_int_equal(wick_lane_submit(lane, &own->job, NULL), WICK_SUBMITTED);
        support_job_wait(own);
        check(own);
        assert_true(calls.n >= 3);
        for (size_t k = 0; k < calls.n; k++)
            assert_true(calls.n_texts[k] <= (wanted[i] == WICK_WANT_SPARSE ? WICK_SPARSE_BATCH_TEXTS : 100));
        support_lane_check_empty(lane);
        free_job(own);
        wick_lane_close(lane, true);
        support_fake_clear(&fake);
    }
}

static void pairs_go_with_texts_alone(void **state)
{
    static const char *const seconds[3] = {"a second text", NULL, ""};
    static const size_t second_bytes[3] = {13, 0, 0};
    support_fake fake;
    init(&fake);
    wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    support_job *pairs = job_of("text", 3, WICK_WANT_SCORES, 1), *alone = job_of("text", 3, WICK_WANT_SCORES, 2);
    pairs->job.seconds = seconds;
    pairs->job.second_bytes = second_bytes;
    assert_int_equal(wick_lane_submit(lane, &pairs->job, NULL), WICK_SUBMITTED);
    assert_int_equal(wick_lane_submit(lane, &alone->job, NULL), WICK_SUBMITTED);
    support_fake_release(&fake);
    support_job_wait(first);
    support_job_wait(pairs);
    support_job_wait(alone);
    check(pairs);
    check(alone);
    assert_true(calls.n == 1 && calls.n_texts[0] == 6);
    assert_memory_not_equal(pairs->job.rows.values, alone->job.rows.values, 2 * sizeof(float));
    assert_memory_equal(pairs->job.rows.values + 2, alone->job.rows.values + 2, 2 * sizeof(float));
    support_job_free(first);
    free_job(pairs);
    free_job(alone);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

static void one_bad_request_fails_alone(void **state)
{
    support_fake fake;
    init(&fake);
    wick_lane_options options = support_lane_options();
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *first = support_lane_occupy(&fake, lane);
    support_job *jobs[3] = {job_of("fine", 3, WICK_WANT_TOKENS, 1), job_of("bad", 3, WICK_WANT_TOKENS, 2),
                            job_of("good", 3, WICK_WANT_TOKENS, 3)};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(wick_lane_submit(lane, &jobs[i]->job, NULL), WICK_SUBMITTED);
    support_fake_release(&fake);
    support_job_wait(first);
    for (size_t i = 0; i < 3; i++)
        support_job_wait(jobs[i]);
    check(jobs[0]);
    check(jobs[2]);
    assert_int_equal(jobs[1]->job.code, WICK_E_INVALID_INPUT);
    assert_string_equal(jobs[1]->job.error.where, "texts[0]");
    assert_string_equal(jobs[1]->job.error.message, "a text that cannot be embedded");
    support_lane_check_empty(lane);
    support_job_free(first);
    for (size_t i = 0; i < 3; i++)
        free_job(jobs[i]);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* Such a job is in one batch at a time: alone, it has all cores, for one would idle. */
static void a_job_alone_has_all_cores(void **state)
{
    support_fake fake;
    init(&fake);
    ops.side_by_side = two_calls;
    wick_lane_options options = support_lane_options();
    options.batch_tokens = 100;
    wick_lane *lane = support_lane_open(&fake.provider, &options);
    support_job *job = job_of("text", 25, WICK_WANT_TOKENS, 1);
    support_job_submit(lane, job);
    support_job_wait(job);
    assert_int_equal(calls.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(calls.n_texts[i], i < 2 ? 10 : 5);
        assert_false(calls.side_by_side[i]);
    }
    check(job);
    free_job(job);
    wick_lane_close(lane, true);
    support_fake_clear(&fake);
}

/* What would be too much is refused before any of it is read or taken. */
static void a_reply_has_an_end(void **state)
{
    const char *texts[2] = {"a", "b"};
    float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t small[2] = {0, 2}, large[2] = {0, WICK_MAX_REPLY_VALUES / 2 - 1};
    wick_job job = {.texts = texts, .n_texts = 2, .wanted = WICK_WANT_TOKENS};
    wick_error error = {0};
    wick_rows_response response = {.n_texts = 1, .dimension = 2, .offsets = small, .values = values};
    assert_int_equal(wick_job_append_rows(&job, &response, 0, 1, &error), WICK_OK);
    response.offsets = large;
    assert_int_equal(wick_job_append_rows(&job, &response, 0, 1, &error), WICK_E_INVALID_INPUT);
    assert_non_null(strstr(error.message, "more than 16777216 values"));
    assert_true(job.rows.n_texts == 1 && job.rows.offsets[1] == 2 && job.rows.values[3] == 4);
    wick_rows_response_clear(&job.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_goes_with_like),       cmocka_unit_test(rows_come_together_from_batches),
        cmocka_unit_test(pairs_go_with_texts_alone), cmocka_unit_test(one_bad_request_fails_alone),
        cmocka_unit_test(a_job_alone_has_all_cores), cmocka_unit_test(a_reply_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
