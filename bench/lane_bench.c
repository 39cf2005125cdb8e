/* SPDX-License-Identifier: Apache-2.0
 * lane_bench.c: what the server's queue itself costs, in process. In: nothing, or seconds a measurement, and a model and dtype. Out: a table on stdout.
 *   jobs/s    one thread submits jobs of one text as fast as they are done, so many at once, of 16 clients; the lane embeds them
 *   idle us   one job at a time, each 2 ms after the last: from submit until the waiting thread goes on, and the same by calling the provider
 * Providers: "none", whose vectors have one value and cost nothing, and "mock". With a model: what the budget of a batch does to requests a second and
 * to their times (queue and inference), 16 or 256 at once, each of one text of 11 or of some 100 tokens. */
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
#define MAX_TIMES 100000

#define SHORT "How do I install a package on Debian?"
#define LONG SHORT " " SHORT " " SHORT " " SHORT " " SHORT " " SHORT " " SHORT " " SHORT " " SHORT " " SHORT " " SHORT
/* One short text, one long. The engine computes equal texts of a batch once, so each job has a number of its own before it. */
static const uint32_t n_tokens[2][1] = {{12}, {102}};
static char texts[1024][2][640];
static const char *text_of[1024][2][1];
static size_t bytes_of[1024][2][1];

/* Jobs that are done, for the submitting thread to take. */
static _Atomic(wick_job *) done_jobs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_done;
/* The submitting thread sleeps while nothing is done, and leaves the engine its cores. Else it looks again and again. */
static bool is_sleeper;

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
    if (is_sleeper && !job->next) {
        pthread_mutex_lock(&mutex);
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&mutex);
    }
}

static void wait_done(void)
{
    if (!is_sleeper) {
        sched_yield();
        return;
    }
    pthread_mutex_lock(&mutex);
    while (!atomic_load(&done_jobs))
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
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

static wick_lane *open_lane(wick_provider *provider, size_t batch_tokens)
{
    const wick_lane_options options = {.batch_tokens = batch_tokens, .queue_tokens = 1 << 20};
    wick_lane *lane;
    if (wick_lane_open(provider, &options, &lane, NULL) != WICK_OK)
        die("cannot open a lane");
    return lane;
}

static void make_texts(void)
{
    for (size_t i = 0; i < MAX_JOBS; i++)
        for (size_t k = 0; k < 2; k++) {
            snprintf(texts[i][k], sizeof texts[i][k], "%zu %s", i, k ? LONG : SHORT);
            text_of[i][k][0] = texts[i][k];
            bytes_of[i][k][0] = strlen(texts[i][k]);
        }
}

static void fill(wick_job *job, size_t i, bool is_long, float *out, void (*done)(wick_job *))
{
    *job = (wick_job){.texts = text_of[i][is_long],
                      .text_bytes = bytes_of[i][is_long],
                      .n_tokens = n_tokens[is_long],
                      .n_texts = 1,
                      .client = i % 16,
                      .out = out,
                      .done = done};
    wick_embed_options_init(&job->options);
    job->options.normalize = true;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_rate(wick_provider *provider, size_t batch_tokens, size_t n_jobs, bool is_long, double seconds)
{
    static wick_job jobs[MAX_JOBS];
    static double times[MAX_TIMES];
    float *out = calloc(n_jobs * provider->dimension, sizeof *out);
    if (!out)
        die("out of memory");
    wick_lane *lane = open_lane(provider, batch_tokens);
    for (size_t i = 0; i < n_jobs; i++) {
        fill(&jobs[i], i, is_long, out + i * provider->dimension, push_done);
        push_done(&jobs[i]);
    }
    size_t n_done = 0, n_out = 0;
    const double start = wick_now_ms();
    for (bool is_over = false; !is_over || n_out > 0;) {
        is_over = is_over || wick_now_ms() - start >= seconds * 1e3;
        wick_job *next, *job = atomic_exchange(&done_jobs, NULL);
        if (!job && n_out > 0)
            wait_done();
        for (; job; job = next) {
            next = job->next;
            if (job->submitted_ms > 0) {
                times[n_done++ % MAX_TIMES] = job->queue_ms + job->inference_ms;
                n_out--;
            }
            if (is_over)
                continue;
            if (wick_lane_submit(lane, job, NULL) != WICK_SUBMITTED)
                die("a job was refused");
            n_out++;
        }
    }
    const double ms = wick_now_ms() - start;
    const size_t n_times = n_done < MAX_TIMES ? n_done : MAX_TIMES;
    qsort(times, n_times, sizeof *times, by_size);
    printf("%-8s %4zu at once, batches of %5zu, %3u tokens: %9.0f jobs/s %8.0f ns a job, p50 %7.2f ms, p99 %7.2f ms\n",
           wick_provider_name(provider), n_jobs, batch_tokens, n_tokens[is_long][0], (double)n_done / ms * 1e3,
           ms * 1e6 / (double)n_done, times[n_times / 2], times[n_times * 99 / 100]);
    fflush(stdout);
    wick_lane_close(lane, true);
    free(out);
}

static void measure_idle(wick_provider *provider)
{
    static double through_lane[N_SAMPLES], direct[N_SAMPLES];
    float out[1024];
    wick_lane *lane = open_lane(provider, 4096);
    wick_job job;
    wick_embed_request request;
    wick_embed_response response = {0};
    wick_embed_request_init(&request);
    request.texts = text_of[0][0];
    request.text_bytes = bytes_of[0][0];
    request.n_texts = 1;
    request.options.normalize = true;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
        double start = wick_now_ms();
        wick_provider_embed_batch(provider, &request, &response, NULL);
        direct[i] = wick_now_ms() - start;
        nanosleep(&pause, NULL);
        fill(&job, 0, false, out, signal_done);
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

static wick_provider *open_provider(const char *name, const char *model, const char *dtype)
{
    wick_provider_options options;
    wick_provider *provider;
    wick_error error = {0};
    wick_provider_options_init(&options);
    options.provider = name;
    options.model = model;
    options.model_options.dtype = dtype;
    if (wick_provider_open(&options, &provider, &error) != WICK_OK)
        die(error.message);
    return provider;
}

static void measure_model(wick_provider *provider, double seconds)
{
    static const size_t at_once[] = {16, 256}, batch_tokens[] = {256, 512, 1024, 2048, 4096, 8192};
    for (int is_long = 0; is_long < 2; is_long++)
        for (size_t k = 0; k < 2; k++)
            for (size_t b = 0; b < sizeof batch_tokens / sizeof batch_tokens[0]; b++)
                measure_rate(provider, batch_tokens[b], at_once[k], is_long, seconds);
    measure_idle(provider);
}

static void measure_cost(wick_provider *provider, double seconds)
{
    static const size_t at_once[] = {1, 16, 256, MAX_JOBS};
    for (size_t k = 0; k < sizeof at_once / sizeof at_once[0]; k++)
        measure_rate(provider, 4096, at_once[k], false, seconds);
    measure_idle(provider);
}

int main(int n_args, char **args)
{
    const double seconds = n_args > 1 ? atof(args[1]) : 1;
    make_texts();
    if (n_args > 2) {
        wick_provider *model = open_provider("candle", args[2], n_args > 3 ? args[3] : "f32");
        is_sleeper = true;
        measure_model(model, seconds);
        wick_provider_close(model);
        return 0;
    }
    wick_provider none = {&none_ops, NULL, "none", 1}, *mock = open_provider("mock", NULL, NULL);
    measure_cost(&none, seconds);
    measure_cost(mock, seconds);
    wick_provider_close(mock);
    return 0;
}
