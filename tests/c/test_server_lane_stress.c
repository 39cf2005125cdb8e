/* SPDX-License-Identifier: Apache-2.0
 * test_server_lane_stress.c: lanes that share the machine's cores, with a fake provider, under everything at once: several senders, jobs of all sizes, clients that leave, deadlines, bad texts, a
 * provider that fails now and then, breakers that open. Every job ends once, with a right reason or with the right vectors, and all that was counted is given back. Takes two seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/places.h"
#include "provider/vectors.h"
#include "support_lane.h"

#define N_CORES 3
#define N_LANES 2
#define N_SENDERS 6
#define N_AT_ONCE 8
#define SECONDS 2

typedef struct sender {
    wick_lane **lanes;
    wick_provider *judge; /* makes the same vectors, and nobody else calls it */
    support_fake *fake;
    uint32_t random;
    unsigned n_right, n_failed, n_refused;
    pthread_t thread;
} sender;

static uint32_t next_random(sender *self, uint32_t below)
{
    self->random = self->random * 1664525u + 1013904223u;
    return (self->random >> 16) % below;
}

static support_job *make_job(sender *self, atomic_bool *has_left)
{
    static const char *const names[] = {"text", "text", "text", "text", "text", "text", "bad", "poison"};
    const size_t n = next_random(self, 8) == 0 ? 1 + next_random(self, 400) : 1 + next_random(self, 6);
    support_job *job = support_job_new(names[next_random(self, 8)], n, 1 + next_random(self, 40), next_random(self, 5));
    atomic_store(has_left, false);
    job->job.is_gone = has_left;
    job->job.deadline_ms = next_random(self, 6) == 0 ? wick_now_ms() + next_random(self, 10) : 0;
    job->job.is_urgent = next_random(self, 16) == 0;
    job->job.options.truncate = next_random(self, 4) > 0;
    job->dimension = SUPPORT_DIMENSION;
    job->job.out = calloc(n * SUPPORT_DIMENSION + 1, sizeof(float));
    assert_non_null(job->job.out);
    job->job.out[n * SUPPORT_DIMENSION] = 99.0f;
    return job;
}

/* What a job may come to: its vectors, or a reason that is one. */
static void judge(sender *self, support_job *job)
{
    const int code = job->job.code;
    if (code == WICK_OK) {
        support_job_check(job, self->judge);
        self->n_right++;
        return;
    }
    assert_true(code == WICK_E_TIMEOUT || code == WICK_E_UNAVAILABLE || code == WICK_E_INVALID_INPUT ||
                code == WICK_E_INTERNAL);
    assert_int_equal(job->job.error.code, code);
    self->n_failed++;
}

/* Some jobs at once, some of whose clients leave meanwhile; and again. */
static void *send_again_and_again(void *arg)
{
    sender *self = arg;
    const double end_ms = wick_now_ms() + SECONDS * 1e3;
    while (wick_now_ms() < end_ms) {
        support_job *jobs[N_AT_ONCE];
        atomic_bool has_left[N_AT_ONCE];
        const size_t n = 1 + next_random(self, N_AT_ONCE);
        bool is_taken[N_AT_ONCE];
        for (size_t i = 0; i < n; i++) {
            jobs[i] = make_job(self, &has_left[i]);
            is_taken[i] =
                wick_lane_submit(self->lanes[next_random(self, N_LANES)], &jobs[i]->job, NULL) == WICK_SUBMITTED;
            self->n_refused += !is_taken[i];
        }
        if (next_random(self, 8) == 0)
            atomic_fetch_add(&self->fake->n_failures, 1 + (int)next_random(self, 4));
        for (size_t i = 0; i < n; i++)
            if (next_random(self, 6) == 0)
                atomic_store(&has_left[i], true);
        for (size_t i = 0; i < n; i++) {
            if (is_taken[i]) {
                support_job_wait(jobs[i]);
                judge(self, jobs[i]);
            }
            support_job_free(jobs[i]);
        }
    }
    return NULL;
}

static void everything_at_once(void **state)
{
    support_fake fake, other;
    support_fake_init(&fake);
    support_fake_init(&other);
    fake.side_by_side = (wick_side_by_side){N_CORES, 60};
    fake.ms_a_call = 1;
    wick_lane_options options = {.batch_tokens = 500,
                                 .queue_tokens = 4000,
                                 .n_retries = 1,
                                 .breaker_failures = 3,
                                 .breaker_open_ms = 5,
                                 .places = wick_places_new(N_CORES)};
    wick_lane *lanes[N_LANES];
    sender senders[N_SENDERS];
    unsigned n_right = 0, n_failed = 0;
    for (size_t l = 0; l < N_LANES; l++)
        lanes[l] = support_lane_open(&fake.provider, &options);
    for (uint32_t i = 0; i < N_SENDERS; i++) {
        senders[i] = (sender){.lanes = lanes, .judge = &other.provider, .fake = &fake, .random = i + 1};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_again_and_again, &senders[i]), 0);
    }
    for (size_t i = 0; i < N_SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        n_right += senders[i].n_right;
        n_failed += senders[i].n_failed;
    }
    assert_true(n_right > 0 && n_failed > 0);
    assert_in_range(fake.n_inside_most, 2, N_CORES);
    assert_true(fake.n_cores_most <= N_CORES);
    for (size_t l = 0; l < N_LANES; l++) {
        support_lane_check_empty(lanes[l]);
        wick_lane_close(lanes[l], true);
    }
    assert_int_equal(fake.n_inside, 0);
    assert_int_equal(wick_places_taken(options.places), 0);
    wick_places_free(options.places);
    support_fake_clear(&other);
    support_fake_clear(&fake);
}

int main(void)
{
    wick_log_set_level(WICK_LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
