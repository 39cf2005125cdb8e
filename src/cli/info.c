/* SPDX-License-Identifier: Apache-2.0
 * info.c: `wick info`: what the model is, whether it runs and why not, and what runs it here. Called by main.c. */
#include "base/path.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/engine_options.h"
#include "cli/output.h"
#include "provider/kinds.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct info_values {
    wick_settings settings;
    bool json;
} info_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(info_values, json), "one JSON object; null: not known"},
    WICK_OPTIONS_MODEL(offsetof(info_values, settings)),
    WICK_OPTIONS_ENGINE(offsetof(info_values, settings)),
};

/* One line of the report. What the provider does not know, or what is not so, has no line. */
typedef struct info_row {
    const char *key, *label;
    enum { TEXT, LIST, COUNT, FLAG } kind; /* LIST: names that stand in the model's files */
    const char *text;                      /* NULL: not known */
    size_t count;                          /* 0: not known */
    bool flag, is_known;
} info_row;

#define N_ROWS 40
#define LIST_BYTES 512
#define LIST_COLUMNS 120

typedef struct report_source {
    const char *model, *provider, *config; /* model: as it was named */
    bool runs;
    char reason[WICK_ERROR_LINE_BYTES]; /* why not */
    wick_model_info info;               /* zeros where it does not run */
} report_source;

/* One more name behind what list holds, n bytes of it; what has no room is cut off. Returns the bytes that stand there now. */
static size_t add_name(char list[LIST_BYTES], size_t n, const char *name)
{
    size_t bad;
    const int wanted = snprintf(list + n, LIST_BYTES - n, "%s%s", n ? ", " : "", name);
    if (wanted >= 0 && (size_t)wanted < LIST_BYTES - n)
        return n + (size_t)wanted;
    if (!wick_utf8_valid(list, LIST_BYTES - 1, &bad)) /* the middle of a character */
        list[bad] = '\0';
    return LIST_BYTES;
}

/* The names of the prompts that have a text: "query, passage". NULL: none has. */
static const char *list_prompts(const wick_model_info *info, char list[LIST_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < info->n_prompts && n < LIST_BYTES; i++)
        if (info->prompts[i].text[0])
            n = add_name(list, n, info->prompts[i].name);
    return n ? list : NULL;
}

/* The names of the labels: "no, yes". NULL: there are none. */
static const char *list_labels(const wick_model_info *info, char list[LIST_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < info->n_labels && n < LIST_BYTES; i++)
        n = add_name(list, n, info->labels[i]);
    return n ? list : NULL;
}

/* What says how the tokens' vectors become one. NULL: a packed model, which keeps no word of it, or there is nothing to say. */
static const char *pooling_source(const wick_model_info *info)
{
    if (!info->pooling || !info->path || !wick_path_is_folder(info->path))
        return NULL;
    char *path = wick_path_join(info->path, "modules.json");
    const bool is_said = path && access(path, F_OK) == 0;
    free(path);
    return is_said ? "modules.json" : "default";
}

typedef struct report_lists {
    char prompts[LIST_BYTES], labels[LIST_BYTES];
} report_lists;

/* lists: room for the names */
static size_t fill_rows(info_row rows[N_ROWS], report_lists *lists, const report_source *source)
{
    const wick_model_info *info = &source->info;
    const wick_wanted purpose = wick_kind_purpose(info->kind);
    const info_row all[] = {
        {"version", "wick", TEXT, wick_version()},
        {"model", "model", TEXT, info->model ? info->model : source->model},
        {"runs", "runs", FLAG, .flag = source->runs, .is_known = true},
        {"reason", "because", TEXT, source->runs ? NULL : source->reason},
        {"path", "path", TEXT, info->path},
        {"config", "config file", TEXT, source->config},
        {"provider", "provider", TEXT, source->provider},
        {"device", "device", TEXT, info->device},
        {"tier", "instructions", TEXT, info->tier},
        {"n_threads", "threads", COUNT, .count = info->n_threads},
        {"dtype", "dtype", TEXT, info->dtype},
        {"kind", "kind", TEXT, info->kind},
        {"gives", "gives", TEXT, wick_kind_gives(info->kind)},
        {"labels", "labels", LIST, list_labels(info, lists->labels)},
        {"dimension", "dimension", COUNT, .count = purpose == WICK_WANT_TOKENS ? 0 : info->dimension},
        {"max_dimensions", "at most values", COUNT, .count = purpose == WICK_WANT_VECTORS ? info->max_dimensions : 0},
        {"token_dimension", "of a token", COUNT, .count = info->token_dimension},
        {"max_seq_length", "texts cut at", COUNT, .count = info->max_seq_length},
        {"max_tokens", "at most tokens", COUNT, .count = info->max_tokens},
        {"architecture", "architecture", TEXT, info->architecture},
        {"pooling", "pooling", TEXT, info->pooling},
        {"pooling_source", "pooling from", TEXT, pooling_source(info)},
        {"similarity", "compared by", TEXT, info->similarity},
        {"prompts", "prompts", LIST, list_prompts(info, lists->prompts)},
        {"default_prompt_name", "default prompt", TEXT, info->default_prompt_name},
        {"n_layers", "layers", COUNT, .count = info->n_layers},
        {"hidden_size", "hidden size", COUNT, .count = info->hidden_size},
        {"n_heads", "heads", COUNT, .count = info->n_heads},
        {"n_kv_heads", "key-value heads", COUNT, .count = info->n_kv_heads},
        {"head_dim", "head width", COUNT, .count = info->head_dim},
        {"intermediate_size", "intermediate", COUNT, .count = info->intermediate_size},
        {"activation", "activation", TEXT, info->activation},
        {"is_gated", "gated", FLAG, .flag = info->is_gated, .is_known = source->runs},
        {"norm", "norms", TEXT, info->norm},
        {"norm_place", "norm place", TEXT, info->norm_place},
        {"positions", "positions", TEXT, info->positions},
        {"window", "window", COUNT, .count = info->window},
        {"is_causal", "causal", FLAG, .flag = info->is_causal, .is_known = source->runs},
        {"vocab_size", "vocabulary", COUNT, .count = info->vocab_size},
        {"n_parameters", "parameters", COUNT, .count = info->n_parameters},
    };
    memcpy(rows, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* {"query": "query: "}, or null */
static void print_prompts(wick_output *output, const wick_model_info *info)
{
    for (size_t i = 0; i < info->n_prompts; i++) {
        wick_output_text(output, i ? "," : "{");
        wick_output_json_string(output, info->prompts[i].name, strlen(info->prompts[i].name));
        wick_output_text(output, ":");
        wick_output_json_string(output, info->prompts[i].text, strlen(info->prompts[i].text));
    }
    wick_output_text(output, info->n_prompts > 0 ? "}" : "null");
}

/* ["no", "yes"], or null */
static void print_labels(wick_output *output, const wick_model_info *info)
{
    for (size_t i = 0; i < info->n_labels; i++) {
        wick_output_text(output, i ? "," : "[");
        wick_output_json_string(output, info->labels[i], strlen(info->labels[i]));
    }
    wick_output_text(output, info->n_labels > 0 ? "]" : "null");
}

static void print_json(wick_output *output, const info_row *rows, size_t n, const wick_model_info *info)
{
    for (size_t i = 0; i < n; i++) {
        const info_row *row = &rows[i];
        wick_output_format(output, "%s\"%s\":", i ? "," : "{", row->key);
        if (!strcmp(row->key, "prompts"))
            print_prompts(output, info);
        else if (!strcmp(row->key, "labels"))
            print_labels(output, info);
        else if (row->kind == FLAG && row->is_known)
            wick_output_text(output, row->flag ? "true" : "false");
        else if (row->kind == TEXT && row->text)
            wick_output_json_string(output, row->text, strlen(row->text));
        else if (row->kind == COUNT && row->count)
            wick_output_format(output, "%zu", row->count);
        else
            wick_output_text(output, "null");
    }
    wick_output_text(output, "}\n");
}

static void print_list(wick_output *output, const info_row *row)
{
    wick_output_format(output, "%-16s", row->label);
    wick_display_text(output, row->text, strlen(row->text), LIST_COLUMNS);
    wick_output_text(output, "\n");
}

static void print_table(wick_output *output, const info_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const info_row *row = &rows[i];
        const bool is_runs = row->kind == FLAG && strcmp(row->key, "runs") == 0;
        if (row->kind == TEXT && row->text)
            wick_output_format(output, "%-16s%s\n", row->label, row->text);
        else if (row->kind == LIST && row->text)
            print_list(output, row);
        else if (row->kind == COUNT && row->count)
            wick_output_format(output, "%-16s%zu\n", row->label, row->count);
        else if (row->kind == FLAG && (row->flag || is_runs))
            wick_output_format(output, "%-16s%s\n", row->label, row->flag ? "yes" : "no");
    }
}

/* A model that Wick does not carry out is an answer, with the reason; whatever else is wrong is an error. */
static int find_out(info_values *values, wick_provider **provider, report_source *source, wick_error *error)
{
    int status = wick_settings_load(&values->settings, error);
    if (!status)
        status = wick_settings_open(&values->settings, provider, error);
    source->runs = status != WICK_E_UNSUPPORTED;
    source->model = values->settings.model;
    source->config = values->settings.config ? values->settings.config->path : NULL;
    if (status == WICK_E_UNSUPPORTED) {
        wick_error_line(error, source->reason);
        return 0;
    }
    source->info.size = sizeof source->info;
    if (!status)
        status = wick_provider_model_info(*provider, &source->info, error);
    if (!status)
        source->provider = wick_provider_name(*provider);
    return status;
}

static int report(info_values *values, wick_provider **provider, wick_output **output, wick_error *error)
{
    report_source source = {0};
    info_row rows[N_ROWS];
    report_lists lists;
    int status = find_out(values, provider, &source, error);
    if (!status)
        status = wick_output_open(NULL, output, error);
    if (status)
        return status;
    const size_t n = fill_rows(rows, &lists, &source);
    if (values->json)
        print_json(*output, rows, n, &source.info);
    else
        print_table(*output, rows, n);
    return wick_output_finish(*output, error);
}

static int run(const wick_command *command, int argc, char **argv)
{
    info_values values = {0};
    wick_provider *provider = NULL;
    wick_output *output = NULL;
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    if (n_arguments > 1)
        return wick_usage_fail(command, "quote names with spaces", "info takes one model");
    if (n_arguments)
        values.settings.model = argv[0];
    int status = report(&values, &provider, &output, &error);
    if (status)
        wick_error_print(&error);
    wick_output_close(output);
    wick_provider_close(provider);
    wick_settings_clear(&values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_info = {
    .name = "info",
    .arguments = "[MODEL]",
    .summary = "Tells what the model is, whether it runs, and what runs it on this machine",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
