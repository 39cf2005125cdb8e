/* SPDX-License-Identifier: Apache-2.0
 * source.h: the bytes of an input file or pipe, in pieces, and the batch of texts that readers fill from it. Beneath
 * input.c and its readers; nothing else uses it. */
#ifndef WICK_CLI_SOURCE_H
#define WICK_CLI_SOURCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wick.h>

#define WICK_SOURCE_BYTES ((size_t)1 << 16)
/* A longer line, CSV row or field is an error instead of all memory: a binary file often has no line break at all. */
#define WICK_MAX_LINE_BYTES ((size_t)64 << 20)

typedef struct wick_source {
    int fd;
    char name[256];      /* for errors */
    uint64_t line;       /* line breaks consumed so far */
    uint64_t read_bytes; /* taken from fd */
    uint64_t size_bytes; /* of a regular file, else 0 */
    bool may_wait;       /* a pipe, terminal or socket: reading may take long */
    bool at_end;
    size_t position, n; /* buffer[position..n) is to be consumed */
    char buffer[WICK_SOURCE_BYTES];
} wick_source;

/* path "-": standard input. A UTF-8 byte order mark at the beginning is passed over. */
int wick_source_open(wick_source *source, const char *path, wick_error *error);
void wick_source_close(wick_source *source);
/* Makes n_wanted bytes available (a few), or as many as there are: *n_available >= n_wanted but for the end. */
int wick_source_fill(wick_source *source, size_t n_wanted, size_t *n_available, wick_error *error);
/* Whether a line (or the end) can be had without waiting for the writer of a pipe. */
bool wick_source_ready(wick_source *source, wick_error *error);

/* Texts that lie one behind the other in bytes; pointers into it are valid until the next change. */
typedef struct wick_text_batch {
    size_t n_texts, n_bytes;
    const char **texts; /* [n_texts], set by wick_text_batch_seal */
    size_t *text_bytes; /* [n_texts] */
    uint64_t *lines;    /* [n_texts] the line each began in, or the argument's number; from 1 */
    char *bytes;
    size_t texts_capacity, bytes_capacity;
} wick_text_batch;

/* Starts with {0}. */
void wick_text_batch_empty(wick_text_batch *batch);
void wick_text_batch_free(wick_text_batch *batch);
int wick_text_batch_append(wick_text_batch *batch, const char *data, size_t n, wick_error *error);
/* What was appended since the last end is one text. */
int wick_text_batch_end_text(wick_text_batch *batch, uint64_t line, wick_error *error);
void wick_text_batch_seal(wick_text_batch *batch);
/* Bytes appended since the last end. */
size_t wick_text_batch_open_bytes(const wick_text_batch *batch);

/* Appends the next line to *batch without its line end (LF or CRLF), not ending the text. *got false: there is none.
 * */
int wick_source_read_line(wick_source *source, wick_text_batch *batch, bool *got, wick_error *error);
/* Checks the text not yet ended, which began in line first_line. */
int wick_source_check_utf8(const wick_source *source, const char *text, size_t n, uint64_t first_line,
                           wick_error *error);
/* "FILE, line N" */
void wick_source_place(const wick_source *source, uint64_t line, char *out, size_t out_bytes);

#endif
