/* SPDX-License-Identifier: Apache-2.0
 * input_readers.h: the formats behind input.h. Each reader appends one text to the batch and ends it, or says that
 * there is none. */
#ifndef WICK_CLI_INPUT_READERS_H
#define WICK_CLI_INPUT_READERS_H
#include "cli/source.h"

#define WICK_MAX_COLUMNS 16384

typedef struct wick_reader {
    wick_source source;
    const char *field; /* NULL: "text" */
    bool has_header;
    bool started;            /* CSV: the header has been read and column is known */
    size_t column;           /* CSV, counted from 0 */
    wick_text_batch scratch; /* the JSON line, the CSV header */
} wick_reader;

typedef int (*wick_read_text_fn)(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error);

int wick_read_text_line(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error);
int wick_read_text_jsonl(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error);
int wick_read_text_csv(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error);

#endif
