/* SPDX-License-Identifier: Apache-2.0
 * lane_bench.c: what the server's queue itself costs, in process. In: nothing, or seconds a measurement. Out: a table on stdout.
 *   jobs/s    one thread submits jobs of one text as fast as they are done, so many at once, of 16 clients; the lane embeds them
 *   idle us   one job at a time, each 2 ms after the last: from submit until the waiting thread goes on, and the same by calling the provider
 * Providers: "none", whose vectors have one value and cost nothing, and "mock". */
#include "provider/provider.h"
#include "provider/vectors.h"
#include "server/lane.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_JOBS 1024
#define N_SAMPLES 1000

static const char *const text[] = {"How do I install a package on Debian?"};
static const size_t text_bytes[] = {37};
static const uint32_t n_tokens[] = {11};

/* Jobs that are done, for the submitting thread to take. */
static _Atomic(wick_job *) done_jobs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_done;

static int none_embed(void *state, const wick_embed_request *request, float *out, wick_usage *usage, wick_error *error)
{
    for (size_t i = 0; i < request->n_texts; i++)
        out[i] = 1;
    return WICK_OK;
}

static int none_info(const void *state, wick_model_info *info, wick_error *error)
{
    info->dimension = 1;
    return WICK_OK;
}

static const wick_provider_ops none_ops = {.name = "none", .embed = none_embed, .info = none_info};

static void push_done(wick_job *job)
{
    job->next = atomic_load(&done_jobs);
    while (!atomic_compare_exchange_weak(&done_jobs, &job->next, job)) {
    }
}

static void signal_done(wick_job *job)
{
    pthread_mutex_lock(&mutex);
    is_done = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

static void die(const char *what)
{
    fprintf(stderr, "lane_bench: %s\n", what);
    exit(1);
}

static wick_lane *open_lane(wick_provider *provider)
{
    const wick_lane_options options = {.batch_tokens = 4096, .queue_tokens = 1 << 20};
    wick_lane *lane;
    if (wick_lane_open(provider, &options, &lane, NULL) != WICK_OK)
        die("cannot open a lane");
    return lane;
}

static void fill(wick_job *job, size_t i, float *out, void (*done)(wick_job *))
{
    *job = (wick_job){.texts = text,
                      .text_bytes = text_bytes,
                      .n_tokens = n_tokens,
                      .n_texts = 1,
                      .client = i % 16,
                      .out = out,
                      .done = done};
    wick_embed_options_init(&job->options);
    job->options.normalize = true;
}

static void measure_rate(wick_provider *provider, size_t n_jobs, double seconds)
{
    static wick_job jobs[MAX_JOBS];
    float *out = calloc(n_jobs * provider->dimension, sizeof *out);
    if (!out)
        die("out of memory");
    wick_lane *lane = open_lane(provider);
    for (size_t i = 0; i < n_jobs; i++) {
        fill(&jobs[i], i, out + i * provider->dimension, push_done);
        push_done(&jobs[i]);
    }
    size_t n_done = 0, n_out = 0;
    const double start = wick_now_ms();
    for (bool is_over = false; !is_over || n_out > 0;) {
        is_over = is_over || wick_now_ms() - start >= seconds * 1e3;
        wick_job *next, *job = atomic_exchange(&done_jobs, NULL);
        if (!job)
            sched_yield();
        for (; job; job = next) {
            next = job->next;
            n_done += job->submitted_ms > 0;
            n_out -= job->submitted_ms > 0;
            if (is_over)
                continue;
            if (wick_lane_submit(lane, job, NULL) != WICK_SUBMITTED)
                die("a job was refused");
            n_out++;
        }
    }
    const double ms = wick_now_ms() - start;
    printf("%-8s %5zu at once %12.0f jobs/s %8.0f ns a job\n", wick_provider_name(provider), n_jobs,
           (double)n_done / ms * 1e3, ms * 1e6 / (double)n_done);
    wick_lane_close(lane, true);
    free(out);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_idle(wick_provider *provider)
{
    static double through_lane[N_SAMPLES], direct[N_SAMPLES];
    float out[1024];
    wick_lane *lane = open_lane(provider);
    wick_job job;
    wick_embed_request request;
    wick_embed_response response = {0};
    wick_embed_request_init(&request);
    request.texts = text;
    request.text_bytes = text_bytes;
    request.n_texts = 1;
    request.options.normalize = true;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
        double start = wick_now_ms();
        wick_provider_embed_batch(provider, &request, &response, NULL);
        direct[i] = wick_now_ms() - start;
        nanosleep(&pause, NULL);
        fill(&job, 0, out, signal_done);
        is_done = false;
        start = wick_now_ms();
        if (wick_lane_submit(lane, &job, NULL) != WICK_SUBMITTED)
            die("a job was refused");
        pthread_mutex_lock(&mutex);
        while (!is_done)
            pthread_cond_wait(&changed, &mutex);
        pthread_mutex_unlock(&mutex);
        through_lane[i] = wick_now_ms() - start;
    }
    wick_embed_response_clear(&response);
    wick_lane_close(lane, true);
    qsort(direct, N_SAMPLES, sizeof *direct, by_size);
    qsort(through_lane, N_SAMPLES, sizeof *through_lane, by_size);
    printf("%-8s idle: p50 %6.1f us through the lane, %6.1f us direct; p99 %6.1f us, %6.1f us\n",
           wick_provider_name(provider), through_lane[N_SAMPLES / 2] * 1e3, direct[N_SAMPLES / 2] * 1e3,
           through_lane[N_SAMPLES * 99 / 100] * 1e3, direct[N_SAMPLES * 99 / 100] * 1e3);
}

int main(int n_args, char **args)
{
    const double seconds = n_args > 1 ? atof(args[1]) : 1;
    wick_provider none = {&none_ops, NULL, "none", 1}, *mock;
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.provider = "mock";
    if (wick_provider_open(&options, &mock, NULL) != WICK_OK)
        die("cannot open the mock provider");
    wick_provider *const providers[] = {&none, mock};
    for (size_t i = 0; i < 2; i++) {
        static const size_t at_once[] = {1, 16, 256, MAX_JOBS};
        for (size_t k = 0; k < sizeof at_once / sizeof at_once[0]; k++)
            measure_rate(providers[i], at_once[k], seconds);
        measure_idle(providers[i]);
    }
    wick_provider_close(mock);
    return 0;
}
