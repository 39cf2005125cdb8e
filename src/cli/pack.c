/* SPDX-License-Identifier: Apache-2.0
 * pack.c: `wick pack MODEL -o FILE`: a model's weights, tokenizer and configuration as one file that is mapped at start. Called by main.c. */
#include "provider/pack.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include <string.h>
#include <unistd.h>

typedef struct pack_values {
    wick_settings settings;
    const char *output;
    bool force, quiet;
} pack_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"output", WICK_OPTION_TEXT, "FILE", offsetof(pack_values, output), "-o; the file to write, NAME.wick by custom"},
    {"dtype", WICK_OPTION_CHOICE, "D", offsetof(pack_values, settings.dtype),
     "what the weights become: f32 (default), bf16 or int8,\nin which they take a half and a quarter of the room",
     "f32|bf16|int8"},
    {"force", WICK_OPTION_FLAG, NULL, offsetof(pack_values, force), "replace FILE where it is there"},
    {"quiet", WICK_OPTION_FLAG, NULL, offsetof(pack_values, quiet), "no progress and no closing line"},
    {"threads", WICK_OPTION_COUNT, "N", offsetof(pack_values, settings.n_threads),
     "CPU threads (default: what this process may use)", NULL, WICK_CLI_MAX_THREADS},
    WICK_OPTIONS_CONFIG(offsetof(pack_values, settings)),
};

typedef struct writing {
    wick_output *output;
    wick_progress progress;
    uint64_t done, total;
} writing;

#define STEP_BYTES ((size_t)1 << 20) /* between two looks at the progress bar */

static void write_bytes(void *arg, const void *data, size_t n)
{
    writing *w = arg;
    for (size_t at = 0; at < n; at += STEP_BYTES) {
        const size_t step = n - at < STEP_BYTES ? n - at : STEP_BYTES;
        wick_output_write(w->output, (const char *)data + at, step);
        w->done += step;
        wick_progress_update(&w->progress, 0, w->done, w->total);
    }
}

static int write_file(const pack_values *values, wick_pack_writer *writer, uint64_t *n_bytes, wick_error *error)
{
    writing w = {.total = wick_pack_size(writer)};
    int status = wick_output_open(values->output, &w.output, error);
    if (status)
        return status;
    wick_progress_begin(&w.progress, !values->quiet);
    status = wick_pack_write(writer, write_bytes, &w, error);
    wick_progress_end(&w.progress);
    if (!status)
        status = wick_output_finish(w.output, error);
    wick_output_close(w.output);
    *n_bytes = w.total;
    return status;
}

static void tell(const char *path, const char *model, const char *dtype, uint64_t n_bytes)
{
    char size[16];
    wick_bytes_text(n_bytes, size);
    fprintf(stderr, "%s: %s in %s, %s\n", path, model, dtype, size);
}

static int pack(pack_values *values, const char *model, wick_error *error)
{
    wick_pack_writer *writer = NULL;
    uint64_t n_bytes = 0;
    int status = wick_settings_load(&values->settings, error);
    if (status)
        return status;
    if (!values->force && access(values->output, F_OK) == 0)
        return wick_fail(error, WICK_E_INVALID_INPUT, values->output, "--force replaces it, or name another file",
                         "the file is there already");
    const wick_settings *settings = &values->settings;
    const wick_pack_options pack_options = {settings->dtype, settings->cache_dir, (unsigned)settings->n_threads};
    const char *name = model ? model : settings->model;
    status = wick_model_pack(name, &pack_options, &writer, error);
    if (!status)
        status = write_file(values, writer, &n_bytes, error);
    wick_pack_writer_free(writer);
    if (!status && !values->quiet)
        tell(values->output, name, settings->dtype ? settings->dtype : "f32", n_bytes);
    return status;
}

static int run(const wick_command *command, int argc, char **argv)
{
    pack_values values = {0};
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    if (n_arguments > 1)
        return wick_usage_fail(command, "wick pack MODEL -o FILE", "pack takes one model");
    if (!values.output)
        return wick_usage_fail(command, "-o FILE names it", "pack needs a file to write");
    const int status = pack(&values, n_arguments ? argv[0] : NULL, &error);
    if (status)
        wick_error_print(&error);
    wick_settings_clear(&values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_pack = {
    .name = "pack",
    .arguments = "[MODEL]",
    .summary = "Makes one file of a model: weights, tokenizer, configuration",
    .notes = "MODEL is a hub name or a folder; without it, the one of the config file.\n"
             "FILE then stands wherever a model is named:\n"
             "  wick pack sentence-transformers/all-MiniLM-L6-v2 --dtype int8 -o model.wick\n"
             "  wick embed -m model.wick \"hello\"\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
