/* SPDX-License-Identifier: Apache-2.0
 * embed.c: `wick embed`: texts -> vectors. Batch by batch: read, embed, write, so that neither the input nor the
 * output need fit in memory. Called by main.c. */
#include "base/error.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/writer.h"
#include "provider/kinds.h"
#include <string.h>
#include <sys/stat.h>

/* Texts a batch: it grows while batches are quick and shrinks when they take so long that the bar and a reader behind
 * a pipe would wait. A text's vector does not depend on its batch. */
#define FIRST_BATCH_TEXTS 64
#define MIN_BATCH_TEXTS 16
#define MAX_BATCH_TEXTS 1024
#define QUICK_BATCH_MS 150
#define SLOW_BATCH_MS 600

typedef struct embed_values {
    wick_settings settings;
    wick_input_options input;
    wick_prompt_values prompt;
    wick_narrow_options narrow;
    const char *output, *format, *truncate_side;
    bool no_normalize, no_truncate, quiet;
    size_t dimensions;
} embed_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Texts"},
    WICK_OPTIONS_INPUT(offsetof(embed_values, input)),
    WICK_OPTIONS_PROMPT(offsetof(embed_values, prompt)),
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Vectors"},
    {"output", WICK_OPTION_TEXT, "FILE", offsetof(embed_values, output),
     "write to FILE, which appears when it is complete\n(default, or -: standard output)"},
    {"format", WICK_OPTION_CHOICE, "F", offsetof(embed_values, format),
     "json, jsonl, csv, npy (NumPy) or f32 (raw rows);\n"
     "default: by FILE's ending, else json for texts given\n"
     "as arguments and jsonl for --input",
     "json|jsonl|csv|npy|f32"},
    {"no-normalize", WICK_OPTION_FLAG, NULL, offsetof(embed_values, no_normalize),
     "leave the vectors' lengths as they are (default: 1)"},
    {"dimensions", WICK_OPTION_COUNT, "N", offsetof(embed_values, dimensions),
     "keep the first N values of each vector\n(default: all, or what the model says)", NULL, 1u << 20, 1},
    {"precision", WICK_OPTION_CHOICE, "P", offsetof(embed_values, narrow.precision),
     "f32 (default), or in fewer bytes int8, uint8, binary,\nubinary, as sentence-transformers makes them",
     "f32|int8|uint8|binary|ubinary"},
    {"calibration", WICK_OPTION_TEXT, "FILE", offsetof(embed_values, narrow.calibration),
     "take int8's and uint8's ranges of values from these\nvectors, an npy (default: from those that are written)"},
    {"no-truncate", WICK_OPTION_FLAG, NULL, offsetof(embed_values, no_truncate),
     "fail where a text is too long, instead of cutting it"},
    {"truncate-side", WICK_OPTION_CHOICE, "S", offsetof(embed_values, truncate_side),
     "where such a text is cut: left or right\n(default: where the model says, mostly right)", "left|right"},
    {"quiet", WICK_OPTION_FLAG, NULL, offsetof(embed_values, quiet), "no progress bar"},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Model"},
    WICK_OPTIONS_MODEL(offsetof(embed_values, settings)),
    WICK_OPTIONS_ENGINE(offsetof(embed_values, settings)),
};

static const char notes[] = "Examples:\n"
                            "  wick embed \"A sentence.\" \"Another one.\"\n"
                            "  wick embed --input texts.txt --output vectors.npy\n"
                            "  wick embed --input reviews.csv --field body --format jsonl | head -3\n";

typedef struct embed_job {
    const embed_values *values;
    wick_input *input;
    wick_output *output;
    wick_provider *provider;
    wick_text_batch batch;
    wick_writer writer;
    wick_progress progress;
    wick_usage usage;
    uint64_t n_texts;
} embed_job;

/* ---- what the command line means
 * --------------------------------------------------------------------------------------- */

/* Returns an exit code: WICK_EXIT_DONE, or WICK_EXIT_USAGE with the error printed. */
static int choose_format(const wick_command *command, const embed_values *values, bool is_arguments,
                         wick_format *format)
{
    const char *path = values->output;
    struct stat status;
    *format = wick_format_of_name(values->format);
    if (*format)
        return WICK_EXIT_DONE;
    *format = is_arguments ? WICK_FORMAT_JSON : WICK_FORMAT_JSONL;
    /* A device's or pipe's name says nothing. */
    if (!path || !strcmp(path, "-") || (!stat(path, &status) && !S_ISREG(status.st_mode)))
        return WICK_EXIT_DONE;
    *format = wick_format_of_path(path);
    if (*format)
        return WICK_EXIT_DONE;
    return wick_usage_fail(command, "give --format json, jsonl, csv, npy or f32, or end the name so",
                           "the output's name does not say its format");
}

/* What fits together; returns an exit code. */
static int check_precision(const wick_command *command, const embed_values *values, wick_format format)
{
    const char *precision = values->narrow.precision;
    const bool is_narrow = precision && strcmp(precision, "f32") != 0;
    if (values->narrow.calibration && !(is_narrow && strstr(precision, "int8")))
        return wick_usage_fail(command, "give --precision int8 or uint8",
                               "--calibration is for vectors in int8 or uint8");
    if (is_narrow && format == WICK_FORMAT_F32)
        return wick_usage_fail(command, "--format npy takes them", "--format f32 and --precision %s contradict",
                               precision);
    return WICK_EXIT_DONE;
}

/* ---- embedding
 * --------------------------------------------------------------------------------------------------------- */

static int embed_texts(const embed_job *job, wick_embed_response *response, wick_error *error)
{
    wick_embed_request request;
    wick_embed_request_init(&request);
    wick_embed_options_init(&request.options);
    request.texts = job->batch.texts;
    request.text_bytes = job->batch.text_bytes;
    request.n_texts = job->batch.n_texts;
    request.options.normalize = !job->values->no_normalize;
    request.options.truncate = !job->values->no_truncate;
    request.options.dimensions = job->values->dimensions;
    request.options.prompt_name = job->values->prompt.name;
    request.options.prompt = job->values->prompt.text;
    if (job->values->truncate_side)
        request.options.truncate_side =
            strcmp(job->values->truncate_side, "left") == 0 ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    return wick_provider_embed_batch(job->provider, &request, response, error);
}

static int embed_batch(embed_job *job, size_t *batch_texts, wick_error *error)
{
    wick_embed_response response = {0};
    int status = embed_texts(job, &response, error);
    if (status)
        wick_input_name_text(job->input, &job->batch, error);
    if (!status && (response.dimension != job->writer.dimension || response.n_texts != job->batch.n_texts))
        status = wick_fail(error, WICK_E_INTERNAL, NULL, NULL,
                           "the provider answered %zu vectors of %zu values instead of %zu of %zu", response.n_texts,
                           response.dimension, job->batch.n_texts, job->writer.dimension);
    if (!status)
        status = wick_writer_rows(&job->writer, response.embeddings, response.n_texts, error);
    job->usage.total_tokens += response.usage.total_tokens;
    job->usage.duration_ms += response.usage.duration_ms;
    if (response.usage.duration_ms < QUICK_BATCH_MS && *batch_texts < MAX_BATCH_TEXTS)
        *batch_texts *= 2;
    else if (response.usage.duration_ms > SLOW_BATCH_MS && *batch_texts > MIN_BATCH_TEXTS)
        *batch_texts /= 2;
    wick_embed_response_clear(&response);
    return status;
}

static int embed_all(embed_job *job, wick_error *error)
{
    size_t batch_texts = FIRST_BATCH_TEXTS;
    for (;;) {
        uint64_t done_bytes, total_bytes;
        int status = wick_input_next(job->input, &job->batch, batch_texts, error);
        if (status || job->batch.n_texts == 0)
            return status;
        status = embed_batch(job, &batch_texts, error);
        if (status)
            return status;
        job->n_texts += job->batch.n_texts;
        wick_input_progress(job->input, &done_bytes, &total_bytes);
        wick_progress_update(&job->progress, job->n_texts, done_bytes, total_bytes);
    }
}

/* The length of the vectors to come. */
static int find_dimension(const embed_job *job, const wick_model_info *info, size_t *dimension, wick_error *error)
{
    size_t wanted = job->values->dimensions;
    if (wanted > info->max_dimensions) {
        char mend[64];
        snprintf(mend, sizeof mend, "at most %zu", info->max_dimensions);
        return wick_fail(error, WICK_E_INVALID_INPUT, "--dimensions", mend, "the model's vectors have no %zu values",
                         wanted);
    }
    *dimension = wanted ? wanted : info->dimension;
    return 0;
}

static int run_job(embed_job *job, wick_settings *settings, wick_format format, wick_error *error)
{
    wick_model_info info = {.size = sizeof info};
    size_t dimension = 0;
    int status = wick_settings_load(settings, error);
    if (!status)
        status = wick_settings_open(settings, &job->provider, error);
    if (!status)
        status = wick_provider_model_info(job->provider, &info, error);
    if (!status)
        status = wick_kind_check(info.kind, WICK_WANT_VECTORS, info.model, error);
    if (!status)
        status = find_dimension(job, &info, &dimension, error);
    if (!status)
        status =
            wick_writer_begin(&job->writer, job->output, format, info.model, dimension, &job->values->narrow, error);
    if (status)
        return status;
    bool is_watched = !wick_output_is_terminal(job->output) && !wick_input_is_terminal(job->input);
    wick_progress_begin(&job->progress, is_watched && !job->values->quiet);
    status = embed_all(job, error);
    wick_progress_end(&job->progress);
    if (!status)
        status = wick_writer_end(&job->writer, &job->usage, error);
    return status ? status : wick_output_finish(job->output, error);
}

static int run(const wick_command *command, int argc, char **argv)
{
    embed_values values = {0};
    embed_job job = {.values = &values};
    wick_error error = {0};
    wick_format format = WICK_FORMAT_NONE;
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    int status = wick_input_open(command, &values.input, argv, n_arguments, &job.input, &error);
    if (status == WICK_INPUT_USAGE)
        return WICK_EXIT_USAGE;
    exit_code =
        status ? WICK_EXIT_FAILED : choose_format(command, &values, wick_input_is_arguments(job.input), &format);
    if (exit_code == WICK_EXIT_DONE)
        exit_code = check_precision(command, &values, format);
    if (exit_code == WICK_EXIT_DONE)
        status = wick_output_open(values.output, &job.output, &error);
    if (exit_code == WICK_EXIT_DONE && !status && (format == WICK_FORMAT_NPY || format == WICK_FORMAT_F32) &&
        wick_output_is_terminal(job.output))
        exit_code = wick_usage_fail(command, "give --output FILE, or send it into a pipe", "%s is not for a terminal",
                                    format == WICK_FORMAT_NPY ? "npy" : "f32");
    if (exit_code == WICK_EXIT_DONE && !status)
        status = run_job(&job, &values.settings, format, &error);
    if (status) {
        wick_error_print(&error);
        exit_code = WICK_EXIT_FAILED;
    }
    wick_writer_close(&job.writer);
    wick_output_close(job.output);
    wick_input_close(job.input);
    wick_provider_close(job.provider);
    wick_text_batch_free(&job.batch);
    wick_settings_clear(&values.settings);
    return exit_code;
}

const wick_command wick_command_embed = {
    .name = "embed",
    .arguments = "[TEXT...]",
    .summary = "Turns texts into vectors",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
