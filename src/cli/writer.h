/* SPDX-License-Identifier: Apache-2.0
 * writer.h: vectors as json, jsonl, csv, npy or f32, row by row as they come, but for those that wait for their ranges (narrow.h). */
#ifndef WICK_CLI_WRITER_H
#define WICK_CLI_WRITER_H
#include "cli/narrow.h"

typedef enum wick_format {
    WICK_FORMAT_NONE,
    WICK_FORMAT_JSON,
    WICK_FORMAT_JSONL,
    WICK_FORMAT_CSV,
    WICK_FORMAT_NPY,
    WICK_FORMAT_F32
} wick_format;

/* "json", "npy"...; NULL or unknown: WICK_FORMAT_NONE. */
wick_format wick_format_of_name(const char *name);
/* By the file name's ending. */
wick_format wick_format_of_path(const char *path);

typedef struct wick_writer {
    wick_output *output; /* borrowed */
    wick_output *spool;  /* rows of an npy whose output cannot be patched; else NULL */
    wick_format format;
    size_t dimension;
    wick_narrow narrow;
    uint64_t n_rows;
} wick_writer;

/* model: the name that json states. Not f32 and another precision at once. */
int wick_writer_begin(wick_writer *writer, wick_output *output, wick_format format, const char *model, size_t dimension,
                      const wick_narrow_options *narrow, wick_error *error);
/* rows: [n, dimension] */
int wick_writer_rows(wick_writer *writer, const float *rows, size_t n, wick_error *error);
/* Writes what stands behind the rows. The output is then to be finished. */
int wick_writer_end(wick_writer *writer, const wick_usage *usage, wick_error *error);
void wick_writer_close(wick_writer *writer);

#endif
