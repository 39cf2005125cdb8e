/* SPDX-License-Identifier: Apache-2.0
 * input_csv.c: a column of a CSV file (RFC 4180: quoted fields may hold commas, line breaks and doubled quotes; rows
 * end with LF, CRLF or, as spreadsheets of old Macs wrote it, CR, in one file even; Python's csv takes the same). As in most readers, a quote inside an unquoted field stands for itself and a row of nothing
 * is no row. Called by input.c. */
#include "base/error.h"
#include "cli/input_readers.h"
#include <stdio.h>
#include <string.h>

typedef enum field_end { FIELD_COMMA, FIELD_ROW_END, FIELD_INPUT_END } field_end;

/* The field being read. batch NULL: it is passed over. */
typedef struct field {
    wick_source *source;
    wick_text_batch *batch;
    uint64_t first_line;
    size_t n_bytes;
    field_end end;
} field;

static int fail_at(const wick_source *source, uint64_t line, const char *mend, const char *message, wick_error *error)
{
    char where[320];
    wick_source_place(source, line, where, sizeof where);
    return wick_fail(error, WICK_E_INVALID_INPUT, where, mend, "%s", message);
}

static int append(field *f, const char *data, size_t n, wick_error *error)
{
    if (n > WICK_MAX_LINE_BYTES - f->n_bytes)
        return fail_at(f->source, f->first_line, "look for a quote that is not closed",
                       "the field that begins here is longer than 64 MB", error);
    f->n_bytes += n;
    return f->batch ? wick_text_batch_append(f->batch, data, n, error) : 0;
}

/* The next byte without consuming it; -1 at the end. */
static int peek(wick_source *source, int *byte, wick_error *error)
{
    size_t n;
    int status = wick_source_fill(source, 1, &n, error);
    *byte = status || n == 0 ? -1 : (unsigned char)source->buffer[source->position];
    return status;
}

/* Consumes a row's end: LF, CRLF or a CR alone. byte: the next one, one of the two. */
static int skip_row_end(wick_source *source, int byte, wick_error *error)
{
    int status = 0;
    source->position++;
    source->line++;
    if (byte == '\r')
        status = peek(source, &byte, error);
    else
        byte = -1;
    source->position += !status && byte == '\n';
    return status;
}

/* The opening quote has been consumed; stops behind the closing one. */
static int read_quoted(field *f, wick_error *error)
{
    wick_source *source = f->source;
    for (;;) {
        int byte, status = peek(source, &byte, error);
        if (status)
            return status;
        if (byte < 0)
            return fail_at(source, f->first_line, "close it, or double quotes that are text",
                           "the quote that opens here is never closed", error);
        const char *begin = source->buffer + source->position;
        size_t n = source->n - source->position;
        const char *quote = memchr(begin, '"', n);
        if (quote)
            n = (size_t)(quote - begin);
        status = append(f, begin, n, error);
        if (status)
            return status;
        for (const char *c = begin; (c = memchr(c, '\n', n - (size_t)(c - begin))); c++)
            source->line++;
        source->position += n + (quote != NULL);
        if (!quote)
            continue;
        status = peek(source, &byte, error);
        if (status || byte != '"')
            return status;
        source->position++;
        status = append(f, "\"", 1, error);
        if (status)
            return status;
    }
}

/* Reads to the comma, the row's end or the input's end, and past it. is_closed: a quoted field stands before, nothing
 * may follow it. */
static int read_plain(field *f, bool is_closed, wick_error *error)
{
    wick_source *source = f->source;
    for (;;) {
        int byte, status = peek(source, &byte, error);
        if (status)
            return status;
        if (byte < 0) {
            f->end = FIELD_INPUT_END;
            return 0;
        }
        if (byte == ',') {
            source->position++;
            f->end = FIELD_COMMA;
            return 0;
        }
        if (byte == '\n' || byte == '\r') {
            f->end = FIELD_ROW_END;
            return skip_row_end(source, byte, error);
        }
        if (is_closed)
            return fail_at(source, source->line + 1, "double quotes that are text, quote the whole field",
                           "text stands behind a closing quote", error);
        const char *begin = source->buffer + source->position;
        size_t n = 1, left = source->n - source->position;
        while (n < left && begin[n] != ',' && begin[n] != '\n' && begin[n] != '\r')
            n++;
        status = append(f, begin, n, error);
        if (status)
            return status;
        source->position += n;
    }
}

static int read_field(wick_source *source, wick_text_batch *batch, field *f, wick_error *error)
{
    *f = (field){.source = source, .batch = batch, .first_line = source->line + 1};
    int byte, status = peek(source, &byte, error);
    bool is_quoted = !status && byte == '"';
    if (is_quoted) {
        source->position++;
        status = read_quoted(f, error);
    }
    return status ? status : read_plain(f, is_quoted, error);
}

/* Passes over rows of nothing. *ended: no row follows. */
static int find_row(wick_source *source, bool *ended, wick_error *error)
{
    for (;;) {
        int byte, status = peek(source, &byte, error);
        *ended = byte < 0;
        if (status || (byte != '\n' && byte != '\r'))
            return status;
        status = skip_row_end(source, byte, error);
        if (status)
            return status;
    }
}

/* ---- the header
 * -------------------------------------------------------------------------------------------------------- */

/* "3" -> 2; false unless a number from 1. */
static bool column_number(const char *text, size_t *column)
{
    size_t n = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || n > WICK_MAX_COLUMNS)
            return false;
        n = 10 * n + (size_t)(*c - '0');
    }
    *column = n - 1;
    return n > 0 && n <= WICK_MAX_COLUMNS;
}

/* Finds the wanted column among the names in header (sealed). */
static int choose_column(wick_reader *reader, const wick_text_batch *header, wick_error *error)
{
    const char *wanted = reader->field ? reader->field : "text";
    for (size_t i = 0; i < header->n_texts; i++) {
        if (header->text_bytes[i] == strlen(wanted) && !memcmp(header->texts[i], wanted, header->text_bytes[i])) {
            reader->column = i;
            return 0;
        }
    }
    if (reader->field && column_number(reader->field, &reader->column) && reader->column < header->n_texts)
        return 0;
    if (!reader->field && header->n_texts == 1) {
        reader->column = 0;
        return 0;
    }
    char where[320], mend[200];
    size_t n = (size_t)snprintf(mend, sizeof mend, "--field takes one of:");
    for (size_t i = 0; i < header->n_texts && n < sizeof mend; i++)
        n += (size_t)snprintf(mend + n, sizeof mend - n, "%s %.*s", i ? "," : "", (int)header->text_bytes[i],
                              header->texts[i]);
    wick_source_place(&reader->source, 1, where, sizeof where);
    return wick_fail(error, WICK_E_INVALID_INPUT, where, mend, "no column \"%s\"", wanted);
}

static int start(wick_reader *reader, wick_error *error)
{
    wick_source *source = &reader->source;
    reader->started = true;
    if (!reader->has_header) {
        if (!reader->field || column_number(reader->field, &reader->column))
            return 0;
        return wick_fail(error, WICK_E_INVALID_INPUT, source->name,
                         "with --no-header, --field takes the column's number, from 1", "no column \"%s\"",
                         reader->field);
    }
    bool ended;
    wick_text_batch *header = &reader->scratch;
    int status = find_row(source, &ended, error);
    if (status || ended)
        return status;
    for (field f = {0}; !status;) {
        status = read_field(source, header, &f, error);
        if (!status && header->n_texts == WICK_MAX_COLUMNS)
            return fail_at(source, 1, "check that the file is CSV", "the header has too many columns", error);
        size_t n = wick_text_batch_open_bytes(header);
        if (!status && n)
            status = wick_source_check_utf8(source, header->bytes + header->n_bytes - n, n, f.first_line, error);
        if (!status)
            status = wick_text_batch_end_text(header, f.first_line, error);
        if (f.end != FIELD_COMMA)
            break;
    }
    if (status)
        return status;
    wick_text_batch_seal(header);
    return choose_column(reader, header, error);
}

int wick_read_text_csv(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error)
{
    wick_source *source = &reader->source;
    int status = reader->started ? 0 : start(reader, error);
    bool ended = false;
    if (!status)
        status = find_row(source, &ended, error);
    *got = !status && !ended;
    if (!*got)
        return status;
    uint64_t row_line = source->line + 1, text_line = 0;
    field f = {0};
    size_t column = 0;
    for (;; column++) {
        bool is_wanted = column == reader->column;
        status = read_field(source, is_wanted ? batch : NULL, &f, error);
        if (status)
            return status;
        if (is_wanted)
            text_line = f.first_line;
        if (f.end != FIELD_COMMA)
            break;
    }
    if (!text_line) {
        char message[96];
        snprintf(message, sizeof message, "the row has %zu %s, the text is in column %zu", column + 1,
                 column ? "columns" : "column", reader->column + 1);
        return fail_at(source, row_line, "look for a row that is broken, or a quote that is missing", message, error);
    }
    size_t n = wick_text_batch_open_bytes(batch);
    status = n ? wick_source_check_utf8(source, batch->bytes + batch->n_bytes - n, n, text_line, error) : 0;
    return status ? status : wick_text_batch_end_text(batch, text_line, error);
}
