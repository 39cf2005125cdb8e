/* SPDX-License-Identifier: Apache-2.0
 * metrics.c: counting. Every counter is an atomic number; tables of labels only grow, and what does not fit into one is counted under "other". The
 * text of /metrics is written by metrics_text.c. */
#include "server/metrics_internal.h"
#include <stdlib.h>
#include <string.h>

/* Seconds: from a tenth of a millisecond (a queue at idle) to what no one waits for. */
const wick_bounds wick_bounds_seconds = {16,
                                         {"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
                                          "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"},
                                         {100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000,
                                          50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000,
                                          10000000000},
                                         1000000000};
const wick_bounds wick_bounds_tokens = {
    13,
    {"4", "8", "16", "32", "64", "128", "256", "512", "1024", "2048", "4096", "8192", "16384"},
    {4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
    1};
const wick_bounds wick_bounds_texts = {12,
                                       {"1", "2", "4", "8", "16", "32", "64", "128", "256", "512", "1024", "2048"},
                                       {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048},
                                       1};

static void add(wick_counter *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void observe(wick_histogram *histogram, const wick_bounds *bounds, uint64_t value)
{
    size_t i = 0;
    while (i < bounds->n && value > bounds->values[i])
        i++;
    add(&histogram->buckets[i], 1);
    add(&histogram->sum, value);
}

/* Negative, absurd or not a number: 0 and a year are as good. */
static uint64_t nanoseconds(double seconds)
{
    return seconds > 0 ? (uint64_t)((seconds < 3e7 ? seconds : 3e7) * 1e9) : 0;
}

static void observe_seconds(wick_histogram *histogram, double seconds)
{
    observe(histogram, &wick_bounds_seconds, nanoseconds(seconds));
}

/* Which of n labels is text; a new one takes the first free place. n where there is none. */
static size_t label_find(wick_label *labels, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        int state = atomic_load_explicit(&labels[i].state, memory_order_acquire);
        if (state == WICK_LABEL_FREE &&
            atomic_compare_exchange_strong_explicit(&labels[i].state, &state, WICK_LABEL_TAKEN, memory_order_acquire,
                                                    memory_order_acquire)) {
            size_t length = strlen(text);
            length = length < sizeof labels[i].text ? length : sizeof labels[i].text - 1;
            memcpy(labels[i].text, text, length);
            labels[i].text[length] = '\0';
            atomic_store_explicit(&labels[i].state, WICK_LABEL_READY, memory_order_release);
            return i;
        }
        while (state == WICK_LABEL_TAKEN) /* by a thread that is copying some bytes */
            state = atomic_load_explicit(&labels[i].state, memory_order_acquire);
        if (strncmp(labels[i].text, text, sizeof labels[i].text - 1) == 0)
            return i;
    }
    return n;
}

static wick_route_counts *route_find(wick_metrics *metrics, const char *route)
{
    size_t i = label_find(metrics->route_labels, WICK_METRICS_ROUTES - 1, route);
    if (i == WICK_METRICS_ROUTES - 1) /* the last place is for the rest */
        label_find(metrics->route_labels + i, 1, "other");
    return &metrics->routes[i];
}

static void count_status(wick_route_counts *counts, int status)
{
    for (size_t i = 0; i < WICK_METRICS_STATUSES; i++) {
        int there = atomic_load_explicit(&counts->statuses[i], memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong_explicit(&counts->statuses[i], &there, status,
                                                                  memory_order_relaxed, memory_order_relaxed))
            there = status;
        if (there == status || i == WICK_METRICS_STATUSES - 1) {
            add(&counts->n_by_status[i], 1);
            return;
        }
    }
}

wick_metrics *wick_metrics_new(void)
{
    wick_metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics)
        metrics->started_at = wick_process_started_at();
    return metrics;
}

void wick_metrics_free(wick_metrics *metrics)
{
    free(metrics);
}

void wick_metrics_request(wick_metrics *metrics, const char *route, int status, double seconds)
{
    if (!metrics)
        return;
    wick_route_counts *counts = route_find(metrics, route);
    count_status(counts, status);
    observe_seconds(&counts->duration, seconds);
}

void wick_metrics_job(wick_metrics *metrics, double queue_seconds, double tokenize_seconds, double inference_seconds)
{
    if (!metrics)
        return;
    observe_seconds(&metrics->queue, queue_seconds);
    observe_seconds(&metrics->tokenize, tokenize_seconds);
    observe_seconds(&metrics->inference, inference_seconds);
}

void wick_metrics_batch(wick_metrics *metrics, size_t n_texts, size_t n_tokens)
{
    if (!metrics)
        return;
    observe(&metrics->batch_tokens, &wick_bounds_tokens, n_tokens);
    observe(&metrics->batch_texts, &wick_bounds_texts, n_texts);
}

void wick_metrics_texts(wick_metrics *metrics, const char *model, size_t n_texts, size_t n_tokens)
{
    if (!metrics)
        return;
    size_t i = label_find(metrics->model_labels, WICK_METRICS_MODELS - 1, model);
    if (i == WICK_METRICS_MODELS - 1)
        label_find(metrics->model_labels + i, 1, "other");
    add(&metrics->texts[i], n_texts);
    add(&metrics->tokens[i], n_tokens);
}

void wick_metrics_error(wick_metrics *metrics, const char *code)
{
    if (!metrics)
        return;
    size_t i = label_find(metrics->error_labels, WICK_METRICS_ERRORS - 1, code);
    if (i == WICK_METRICS_ERRORS - 1)
        label_find(metrics->error_labels + i, 1, "other");
    add(&metrics->errors[i], 1);
}

void wick_metrics_nonfinite(wick_metrics *metrics)
{
    if (metrics)
        add(&metrics->nonfinite, 1);
}
