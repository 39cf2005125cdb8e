/* SPDX-License-Identifier: Apache-2.0
 * support_lane.h: for tests of the server's queue: a provider that does what the test tells it to, and jobs that can be waited for. */
#ifndef WICK_TESTS_SUPPORT_LANE_H
#define WICK_TESTS_SUPPORT_LANE_H
#include "provider/provider.h"
#include "server/lane.h"
#include <pthread.h>

#define SUPPORT_DIMENSION 8

/* Vectors are made of the text alone. Texts that begin with "bad" are refused as invalid input, with "poison" as internal errors; "nan" gives NaN;
 * "gone" is counted in n_gone; "stuck" holds its call while is_caught. */
typedef struct support_fake {
    wick_provider provider;
    wick_side_by_side side_by_side; /* what it says of itself; all zeros after init. Set before a lane is opened */
    atomic_uint n_calls, n_texts, n_gone, n_inside, n_inside_most;
    atomic_uint n_alone, n_texts_alone_most;  /* of n_calls: with side_by_side; the most texts of one of those */
    atomic_uint n_cores_inside, n_cores_most; /* as n_inside, where a call without side_by_side has all cores */
    atomic_uint ms_a_call;
    atomic_int n_failures; /* so many calls fail, the next ones */
    int failure_code;
    bool is_stuck;  /* all calls wait until support_fake_release */
    bool is_caught; /* those with a text that begins with "stuck" */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} support_fake;

void support_fake_init(support_fake *fake);
void support_fake_clear(support_fake *fake);
void support_fake_hold(support_fake *fake);
void support_fake_catch(support_fake *fake); /* is_caught */
void support_fake_release(support_fake *fake);
/* Waits until so many calls have begun. */
void support_fake_wait_calls(support_fake *fake, unsigned n_calls);

typedef struct support_job {
    wick_job job;
    bool is_done;
    double done_ms;
    unsigned order; /* in which jobs were done: 1, 2, ... */
    size_t dimension;
} support_job;

/* A job of n texts "NAME 0", "NAME 1"... with so many tokens each and a float of 99 behind its vectors. */
support_job *support_job_new(const char *name, size_t n, uint32_t tokens_each, uint64_t client);
void support_job_free(support_job *job);                    /* checks that nothing was written behind its vectors */
void support_job_submit(wick_lane *lane, support_job *job); /* fails the test unless accepted */
void support_job_wait(support_job *job);
bool support_job_is_done(support_job *job);
/* The vectors are those that the provider itself gives. */
void support_job_check(support_job *job, wick_provider *provider);
wick_lane_options support_lane_options(void);
wick_lane *support_lane_open(wick_provider *provider, const wick_lane_options *options);
/* Everything that was counted has been given back. */
void support_lane_check_empty(const wick_lane *lane);
/* Keeps the lane busy with one text until support_fake_release, so that what is submitted next waits in the queue. */
support_job *support_lane_occupy(support_fake *fake, wick_lane *lane);
void support_sleep_ms(unsigned ms);

#endif
