/* SPDX-License-Identifier: Apache-2.0
 * similarity.c: `wick similarity`: every pair of texts compared as the model's vectors are meant to be, as a table for people or JSON for programs.
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
#define GAP_COLUMNS 2 /* between two values */

typedef struct similarity_values {
    wick_settings settings;
    wick_prompt_values prompt;
    const char *measure;
    bool json;
} similarity_values;

static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Options"},
    {"json", WICK_OPTION_FLAG, NULL, offsetof(similarity_values, json),
     "one JSON object: model, measure, texts, similarity\n(a matrix)"},
    {"measure", WICK_OPTION_CHOICE, "M", offsetof(similarity_values, measure),
     "cosine, dot, euclidean or manhattan; of the last two\nthe distance, negative (default: the model's own)",
     "cosine|dot|euclidean|manhattan"},
    WICK_OPTIONS_PROMPT(offsetof(similarity_values, prompt)),
    WICK_OPTIONS_MODEL(offsetof(similarity_values, settings)),
    WICK_OPTIONS_ENGINE(offsetof(similarity_values, settings)),
};

static const char notes[] = "Two texts give one number; more give a table.\n\n"
                            "Example:\n"
                            "  wick similarity \"Machine learning\" \"Deep learning\" \"The weather is nice today\"\n";

/* ---- measures: in f64, the larger the nearer ------------------------------------------------------------------------ */

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* A text's similarity to itself is 1 and not nearly 1. A vector of zeros is similar to nothing. */
static double cosine(const float *a, const float *b, size_t n)
{
    double norm = sqrt(dot(a, a, n)) * sqrt(dot(b, b, n));
    double value = norm > 0 ? dot(a, b, n) / norm : 0;
    return value > 1 ? 1 : value < -1 ? -1 : value;
}

static double euclidean(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    return -sqrt(sum);
}

static double manhattan(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)a[i] - (double)b[i]);
    return -sum;
}

typedef struct measure {
    const char *name; /* as sentence-transformers' similarity_fn_name */
    double (*of)(const float *a, const float *b, size_t n);
} measure;

static const measure measures[] = {
    {"cosine", cosine}, {"dot", dot}, {"euclidean", euclidean}, {"manhattan", manhattan}};

/* The one asked for, else the model's. */
static const measure *choose_measure(const char *asked, const char *own)
{
    const char *name = asked ? asked : own;
    for (size_t i = 1; name && i < sizeof measures / sizeof *measures; i++)
        if (strcmp(measures[i].name, name) == 0)
            return &measures[i];
    return &measures[0];
}

/* What is printed: n_texts vectors and how they are compared. */
typedef struct comparison {
    const wick_embed_response *response;
    const measure *measure;
    char *const *texts;
} comparison;

static double of_pair(const comparison *c, size_t i, size_t j)
{
    const size_t n = c->response->dimension;
    return c->measure->of(c->response->embeddings + i * n, c->response->embeddings + j * n, n) + 0.0; /* no -0 */
}

/* ---- printing ------------------------------------------------------------------------------------------------------ */

static void print_json(wick_output *output, const comparison *c)
{
    const wick_embed_response *response = c->response;
    size_t n = response->n_texts;
    wick_output_text(output, "{\"model\":");
    wick_output_json_string(output, response->model, strlen(response->model));
    wick_output_format(output, ",\"measure\":\"%s\",\"texts\":[", c->measure->name);
    for (size_t i = 0; i < n; i++) {
        wick_output_text(output, i ? "," : "");
        wick_output_json_string(output, c->texts[i], strlen(c->texts[i]));
    }
    wick_output_text(output, "],\"similarity\":[");
    for (size_t i = 0; i < n; i++) {
        wick_output_text(output, i ? ",\n[" : "\n[");
        for (size_t j = 0; j < n; j++) {
            wick_output_text(output, j ? "," : "");
            wick_output_float(output, (float)of_pair(c, i, j));
        }
        wick_output_text(output, "]");
    }
    wick_output_format(output, "\n],\"usage\":{\"total_tokens\":%" PRIu64 ",\"duration_ms\":%.0f}}\n",
                       response->usage.total_tokens, response->usage.duration_ms);
}

/* Columns of the widest value, and of the widest text as far as it is shown. */
static void measure_columns(const comparison *c, int *value_columns, size_t *label_columns)
{
    size_t n = c->response->n_texts;
    *value_columns = 0;
    *label_columns = 0;
    for (size_t i = 0; i < n; i++) {
        size_t columns = wick_display_columns(c->texts[i], strlen(c->texts[i]), LABEL_COLUMNS);
        *label_columns = columns > *label_columns ? columns : *label_columns;
        for (size_t j = 0; j < n; j++) {
            int value = GAP_COLUMNS + snprintf(NULL, 0, "%+.4f", of_pair(c, i, j)); /* room for a sign in any case */
            *value_columns = value > *value_columns ? value : *value_columns;
        }
    }
}

static void print_table(wick_output *output, const comparison *c)
{
    size_t n = c->response->n_texts, label_columns, nearest_i = 0, nearest_j = 1;
    double nearest = -INFINITY;
    int number_columns = snprintf(NULL, 0, "%zu", n), value_columns;
    measure_columns(c, &value_columns, &label_columns);
    wick_output_format(output, "%*s", number_columns + 2 + (int)label_columns, "");
    for (size_t j = 0; j < n; j++)
        wick_output_format(output, "%*zu", value_columns, j + 1);
    wick_output_text(output, "\n");
    for (size_t i = 0; i < n; i++) {
        wick_output_format(output, "%*zu  ", number_columns, i + 1);
        size_t columns = wick_display_text(output, c->texts[i], strlen(c->texts[i]), LABEL_COLUMNS);
        wick_output_format(output, "%*s", (int)(label_columns - columns), "");
        for (size_t j = 0; j < n; j++) {
            double value = of_pair(c, i, j);
            wick_output_format(output, "%*.4f", value_columns, value);
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

static int print(const similarity_values *values, const comparison *c, wick_error *error)
{
    wick_output *output = NULL;
    int status = wick_output_open(NULL, &output, error);
    if (status)
        return status;
    if (values->json)
        print_json(output, c);
    else if (c->response->n_texts == 2)
        wick_output_format(output, "%.4f\n", of_pair(c, 0, 1));
    else
        print_table(output, c);
    status = wick_output_finish(output, error);
    wick_output_close(output);
    return status;
}

/* Vectors as the model gives them, with its own Normalize: but for the cosine, lengths count. */
static int compare(similarity_values *values, char *const *texts, size_t n_texts, wick_error *error)
{
    wick_provider *provider = NULL;
    wick_embed_response response = {0};
    wick_model_info info = {.size = sizeof info};
    comparison c = {.response = &response, .texts = texts};
    wick_embed_request request;
    wick_embed_request_init(&request);
    wick_embed_options_init(&request.options);
    request.texts = (const char *const *)texts;
    request.n_texts = n_texts;
    request.options.prompt_name = values->prompt.name;
    request.options.prompt = values->prompt.text;
    int status = wick_settings_load(&values->settings, error);
    if (!status)
        status = wick_settings_open(&values->settings, &provider, error);
    if (!status)
        status = wick_provider_model_info(provider, &info, error);
    if (!status) {
        c.measure = choose_measure(values->measure, info.similarity);
        request.options.normalize = c.measure->of == cosine || info.has_normalize;
        status = wick_provider_embed_batch(provider, &request, &response, error);
    }
    if (!status)
        status = print(values, &c, error);
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
    .summary = "Prints how alike texts are, by their vectors",
    .notes = notes,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
