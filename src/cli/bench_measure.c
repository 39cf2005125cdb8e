/* SPDX-License-Identifier: Apache-2.0
 * bench_measure.c: times the provider in process. In: a plan. Out: results. One call at a time, each repeated until its share of the time is
 * spent; called by bench.c. */
#include "base/error.h"
#include "cli/bench.h"
#include "provider/kinds.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_SAMPLES ((size_t)1 << 16)
/* Texts a call where the corpus is passed over: what one call of the engine takes at once. */
#define PASS_TEXTS 1024
/* Shares of the time. */
#define BATCH_SHARE 0.35
#define LENGTH_SHARE 0.35
#define THROUGHPUT_SHARE 0.3

static const size_t batch_sizes[] = {1, 8, 32, 128};
static const size_t text_lengths[] = {8, 16, 32, 64, 128, 256, 512};

#define N_BATCH_SIZES (sizeof batch_sizes / sizeof *batch_sizes)
#define N_TEXT_LENGTHS (sizeof text_lengths / sizeof *text_lengths)

typedef struct bench {
    const wick_bench_plan *plan;
    wick_provider *provider;
    wick_bench_results *results;
    wick_progress progress;
    double until_now, planned; /* seconds of timed calls: spent, and in all */
    uint64_t n_texts;
    size_t n_samples;
    double *samples; /* [MAX_SAMPLES] seconds a call */
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The most memory that this process ever had resident, in MiB; 0: not known. getrusage counts, on Linux, what the parent had when it
 * started us; the kernel's own figure does not. */
static double peak_rss_mb(void)
{
    char line[256];
    double mb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "VmHWM:", 6))
            mb = strtod(line + 6, NULL) / 1024;
    if (status)
        fclose(status);
    struct rusage usage;
    if (mb == 0 && !getrusage(RUSAGE_SELF, &usage))
#ifdef __APPLE__
        mb = (double)usage.ru_maxrss / 0x1p20;
#else
        mb = (double)usage.ru_maxrss / 1024;
#endif
    return mb;
}

/* One call; n texts of the batch from `first` on. */
static int embed(bench *b, const wick_text_batch *texts, size_t first, size_t n, double *seconds, uint64_t *tokens,
                 wick_error *error)
{
    wick_embed_response response = {0};
    wick_embed_request request;
    wick_embed_request_init(&request);
    wick_embed_options_init(&request.options);
    request.texts = texts->texts + first;
    request.text_bytes = texts->text_bytes + first;
    request.n_texts = n;
    request.options.normalize = true;
    double start = now();
    int status = wick_provider_embed_batch(b->provider, &request, &response, error);
    *seconds = now() - start;
    *tokens = response.usage.total_tokens;
    wick_embed_response_clear(&response);
    return status;
}

/* Draws the bar; this is never inside a timed call. */
static void spend(bench *b, double seconds, size_t n_texts)
{
    b->until_now += seconds;
    b->n_texts += n_texts;
    double share = fmin(b->until_now / b->planned, 1);
    wick_progress_update(&b->progress, b->n_texts, (uint64_t)(1e6 * share), 1000000);
}

/* ---- latency ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* By nearest rank; samples are sorted. */
static double percentile(const bench *b, double p)
{
    size_t rank = (size_t)ceil(p * (double)b->n_samples);
    return b->samples[rank > 0 ? rank - 1 : 0];
}

/* Calls with the batch's first n texts for so long. */
static int measure_latency(bench *b, wick_bench_group group, const wick_text_batch *texts, size_t n, double budget,
                           wick_error *error)
{
    wick_bench_point *point = &b->results->points[group][b->results->n_points[group]];
    double seconds, spent = 0;
    uint64_t tokens;
    int status = embed(b, texts, 0, n, &seconds, &tokens, error); /* not counted: it warms up */
    for (b->n_samples = 0; !status && (spent < budget || b->n_samples == 0) && b->n_samples < MAX_SAMPLES;) {
        status = embed(b, texts, 0, n, &seconds, &tokens, error);
        b->samples[b->n_samples++] = seconds;
        spent += seconds;
        spend(b, seconds, n);
    }
    if (status)
        return status;
    qsort(b->samples, b->n_samples, sizeof *b->samples, by_value);
    *point = (wick_bench_point){.n_texts = n, .n_tokens = (double)tokens, .n_calls = b->n_samples};
    point->seconds = spent;
    point->p50 = percentile(b, 0.50);
    point->p95 = percentile(b, 0.95);
    point->p99 = percentile(b, 0.99);
    point->texts_per_s = (double)n / fmax(point->p50, 1e-9);
    point->tokens_per_s = (double)tokens / fmax(point->p50, 1e-9);
    b->results->n_points[group]++;
    return 0;
}

static int measure_batches(bench *b, double budget, wick_error *error)
{
    const wick_text_batch *corpus = &b->plan->corpora[0].texts;
    const char *single = wick_bench_single;
    size_t single_bytes = strlen(single);
    wick_text_batch one = {.n_texts = 1, .texts = &single, .text_bytes = &single_bytes};
    int status = 0;
    budget /= N_BATCH_SIZES;
    for (size_t i = 0; i < N_BATCH_SIZES && !status; i++) {
        size_t n = batch_sizes[i];
        if (n <= corpus->n_texts)
            status = measure_latency(b, WICK_BENCH_BATCH, n == 1 ? &one : corpus, n, budget, error);
    }
    return status;
}

/* Makes a text of about n_tokens tokens, exactly so many where that is the most a text may have. *tokens_per_word: a guess, improved. */
static int fit_text(bench *b, size_t n_tokens, bool is_most, double *tokens_per_word, wick_text_batch *text,
                    wick_error *error)
{
    double n_words = fmax(1, floor((double)n_tokens / *tokens_per_word)), seconds;
    for (int attempt = 0; attempt < 8; attempt++) {
        uint64_t tokens;
        int status = wick_bench_make_words(text, (size_t)n_words, error);
        if (!status)
            status = embed(b, text, 0, 1, &seconds, &tokens, error);
        if (status)
            return status;
        double missing = (double)n_tokens - (double)tokens;
        if (is_most ? missing <= 0 : fabs(missing) <= floor((double)n_tokens / 64))
            break;
        if (!is_most || missing > 0)
            *tokens_per_word = fmax((double)tokens / n_words, 0.1);
        double step = missing / *tokens_per_word;
        n_words = fmax(1, n_words + (missing > 0 ? ceil(step) : floor(step)));
    }
    return 0;
}

static int measure_lengths(bench *b, double budget, wick_error *error)
{
    size_t limit = b->results->info.max_seq_length, n_wanted = 0;
    double tokens_per_word = 1.25;
    wick_text_batch text = {0};
    int status = 0;
    for (size_t i = 0; i < N_TEXT_LENGTHS; i++)
        n_wanted += !limit || text_lengths[i] <= limit;
    for (size_t i = 0; i < n_wanted && !status; i++) {
        size_t n = text_lengths[i];
        status = fit_text(b, n, n == limit, &tokens_per_word, &text, error);
        if (!status)
            status = measure_latency(b, WICK_BENCH_LENGTH, &text, 1, budget / (double)n_wanted, error);
    }
    wick_text_batch_free(&text);
    return status;
}

/* ---- throughput ---------------------------------------------------------------------------------------------------- */

/* Passes over the corpus until the time is spent; a pass that is begun may end early, between two calls. */
static int measure_corpus(bench *b, const wick_bench_corpus *corpus, double budget, wick_error *error)
{
    wick_bench_point *point = &b->results->points[WICK_BENCH_THROUGHPUT][b->results->n_points[WICK_BENCH_THROUGHPUT]];
    const wick_text_batch *texts = &corpus->texts;
    double spent = 0, n_done = 0, n_tokens = 0, seconds;
    uint64_t tokens;
    *point = (wick_bench_point){.name = corpus->name, .n_texts = texts->n_texts};
    int status = embed(b, texts, 0, texts->n_texts < 32 ? texts->n_texts : 32, &seconds, &tokens, error);
    for (size_t i = 0; !status && (spent < budget || point->n_calls == 0);
         i = i + PASS_TEXTS < texts->n_texts ? i + PASS_TEXTS : 0) {
        size_t n = texts->n_texts - i < PASS_TEXTS ? texts->n_texts - i : PASS_TEXTS;
        status = embed(b, texts, i, n, &seconds, &tokens, error);
        if (status)
            break;
        n_done += (double)n;
        n_tokens += (double)tokens;
        spent += seconds;
        point->n_calls++;
        spend(b, seconds, n);
    }
    if (status)
        return status;
    point->n_tokens = n_tokens / n_done * (double)texts->n_texts;
    point->seconds = spent;
    point->texts_per_s = n_done / fmax(spent, 1e-9);
    point->tokens_per_s = n_tokens / fmax(spent, 1e-9);
    b->results->n_points[WICK_BENCH_THROUGHPUT]++;
    return 0;
}

static int measure_throughput(bench *b, double budget, wick_error *error)
{
    int status = 0;
    for (size_t i = 0; i < b->plan->n_corpora && !status; i++)
        status = measure_corpus(b, &b->plan->corpora[i], budget / (double)b->plan->n_corpora, error);
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

/* The better of this and what was measured before: other work on the machine only ever lowers it. */
static int measure_peak(wick_bench_results *results, wick_error *error)
{
    double gflops = 0;
    wick_model_options options;
    if (!results->info.device)
        return 0;
    wick_model_options_init(&options);
    options.device = results->info.device;
    options.dtype = results->info.dtype;
    options.n_threads = results->info.n_threads;
    int status = wick_measure_peak(&options, &gflops, error);
    results->peak_gflops = fmax(results->peak_gflops, gflops);
    return status == WICK_E_UNSUPPORTED ? 0 : status;
}

/* What every token goes through: queries, keys and values, the way out of the attention, the MLP with its gate where it has one. */
static double flop_per_token(const wick_model_info *info)
{
    const double hidden = (double)info->hidden_size, inner = (double)info->intermediate_size,
                 query = (double)info->n_heads * (double)info->head_dim,
                 keys_values = 2 * (double)info->n_kv_heads * (double)info->head_dim;
    const double attention = hidden * (2 * query + keys_values), mlp = (info->is_gated ? 3 : 2) * hidden * inner;
    return 2 * (double)info->n_layers * (attention + mlp);
}

static int check_kind(const wick_model_info *info, wick_error *error)
{
    const int status = wick_kind_check(info->kind, WICK_WANT_VECTORS, info->model, error);
    if (status)
        snprintf(error->mend, sizeof error->mend, "bench measures embedding models: name one of those");
    return status;
}

static int measure_start(bench *b, wick_error *error)
{
    wick_bench_results *results = b->results;
    const char *single = wick_bench_single;
    size_t single_bytes = strlen(single);
    wick_text_batch one = {.n_texts = 1, .texts = &single, .text_bytes = &single_bytes};
    uint64_t tokens;
    double start = now(), seconds;
    int status = wick_settings_open(b->plan->settings, &b->provider, error);
    results->open_seconds = now() - start;
    results->info.size = sizeof results->info;
    if (!status)
        status = wick_provider_model_info(b->provider, &results->info, error);
    if (!status)
        status = check_kind(&results->info, error);
    if (!status)
        status = embed(b, &one, 0, 1, &seconds, &tokens, error);
    results->first_seconds = now() - start;
    results->first_rss_mb = peak_rss_mb();
    if (status)
        return status;
    results->provider = wick_provider_name(b->provider);
    results->flop_per_token = flop_per_token(&results->info);
    return 0;
}

int wick_bench_measure(const wick_bench_plan *plan, wick_provider **provider, wick_bench_results *results,
                       wick_error *error)
{
    bench b = {.plan = plan, .results = results, .planned = plan->seconds};
    double start = now();
    memset(results, 0, sizeof *results);
    b.samples = malloc(MAX_SAMPLES * sizeof *b.samples);
    int status = b.samples ? measure_start(&b, error) : wick_fail_memory(error, "the samples");
    wick_progress_begin(&b.progress, true);
    if (!status)
        status = measure_peak(results, error);
    if (!status)
        status = measure_batches(&b, BATCH_SHARE * plan->seconds, error);
    if (!status)
        status = measure_lengths(&b, LENGTH_SHARE * plan->seconds, error);
    if (!status)
        status = measure_throughput(&b, THROUGHPUT_SHARE * plan->seconds, error);
    if (!status)
        status = measure_peak(results, error);
    wick_progress_end(&b.progress);
    free(b.samples);
    *provider = b.provider;
    results->peak_rss_mb = peak_rss_mb();
    results->seconds = now() - start;
    return status;
}
