/* SPDX-License-Identifier: Apache-2.0
 * narrow.c: see narrow.h. Called by writer.c. */
#include "cli/narrow.h"
#include "base/checked.h"
#include "base/error.h"
#include "cli/npy.h"
#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE ((size_t)64)

static wick_precision precision_of(const char *name)
{
    wick_precision precision = WICK_PRECISION_F32;
    while (name && precision < WICK_PRECISION_UBINARY && strcmp(wick_precision_name(precision), name) != 0)
        precision++;
    return precision;
}

static bool needs_ranges(wick_precision precision)
{
    return precision == WICK_PRECISION_INT8 || precision == WICK_PRECISION_UINT8;
}

static int calibrate(wick_narrow *narrow, const char *path, wick_error *error)
{
    wick_npy npy;
    int status = wick_npy_open(path, &npy, error);
    if (status)
        return status;
    if (npy.n_columns != narrow->dimension)
        status =
            wick_fail(error, WICK_E_INVALID_INPUT, path, "calibrate with vectors of the same model and --dimensions",
                      "the calibration vectors have %zu values, the others %zu", npy.n_columns, narrow->dimension);
    else if (npy.n_rows == 0)
        status = wick_fail(error, WICK_E_INVALID_INPUT, path, "take a few hundred", "there are no calibration vectors");
    else
        wick_ranges_add(narrow->ranges, npy.values, npy.n_rows, npy.n_columns);
    if (!status) /* whether they can be used shows on any vector */
        status = wick_vectors_quantize(npy.values, 1, narrow->dimension, narrow->precision, narrow->ranges, narrow->row,
                                       error);
    wick_npy_close(&npy);
    narrow->waits = false;
    return status;
}

int wick_narrow_open(wick_narrow *narrow, const wick_narrow_options *options, size_t dimension, wick_error *error)
{
    size_t n_ranges;
    *narrow = (wick_narrow){.precision = precision_of(options->precision), .dimension = dimension};
    narrow->row_bytes = wick_precision_bytes(narrow->precision, dimension);
    if (narrow->precision == WICK_PRECISION_F32)
        return 0;
    narrow->row = malloc(narrow->row_bytes);
    if (wick_mul_size(2 * sizeof *narrow->ranges, dimension, &n_ranges))
        narrow->ranges = malloc(n_ranges);
    if (!narrow->row || !narrow->ranges)
        return wick_fail_memory(error, "a row of vectors");
    if (!needs_ranges(narrow->precision))
        return 0;
    wick_ranges_begin(narrow->ranges, dimension);
    narrow->waits = true;
    return options->calibration ? calibrate(narrow, options->calibration, error)
                                : wick_output_open_spool(&narrow->spool, error);
}

void wick_narrow_close(wick_narrow *narrow)
{
    wick_output_close(narrow->spool);
    free(narrow->ranges);
    free(narrow->row);
    *narrow = (wick_narrow){0};
}

int wick_narrow_keep(wick_narrow *narrow, const float *rows, size_t n, wick_error *error)
{
    wick_ranges_add(narrow->ranges, rows, n, narrow->dimension);
    wick_output_write(narrow->spool, rows, n * narrow->dimension * sizeof *rows);
    narrow->n_rows += n;
    return wick_output_flush(narrow->spool, error);
}

int wick_narrow_give(wick_narrow *narrow, wick_narrow_fn give, void *arg, wick_error *error)
{
    const size_t n_bytes = narrow->dimension * sizeof(float);
    if (narrow->n_rows == 1)
        return wick_fail(error, WICK_E_INVALID_INPUT, "--precision", "give --calibration FILE.npy, or more texts",
                         "%s needs ranges of values, which one vector alone has not",
                         wick_precision_name(narrow->precision));
    float *rows = malloc(ROWS_AT_ONCE * n_bytes);
    int status = rows ? 0 : wick_fail_memory(error, "rows of vectors");
    narrow->waits = false;
    for (uint64_t i = 0, n; i < narrow->n_rows && !status; i += n) {
        n = narrow->n_rows - i < ROWS_AT_ONCE ? narrow->n_rows - i : ROWS_AT_ONCE;
        status = wick_output_read(narrow->spool, i * n_bytes, rows, n * n_bytes, error);
        for (uint64_t row = 0; row < n && !status; row++)
            give(arg, rows + row * narrow->dimension);
    }
    free(rows);
    return status;
}

const uint8_t *wick_narrow_row(wick_narrow *narrow, const float *vector)
{
    /* It cannot fail: ranges are finite, since vectors are. */
    wick_vectors_quantize(vector, 1, narrow->dimension, narrow->precision, narrow->ranges, narrow->row, NULL);
    return narrow->row;
}
