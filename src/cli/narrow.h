/* SPDX-License-Identifier: Apache-2.0
 * narrow.h: `--precision`: vectors in fewer bytes on their way to writer.c. In: rows of f32. Out: rows of integers. The ranges that int8 and uint8 need are those of the
 * calibration vectors, else of all rows, which then wait in an unnamed file until the last is there. */
#ifndef WICK_CLI_NARROW_H
#define WICK_CLI_NARROW_H
#include "cli/output.h"

/* What the command line says; NULL: nothing. */
typedef struct wick_narrow_options {
    const char *precision;   /* "f32", "int8"... */
    const char *calibration; /* an npy of vectors */
} wick_narrow_options;

typedef struct wick_narrow {
    wick_precision precision;
    size_t dimension, row_bytes; /* values of a vector; bytes of a row */
    bool waits;                  /* for ranges */
    float *ranges;               /* [2, dimension] */
    uint8_t *row;                /* [row_bytes] */
    wick_output *spool;          /* rows that wait */
    uint64_t n_rows;             /* of them */
} wick_narrow;

/* Starts with {0}; f32 needs no more. Close in any case. */
int wick_narrow_open(wick_narrow *narrow, const wick_narrow_options *options, size_t dimension, wick_error *error);
void wick_narrow_close(wick_narrow *narrow);
/* Keeps rows [n, dimension] for later. */
int wick_narrow_keep(wick_narrow *narrow, const float *rows, size_t n, wick_error *error);
/* All rows that were kept, one after another. */
typedef void (*wick_narrow_fn)(void *arg, const float *row);
int wick_narrow_give(wick_narrow *narrow, wick_narrow_fn give, void *arg, wick_error *error);
/* The integers of one vector: -128 to 127, or 0 to 255; n is row_bytes. */
const uint8_t *wick_narrow_row(wick_narrow *narrow, const float *vector);
static inline bool wick_narrow_is_signed(const wick_narrow *narrow)
{
    return narrow->precision == WICK_PRECISION_INT8 || narrow->precision == WICK_PRECISION_BINARY;
}

#endif
