/* SPDX-License-Identifier: Apache-2.0
 * input.c: see input.h. Chooses the reader, fills batches, knows where each text came from. */
#include "cli/input.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cli/input_readers.h"
#include "provider/vectors.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A batch ends behind the text that reaches this size. */
#define BATCH_BYTES ((size_t)4 << 20)

struct wick_input {
    char *const *arguments;
    size_t n_arguments, next_argument;
    bool is_arguments;
    wick_read_text_fn read;
    wick_reader reader;
};

static bool ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), n_ending = strlen(ending);
    return n >= n_ending && !strcasecmp(path + n - n_ending, ending);
}

static wick_read_text_fn choose_reader(const char *format, const char *path)
{
    if (format)
        return !strcmp(format, "csv")     ? wick_read_text_csv
               : !strcmp(format, "jsonl") ? wick_read_text_jsonl
                                          : wick_read_text_line;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson"))
        return wick_read_text_jsonl;
    return ends_with(path, ".csv") ? wick_read_text_csv : wick_read_text_line;
}

/* The options that contradict each other. Returns 0 or WICK_INPUT_USAGE. */
static int check_usage(const wick_command *command, const wick_input_options *options, size_t n_arguments,
                       wick_read_text_fn read)
{
    bool is_file = n_arguments == 0;
    if (!is_file && options->path)
        wick_usage_fail(command, "give one of them", "both texts and --input");
    else if (is_file && !options->path && isatty(STDIN_FILENO))
        wick_usage_fail(command, "give texts as arguments, or --input FILE (--input - reads the terminal)", "no texts");
    else if (options->field && (!is_file || read == wick_read_text_line))
        wick_usage_fail(command, "--input-format says what the input is", "--field is for JSONL and CSV input");
    else if (options->no_header && (!is_file || read != wick_read_text_csv))
        wick_usage_fail(command, "--input-format csv says that the input is CSV", "--no-header is for CSV input");
    else if (options->format && !is_file)
        wick_usage_fail(command, "leave it out, or give --input FILE",
                        "--input-format is for --input, not for texts as arguments");
    else
        return 0;
    return WICK_INPUT_USAGE;
}

int wick_input_open(const wick_command *command, const wick_input_options *options, char *const *arguments,
                    size_t n_arguments, wick_input **out, wick_error *error)
{
    const char *path = options->path ? options->path : "-";
    wick_read_text_fn read = choose_reader(options->format, path);
    int status = check_usage(command, options, n_arguments, read);
    if (status)
        return status;
    wick_input *input = calloc(1, sizeof *input);
    if (!input)
        return wick_fail_memory(error, "the input buffer");
    input->arguments = arguments;
    input->n_arguments = n_arguments;
    input->is_arguments = n_arguments > 0;
    input->read = read;
    input->reader.field = options->field;
    input->reader.has_header = !options->no_header;
    input->reader.source.fd = -1;
    if (!input->is_arguments)
        status = wick_source_open(&input->reader.source, path, error);
    if (status) {
        wick_input_close(input);
        return status;
    }
    *out = input;
    return 0;
}

void wick_input_close(wick_input *input)
{
    if (!input)
        return;
    wick_source_close(&input->reader.source);
    wick_text_batch_free(&input->reader.scratch);
    free(input);
}

static int read_argument(wick_input *input, wick_text_batch *batch, bool *got, wick_error *error)
{
    *got = input->next_argument < input->n_arguments;
    if (!*got)
        return 0;
    const char *text = input->arguments[input->next_argument++];
    size_t n = strlen(text), bad;
    if (!wick_utf8_valid(text, n, &bad)) {
        char where[64];
        snprintf(where, sizeof where, "argument %zu", input->next_argument);
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "use a UTF-8 locale",
                         "invalid UTF-8 at byte %zu of the text", bad + 1);
    }
    int status = wick_text_batch_append(batch, text, n, error);
    return status ? status : wick_text_batch_end_text(batch, input->next_argument, error);
}

int wick_input_next(wick_input *input, wick_text_batch *batch, size_t max_texts, wick_error *error)
{
    wick_text_batch_empty(batch);
    while (batch->n_texts < max_texts && batch->n_bytes < BATCH_BYTES) {
        bool got = false;
        /* What a slow pipe has given so far is worked off instead of waiting for more. */
        if (batch->n_texts && !input->is_arguments && !wick_source_ready(&input->reader.source, error))
            break;
        int status = input->is_arguments ? read_argument(input, batch, &got, error)
                                         : input->read(&input->reader, batch, &got, error);
        if (status)
            return status;
        if (!got)
            break;
    }
    wick_text_batch_seal(batch);
    return 0;
}

void wick_input_place(const wick_input *input, const wick_text_batch *batch, size_t i, char *out, size_t out_bytes)
{
    if (input->is_arguments)
        snprintf(out, out_bytes, "argument %llu", (unsigned long long)batch->lines[i]);
    else
        wick_source_place(&input->reader.source, batch->lines[i], out, out_bytes);
}

void wick_input_name_text(const wick_input *input, const wick_text_batch *batch, wick_error *error)
{
    size_t i;
    if (wick_error_of_text(error, &i) && i < batch->n_texts)
        wick_input_place(input, batch, i, error->where, sizeof error->where);
}

bool wick_input_is_arguments(const wick_input *input)
{
    return input->is_arguments;
}

bool wick_input_is_terminal(const wick_input *input)
{
    return !input->is_arguments && isatty(input->reader.source.fd);
}

void wick_input_progress(const wick_input *input, uint64_t *done_bytes, uint64_t *total_bytes)
{
    const wick_source *source = &input->reader.source;
    *done_bytes = source->read_bytes - (source->n - source->position);
    *total_bytes = source->size_bytes;
}

int wick_read_text_line(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error)
{
    wick_source *source = &reader->source;
    int status = wick_source_read_line(source, batch, got, error);
    if (status || !*got)
        return status;
    size_t n = wick_text_batch_open_bytes(batch);
    status = n ? wick_source_check_utf8(source, batch->bytes + batch->n_bytes - n, n, source->line, error) : 0;
    return status ? status : wick_text_batch_end_text(batch, source->line, error);
}
