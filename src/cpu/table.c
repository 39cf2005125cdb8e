/* SPDX-License-Identifier: Apache-2.0
 * table.c: writing and reading rows of embeddings (table.h). Plain C: a text reads a few rows of a few hundred values. */
#include "cpu/table.h"

#include <math.h>
#include <string.h>

#include "cpu/constants.h"

/* The row's beginning; rows are whole units of 32 bits. */
static void *row_of(const wick_cpu_table *table, size_t index)
{
    const size_t n_units = wick_compute_units(table->kind, table->width);
    return (uint32_t *)table->rows + index * n_units;
}

/* A bf16 is the upper half of an f32. */
static inline float from_bf16(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Rounded to nearest even; a NaN stays one. */
static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/* Symmetric: the largest magnitude becomes 127. */
static void set_i8(const wick_cpu_table *table, size_t index, const float *x)
{
    int8_t *row = row_of(table, index);
    float largest = 0;
    bool finite = true;
    for (size_t k = 0; k < table->width; k++) {
        largest = fabsf(x[k]) > largest ? fabsf(x[k]) : largest;
        finite = finite && isfinite(x[k]);
    }
    const bool usable = finite && largest > WICK_LEAST_RANGE;
    const float inverse = usable ? 127.0f / largest : 0;
    for (size_t k = 0; k < table->width; k++)
        row[k] = usable ? (int8_t)lrintf(x[k] * inverse) : 0;
    table->scales[index] = finite ? largest / 127.0f : NAN;
}

void wick_table_set(const wick_cpu_table *table, size_t index, const float *x)
{
    uint16_t *row16;
    switch (table->kind) {
    case WICK_COMPUTE_F32:
        memcpy(row_of(table, index), x, table->width * sizeof *x);
        break;
    case WICK_COMPUTE_BF16:
        row16 = row_of(table, index);
        for (size_t k = 0; k < table->width; k++)
            row16[k] = to_bf16(x[k]);
        break;
    case WICK_COMPUTE_I8:
        set_i8(table, index, x);
        break;
    case WICK_COMPUTE_I24: /* no table is */
        break;
    }
}

/* *to = value, or += value; add is a literal where this is inlined. */
static inline __attribute__((always_inline)) void put(float *to, float value, const bool add)
{
    *to = add ? *to + value : value;
}

static inline __attribute__((always_inline)) void read_row(const wick_cpu_table *table, size_t index, float *x,
                                                           const bool add)
{
    const void *row = row_of(table, index);
    const size_t n = table->width;
    const float *row32 = row;
    const uint16_t *row16 = row;
    const int8_t *row8 = row;
    switch (table->kind) {
    case WICK_COMPUTE_F32:
        for (size_t k = 0; k < n; k++)
            put(&x[k], row32[k], add);
        break;
    case WICK_COMPUTE_BF16:
        for (size_t k = 0; k < n; k++)
            put(&x[k], from_bf16(row16[k]), add);
        break;
    case WICK_COMPUTE_I8:
        for (size_t k = 0; k < n; k++)
            put(&x[k], table->scales[index] * (float)row8[k], add);
        break;
    case WICK_COMPUTE_I24:
        break;
    }
}

void wick_table_get(const wick_cpu_table *table, size_t index, float *x)
{
    read_row(table, index, x, false);
}

void wick_table_add(const wick_cpu_table *table, size_t index, float *x)
{
    read_row(table, index, x, true);
}
