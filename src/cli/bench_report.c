/* SPDX-License-Identifier: Apache-2.0
 * bench_report.c: the results of `wick bench` as a table for people, or as one JSON object (its schema: docs/cli.md). Called by bench.c. */
#include "cli/bench.h"
#include "cli/display.h"
#include <string.h>

#define MODEL_COLUMNS 60

static const char *const group_keys[WICK_BENCH_GROUPS] = {"latency_by_batch", "latency_by_length", "throughput"};

/* ---- for people ---------------------------------------------------------------------------------------------------- */

const char *wick_bench_rate_unit(const wick_bench_results *results)
{
    return results->info.dtype && !strcmp(results->info.dtype, "int8") ? "GOP/s" : "GFLOP/s";
}

static void print_head(const wick_bench_results *r, wick_output *output)
{
    wick_output_format(output, "%-10s%s, ", "wick", wick_version());
    wick_display_text(output, r->info.model, strlen(r->info.model), MODEL_COLUMNS);
    wick_output_format(output, "\n%-10s%s", "runs on", r->provider);
    if (r->info.device)
        wick_output_format(output, ", %s", r->info.device);
    if (r->info.tier)
        wick_output_format(output, " (%s)", r->info.tier);
    if (r->info.dtype)
        wick_output_format(output, ", %s", r->info.dtype);
    if (r->info.n_threads)
        wick_output_format(output, ", %u thread%s", r->info.n_threads, r->info.n_threads > 1 ? "s" : "");
    wick_output_format(output, "\n%-10sopen after %.1f ms, first vector after %.1f ms\n", "start",
                       1e3 * r->open_seconds, 1e3 * r->first_seconds);
    if (r->peak_rss_mb > 0)
        wick_output_format(output, "%-10s%.0f MiB at the first vector, %.0f MiB at most\n", "memory", r->first_rss_mb,
                           r->peak_rss_mb);
    if (r->peak_gflops > 0)
        wick_output_format(output, "%-10s%.0f %s measured, in registers\n", "peak", r->peak_gflops,
                           wick_bench_rate_unit(r));
}

static void print_rates(const wick_bench_results *r, const wick_bench_point *point, wick_output *output)
{
    wick_output_format(output, " %11.0f %11.0f", point->texts_per_s, point->tokens_per_s);
    if (r->flop_per_token > 0)
        wick_output_format(output, " %9.1f", wick_bench_gflops(r, point));
    if (r->peak_gflops > 0 && r->flop_per_token > 0)
        wick_output_format(output, " %5.1f %%", 100 * wick_bench_share(r, point));
    wick_output_text(output, "\n");
}

static void print_heading(const wick_bench_results *r, const char *name, const char *columns, wick_output *output)
{
    wick_output_format(output, "\n%-21s%s %11s %11s", name, columns, "texts/s", "tokens/s");
    if (r->flop_per_token > 0)
        wick_output_format(output, " %9s", wick_bench_rate_unit(r));
    if (r->peak_gflops > 0 && r->flop_per_token > 0)
        wick_output_text(output, " of peak");
    wick_output_text(output, "\n");
}

static void print_latency(const wick_bench_results *r, wick_bench_group group, const char *name, wick_output *output)
{
    if (r->n_points[group] == 0)
        return;
    print_heading(r, name, "   p50 ms    p95 ms    p99 ms", output);
    for (size_t i = 0; i < r->n_points[group]; i++) {
        const wick_bench_point *point = &r->points[group][i];
        char label[64];
        if (group == WICK_BENCH_BATCH)
            snprintf(label, sizeof label, "%zu text%s (%.0f tok.)", point->n_texts, point->n_texts > 1 ? "s" : "",
                     point->n_tokens);
        else
            snprintf(label, sizeof label, "%.0f tokens", point->n_tokens);
        wick_output_format(output, "%-21s%9.3f %9.3f %9.3f", label, 1e3 * point->p50, 1e3 * point->p95,
                           1e3 * point->p99);
        print_rates(r, point, output);
    }
}

void wick_bench_print_table(const wick_bench_results *r, wick_output *output)
{
    print_head(r, output);
    print_latency(r, WICK_BENCH_BATCH, "one call of", output);
    print_latency(r, WICK_BENCH_LENGTH, "one text of", output);
    if (r->n_points[WICK_BENCH_THROUGHPUT] > 0)
        print_heading(r, "many texts", "  texts  tokens each  seconds", output);
    for (size_t i = 0; i < r->n_points[WICK_BENCH_THROUGHPUT]; i++) {
        const wick_bench_point *point = &r->points[WICK_BENCH_THROUGHPUT][i];
        wick_output_format(output, "%-21s%7zu %12.1f %8.2f", point->name, point->n_texts,
                           point->n_tokens / (double)point->n_texts, point->seconds);
        print_rates(r, point, output);
    }
}

/* ---- for programs -------------------------------------------------------------------------------------------------- */

static void json_text(wick_output *output, const char *key, const char *text)
{
    wick_output_format(output, "\"%s\":", key);
    if (text)
        wick_output_json_string(output, text, strlen(text));
    else
        wick_output_text(output, "null");
    wick_output_text(output, ",");
}

/* null where not known. */
static void json_number(wick_output *output, const char *key, double value)
{
    if (value > 0)
        wick_output_format(output, "\"%s\":%.6g", key, value);
    else
        wick_output_format(output, "\"%s\":null", key);
}

static void json_count(wick_output *output, const char *key, size_t n)
{
    if (n)
        wick_output_format(output, "\"%s\":%zu,", key, n);
    else
        wick_output_format(output, "\"%s\":null,", key);
}

static void json_point(const wick_bench_results *r, const wick_bench_point *point, wick_output *output)
{
    wick_output_text(output, "{");
    if (point->name)
        json_text(output, "name", point->name);
    wick_output_format(output, "\"n_texts\":%zu,\"n_tokens\":%.0f,\"n_calls\":%zu,", point->n_texts, point->n_tokens,
                       point->n_calls);
    if (point->p50 > 0)
        wick_output_format(output, "\"p50_ms\":%.6g,\"p95_ms\":%.6g,\"p99_ms\":%.6g,", 1e3 * point->p50,
                           1e3 * point->p95, 1e3 * point->p99);
    json_number(output, "seconds", point->seconds);
    wick_output_text(output, ",");
    json_number(output, "texts_per_s", point->texts_per_s);
    wick_output_text(output, ",");
    json_number(output, "tokens_per_s", point->tokens_per_s);
    wick_output_text(output, ",");
    json_number(output, "gflops", wick_bench_gflops(r, point));
    wick_output_text(output, ",");
    json_number(output, "share_of_peak", wick_bench_share(r, point));
    wick_output_text(output, "}");
}

void wick_bench_print_json(const wick_bench_results *r, wick_output *output)
{
    wick_output_text(output, "{");
    json_text(output, "version", wick_version());
    json_text(output, "model", r->info.model);
    json_text(output, "provider", r->provider);
    json_text(output, "device", r->info.device);
    json_text(output, "tier", r->info.tier);
    json_text(output, "dtype", r->info.dtype);
    json_count(output, "n_threads", r->info.n_threads);
    json_count(output, "dimension", r->info.dimension);
    json_count(output, "max_seq_length", r->info.max_seq_length);
    json_number(output, "flop_per_token", r->flop_per_token);
    wick_output_text(output, ",");
    json_number(output, "peak_gflops", r->peak_gflops);
    wick_output_text(output, ",");
    json_number(output, "open_ms", 1e3 * r->open_seconds);
    wick_output_text(output, ",");
    json_number(output, "first_vector_ms", 1e3 * r->first_seconds);
    wick_output_text(output, ",");
    json_number(output, "first_vector_rss_mib", r->first_rss_mb);
    wick_output_text(output, ",");
    json_number(output, "peak_rss_mib", r->peak_rss_mb);
    wick_output_text(output, ",");
    json_number(output, "seconds", r->seconds);
    for (int group = 0; group < WICK_BENCH_GROUPS; group++) {
        wick_output_format(output, ",\n\"%s\":[", group_keys[group]);
        for (size_t i = 0; i < r->n_points[group]; i++) {
            wick_output_text(output, i ? ",\n  " : "\n  ");
            json_point(r, &r->points[group][i], output);
        }
        wick_output_text(output, "]");
    }
    wick_output_text(output, "}\n");
}
