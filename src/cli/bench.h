/* SPDX-License-Identifier: Apache-2.0
 * bench.h: what the files of `wick bench` share.
 *   bench.c          the command: options, the order of things
 *   bench_measure.c  calls the provider and takes the time; start, memory, peak
 *   bench_texts.c    the texts
 *   bench_report.c   the results as a table or JSON
 *   bench_svg.c      the results as a chart */
#ifndef WICK_CLI_BENCH_H
#define WICK_CLI_BENCH_H
#include "cli/engine_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/source.h"

#define WICK_BENCH_MAX_POINTS 8 /* in a group */

/* What one kind of call took. */
typedef struct wick_bench_point {
    const char *name;     /* of throughput: "one-liners"; else NULL */
    size_t n_texts;       /* in a call; of throughput: in the corpus */
    double n_tokens;      /* likewise */
    size_t n_calls;       /* timed */
    double seconds;       /* of all timed calls together */
    double p50, p95, p99; /* seconds a call; 0 for throughput */
    double texts_per_s, tokens_per_s;
} wick_bench_point;

typedef enum wick_bench_group {
    WICK_BENCH_BATCH,
    WICK_BENCH_LENGTH,
    WICK_BENCH_THROUGHPUT,
    WICK_BENCH_GROUPS
} wick_bench_group;

typedef struct wick_bench_results {
    const char *provider;
    wick_model_info info;
    double flop_per_token;              /* in the linear layers, a multiply-add counting two; 0: not known */
    double peak_gflops;                 /* 0: not known */
    double open_seconds, first_seconds; /* both since before opening */
    double first_rss_mb, peak_rss_mb;   /* the process's peak after the first vector, and at the end; 0: not known */
    double seconds;                     /* the whole measurement */
    size_t n_points[WICK_BENCH_GROUPS];
    wick_bench_point points[WICK_BENCH_GROUPS][WICK_BENCH_MAX_POINTS];
} wick_bench_results;

/* Texts that are called together, by name. */
typedef struct wick_bench_corpus {
    const char *name;
    wick_text_batch texts; /* sealed, never empty */
} wick_bench_corpus;

#define WICK_BENCH_MAX_CORPORA 2

typedef struct wick_bench_plan {
    const wick_settings *settings;
    double seconds; /* to spend on timed calls */
    size_t n_corpora;
    wick_bench_corpus corpora[WICK_BENCH_MAX_CORPORA]; /* the first gives the batches their texts */
} wick_bench_plan;

/* bench_texts.c. Fill plan->corpora: with texts made here, all different; or from the file. */
int wick_bench_make_corpora(wick_bench_plan *plan, wick_error *error);
int wick_bench_read_corpus(wick_bench_plan *plan, const char *path, wick_error *error);
void wick_bench_free_corpora(wick_bench_plan *plan);
/* A text of n_words words, in *batch (emptied first). */
int wick_bench_make_words(wick_text_batch *batch, size_t n_words, wick_error *error);
/* The one short text. */
extern const char wick_bench_single[];

/* bench_measure.c. *provider stays open, since results borrow from it. */
int wick_bench_measure(const wick_bench_plan *plan, wick_provider **provider, wick_bench_results *results,
                       wick_error *error);

/* 10^9 operations a second, and the share of the peak; 0: not known. */
static inline double wick_bench_gflops(const wick_bench_results *results, const wick_bench_point *point)
{
    return 1e-9 * results->flop_per_token * point->tokens_per_s;
}

static inline double wick_bench_share(const wick_bench_results *results, const wick_bench_point *point)
{
    return results->peak_gflops > 0 ? wick_bench_gflops(results, point) / results->peak_gflops : 0;
}

/* "GFLOP/s" or, of integers, "GOP/s". */
const char *wick_bench_rate_unit(const wick_bench_results *results);

void wick_bench_print_table(const wick_bench_results *results, wick_output *output);
void wick_bench_print_json(const wick_bench_results *results, wick_output *output);
void wick_bench_print_svg(const wick_bench_results *results, wick_output *output);

#endif
