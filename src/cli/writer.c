/* SPDX-License-Identifier: Apache-2.0
 * writer.c: see writer.h. Called by embed.c.
 *   json   {"model": s, "embeddings": [[f32...]...], "dimension": n, "usage": {"total_tokens": n, "duration_ms": n}}
 *   jsonl  {"index": i, "embedding": [f32...]} a line, i counted from 0
 *   csv    the values of a row with commas, no header
 *   npy    NumPy's format 1.0, '<f4', shape (rows, dimension), C order
 *   f32    the values of all rows, little-endian, nothing else
 * In a narrower precision the values are integers, json says which, npy is '|i1' or '|u1', and f32 does not come. */
#include "cli/writer.h"
#include "base/error.h"
#include "cli/npy.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(float) == 4,
               "npy and f32 rows are written as they lie in memory");

static const char *const names[] = {[WICK_FORMAT_JSON] = "json",
                                    [WICK_FORMAT_JSONL] = "jsonl",
                                    [WICK_FORMAT_CSV] = "csv",
                                    [WICK_FORMAT_NPY] = "npy",
                                    [WICK_FORMAT_F32] = "f32"};

wick_format wick_format_of_name(const char *name)
{
    for (size_t i = WICK_FORMAT_JSON; name && i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return (wick_format)i;
    return WICK_FORMAT_NONE;
}

wick_format wick_format_of_path(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash))
        return WICK_FORMAT_NONE;
    if (!strcmp(dot, ".ndjson"))
        return WICK_FORMAT_JSONL;
    return wick_format_of_name(dot + 1);
}

static const char *npy_type(const wick_writer *writer)
{
    if (writer->narrow.precision == WICK_PRECISION_F32)
        return "<f4";
    return wick_narrow_is_signed(&writer->narrow) ? "|i1" : "|u1";
}

static void npy_header(const wick_writer *writer, char out[WICK_NPY_HEADER_BYTES])
{
    const bool is_whole = writer->narrow.precision == WICK_PRECISION_F32;
    wick_npy_header(out, npy_type(writer), writer->n_rows, is_whole ? writer->dimension : writer->narrow.row_bytes);
}

int wick_writer_begin(wick_writer *writer, wick_output *output, wick_format format, const char *model, size_t dimension,
                      const wick_narrow_options *narrow, wick_error *error)
{
    *writer = (wick_writer){.output = output, .format = format, .dimension = dimension};
    int status = wick_narrow_open(&writer->narrow, narrow, dimension, error);
    if (status)
        return status;
    if (format == WICK_FORMAT_JSON) {
        wick_output_text(output, "{\"model\":");
        wick_output_json_string(output, model, strlen(model));
        if (writer->narrow.precision != WICK_PRECISION_F32)
            wick_output_format(output, ",\"precision\":\"%s\"", wick_precision_name(writer->narrow.precision));
        wick_output_text(output, ",\"embeddings\":[");
    } else if (format == WICK_FORMAT_NPY && wick_output_can_patch(output)) {
        char header[WICK_NPY_HEADER_BYTES];
        npy_header(writer, header);
        wick_output_write(output, header, sizeof header);
    } else if (format == WICK_FORMAT_NPY) {
        return wick_output_open_spool(&writer->spool, error);
    }
    return 0;
}

static void write_floats(wick_output *output, const float *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            wick_output_write(output, ",", 1);
        wick_output_float(output, row[i]);
    }
}

static void write_integers(wick_output *output, const uint8_t *row, size_t n, bool is_signed)
{
    for (size_t i = 0; i < n; i++)
        wick_output_format(output, "%s%d", i ? "," : "", is_signed ? (int8_t)row[i] : row[i]);
}

/* row: the vector, or what narrow.h made of it. */
static void write_values(wick_writer *writer, const void *row)
{
    const wick_narrow *narrow = &writer->narrow;
    if (narrow->precision == WICK_PRECISION_F32)
        write_floats(writer->output, row, writer->dimension);
    else
        write_integers(writer->output, row, narrow->row_bytes, wick_narrow_is_signed(narrow));
}

static void write_row(void *arg, const float *vector)
{
    wick_writer *writer = arg;
    wick_output *output = writer->output;
    const void *row = vector;
    if (writer->narrow.precision != WICK_PRECISION_F32)
        row = wick_narrow_row(&writer->narrow, vector);
    switch (writer->format) {
    case WICK_FORMAT_JSON:
        wick_output_text(output, writer->n_rows ? ",\n[" : "\n[");
        write_values(writer, row);
        wick_output_text(output, "]");
        break;
    case WICK_FORMAT_JSONL:
        wick_output_format(output, "{\"index\":%" PRIu64 ",\"embedding\":[", writer->n_rows);
        write_values(writer, row);
        wick_output_text(output, "]}\n");
        break;
    case WICK_FORMAT_CSV:
        write_values(writer, row);
        wick_output_text(output, "\n");
        break;
    case WICK_FORMAT_NPY:
    case WICK_FORMAT_F32:
    case WICK_FORMAT_NONE:
        wick_output_write(writer->spool ? writer->spool : output, row, writer->narrow.row_bytes);
        break;
    }
    writer->n_rows++;
}

int wick_writer_rows(wick_writer *writer, const float *rows, size_t n, wick_error *error)
{
    if (writer->narrow.waits)
        return wick_narrow_keep(&writer->narrow, rows, n, error);
    for (size_t i = 0; i < n; i++)
        write_row(writer, rows + i * writer->dimension);
    return wick_output_flush(writer->spool ? writer->spool : writer->output, error);
}

int wick_writer_end(wick_writer *writer, const wick_usage *usage, wick_error *error)
{
    wick_output *output = writer->output;
    int status = writer->narrow.waits ? wick_narrow_give(&writer->narrow, write_row, writer, error) : 0;
    if (status)
        return status;
    if (writer->format == WICK_FORMAT_JSON) {
        wick_output_format(output,
                           "%s],\"dimension\":%zu,\"usage\":{\"total_tokens\":%" PRIu64 ",\"duration_ms\":%.0f}}\n",
                           writer->n_rows ? "\n" : "", writer->dimension, usage->total_tokens, usage->duration_ms);
    } else if (writer->format == WICK_FORMAT_NPY) {
        char header[WICK_NPY_HEADER_BYTES];
        npy_header(writer, header);
        if (!writer->spool)
            return wick_output_patch(output, 0, header, sizeof header, error);
        wick_output_write(output, header, sizeof header);
        return wick_output_copy(output, writer->spool, error);
    }
    return wick_output_flush(output, error);
}

void wick_writer_close(wick_writer *writer)
{
    wick_narrow_close(&writer->narrow);
    wick_output_close(writer->spool);
    writer->spool = NULL;
}
