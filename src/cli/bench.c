/* SPDX-License-Identifier: Apache-2.0
 * bench.c: `wick bench`: how fast the model is on this machine, and how near to what the machine can do. Called by main.c; the parts are in
 * bench.h. */
#include "cli/bench.h"
#include "base/error.h"
#include <string.h>

/* Of timed calls; opening, fitting texts and measuring the peak come on top. */
#define DEFAULT_SECONDS 12
#define QUICK_SECONDS 1.5
#define MAX_SECONDS 86400

typedef struct bench_values {
    wick_settings settings;
    const char *input, *svg;
    size_t seconds;
    bool json, quick;
} bench_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(bench_values, json), "one JSON object; null: not known"},
    {"svg", WICK_OPTION_TEXT, "FILE", offsetof(bench_values, svg), "also write a chart to FILE"},
    {"input", WICK_OPTION_TEXT, "FILE", offsetof(bench_values, input),
     "measure with the texts in FILE (-: standard input),\na line each, at most 10,000 (default: built-in ones)"},
    {"seconds", WICK_OPTION_COUNT, "S", offsetof(bench_values, seconds), "measure for about so long (default: 12)",
     NULL, MAX_SECONDS, 1},
    {"quick", WICK_OPTION_FLAG, NULL, offsetof(bench_values, quick), "rough figures within a few seconds"},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Model"},
    WICK_OPTIONS_MODEL(offsetof(bench_values, settings)),
    WICK_OPTIONS_ENGINE(offsetof(bench_values, settings)),
};

static const char notes[] = "Other work on the machine lowers every figure: compare only what was measured on\n"
                            "a quiet machine, or in alternation.\n\n"
                            "Examples:\n"
                            "  wick bench\n"
                            "  wick bench --dtype int8 --threads 1 --json\n"
                            "  wick bench --input texts.txt --svg bench.svg\n";

typedef struct bench_job {
    const bench_values *values;
    wick_bench_plan plan;
    wick_provider *provider;
    wick_output *svg, *output;
} bench_job;

static int print(bench_job *job, const wick_bench_results *results, wick_error *error)
{
    if (job->svg) {
        wick_bench_print_svg(results, job->svg);
        int status = wick_output_finish(job->svg, error);
        if (status)
            return status;
    }
    int status = wick_output_open(NULL, &job->output, error);
    if (status)
        return status;
    (job->values->json ? wick_bench_print_json : wick_bench_print_table)(results, job->output);
    return wick_output_finish(job->output, error);
}

/* The file of the chart is opened first: that it cannot be written is to be said before the measuring. */
static int measure_and_print(bench_job *job, wick_settings *settings, wick_error *error)
{
    wick_bench_results results;
    int status = wick_settings_load(settings, error);
    if (!status && job->values->svg)
        status = wick_output_open(job->values->svg, &job->svg, error);
    if (!status)
        status = job->values->input ? wick_bench_read_corpus(&job->plan, job->values->input, error)
                                    : wick_bench_make_corpora(&job->plan, error);
    if (!status)
        status = wick_bench_measure(&job->plan, &job->provider, &results, error);
    return status ? status : print(job, &results, error);
}

static int run(const wick_command *command, int argc, char **argv)
{
    bench_values values = {0};
    bench_job job = {.values = &values, .plan.settings = &values.settings};
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    if (n_arguments)
        return wick_usage_fail(command, "--input FILE names texts to measure with", "bench takes no text");
    if (values.quick && values.seconds)
        return wick_usage_fail(command, "give one of them", "both --quick and --seconds");
    if (values.svg && !strcmp(values.svg, "-"))
        return wick_usage_fail(command, "name a file", "--svg cannot be standard output, where the figures go");
    job.plan.seconds = values.quick ? QUICK_SECONDS : values.seconds ? (double)values.seconds : DEFAULT_SECONDS;
    int status = measure_and_print(&job, &values.settings, &error);
    if (status)
        wick_error_print(&error);
    wick_output_close(job.svg);
    wick_output_close(job.output);
    wick_provider_close(job.provider);
    wick_bench_free_corpora(&job.plan);
    wick_settings_clear(&values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_bench = {
    .name = "bench",
    .arguments = "",
    .summary = "Measures how fast the model is on this machine",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
