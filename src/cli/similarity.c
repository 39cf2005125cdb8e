/* SPDX-License-Identifier: Apache-2.0
 * similarity.c: `wick similarity`: the cosine of every pair of texts, as a table for people or JSON for programs.
 * Called by main.c. */
#include "base/error.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/engine_options.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LABEL_COLUMNS 48
#define VALUE_COLUMNS 9 /* two blanks, a sign, "1.0000" */

typedef struct similarity_values {
    wick_settings settings;
    bool json;
} similarity_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(similarity_values, json),
     "one JSON object: model, texts, similarity (a matrix)"},
    WICK_OPTIONS_MODEL(offsetof(similarity_values, settings)),
    WICK_OPTIONS_ENGINE(offsetof(similarity_values, settings)),
};

static const char notes[] = "Two texts give one number; more give a table.\n\n"
                            "Example:\n"
                            "  wick similarity \"Machine learning\" \"Deep learning\" \"The weather is nice today\"\n";

/* In f64, so that a text's similarity to itself is 1 and not nearly 1. A vector of zeros is similar to nothing. */
static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    double norm = sqrt(aa) * sqrt(bb);
    double value = norm > 0 ? ab / norm : 0;
    return value > 1 ? 1 : value < -1 ? -1 : value;
}

static double pair_cosine(const wick_embed_response *response, size_t i, size_t j)
{
    return cosine(response->embeddings + i * response->dimension, response->embeddings + j * response->dimension,
                  response->dimension);
}

static void print_json(wick_output *output, const wick_embed_response *response, char *const *texts)
{
    size_t n = response->n_texts;
    wick_output_text(output, "{\"model\":");
    wick_output_json_string(output, response->model, strlen(response->model));
    wick_output_text(output, ",\"texts\":[");
    for (size_t i = 0; i < n; i++) {
        wick_output_text(output, i ? "," : "");
        wick_output_json_string(output, texts[i], strlen(texts[i]));
    }
    wick_output_text(output, "],\"similarity\":[");
    for (size_t i = 0; i < n; i++) {
        wick_output_text(output, i ? ",\n[" : "\n[");
        for (size_t j = 0; j < n; j++) {
            wick_output_text(output, j ? "," : "");
            wick_output_float(output, (float)pair_cosine(response, i, j));
        }
        wick_output_text(output, "]");
    }
    wick_output_format(output, "\n],\"usage\":{\"total_tokens\":%" PRIu64 ",\"duration_ms\":%.0f}}\n",
                       response->usage.total_tokens, response->usage.duration_ms);
}

static void print_table(wick_output *output, const wick_embed_response *response, char *const *texts)
{
    size_t n = response->n_texts, label_columns = 0, nearest_i = 0, nearest_j = 1;
    double nearest = -2;
    int number_columns = snprintf(NULL, 0, "%zu", n);
    for (size_t i = 0; i < n; i++) {
        size_t columns = wick_display_columns(texts[i], strlen(texts[i]), LABEL_COLUMNS);
        label_columns = columns > label_columns ? columns : label_columns;
    }
    wick_output_format(output, "%*s", number_columns + 2 + (int)label_columns, "");
    for (size_t j = 0; j < n; j++)
        wick_output_format(output, "%*zu", VALUE_COLUMNS, j + 1);
    wick_output_text(output, "\n");
    for (size_t i = 0; i < n; i++) {
        wick_output_format(output, "%*zu  ", number_columns, i + 1);
        size_t columns = wick_display_text(output, texts[i], strlen(texts[i]), LABEL_COLUMNS);
        wick_output_format(output, "%*s", (int)(label_columns - columns), "");
        for (size_t j = 0; j < n; j++) {
            double value = pair_cosine(response, i, j);
            wick_output_format(output, "%*.4f", VALUE_COLUMNS, value);
            if (j > i && value > nearest) {
                nearest = value;
                nearest_i = i;
                nearest_j = j;
            }
        }
        wick_output_text(output, "\n");
    }
    wick_output_format(output, "\nNearest to each other: %zu and %zu (%.4f)\n", nearest_i + 1, nearest_j + 1, nearest);
}

static int print(const similarity_values *values, const wick_embed_response *response, char *const *texts,
                 wick_error *error)
{
    wick_output *output = NULL;
    int status = wick_output_open(NULL, &output, error);
    if (status)
        return status;
    if (values->json)
        print_json(output, response, texts);
    else if (response->n_texts == 2)
        wick_output_format(output, "%.4f\n", pair_cosine(response, 0, 1));
    else
        print_table(output, response, texts);
    status = wick_output_finish(output, error);
    wick_output_close(output);
    return status;
}

static int compare(similarity_values *values, char *const *texts, size_t n_texts, wick_error *error)
{
    wick_provider *provider = NULL;
    wick_embed_response response = {0};
    wick_embed_request request;
    wick_embed_request_init(&request);
    wick_embed_options_init(&request.options);
    request.texts = (const char *const *)texts;
    request.n_texts = n_texts;
    request.options.normalize = true;
    int status = wick_settings_load(&values->settings, error);
    if (!status)
        status = wick_settings_open(&values->settings, &provider, error);
    if (!status)
        status = wick_provider_embed_batch(provider, &request, &response, error);
    if (!status)
        status = print(values, &response, texts, error);
    wick_embed_response_clear(&response);
    wick_provider_close(provider);
    wick_settings_clear(&values->settings);
    return status;
}

static int run(const wick_command *command, int argc, char **argv)
{
    similarity_values values = {0};
    wick_error error = {0};
    size_t n_texts, bad;
    int exit_code, status = 0;
    if (!wick_command_begin(command, argc, argv, &values, &n_texts, &exit_code))
        return exit_code;
    if (n_texts < 2)
        return wick_usage_fail(command, "wick similarity TEXT TEXT...", "at least two texts are needed");
    for (size_t i = 0; i < n_texts && !status; i++) {
        char where[64];
        snprintf(where, sizeof where, "argument %zu", i + 1);
        if (!wick_utf8_valid(argv[i], strlen(argv[i]), &bad))
            status = wick_fail(&error, WICK_E_INVALID_INPUT, where, "use a UTF-8 locale",
                               "invalid UTF-8 at byte %zu of the text", bad + 1);
    }
    if (!status)
        status = compare(&values, argv, n_texts, &error);
    if (!status)
        return WICK_EXIT_DONE;
    wick_error_print(&error);
    return WICK_EXIT_FAILED;
}

const wick_command wick_command_similarity = {
    .name = "similarity",
    .arguments = "TEXT TEXT...",
    .summary = "Prints how alike texts are, as the cosine of their vectors",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
