/* SPDX-License-Identifier: Apache-2.0
 * precision.c: see precision.h. */
#include "server/precision.h"

#include <math.h>
#include <stdlib.h>

#include "server/request.h"

static bool is_scalar(const wick_call *call)
{
    return call->precision == WICK_PRECISION_INT8 || call->precision == WICK_PRECISION_UINT8;
}

/* [least ones, largest ones], each a number for every value of the vectors that are asked for. */
static bool read_ranges(wick_call *call, const wick_json *value, wick_api_error *error)
{
    const size_t n = wick_json_count(wick_json_at(value, 0));
    if (wick_json_type_of(value) != WICK_JSON_ARRAY || wick_json_count(value) != 2 || n == 0 ||
        wick_json_count(wick_json_at(value, 1)) != n)
        return wick_refuse(error, WICK_REFUSE_INVALID, "ranges",
                           "ranges must be two arrays of as many numbers as vectors have values: the least ones, and "
                           "the largest ones");
    float *ranges = wick_arena_take(call->arena, 2 * n, sizeof *ranges);
    if (!ranges)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    for (size_t i = 0; i < 2 * n; i++) {
        double number = NAN;
        wick_json_number(wick_json_at(wick_json_at(value, i / n), i % n), &number);
        ranges[i] = (float)number;
        if (!isfinite(ranges[i]))
            return wick_refuse(error, WICK_REFUSE_INVALID, "ranges", "ranges[%zu][%zu] is not a number that fits f32",
                               i / n, i % n);
    }
    call->ranges = ranges;
    call->n_ranges = n;
    return true;
}

bool wick_precision_read(wick_call *call, wick_api_error *error)
{
    static const char *const names[] = {"f32", "int8", "uint8", "binary", "ubinary", NULL}; /* as wick_precision */
    const wick_json *ranges = wick_json_get(call->body, "ranges");
    const bool has_ranges = wick_json_type_of(ranges) != WICK_JSON_NULL;
    size_t precision = WICK_PRECISION_F32;
    if (!wick_request_choice(call->body, "precision", names, &precision, error))
        return false;
    call->precision = (wick_precision)precision;
    if (has_ranges && !is_scalar(call))
        return wick_refuse(error, WICK_REFUSE_INVALID, "ranges", "ranges are for precision int8 and uint8");
    if (precision != WICK_PRECISION_F32 && call->format != WICK_FORMAT_FLOAT && call->format != WICK_FORMAT_BASE64)
        return wick_refuse(error, WICK_REFUSE_INVALID, "encoding_format",
                           "with a precision encoding_format must be \"float\", which gives integers, or \"base64\"");
    return !has_ranges || read_ranges(call, ranges, error);
}

bool wick_precision_bind(const wick_call *call, wick_api_error *error)
{
    if (call->ranges && call->n_ranges != call->dimension)
        return wick_refuse(error, WICK_REFUSE_INVALID, "ranges", "ranges are of %zu values, but the vectors have %zu",
                           call->n_ranges, call->dimension);
    return call->ranges || !is_scalar(call) || call->n_texts > 1 ||
           wick_refuse(
               error, WICK_REFUSE_INVALID, "ranges",
               "int8 and uint8 need ranges of values, which one text alone has not; send ranges, or more texts");
}

/* Of the call's own vectors. NULL: out of memory. */
static float *own_ranges(const wick_call *call)
{
    float *ranges = malloc(2 * call->dimension * sizeof *ranges);
    if (!ranges)
        return NULL;
    wick_ranges_begin(ranges, call->dimension);
    wick_ranges_add(ranges, call->vectors, call->n_texts, call->dimension);
    return ranges;
}

static void put_row(const wick_call *call, const uint8_t *row, size_t n_bytes, wick_buffer *out)
{
    if (call->format == WICK_FORMAT_BASE64)
        wick_json_put_base64(out, row, n_bytes);
    else if (call->precision == WICK_PRECISION_INT8 || call->precision == WICK_PRECISION_BINARY)
        wick_json_put_int8s(out, (const int8_t *)row, n_bytes);
    else
        wick_json_put_uint8s(out, row, n_bytes);
}

void wick_precision_put(const wick_call *call, wick_buffer *out)
{
    const size_t n_bytes = wick_precision_bytes(call->precision, call->dimension);
    const bool needs_own = is_scalar(call) && !call->ranges;
    float *own = needs_own ? own_ranges(call) : NULL;
    uint8_t *row = malloc(n_bytes);
    if (!row || (needs_own && !own))
        out->failed = true;
    for (size_t i = 0; i < call->n_texts && !out->failed; i++) {
        /* It cannot fail: ranges are finite, as vectors are. */
        wick_vectors_quantize(call->vectors + i * call->dimension, 1, call->dimension, call->precision,
                              own ? own : call->ranges, row, NULL);
        wick_buffer_text(out, i ? "," : "");
        put_row(call, row, n_bytes, out);
    }
    free(row);
    free(own);
}
