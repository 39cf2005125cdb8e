/* SPDX-License-Identifier: Apache-2.0
 * input.h: texts from the command line, a file or a pipe, in batches of bounded size. Used by embed and tokenize. */
#ifndef WICK_CLI_INPUT_H
#define WICK_CLI_INPUT_H
#include "cli/command.h"
#include "cli/source.h"

/* The options of a command that reads texts. */
typedef struct wick_input_options {
    const char *path;   /* --input */
    const char *format; /* --input-format: "lines", "jsonl", "csv"; NULL: by the file name's ending */
    const char *field;  /* --field: the object's field, or the column's name or number */
    bool no_header;     /* --no-header */
} wick_input_options;

/* Rows of an option table. base: where the command's values hold the wick_input_options. */
/* clang-format off */
#define WICK_OPTIONS_INPUT(base) \
    {"input", WICK_OPTION_TEXT, "FILE", (base) + offsetof(wick_input_options, path), \
     "read the texts from FILE (-: standard input): a line\neach, or .jsonl: an object each, or .csv: a row each"}, \
    {"input-format", WICK_OPTION_CHOICE, "F", (base) + offsetof(wick_input_options, format), \
     "lines, jsonl or csv, whatever FILE is called", "lines|jsonl|csv"}, \
    {"field", WICK_OPTION_TEXT, "NAME", (base) + offsetof(wick_input_options, field), \
     "the object's field, or the column's name or number\n(from 1), that holds the text (default: text)"}, \
    {"no-header", WICK_OPTION_FLAG, NULL, (base) + offsetof(wick_input_options, no_header), \
     "the CSV begins with a text, not with column names"}
/* clang-format on */

typedef struct wick_input wick_input;

/* Opens what the command line says: arguments[0..n_arguments), else options->path, else standard input unless that is
 * a terminal. Returns 0, a WICK_E_* to be printed, or WICK_INPUT_USAGE where the usage error has been printed
 * already. */
int wick_input_open(const wick_command *command, const wick_input_options *options, char *const *arguments,
                    size_t n_arguments, wick_input **out, wick_error *error);
#define WICK_INPUT_USAGE 1
void wick_input_close(wick_input *input);

/* Fills *batch with up to max_texts texts (fewer where they are long, or where a pipe has no more yet); none: the
 * end. */
int wick_input_next(wick_input *input, wick_text_batch *batch, size_t max_texts, wick_error *error);
/* Where text i of the batch stands: "FILE, line 7" or "argument 2". */
void wick_input_place(const wick_input *input, const wick_text_batch *batch, size_t i, char *out, size_t out_bytes);
/* The library says which text of the batch it refused ("texts[7]"); the user wants to know which line or argument that is. */
void wick_input_name_text(const wick_input *input, const wick_text_batch *batch, wick_error *error);

bool wick_input_is_arguments(const wick_input *input);
bool wick_input_is_terminal(const wick_input *input);
/* Bytes consumed, and how many there are (0: not known). */
void wick_input_progress(const wick_input *input, uint64_t *done_bytes, uint64_t *total_bytes);

#endif
