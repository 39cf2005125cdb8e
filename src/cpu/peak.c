/* SPDX-License-Identifier: Apache-2.0
 * peak.c: see peak.h. Every thread runs the tier's loop for two milliseconds, all at once, again and again; the best run counts, because
 * everything that disturbs a run makes it slower. */
#include "cpu/peak.h"

#include <math.h>
#include <time.h>

#define RUN_SECONDS 2e-3
#define N_RUNS 75

typedef struct spinning {
    uint64_t (*spin)(size_t n_rounds);
    size_t n_rounds;
    atomic_ullong n_products;
} spinning;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void spin_thread(void *arg, unsigned thread_index)
{
    spinning *job = arg;
    atomic_fetch_add(&job->n_products, job->spin(job->n_rounds));
}

/* One run of all threads: its seconds. */
static double run(spinning *job, wick_pool *pool)
{
    atomic_store(&job->n_products, 0);
    double start = now();
    wick_pool_run(pool, 0, spin_thread, job);
    return now() - start;
}

double wick_cpu_measure_peak(const wick_kernels *kernels, wick_compute compute, wick_pool *pool)
{
    spinning job = {compute == WICK_COMPUTE_F32    ? kernels->spin_f32
                    : compute == WICK_COMPUTE_BF16 ? kernels->spin_bf16
                                                   : kernels->spin_i8,
                    1024};
    double best = 0;
    /* The shortest of three: one that was disturbed says nothing of how long the rounds take. */
    while (job.n_rounds < SIZE_MAX / 2 && fmin(run(&job, pool), fmin(run(&job, pool), run(&job, pool))) < RUN_SECONDS)
        job.n_rounds *= 2;
    for (int i = 0; i < N_RUNS; i++) {
        double seconds = run(&job, pool), rate = 2e-9 * (double)atomic_load(&job.n_products) / seconds;
        best = seconds > 0 && rate > best ? rate : best;
    }
    return best;
}
