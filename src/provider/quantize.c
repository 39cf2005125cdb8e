/* SPDX-License-Identifier: Apache-2.0
 * quantize.c: vectors in fewer bytes, by the formulas of sentence-transformers' quantize_embeddings, in f32 as NumPy computes them there: the results are to be the same bits. In: vectors, and for
 * the scalar kinds the ranges of their values. Out: bytes. Called through wick.h, by src/cli and src/server. */
#include "base/checked.h"
#include "base/error.h"
#include <math.h>
#include <string.h>
#include <wick.h>

static const char *const names[] = {[WICK_PRECISION_F32] = "f32",
                                    [WICK_PRECISION_INT8] = "int8",
                                    [WICK_PRECISION_UINT8] = "uint8",
                                    [WICK_PRECISION_BINARY] = "binary",
                                    [WICK_PRECISION_UBINARY] = "ubinary"};

static bool is_known(wick_precision precision)
{
    return (size_t)precision < sizeof names / sizeof *names;
}

const char *wick_precision_name(wick_precision precision)
{
    return is_known(precision) ? names[precision] : "unknown";
}

static bool is_scalar(wick_precision precision)
{
    return precision == WICK_PRECISION_INT8 || precision == WICK_PRECISION_UINT8;
}

size_t wick_precision_bytes(wick_precision precision, size_t dimension)
{
    size_t n_bytes = 0;
    if (precision == WICK_PRECISION_F32)
        return wick_mul_size(dimension, sizeof(float), &n_bytes) ? n_bytes : 0;
    return is_scalar(precision) ? dimension : dimension / 8 + (dimension % 8 > 0);
}

void wick_ranges_begin(float *ranges, size_t dimension)
{
    for (size_t i = 0; i < dimension; i++) {
        ranges[i] = INFINITY;
        ranges[dimension + i] = -INFINITY;
    }
}

void wick_ranges_add(float *ranges, const float *vectors, size_t n_vectors, size_t dimension)
{
    float *least = ranges, *largest = ranges + dimension;
    for (size_t v = 0; v < n_vectors; v++)
        for (size_t i = 0; i < dimension; i++) {
            const float value = vectors[v * dimension + i];
            least[i] = value < least[i] ? value : least[i];
            largest[i] = value > largest[i] ? value : largest[i];
        }
}

/* Values from 0 to 255; those from -128 on are these with their highest bit the other way round. */
static void quantize_scalar(const float *vector, size_t dimension, const float *ranges, uint8_t flip, uint8_t *out)
{
    for (size_t i = 0; i < dimension; i++) {
        const float start = ranges[i], range = (ranges[dimension + i] - start) / 255.0f;
        const float step = range == 0 ? 1.0f : range;
        const float value = floorf((vector[i] - start) / step);
        const uint8_t byte = value >= 255.0f ? 255 : value > 0 ? (uint8_t)value : 0; /* 0 for what is no number */
        out[i] = byte ^ flip;
    }
}

static void quantize_binary(const float *vector, size_t dimension, uint8_t flip, uint8_t *out)
{
    const size_t n_bytes = wick_precision_bytes(WICK_PRECISION_UBINARY, dimension);
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned byte = 0;
        for (size_t bit = 0; bit < 8; bit++)
            byte = byte << 1 | (i * 8 + bit < dimension && vector[i * 8 + bit] > 0);
        out[i] = (uint8_t)byte ^ flip;
    }
}

static int check_ranges(const float *ranges, size_t dimension, wick_precision precision, wick_error *error)
{
    if (!ranges)
        return wick_fail(error, WICK_E_INVALID_INPUT, "ranges", "take them from a few hundred vectors",
                         "%s needs the ranges of values", names[precision]);
    for (size_t i = 0; i < 2 * dimension; i++)
        if (!isfinite(ranges[i]))
            return wick_fail(error, WICK_E_INVALID_INPUT, "ranges", "take them from a few hundred vectors",
                             "the range of dimension %zu is empty or not finite", i % dimension);
    return WICK_OK;
}

int wick_vectors_quantize(const float *vectors, size_t n_vectors, size_t dimension, wick_precision precision,
                          const float *ranges, void *out, wick_error *error)
{
    size_t n_values;
    if (!is_known(precision))
        return wick_fail(error, WICK_E_INVALID_INPUT, "precision", "use one of WICK_PRECISION_*", "precision is %d",
                         (int)precision);
    if (!wick_mul_size(n_vectors, dimension, &n_values) || !wick_mul_size(n_values, sizeof(float), &n_values))
        return wick_fail(error, WICK_E_INVALID_INPUT, "n_vectors", "give fewer vectors a call",
                         "no memory can hold %zu vectors", n_vectors);
    if (n_values == 0)
        return WICK_OK;
    if (!vectors || !out)
        return wick_fail_null(error, vectors ? "out" : "vectors");
    int rc = is_scalar(precision) ? check_ranges(ranges, dimension, precision, error) : WICK_OK;
    if (rc != WICK_OK)
        return rc;
    if (precision == WICK_PRECISION_F32) {
        memcpy(out, vectors, n_values);
        return WICK_OK;
    }
    const size_t n_bytes = wick_precision_bytes(precision, dimension);
    const uint8_t flip = precision == WICK_PRECISION_INT8 || precision == WICK_PRECISION_BINARY ? 0x80 : 0;
    for (size_t v = 0; v < n_vectors; v++) {
        const float *vector = vectors + v * dimension;
        uint8_t *row = (uint8_t *)out + v * n_bytes;
        if (is_scalar(precision))
            quantize_scalar(vector, dimension, ranges, flip, row);
        else
            quantize_binary(vector, dimension, flip, row);
    }
    return WICK_OK;
}
