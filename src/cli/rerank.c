/* SPDX-License-Identifier: Apache-2.0
 * rerank.c: `wick rerank`: texts in the order in which they answer a query, as lines for people or JSON for programs. Texts are scored batch by batch as they are read; those
 * that may still be shown are kept. Called by main.c. */
#include "base/error.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/engine_options.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "provider/outputs.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_TEXTS 64
#define TEXT_COLUMNS 100
#define LARGEST_TOP ((size_t)1 << 20)

typedef struct rerank_values {
    wick_settings settings;
    wick_input_options input;
    const char *output, *scores;
    bool json, no_truncate, quiet;
    size_t top;
} rerank_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Texts"},
    WICK_OPTIONS_INPUT(offsetof(rerank_values, input)),
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Ranking"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(rerank_values, json),
     "one JSON object: model, query, results (index from 0,\nscore, text), usage"},
    {"output", WICK_OPTION_TEXT, "FILE", offsetof(rerank_values, output),
     "write to FILE, which appears when it is complete\n(default, or -: standard output)"},
    {"top", WICK_OPTION_COUNT, "N", offsetof(rerank_values, top), "the N best alone (default: all)", NULL, LARGEST_TOP,
     1},
    {"scores", WICK_OPTION_CHOICE, "S", offsetof(rerank_values, scores),
     "model (default: as the model's files say), probability\n(between 0 and 1), or raw (logits)",
     "model|probability|raw"},
    {"no-truncate", WICK_OPTION_FLAG, NULL, offsetof(rerank_values, no_truncate),
     "fail where query and text are too long together,\ninstead of cutting the longer one"},
    {"quiet", WICK_OPTION_FLAG, NULL, offsetof(rerank_values, quiet), "no progress bar"},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Model"},
    WICK_OPTIONS_MODEL(offsetof(rerank_values, settings)),
    WICK_OPTIONS_ENGINE(offsetof(rerank_values, settings)),
};

static const char notes[] = "A reranker must be named: the default model gives vectors.\n"
                            "A line is score, number of the text, text.\n\n"
                            "Examples:\n"
                            "  wick rerank -m cross-encoder/ms-marco-MiniLM-L6-v2 \"how do I boil eggs\" \\\n"
                            "      \"Eggs take nine minutes.\" \"A ferry leaves at dawn.\"\n"
                            "  wick rerank -m BAAI/bge-reranker-v2-m3 \"opening hours\" --input p.jsonl --top 9\n";

/* A text with its place in the ranking. */
typedef struct result {
    float score;
    uint64_t index; /* from 0, in the order of the input */
    char *text;
    size_t n_bytes;
} result;

typedef struct rerank_job {
    const rerank_values *values;
    char *query; /* zero-terminated; arguments hold no U+0000 */
    wick_input *input;
    wick_output *output;
    wick_provider *provider;
    const char *model;
    wick_text_batch batch;
    wick_progress progress;
    wick_usage usage;
    uint64_t n_texts;
    result *results; /* [n_results] those that may be shown */
    size_t n_results, capacity;
    const char *queries[BATCH_TEXTS]; /* the query, as often as a batch has texts */
} rerank_job;

/* ---- the ranking --------------------------------------------------------------------------------------------------- */

/* The best first; of equals the one that came first. */
static int by_rank(const void *a, const void *b)
{
    const result *one = a, *other = b;
    if (one->score != other->score)
        return one->score > other->score ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

static void sort_and_cut(rerank_job *job)
{
    const size_t top = job->values->top;
    if (job->n_results > 1)
        qsort(job->results, job->n_results, sizeof *job->results, by_rank);
    while (top > 0 && job->n_results > top)
        free(job->results[--job->n_results].text);
}

static int keep(rerank_job *job, float score, const char *text, size_t n, wick_error *error)
{
    if (job->n_results == job->capacity) {
        const size_t wanted = job->capacity ? 2 * job->capacity : BATCH_TEXTS; /* far from overflow: each has a text */
        result *grown = realloc(job->results, wanted * sizeof *grown);
        if (!grown)
            return wick_fail_memory(error, "the ranking");
        job->results = grown;
        job->capacity = wanted;
    }
    char *copy = malloc(n + 1);
    if (!copy)
        return wick_fail_memory(error, "the ranking");
    memcpy(copy, text, n);
    copy[n] = '\0';
    job->results[job->n_results++] = (result){score, job->n_texts, copy, n};
    return 0;
}

/* ---- scoring ------------------------------------------------------------------------------------------------------- */

static int score_batch(rerank_job *job, wick_error *error)
{
    size_t query_bytes[BATCH_TEXTS];
    wick_rows_response response = {0};
    wick_outputs_request request = {.wanted = WICK_WANT_RANKING,
                                    .texts = job->queries,
                                    .text_bytes = query_bytes,
                                    .n_texts = job->batch.n_texts,
                                    .seconds = job->batch.texts,
                                    .second_bytes = job->batch.text_bytes};
    for (size_t i = 0; i < job->batch.n_texts; i++) {
        job->queries[i] = job->query;
        query_bytes[i] = strlen(job->query);
    }
    wick_score_options_init(&request.score_options);
    request.score_options.truncate = !job->values->no_truncate;
    if (job->values->scores)
        request.score_options.scores = job->values->scores[0] == 'p'   ? WICK_SCORES_PROBABILITIES
                                       : job->values->scores[0] == 'r' ? WICK_SCORES_RAW
                                                                       : WICK_SCORES_MODEL;
    int status = wick_provider_outputs(job->provider, &request, &response, error);
    if (status)
        wick_input_name_text(job->input, &job->batch, error);
    for (size_t i = 0; i < job->batch.n_texts && !status; i++, job->n_texts++)
        status = keep(job, response.values[i], job->batch.texts[i], job->batch.text_bytes[i], error);
    job->usage.total_tokens += response.usage.total_tokens;
    job->usage.duration_ms += response.usage.duration_ms;
    wick_rows_response_clear(&response);
    return status;
}

static int score_all(rerank_job *job, wick_error *error)
{
    for (;;) {
        uint64_t done_bytes, total_bytes;
        int status = wick_input_next(job->input, &job->batch, BATCH_TEXTS, error);
        if (status || job->batch.n_texts == 0)
            return status;
        status = score_batch(job, error);
        if (status)
            return status;
        if (job->values->top > 0 && job->n_results / 2 > job->values->top)
            sort_and_cut(job);
        wick_input_progress(job->input, &done_bytes, &total_bytes);
        wick_progress_update(&job->progress, job->n_texts, done_bytes, total_bytes);
    }
}

/* ---- printing ------------------------------------------------------------------------------------------------------ */

static void print_json(const rerank_job *job)
{
    wick_output *output = job->output;
    wick_output_text(output, "{\"model\":");
    wick_output_json_string(output, job->model, strlen(job->model));
    wick_output_text(output, ",\"query\":");
    wick_output_json_string(output, job->query, strlen(job->query));
    wick_output_text(output, ",\"results\":[");
    for (size_t i = 0; i < job->n_results; i++) {
        const result *one = &job->results[i];
        wick_output_format(output, "%s{\"index\":%" PRIu64 ",\"score\":", i ? ",\n" : "\n", one->index);
        wick_output_float(output, one->score);
        wick_output_text(output, ",\"text\":");
        wick_output_json_string(output, one->text, one->n_bytes);
        wick_output_text(output, "}");
    }
    wick_output_format(output, "\n],\"usage\":{\"total_tokens\":%" PRIu64 ",\"duration_ms\":%.0f}}\n",
                       job->usage.total_tokens, job->usage.duration_ms);
}

static void print_lines(const rerank_job *job)
{
    const int number_columns = snprintf(NULL, 0, "%" PRIu64, job->n_texts);
    for (size_t i = 0; i < job->n_results; i++) {
        const result *one = &job->results[i];
        wick_output_format(job->output, "%9.4f  %*" PRIu64 "  ", (double)one->score, number_columns, one->index + 1);
        wick_display_text(job->output, one->text, one->n_bytes, TEXT_COLUMNS);
        wick_output_text(job->output, "\n");
    }
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int run_job(rerank_job *job, wick_settings *settings, wick_error *error)
{
    wick_model_info info = {.size = sizeof info};
    int status = wick_settings_load(settings, error);
    if (!status)
        status = wick_settings_open(settings, &job->provider, error);
    if (!status)
        status = wick_provider_model_info(job->provider, &info, error);
    if (!status)
        status = wick_kind_check(info.kind, WICK_WANT_RANKING, info.model, error);
    if (status)
        return status;
    job->model = info.model;
    const bool is_watched = !wick_output_is_terminal(job->output) && !wick_input_is_terminal(job->input);
    wick_progress_begin(&job->progress, is_watched && !job->values->quiet);
    status = score_all(job, error);
    wick_progress_end(&job->progress);
    if (status)
        return status;
    sort_and_cut(job);
    if (job->values->json)
        print_json(job);
    else
        print_lines(job);
    return wick_output_finish(job->output, error);
}

static void clear(rerank_job *job, wick_settings *settings)
{
    for (size_t i = 0; i < job->n_results; i++)
        free(job->results[i].text);
    free(job->results);
    free(job->query);
    wick_output_close(job->output);
    wick_input_close(job->input);
    wick_provider_close(job->provider);
    wick_text_batch_free(&job->batch);
    wick_settings_clear(settings);
}

/* argument: the query, or NULL: it is the input's first text. */
static int take_query(rerank_job *job, const char *argument, wick_error *error)
{
    size_t bad = 0;
    int status = argument ? 0 : wick_input_next(job->input, &job->batch, 1, error);
    if (status)
        return status;
    if (argument && !wick_utf8_valid(argument, strlen(argument), &bad))
        return wick_fail(error, WICK_E_INVALID_INPUT, "argument 1", "use a UTF-8 locale",
                         "invalid UTF-8 at byte %zu of the query", bad + 1);
    job->query = argument ? strdup(argument) : strndup(job->batch.texts[0], job->batch.text_bytes[0]);
    return job->query ? 0 : wick_fail_memory(error, "the query");
}

static int run(const wick_command *command, int argc, char **argv)
{
    rerank_values values = {0};
    rerank_job job = {.values = &values};
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    if (n_arguments == 0)
        return wick_usage_fail(command, "wick rerank QUERY TEXT...", "rerank takes a query, then texts");
    /* Alone the query is no text; else it is the first of the arguments, and read with them. */
    const size_t n_texts = n_arguments > 1 ? n_arguments : 0;
    int status = wick_input_open(command, &values.input, argv, n_texts, &job.input, &error);
    if (status == WICK_INPUT_USAGE)
        return WICK_EXIT_USAGE;
    if (!status)
        status = take_query(&job, n_texts > 0 ? NULL : argv[0], &error);
    if (!status)
        status = wick_output_open(values.output, &job.output, &error);
    if (!status)
        status = run_job(&job, &values.settings, &error);
    if (status)
        wick_error_print(&error);
    clear(&job, &values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_rerank = {
    .name = "rerank",
    .arguments = "QUERY [TEXT...]",
    .summary = "Puts texts in order by how well they answer a query",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
