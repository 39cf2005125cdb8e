/* SPDX-License-Identifier: Apache-2.0
 * npy.h: NumPy's file format: the header that writer.c puts before its rows, and reading vectors of f32. */
#ifndef WICK_CLI_NPY_H
#define WICK_CLI_NPY_H
#include "base/mapped.h"

/* Its size does not depend on the number of rows, so that it can be patched when that is known. */
#define WICK_NPY_HEADER_BYTES 128

/* type: NumPy's name of the values, "<f4", "|i1" or "|u1". Shape (n_rows, n_columns), C order. */
void wick_npy_header(char out[WICK_NPY_HEADER_BYTES], const char *type, uint64_t n_rows, size_t n_columns);

/* Vectors in a file that is mapped until wick_npy_close; start with {0}. */
typedef struct wick_npy {
    wick_mapped mapped;
    const float *values; /* [n_rows, n_columns] */
    size_t n_rows, n_columns;
} wick_npy;

/* WICK_E_IO; WICK_E_INVALID_INPUT: it is no npy, or not of f32 in C order with two dimensions, or shorter than it says. */
int wick_npy_open(const char *path, wick_npy *out, wick_error *error);
void wick_npy_close(wick_npy *npy);

#endif
