/* SPDX-License-Identifier: Apache-2.0
 * pull.c: `wick pull`: a model's files into the hub cache, or a look whether they are there. In: a name. Out: the folder on standard output; on stderr a bar, or a line
 * for each file where that is no terminal. Called by main.c. */
#include "base/error.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "hub/cache.h"
#include "provider/pull.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_SECONDS 10.0 /* without a terminal: how often a line tells how far it is */

typedef struct pull_values {
    wick_settings settings;
    bool json, quiet, refresh;
    size_t n_tries, connect_seconds;
} pull_values;

#define MAX_TRIES 100
#define MAX_CONNECT_SECONDS 3600

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"refresh", WICK_OPTION_FLAG, NULL, offsetof(pull_values, refresh),
     "ask the hub whether the revision has moved on, though\nthe cache has it"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(pull_values, json), "one JSON object instead of the folder"},
    {"quiet", WICK_OPTION_FLAG, NULL, offsetof(pull_values, quiet), "no bar and no messages but errors"},
    {"tries", WICK_OPTION_COUNT, "N", offsetof(pull_values, n_tries),
     "how often to try what the network fails (default: 5)", NULL, MAX_TRIES, 1},
    {"connect-timeout", WICK_OPTION_COUNT, "S", offsetof(pull_values, connect_seconds),
     "seconds to wait for a connection (default: 10)", NULL, MAX_CONNECT_SECONDS},
    WICK_OPTIONS_CONFIG(offsetof(pull_values, settings)),
};

static const char notes[] =
    "MODEL is a name on the Hugging Face hub: org/name, org/name@revision, org/name@commit. Only the files that Wick\n"
    "needs come; each is checked before it counts. What is interrupted goes on where it stopped, the next time.\n"
    "Environment: HF_ENDPOINT (a mirror), HF_TOKEN (gated and private models), HF_HUB_OFFLINE=1 (only look),\n"
    "HF_HUB_CACHE or HF_HOME (where), HTTPS_PROXY. Embedding by name pulls by itself.\n";

/* What the callbacks of one pull share; the hub calls them one at a time. */
typedef struct watch {
    wick_progress bar;
    bool wants_lines;
    size_t n_done;
    double told; /* seconds */
} watch;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A file's name comes from the hub: what is not plain ASCII could turn the line or leave it. */
static void plain_name(const char *path, char out[64])
{
    size_t n = 0;
    for (; path[n] && n < 63; n++)
        out[n] = path[n] >= ' ' && path[n] < 0x7F ? path[n] : '?';
    out[n] = '\0';
}

static void print_line(watch *own, const wick_hub_progress *progress, const char *name)
{
    char have[16], total[16];
    const bool is_file_done = progress->path && progress->n_done != own->n_done;
    const double t = now();
    if (!is_file_done && t - own->told < LINE_SECONDS)
        return;
    own->told = t;
    wick_bytes_text(is_file_done ? progress->size_bytes : progress->all_have_bytes, have);
    wick_bytes_text(progress->all_size_bytes, total);
    if (is_file_done)
        fprintf(stderr, "wick: %zu of %zu files: %s, %s\n", progress->n_done, progress->n_files, name, have);
    else
        fprintf(stderr, "wick: %s of %s\n", have, total);
}

static void on_progress(void *user, const wick_hub_progress *progress)
{
    watch *own = user;
    char name[64];
    plain_name(progress->path ? progress->path : "", name);
    wick_progress_bytes(&own->bar, progress->all_have_bytes, progress->all_size_bytes,
                        progress->waits ? "waiting for another process" : name);
    if (own->wants_lines)
        print_line(own, progress, name);
    own->n_done = progress->n_done;
}

/* What the hub's code logs is what this command is about: it stands above the bar, without the word "warn". */
static void on_log(void *user, wick_log_level level, const char *message)
{
    watch *own = user;
    wick_progress_clear(&own->bar);
    fprintf(stderr, "wick: %s\n", message);
}

static int pull(const pull_values *values, const char *name, wick_hub_pulled *out, wick_error *error)
{
    watch own = {.wants_lines = false, .told = now()};
    const wick_hub_timing timing = {.n_tries = (unsigned)values->n_tries,
                                    .connect_ms = (unsigned)values->connect_seconds * 1000};
    const wick_hub_pull_options with = {.cache_dir = values->settings.cache_dir,
                                        .timing = &timing,
                                        .refresh = values->refresh,
                                        .progress = on_progress,
                                        .user = &own};
    wick_progress_begin(&own.bar, !values->quiet);
    if (own.bar.enabled) /* a hub that does not answer takes its time; gone with the first line that follows */
        wick_progress_note(&own.bar, "asking the hub...");
    own.wants_lines = !values->quiet && !own.bar.enabled;
    if (values->quiet)
        wick_log_set_level(WICK_LOG_ERROR);
    wick_log_set(on_log, &own);
    wick_interrupt_say("wick: stopped; what came is kept, the next pull goes on from there\n");
    const int rc = wick_model_pull(name, &with, out, error);
    wick_interrupt_say(NULL);
    wick_log_set(NULL, NULL);
    wick_progress_end(&own.bar);
    return rc;
}

static int print_json(const char *name, const wick_hub_pulled *pulled, wick_output *output)
{
    wick_hub_name parsed = {0};
    const bool is_name = !wick_hub_name_is_path(name) && wick_hub_name_parse(name, &parsed, NULL) == WICK_OK;
    const struct {
        const char *key, *value;
    } rows[] = {{"model", is_name ? parsed.repo : name},
                {"revision", parsed.revision},
                {"commit", pulled->commit},
                {"folder", pulled->folder}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wick_output_format(output, "%s\"%s\":", i ? "," : "{", rows[i].key);
        if (rows[i].value[0])
            wick_output_json_string(output, rows[i].value, strlen(rows[i].value));
        else
            wick_output_text(output, "null");
    }
    wick_output_format(output, ",\"downloaded_bytes\":%llu,\"from_cache\":%s}\n",
                       (unsigned long long)pulled->downloaded_bytes, pulled->from_cache ? "true" : "false");
    return 0;
}

static int report(const pull_values *values, const char *name, const wick_hub_pulled *pulled, wick_error *error)
{
    wick_output *output = NULL;
    char bytes[16];
    int status = wick_output_open(NULL, &output, error);
    if (status)
        return status;
    wick_bytes_text(pulled->downloaded_bytes, bytes);
    if (!values->quiet && pulled->downloaded_bytes)
        fprintf(stderr, "wick: %s is complete, %s downloaded\n", name, bytes);
    if (values->json) {
        print_json(name, pulled, output);
    } else {
        wick_output_text(output, pulled->folder);
        wick_output_text(output, "\n");
    }
    status = wick_output_finish(output, error);
    wick_output_close(output);
    return status;
}

static int run(const wick_command *command, int argc, char **argv)
{
    pull_values values = {0};
    wick_hub_pulled pulled = {0};
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    if (n_arguments != 1)
        return wick_usage_fail(command, "wick pull org/name",
                               n_arguments ? "pull takes one model" : "no model is named");
    int status = wick_settings_load(&values.settings, &error);
    if (!status)
        status = pull(&values, argv[0], &pulled, &error);
    if (!status)
        status = report(&values, argv[0], &pulled, &error);
    if (status)
        wick_error_print(&error);
    wick_hub_pulled_clear(&pulled);
    wick_settings_clear(&values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_pull = {
    .name = "pull",
    .arguments = "MODEL",
    .summary = "Downloads a model from the Hugging Face hub into the cache",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
