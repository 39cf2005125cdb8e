/* SPDX-License-Identifier: Apache-2.0
 * tokenize.c: `wick tokenize`: texts -> tokens, as the model sees them. Reads tokenizer.json alone, no weights.
 * Called by main.c. */
#include "cli/command.h"
#include "cli/display.h"
#include "cli/engine_options.h"
#include "cli/input.h"
#include "cli/progress.h"
#include <stdint.h>
#include <string.h>

#define BATCH_TEXTS 256

typedef struct tokenize_values {
    wick_settings settings;
    wick_input_options input;
    bool json, no_special, quiet;
    size_t max_tokens;
} tokenize_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Texts"},
    WICK_OPTIONS_INPUT(offsetof(tokenize_values, input)),
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Tokens"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(tokenize_values, json),
     "an object a text: ids, tokens, offsets (in characters)"},
    {"no-special", WICK_OPTION_FLAG, NULL, offsetof(tokenize_values, no_special),
     "without [CLS], [SEP] and their like"},
    {"max-tokens", WICK_OPTION_COUNT, "N", offsetof(tokenize_values, max_tokens),
     "cut at N tokens, special ones included (default: no)", NULL, WICK_CLI_MAX_TOKENS},
    {"quiet", WICK_OPTION_FLAG, NULL, offsetof(tokenize_values, quiet), "no progress bar"},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Model"},
    WICK_OPTIONS_MODEL(offsetof(tokenize_values, settings)),
};

static const char notes[] = "Without --json each text gives one line of tokens with their ids:\n"
                            "  [CLS](101) hello(7592) [SEP](102)\n\n"
                            "Examples:\n"
                            "  wick tokenize \"Hello world\"\n"
                            "  wick tokenize --json --input texts.txt > tokens.jsonl\n";

typedef struct tokenize_job {
    const tokenize_values *values;
    wick_input *input;
    wick_output *output;
    wick_tokenizer *tokenizer;
    wick_encoding *encoding;
    wick_text_batch batch;
} tokenize_job;

static void print_json(const tokenize_job *job)
{
    const wick_encoding *encoding = job->encoding;
    wick_output *output = job->output;
    wick_output_text(output, "{\"ids\":[");
    for (size_t i = 0; i < encoding->n_tokens; i++)
        wick_output_format(output, "%s%ld", i ? "," : "", (long)encoding->ids[i]);
    wick_output_text(output, "],\"tokens\":[");
    for (size_t i = 0; i < encoding->n_tokens; i++) {
        const char *token = wick_tokenizer_token(job->tokenizer, encoding->ids[i]);
        wick_output_text(output, i ? "," : "");
        if (token)
            wick_output_json_string(output, token, strlen(token));
        else
            wick_output_text(output, "null");
    }
    wick_output_text(output, "],\"offsets\":[");
    for (size_t i = 0; i < encoding->n_tokens; i++)
        wick_output_format(output, "%s[%lu,%lu]", i ? "," : "", (unsigned long)encoding->starts[i],
                           (unsigned long)encoding->ends[i]);
    wick_output_text(output, "]}\n");
}

static void print_line(const tokenize_job *job)
{
    const wick_encoding *encoding = job->encoding;
    for (size_t i = 0; i < encoding->n_tokens; i++) {
        const char *token = wick_tokenizer_token(job->tokenizer, encoding->ids[i]);
        wick_output_text(job->output, i ? " " : "");
        if (token)
            wick_display_text(job->output, token, strlen(token), SIZE_MAX);
        wick_output_format(job->output, "(%ld)", (long)encoding->ids[i]);
    }
    wick_output_text(job->output, "\n");
}

static int tokenize_batch(tokenize_job *job, const wick_tokenize_options *how, wick_error *error)
{
    const wick_text_batch *batch = &job->batch;
    for (size_t i = 0; i < batch->n_texts; i++) {
        int status = wick_tokenize(job->tokenizer, batch->texts[i], batch->text_bytes[i], how, job->encoding, error);
        if (status) {
            wick_input_place(job->input, batch, i, error->where, sizeof error->where);
            return status;
        }
        if (job->values->json)
            print_json(job);
        else
            print_line(job);
    }
    return wick_output_flush(job->output, error);
}

static int tokenize_all(tokenize_job *job, wick_error *error)
{
    wick_tokenize_options how;
    wick_tokenize_options_init(&how);
    how.add_special_tokens = !job->values->no_special;
    how.max_tokens = job->values->max_tokens;
    wick_progress progress;
    bool is_watched = !wick_output_is_terminal(job->output) && !wick_input_is_terminal(job->input);
    wick_progress_begin(&progress, is_watched && !job->values->quiet);
    int status;
    for (uint64_t n_texts = 0, done_bytes, total_bytes;;) {
        status = wick_input_next(job->input, &job->batch, BATCH_TEXTS, error);
        if (status || job->batch.n_texts == 0)
            break;
        status = tokenize_batch(job, &how, error);
        if (status)
            break;
        n_texts += job->batch.n_texts;
        wick_input_progress(job->input, &done_bytes, &total_bytes);
        wick_progress_update(&progress, n_texts, done_bytes, total_bytes);
    }
    wick_progress_end(&progress);
    return status;
}

static int run_job(tokenize_job *job, wick_settings *settings, wick_error *error)
{
    int status = wick_output_open(NULL, &job->output, error);
    if (!status)
        status = wick_settings_load(settings, error);
    if (!status)
        status = wick_tokenizer_open(settings->model, settings->cache_dir, &job->tokenizer, error);
    if (status)
        return status;
    job->encoding = wick_encoding_new();
    if (!job->encoding) {
        *error = (wick_error){.code = WICK_E_NO_MEMORY, .message = "out of memory"};
        return WICK_E_NO_MEMORY;
    }
    status = tokenize_all(job, error);
    return status ? status : wick_output_finish(job->output, error);
}

static int run(const wick_command *command, int argc, char **argv)
{
    tokenize_values values = {0};
    tokenize_job job = {.values = &values};
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    int status = wick_input_open(command, &values.input, argv, n_arguments, &job.input, &error);
    if (status == WICK_INPUT_USAGE)
        return WICK_EXIT_USAGE;
    if (!status)
        status = run_job(&job, &values.settings, &error);
    if (status)
        wick_error_print(&error);
    wick_encoding_free(job.encoding);
    wick_tokenizer_close(job.tokenizer);
    wick_output_close(job.output);
    wick_input_close(job.input);
    wick_text_batch_free(&job.batch);
    wick_settings_clear(&values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_tokenize = {
    .name = "tokenize",
    .arguments = "[TEXT...]",
    .summary = "Shows the tokens that the model makes of texts",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
