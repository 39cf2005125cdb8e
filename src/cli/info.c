/* SPDX-License-Identifier: Apache-2.0
 * info.c: `wick info`: what the model is and what runs it here. Called by main.c. */
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/output.h"
#include <string.h>

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

/* One line of the report: text, or a count where text is NULL. 0 and NULL: the provider does not know. */
typedef struct info_row {
    const char *key, *label, *text;
    size_t count;
    bool is_count;
} info_row;

#define N_ROWS 24
#define LIST_BYTES 512

/* The names of the prompts that have a text: "query, passage". NULL: none has. */
static const char *list_prompts(const wick_model_info *info, char list[LIST_BYTES])
{
    size_t n = 0;
    list[0] = '\0';
    for (size_t i = 0; i < info->n_prompts && n < LIST_BYTES; i++)
        if (info->prompts[i].text[0])
            n += (size_t)snprintf(list + n, LIST_BYTES - n, "%s%s", n ? ", " : "", info->prompts[i].name);
    return n ? list : NULL;
}

/* list: room for the prompts' names */
static size_t fill_rows(info_row rows[N_ROWS], char list[LIST_BYTES], const wick_provider *provider,
                        const wick_model_info *info, const wick_config *config)
{
    const info_row all[N_ROWS] = {
        {"version", "wick", wick_version()},
        {"model", "model", info->model},
        {"path", "path", info->path},
        {"config", "config file", config->path},
        {"provider", "provider", wick_provider_name(provider)},
        {"device", "device", info->device},
        {"tier", "instructions", info->tier},
        {"n_threads", "threads", NULL, info->n_threads, true},
        {"dtype", "dtype", info->dtype},
        {"dimension", "dimension", NULL, info->dimension, true},
        {"max_dimensions", "at most values", NULL, info->max_dimensions, true},
        {"max_seq_length", "texts cut at", NULL, info->max_seq_length, true},
        {"max_tokens", "at most tokens", NULL, info->max_tokens, true},
        {"architecture", "architecture", info->architecture},
        {"pooling", "pooling", info->pooling},
        {"similarity", "compared by", info->similarity},
        {"prompts", "prompts", list_prompts(info, list)},
        {"default_prompt_name", "default prompt", info->default_prompt_name},
        {"n_layers", "layers", NULL, info->n_layers, true},
        {"hidden_size", "hidden size", NULL, info->hidden_size, true},
        {"n_heads", "heads", NULL, info->n_heads, true},
        {"intermediate_size", "intermediate", NULL, info->intermediate_size, true},
        {"vocab_size", "vocabulary", NULL, info->vocab_size, true},
        {"n_parameters", "parameters", NULL, info->n_parameters, true},
    };
    memcpy(rows, all, sizeof all);
    return N_ROWS;
}

/* {"query": "query: "} */
static void print_prompts(wick_output *output, const wick_model_info *info)
{
    wick_output_text(output, "{");
    for (size_t i = 0; i < info->n_prompts; i++) {
        wick_output_text(output, i ? "," : "");
        wick_output_json_string(output, info->prompts[i].name, strlen(info->prompts[i].name));
        wick_output_text(output, ":");
        wick_output_json_string(output, info->prompts[i].text, strlen(info->prompts[i].text));
    }
    wick_output_text(output, "}");
}

static void print_json(wick_output *output, const info_row *rows, size_t n, const wick_model_info *info)
{
    for (size_t i = 0; i < n; i++) {
        wick_output_format(output, "%s\"%s\":", i ? "," : "{", rows[i].key);
        if (!strcmp(rows[i].key, "prompts"))
            print_prompts(output, info);
        else if (rows[i].text)
            wick_output_json_string(output, rows[i].text, strlen(rows[i].text));
        else if (rows[i].is_count && rows[i].count)
            wick_output_format(output, "%zu", rows[i].count);
        else
            wick_output_text(output, "null");
    }
    wick_output_text(output, "}\n");
}

static void print_table(wick_output *output, const info_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].text)
            wick_output_format(output, "%-16s%s\n", rows[i].label, rows[i].text);
        else if (rows[i].is_count && rows[i].count)
            wick_output_format(output, "%-16s%zu\n", rows[i].label, rows[i].count);
    }
}

static int report(info_values *values, wick_provider **provider, wick_output **output, wick_error *error)
{
    wick_model_info info = {.size = sizeof info};
    info_row rows[N_ROWS];
    char list[LIST_BYTES];
    int status = wick_settings_load(&values->settings, error);
    if (!status)
        status = wick_settings_open(&values->settings, provider, error);
    if (!status)
        status = wick_provider_model_info(*provider, &info, error);
    if (!status)
        status = wick_output_open(NULL, output, error);
    if (status)
        return status;
    size_t n = fill_rows(rows, list, *provider, &info, values->settings.config);
    if (values->json)
        print_json(*output, rows, n, &info);
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
    if (n_arguments)
        return wick_usage_fail(command, "--model M names the model", "info takes no text");
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
    .arguments = "",
    .summary = "Tells what the model is and what runs it on this machine",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
