/* SPDX-License-Identifier: Apache-2.0
 * models.c: `wick models`: what the hub cache holds, as a table or JSON; removing models; checking their files. Called by main.c. */
#include "base/error.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "hub/inventory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

typedef struct models_values {
    wick_settings settings;
    bool json, yes, remove_broken, quiet;
} models_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(models_values, json), "the list as one JSON object"},
    {"yes", WICK_OPTION_FLAG, NULL, offsetof(models_values, yes), "rm: do not ask"},
    {"remove-broken", WICK_OPTION_FLAG, NULL, offsetof(models_values, remove_broken),
     "verify: remove what is broken, so that the next pull\ngets it again"},
    {"quiet", WICK_OPTION_FLAG, NULL, offsetof(models_values, quiet), "verify: no bar"},
    WICK_OPTIONS_CONFIG(offsetof(models_values, settings)),
};

static const char notes[] =
    "  wick models                       lists the models of the cache\n"
    "  wick models rm MODEL[@REV]...     removes a model, or one revision of it\n"
    "  wick models verify [MODEL]        hashes every file again; exit code 1 where something is broken\n\n"
    "The cache is the Hugging Face one, which Python uses too: HF_HUB_CACHE or HF_HOME say where.\n";

/* ---- the list ---- */

#define N_COLUMNS 5

typedef struct row {
    char cells[N_COLUMNS][WICK_HUB_MAX_NAME + 1];
} row;

static void use_text(double last_used, char out[WICK_HUB_MAX_NAME + 1])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double days = ((double)now.tv_sec - last_used) / 86400;
    if (last_used <= 0)
        snprintf(out, WICK_HUB_MAX_NAME + 1, "never");
    else if (days < 1)
        snprintf(out, WICK_HUB_MAX_NAME + 1, "today");
    else
        snprintf(out, WICK_HUB_MAX_NAME + 1, days < 2 ? "%.0f day ago" : "%.0f days ago", (double)(long)days);
}

/* A revision's names, or the beginning of its commit. */
static void revision_text(const wick_hub_revision *revision, char out[WICK_HUB_MAX_NAME + 1])
{
    if (revision->refs[0])
        snprintf(out, WICK_HUB_MAX_NAME + 1, "%.32s", revision->refs);
    else
        snprintf(out, WICK_HUB_MAX_NAME + 1, "%.12s", revision->commit);
}

static void fill_row(const wick_hub_model *model, const wick_hub_revision *revision, row *out)
{
    char size[16];
    wick_bytes_text(revision ? revision->size_bytes : model->size_bytes, size);
    snprintf(out->cells[0], sizeof out->cells[0], "%s", model->repo);
    snprintf(out->cells[2], sizeof out->cells[2], "%s", size);
    if (!revision) { /* nothing but what a download left */
        snprintf(out->cells[1], sizeof out->cells[1], "-");
        snprintf(out->cells[3], sizeof out->cells[3], "0");
        snprintf(out->cells[4], sizeof out->cells[4], "incomplete");
        return;
    }
    revision_text(revision, out->cells[1]);
    snprintf(out->cells[3], sizeof out->cells[3], "%zu", revision->n_files);
    if (revision->state == WICK_HUB_MISSING)
        snprintf(out->cells[4], sizeof out->cells[4], "incomplete: no %.64s", revision->missing);
    else
        use_text(revision->last_used, out->cells[4]);
}

static size_t columns_of_terminal(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return SIZE_MAX;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

/* Names stay whole, so that they can be copied; a narrow terminal loses columns from the right. */
static void print_rows(wick_output *output, const row *rows, size_t n)
{
    size_t widths[N_COLUMNS] = {0}, total = 0, n_columns = N_COLUMNS;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < N_COLUMNS; k++)
            widths[k] = strlen(rows[i].cells[k]) > widths[k] ? strlen(rows[i].cells[k]) : widths[k];
    for (size_t k = 0; k < N_COLUMNS; k++)
        total += widths[k] + (k > 0 ? 2 : 0);
    for (const size_t columns = columns_of_terminal(); n_columns > 1 && total > columns; n_columns--)
        total -= widths[n_columns - 1] + 2;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n_columns; k++) {
            const bool is_number = k == 2 || k == 3, is_last = k + 1 == n_columns;
            const int width = is_last && !is_number ? 0 : (int)widths[k];
            wick_output_format(output, is_number ? "%s%*s" : "%s%-*s", k ? "  " : "", width, rows[i].cells[k]);
        }
        wick_output_text(output, "\n");
    }
}

static int print_table(const wick_hub_inventory *all, wick_output *output, wick_error *error)
{
    static const row head = {{"model", "revision", "size", "files", "last used"}};
    size_t n = 1;
    for (size_t i = 0; i < all->n_models; i++)
        n += all->models[i].n_revisions ? all->models[i].n_revisions : 1;
    row *rows = calloc(n, sizeof *rows);
    if (!rows)
        return wick_fail_memory(error, "the table");
    rows[0] = head;
    n = 1;
    for (size_t i = 0; i < all->n_models; i++) {
        const wick_hub_model *model = &all->models[i];
        for (size_t k = 0; k < model->n_revisions; k++)
            fill_row(model, &model->revisions[k], &rows[n++]);
        if (model->n_revisions == 0)
            fill_row(model, NULL, &rows[n++]);
    }
    print_rows(output, rows, n);
    free(rows);
    return 0;
}

static void put_text(wick_output *output, const char *key, const char *value)
{
    wick_output_format(output, "\"%s\":", key);
    wick_output_json_string(output, value, strlen(value));
}

/* "main, v1" -> ["main","v1"] */
static void put_refs(wick_output *output, const char *refs)
{
    wick_output_text(output, ",\"refs\":[");
    for (const char *name = refs; *name;) {
        const size_t n = strcspn(name, ",");
        wick_output_json_string(output, name, n);
        name += n;
        if (*name) {
            wick_output_text(output, ",");
            name += 2;
        }
    }
    wick_output_text(output, "]");
}

static void put_revision(wick_output *output, const wick_hub_revision *revision)
{
    wick_output_text(output, "{");
    put_text(output, "commit", revision->commit);
    put_refs(output, revision->refs);
    wick_output_format(output, ",\"size_bytes\":%llu,\"n_files\":%zu,\"last_used\":%.0f,\"complete\":%s,",
                       (unsigned long long)revision->size_bytes, revision->n_files, revision->last_used,
                       revision->state == WICK_HUB_MISSING ? "false" : "true");
    put_text(output, "missing", revision->missing);
    wick_output_text(output, "}");
}

static void print_json(const wick_hub_inventory *all, wick_output *output)
{
    wick_output_text(output, "{");
    put_text(output, "cache", all->cache);
    wick_output_text(output, ",\"models\":[");
    for (size_t i = 0; i < all->n_models; i++) {
        const wick_hub_model *model = &all->models[i];
        wick_output_text(output, i ? ",{" : "{");
        put_text(output, "model", model->repo);
        wick_output_format(output, ",\"size_bytes\":%llu,\"incomplete_bytes\":%llu,\"last_used\":%.0f,\"revisions\":[",
                           (unsigned long long)model->size_bytes, (unsigned long long)model->incomplete_bytes,
                           model->last_used);
        for (size_t k = 0; k < model->n_revisions; k++) {
            wick_output_text(output, k ? "," : "");
            put_revision(output, &model->revisions[k]);
        }
        wick_output_text(output, "]}");
    }
    wick_output_text(output, "]}\n");
}

static int list(const models_values *values, wick_error *error)
{
    wick_hub_inventory all;
    wick_output *output = NULL;
    int status = wick_hub_inventory_read(values->settings.cache_dir, &all, error);
    if (!status)
        status = wick_output_open(NULL, &output, error);
    if (!status && values->json)
        print_json(&all, output);
    else if (!status && all.n_models)
        status = print_table(&all, output, error);
    else if (!status)
        fprintf(stderr, "wick: no models in %s; wick pull org/name gets one\n", all.cache);
    if (!status)
        status = wick_output_finish(output, error);
    wick_output_close(output);
    wick_hub_inventory_clear(&all);
    return status;
}

/* ---- rm ---- */

/* 1: yes, 0: no, else an error. */
static int ask(const char *name, const wick_hub_removal *removal, wick_error *error)
{
    char size[16], answer[16];
    wick_bytes_text(removal->size_bytes, size);
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return wick_fail(error, WICK_E_INVALID_INPUT, name, "add --yes", "there is nobody to ask whether to remove it");
    if (removal->is_whole)
        fprintf(stderr, "Remove %s, %zu revision%s, %s? [y/N] ", name, removal->n_revisions,
                removal->n_revisions == 1 ? "" : "s", size);
    else
        fprintf(stderr, "Remove %s (%.12s%s%s), %s? [y/N] ", name, removal->commit, removal->refs[0] ? ": " : "",
                removal->refs, size);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int remove_one(const models_values *values, const char *name, wick_error *error)
{
    const char *cache_dir = values->settings.cache_dir;
    wick_hub_removal removal;
    char size[16];
    int status = wick_hub_remove(cache_dir, name, true, &removal, error);
    if (status)
        return status;
    if (!values->yes) {
        const int answer = ask(name, &removal, error);
        if (answer < 0)
            return answer;
        if (answer == 0) {
            fprintf(stderr, "wick: %s stays\n", name);
            return 0;
        }
    }
    status = wick_hub_remove(cache_dir, name, false, &removal, error);
    wick_bytes_text(removal.size_bytes, size);
    if (!status && !values->quiet)
        fprintf(stderr, "wick: removed %s, %s freed\n", name, size);
    return status;
}

/* ---- verify ---- */

typedef struct watch {
    wick_progress bar;
    wick_output *output;
} watch;

static void on_broken(void *user, const char *repo, const char *path, const char *what)
{
    watch *own = user;
    wick_progress_clear(&own->bar);
    wick_output_format(own->output, "%s  %s  %s\n", repo, path, what);
    wick_output_flush(own->output, NULL);
}

static void on_progress(void *user, uint64_t done_bytes, uint64_t all_bytes, const char *repo)
{
    wick_progress_bytes(&((watch *)user)->bar, done_bytes, all_bytes, repo);
}

static int verify(const models_values *values, const char *name, bool *is_broken, wick_error *error)
{
    watch own = {.output = NULL};
    wick_hub_verified result = {0};
    const wick_hub_verify_options with = {.cache_dir = values->settings.cache_dir,
                                          .name = name,
                                          .remove_broken = values->remove_broken,
                                          .broken = on_broken,
                                          .progress = on_progress,
                                          .user = &own};
    char size[16];
    int status = wick_output_open(NULL, &own.output, error);
    if (status)
        return status;
    wick_progress_begin(&own.bar, !values->quiet);
    status = wick_hub_verify(&with, &result, error);
    wick_progress_end(&own.bar);
    if (!status)
        status = wick_output_finish(own.output, error);
    wick_output_close(own.output);
    if (status)
        return status;
    wick_bytes_text(result.size_bytes, size);
    *is_broken = result.n_broken > 0;
    if (!values->quiet || *is_broken)
        fprintf(stderr, "wick: %zu model%s, %zu files hashed, %s: %zu broken\n", result.n_models,
                result.n_models == 1 ? "" : "s", result.n_blobs, size, result.n_broken);
    if (result.n_unknown && !values->quiet)
        fprintf(stderr, "wick: %zu files have names that are no digests and cannot be checked\n", result.n_unknown);
    if (result.n_removed)
        fprintf(stderr, "wick: %zu removed; wick pull gets them again\n", result.n_removed);
    else if (*is_broken)
        fputs("wick: to mend it: wick models verify --remove-broken, then wick pull; or wick models rm first\n",
              stderr);
    return status;
}

/* ---- the command ---- */

static int run_verb(const wick_command *command, const models_values *values, char **arguments, size_t n,
                    wick_error *error)
{
    bool is_broken = false;
    int status = 0;
    if (n == 0) {
        status = list(values, error);
    } else if (!strcmp(arguments[0], "rm")) {
        for (size_t i = 1; !status && i < n; i++)
            status = remove_one(values, arguments[i], error);
    } else {
        status = verify(values, n > 1 ? arguments[1] : NULL, &is_broken, error);
    }
    if (status)
        wick_error_print(error);
    return status || is_broken ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

static int check_usage(const wick_command *command, const models_values *values, char **arguments, size_t n)
{
    static const char *const verbs[] = {"list", "rm", "verify"};
    const bool is_rm = n && !strcmp(arguments[0], "rm"), is_verify = n && !strcmp(arguments[0], "verify");
    char mend[64] = "wick models --help";
    if (n && !is_rm && !is_verify) {
        const char *nearest = wick_nearest_name(arguments[0], strlen(arguments[0]), verbs, sizeof *verbs, 3);
        if (nearest)
            snprintf(mend, sizeof mend, "did you mean wick models%s%s?", strcmp(nearest, "list") ? " " : "",
                     strcmp(nearest, "list") ? nearest : "");
        return wick_usage_fail(command, mend, "models cannot do \"%s\"", arguments[0]);
    }
    if (is_rm && n == 1)
        return wick_usage_fail(command, "wick models rm org/name", "no model is named");
    if (is_verify && n > 2)
        return wick_usage_fail(command, "without a name it checks all of them", "verify takes one model");
    if (values->json && n)
        return wick_usage_fail(command, "wick models --json", "--json is for the list");
    if (values->yes && !is_rm)
        return wick_usage_fail(command, "wick models rm --yes org/name", "--yes is for rm");
    if (values->remove_broken && !is_verify)
        return wick_usage_fail(command, "wick models verify --remove-broken", "--remove-broken is for verify");
    return 0;
}

static int run(const wick_command *command, int argc, char **argv)
{
    models_values values = {0};
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    exit_code = check_usage(command, &values, argv, n_arguments);
    if (exit_code)
        return exit_code;
    if (wick_settings_load(&values.settings, &error)) {
        wick_error_print(&error);
        exit_code = WICK_EXIT_FAILED;
    } else {
        exit_code = run_verb(command, &values, argv, n_arguments, &error);
    }
    wick_settings_clear(&values.settings);
    return exit_code;
}

const wick_command wick_command_models = {
    .name = "models",
    .arguments = "[rm MODEL... | verify [MODEL]]",
    .summary = "Lists, removes and checks the models of the cache",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
