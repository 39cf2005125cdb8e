/* SPDX-License-Identifier: Apache-2.0
 * metrics_text.c: the text of /metrics, in Prometheus' exposition format 0.0.4. In: the counters, and what the lanes and the operating system say
 * now. Numbers are written as integers and decimals of our own: printf's depend on the locale. */
#include "server/metrics_internal.h"
#include <stdio.h>
#include <string.h>

#define MAX_MODELS 64 /* shown */

static void head(wick_buffer *out, const char *name, const char *type, const char *help)
{
    wick_buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value, as the format wants it: backslash, quote and line break escaped. */
static void put_value(wick_buffer *out, const char *text)
{
    wick_buffer_put(out, "\"", 1);
    for (const char *c = text ? text : ""; *c; c++) {
        if (*c == '\n')
            wick_buffer_put(out, "\\n", 2);
        else if (*c == '\\' || *c == '"')
            wick_buffer_format(out, "\\%c", *c);
        else
            wick_buffer_put(out, c, 1);
    }
    wick_buffer_put(out, "\"", 1);
}

static void put_count(wick_buffer *out, uint64_t value)
{
    wick_buffer_format(out, " %llu\n", (unsigned long long)value);
}

/* value / unit, unit a power of ten. */
static void put_fraction(wick_buffer *out, uint64_t value, uint64_t unit)
{
    int n_digits = 0;
    for (uint64_t u = unit; u > 1; u /= 10)
        n_digits++;
    if (n_digits == 0)
        put_count(out, value);
    else
        wick_buffer_format(out, " %llu.%0*llu\n", (unsigned long long)(value / unit), n_digits,
                           (unsigned long long)(value % unit));
}

static uint64_t get(const wick_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void put_single(wick_buffer *out, const char *name, const char *type, const char *help, uint64_t value)
{
    head(out, name, type, help);
    wick_buffer_text(out, name);
    put_count(out, value);
}

/* route: NULL for none. */
static void put_histogram(wick_buffer *out, const char *name, const char *route, const wick_histogram *histogram,
                          const wick_bounds *bounds)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= bounds->n; i++) {
        n += get(&histogram->buckets[i]);
        wick_buffer_format(out, "%s_bucket{", name);
        if (route) {
            wick_buffer_text(out, "route=");
            put_value(out, route);
            wick_buffer_text(out, ",");
        }
        wick_buffer_format(out, "le=\"%s\"}", i < bounds->n ? bounds->texts[i] : "+Inf");
        put_count(out, n);
    }
    static const char *const parts[] = {"sum", "count"};
    for (size_t i = 0; i < 2; i++) {
        wick_buffer_format(out, "%s_%s", name, parts[i]);
        if (route) {
            wick_buffer_text(out, "{route=");
            put_value(out, route);
            wick_buffer_text(out, "}");
        }
        if (i == 0)
            put_fraction(out, get(&histogram->sum), bounds->unit);
        else
            put_count(out, n);
    }
}

static bool is_ready(const wick_label *label)
{
    return atomic_load_explicit(&label->state, memory_order_acquire) == WICK_LABEL_READY;
}

/* One counter a label. */
static void put_table(wick_buffer *out, const char *name, const char *key, const wick_label *labels,
                      const wick_counter *counters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_ready(&labels[i]))
            continue;
        wick_buffer_format(out, "%s{%s=", name, key);
        put_value(out, labels[i].text);
        wick_buffer_text(out, "}");
        put_count(out, get(&counters[i]));
    }
}

static void put_requests(wick_buffer *out, const wick_metrics *metrics)
{
    head(out, "wick_requests_total", "counter", "Requests answered, by route and status.");
    for (size_t i = 0; i < WICK_METRICS_ROUTES; i++) {
        const wick_route_counts *route = &metrics->routes[i];
        for (size_t s = 0; s < WICK_METRICS_STATUSES && is_ready(&metrics->route_labels[i]); s++) {
            const int status = atomic_load_explicit(&route->statuses[s], memory_order_relaxed);
            if (status == 0)
                break;
            wick_buffer_text(out, "wick_requests_total{route=");
            put_value(out, metrics->route_labels[i].text);
            wick_buffer_format(out, ",status=\"%d\"}", status);
            put_count(out, get(&route->n_by_status[s]));
        }
    }
    head(out, "wick_request_duration_seconds", "histogram", "From a request's last byte to its reply, by route.");
    for (size_t i = 0; i < WICK_METRICS_ROUTES; i++)
        if (is_ready(&metrics->route_labels[i]))
            put_histogram(out, "wick_request_duration_seconds", metrics->route_labels[i].text,
                          &metrics->routes[i].duration, &wick_bounds_seconds);
}

static void put_work(wick_buffer *out, const wick_metrics *metrics)
{
    const struct {
        const char *name, *help;
        const wick_histogram *histogram;
        const wick_bounds *bounds;
    } histograms[] = {
        {"wick_queue_duration_seconds", "What a request waited for its first batch.", &metrics->queue,
         &wick_bounds_seconds},
        {"wick_tokenize_duration_seconds", "Tokenization of a request.", &metrics->tokenize, &wick_bounds_seconds},
        {"wick_inference_duration_seconds", "The batches that a request was in.", &metrics->inference,
         &wick_bounds_seconds},
        {"wick_batch_tokens", "Tokens of a batch.", &metrics->batch_tokens, &wick_bounds_tokens},
        {"wick_batch_texts", "Texts of a batch.", &metrics->batch_texts, &wick_bounds_texts},
    };
    for (size_t i = 0; i < sizeof histograms / sizeof histograms[0]; i++) {
        head(out, histograms[i].name, "histogram", histograms[i].help);
        put_histogram(out, histograms[i].name, NULL, histograms[i].histogram, histograms[i].bounds);
    }
    head(out, "wick_tokens_total", "counter", "Tokens embedded, special ones included, by model.");
    put_table(out, "wick_tokens_total", "model", metrics->model_labels, metrics->tokens, WICK_METRICS_MODELS);
    head(out, "wick_texts_total", "counter", "Texts embedded, by model.");
    put_table(out, "wick_texts_total", "model", metrics->model_labels, metrics->texts, WICK_METRICS_MODELS);
    head(out, "wick_errors_total", "counter", "Requests refused or failed, by code.");
    put_table(out, "wick_errors_total", "code", metrics->error_labels, metrics->errors, WICK_METRICS_ERRORS);
    put_single(out, "wick_nonfinite_total", "counter", "Vectors that were refused because a value was not finite.",
               get(&metrics->nonfinite));
}

/* One line a provider: the worst of its models' breakers. */
static void put_breakers(wick_buffer *out, wick_served *const *served, const wick_lane_state *states, size_t n)
{
    head(out, "wick_breaker_state", "gauge", "The circuit breaker round a provider: 0 closed, 1 half-open, 2 open.");
    for (size_t i = 0; i < n; i++) {
        int worst = states[i].breaker;
        bool is_first = true;
        for (size_t j = 0; j < n; j++) {
            if (strcmp(served[j]->provider_name, served[i]->provider_name) != 0)
                continue;
            worst = states[j].breaker > worst ? states[j].breaker : worst;
            is_first = is_first && j >= i;
        }
        if (!is_first)
            continue;
        wick_buffer_text(out, "wick_breaker_state{provider=");
        put_value(out, served[i]->provider_name);
        wick_buffer_format(out, "} %d\n", worst);
    }
}

static void put_models(wick_buffer *out, wick_models *models)
{
    wick_served *served[MAX_MODELS];
    wick_lane_state states[MAX_MODELS];
    const size_t n = models ? wick_models_borrow_all(models, served, MAX_MODELS) : 0;
    uint64_t n_jobs = 0, n_tokens = 0;
    for (size_t i = 0; i < n; i++) {
        states[i] = wick_lane_get_state(served[i]->lane);
        n_jobs += states[i].n_jobs;
        n_tokens += states[i].n_tokens;
    }
    put_single(out, "wick_queue_depth", "gauge", "Requests accepted and not yet embedded.", n_jobs);
    put_single(out, "wick_queue_tokens", "gauge", "Their tokens, as far as they are not embedded.", n_tokens);
    put_breakers(out, served, states, n);
    head(out, "wick_model_info", "gauge", "A model that is served.");
    for (size_t i = 0; i < n; i++) {
        const struct {
            const char *key, *value;
        } labels[] = {{"{model=", served[i]->name},
                      {",dtype=", served[i]->info.dtype},
                      {",device=", served[i]->info.device},
                      {",provider=", wick_provider_name(served[i]->provider)}};
        wick_buffer_text(out, "wick_model_info");
        for (size_t k = 0; k < sizeof labels / sizeof labels[0]; k++) {
            wick_buffer_text(out, labels[k].key);
            put_value(out, labels[k].value);
        }
        wick_buffer_text(out, "} 1\n");
    }
    for (size_t i = 0; i < n; i++)
        wick_models_return(models, served[i]);
}

static void put_process(wick_buffer *out, const wick_metrics *metrics)
{
    const wick_process_state state = wick_process_look();
    put_single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", state.resident_bytes);
    put_single(out, "process_open_fds", "gauge", "Open file descriptors.", state.n_open_fds);
    head(out, "process_cpu_seconds_total", "counter", "User and system time.");
    wick_buffer_text(out, "process_cpu_seconds_total");
    put_fraction(out, state.cpu_us, 1000000);
    head(out, "process_start_time_seconds", "gauge", "When the process began, in seconds since 1970.");
    wick_buffer_text(out, "process_start_time_seconds");
    put_fraction(out, metrics ? (uint64_t)(metrics->started_at * 1000) : 0, 1000);
}

void wick_metrics_write(const wick_metrics *metrics, wick_models *models, size_t n_connections, wick_buffer *out)
{
    if (metrics) {
        put_requests(out, metrics);
        put_work(out, metrics);
    }
    put_models(out, models);
    put_single(out, "wick_connections", "gauge", "Open connections.", n_connections);
    head(out, "wick_build_info", "gauge", "Which Wick this is.");
    wick_buffer_text(out, "wick_build_info{version=");
    put_value(out, wick_version());
    wick_buffer_text(out, "} 1\n");
    put_process(out, metrics);
}
