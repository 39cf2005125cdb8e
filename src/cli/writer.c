/* SPDX-License-Identifier: Apache-2.0
 * writer.c: see writer.h. Called by embed.c.
 *   json   {"model": s, "embeddings": [[f32...]...], "dimension": n, "usage": {"total_tokens": n, "duration_ms": n}}
 *   jsonl  {"index": i, "embedding": [f32...]} a line, i counted from 0
 *   csv    the values of a row with commas, no header
 *   npy    NumPy's format 1.0, '<f4', shape (rows, dimension), C order
 *   f32    the values of all rows, little-endian, nothing else */
#include "cli/writer.h"
#include "base/error.h"
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

/* NumPy's header 1.0: magic, version, length of the rest as u16, a Python dict padded with blanks to a line break,
 * 64-byte aligned in all. Its size does not depend on the number of rows, so that it can be patched when that is
 * known. */
#define NPY_HEADER_BYTES 128

static void npy_header(char out[NPY_HEADER_BYTES], uint64_t n_rows, size_t dimension)
{
    static const char magic[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_HEADER_BYTES - 10, 0};
    char dict[NPY_HEADER_BYTES];
    int n = snprintf(dict, sizeof dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %zu), }",
                     n_rows, dimension);
    memset(out, ' ', NPY_HEADER_BYTES);
    memcpy(out, magic, sizeof magic);
    memcpy(out + sizeof magic, dict, (size_t)n);
    out[NPY_HEADER_BYTES - 1] = '\n';
}

int wick_writer_begin(wick_writer *writer, wick_output *output, wick_format format, const char *model, size_t dimension,
                      wick_error *error)
{
    *writer = (wick_writer){.output = output, .format = format, .dimension = dimension};
    if (format == WICK_FORMAT_JSON) {
        wick_output_text(output, "{\"model\":");
        wick_output_json_string(output, model, strlen(model));
        wick_output_text(output, ",\"embeddings\":[");
    } else if (format == WICK_FORMAT_NPY && wick_output_can_patch(output)) {
        char header[NPY_HEADER_BYTES];
        npy_header(header, 0, dimension);
        wick_output_write(output, header, sizeof header);
    } else if (format == WICK_FORMAT_NPY) {
        return wick_output_open_spool(&writer->spool, error);
    }
    return 0;
}

static void write_values(wick_output *output, const float *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            wick_output_write(output, ",", 1);
        wick_output_float(output, row[i]);
    }
}

static void write_row(wick_writer *writer, const float *row)
{
    wick_output *output = writer->output;
    switch (writer->format) {
    case WICK_FORMAT_JSON:
        wick_output_text(output, writer->n_rows ? ",\n[" : "\n[");
        write_values(output, row, writer->dimension);
        wick_output_text(output, "]");
        break;
    case WICK_FORMAT_JSONL:
        wick_output_format(output, "{\"index\":%" PRIu64 ",\"embedding\":[", writer->n_rows);
        write_values(output, row, writer->dimension);
        wick_output_text(output, "]}\n");
        break;
    case WICK_FORMAT_CSV:
        write_values(output, row, writer->dimension);
        wick_output_text(output, "\n");
        break;
    case WICK_FORMAT_NPY:
    case WICK_FORMAT_F32:
    case WICK_FORMAT_NONE:
        wick_output_write(writer->spool ? writer->spool : output, row, writer->dimension * sizeof *row);
        break;
    }
    writer->n_rows++;
}

int wick_writer_rows(wick_writer *writer, const float *rows, size_t n, wick_error *error)
{
    for (size_t i = 0; i < n; i++)
        write_row(writer, rows + i * writer->dimension);
    return wick_output_flush(writer->spool ? writer->spool : writer->output, error);
}

int wick_writer_end(wick_writer *writer, const wick_usage *usage, wick_error *error)
{
    wick_output *output = writer->output;
    if (writer->format == WICK_FORMAT_JSON) {
        wick_output_format(output,
                           "%s],\"dimension\":%zu,\"usage\":{\"total_tokens\":%" PRIu64 ",\"duration_ms\":%.0f}}\n",
                           writer->n_rows ? "\n" : "", writer->dimension, usage->total_tokens, usage->duration_ms);
    } else if (writer->format == WICK_FORMAT_NPY) {
        char header[NPY_HEADER_BYTES];
        npy_header(header, writer->n_rows, writer->dimension);
        if (!writer->spool)
            return wick_output_patch(output, 0, header, sizeof header, error);
        wick_output_write(output, header, sizeof header);
        return wick_output_copy(output, writer->spool, error);
    }
    return wick_output_flush(output, error);
}

void wick_writer_close(wick_writer *writer)
{
    wick_output_close(writer->spool);
    writer->spool = NULL;
}
