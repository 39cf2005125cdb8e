/* SPDX-License-Identifier: Apache-2.0
 * test_quantize.c: vectors in fewer bytes are those of sentence-transformers' quantize_embeddings, to the bit (fixtures/sentence/quantize.json, made by
 * tools/make_sentence_golden.py); and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include <wick.h>

static const wick_precision narrow[] = {WICK_PRECISION_INT8, WICK_PRECISION_UINT8, WICK_PRECISION_BINARY,
                                        WICK_PRECISION_UBINARY};

/* The f32 values whose bits stand in rows [n, dimension]; NULL where rows is null. */
static float *read_bits(const wick_json *rows, size_t dimension, size_t *n)
{
    *n = wick_json_count(rows);
    if (wick_json_type_of(rows) == WICK_JSON_NULL)
        return NULL;
    float *values = malloc((*n * dimension + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < *n * dimension; i++) {
        int64_t bits = 0;
        assert_true(wick_json_integer(wick_json_at(wick_json_at(rows, i / dimension), i % dimension), &bits));
        const uint32_t word = (uint32_t)bits;
        memcpy(&values[i], &word, sizeof word);
    }
    return values;
}

static void check_precision(const wick_json *one, wick_precision precision, const float *vectors, size_t n,
                            size_t dimension, const float *ranges)
{
    const char *name = wick_precision_name(precision);
    const wick_json *rows = wick_json_get(one, name);
    const size_t n_bytes = wick_precision_bytes(precision, dimension);
    uint8_t *out = malloc(n * n_bytes + 1);
    out[n * n_bytes] = 0xA5;
    wick_error error = {0};
    const bool is_scalar = precision <= WICK_PRECISION_UINT8;
    if (wick_vectors_quantize(vectors, n, dimension, precision, is_scalar ? ranges : NULL, out, &error) != WICK_OK)
        fail_msg("%s: %s", name, error.message);
    assert_int_equal(wick_json_count(rows), n);
    for (size_t i = 0; i < n * n_bytes; i++) {
        int64_t want = 0;
        const bool is_signed = precision == WICK_PRECISION_INT8 || precision == WICK_PRECISION_BINARY;
        assert_true(wick_json_integer(wick_json_at(wick_json_at(rows, i / n_bytes), i % n_bytes), &want));
        const int64_t got = is_signed ? (int8_t)out[i] : out[i];
        if (got != want)
            fail_msg("%s, %s, value %zu: %lld, not %lld", wick_json_string(wick_json_get(one, "name"), NULL), name, i,
                     (long long)got, (long long)want);
    }
    assert_int_equal(out[n * n_bytes], 0xA5);
    free(out);
}

static void as_the_reference(void **state)
{
    wick_json *root = NULL;
    assert_int_equal(wick_json_read(WICK_FIXTURES "/sentence/quantize.json", (size_t)4 << 20, &root, NULL), WICK_OK);
    const wick_json *cases = wick_json_get(root, "cases");
    assert_int_equal(wick_json_count(cases), 8);
    for (size_t c = 0; c < wick_json_count(cases); c++) {
        const wick_json *one = wick_json_at(cases, c);
        int64_t dimension = 0;
        size_t n, n_calibration, n_ranges;
        wick_json_integer(wick_json_get(one, "dimension"), &dimension);
        const size_t d = (size_t)dimension;
        float *vectors = read_bits(wick_json_get(one, "vectors"), d, &n);
        float *calibration = read_bits(wick_json_get(one, "calibration"), d, &n_calibration);
        float *ranges = read_bits(wick_json_get(one, "ranges"), d, &n_ranges), *own = malloc(2 * d * sizeof *own);
        wick_ranges_begin(own, d);
        if (calibration)
            wick_ranges_add(own, calibration, n_calibration, d);
        else
            for (size_t i = 0; i < n; i++) /* piece by piece */
                wick_ranges_add(own, vectors + i * d, 1, d);
        if (calibration) /* as NumPy took them */
            assert_memory_equal(own, ranges, 2 * d * sizeof *own);
        for (size_t p = 0; p < 4; p++)
            check_precision(one, narrow[p], vectors, n, d, ranges ? ranges : own);
        free(vectors);
        free(calibration);
        free(ranges);
        free(own);
    }
    wick_json_free(root);
}

static void names_and_sizes(void **state)
{
    static const char *const names[] = {"f32", "int8", "uint8", "binary", "ubinary"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(wick_precision_name((wick_precision)i), names[i]);
    assert_string_equal(wick_precision_name((wick_precision)5), "unknown");
    static const size_t sizes[][3] = {{0, 0, 0}, {1, 1, 1}, {8, 8, 1}, {9, 9, 2}, {384, 384, 48}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(wick_precision_bytes(WICK_PRECISION_F32, sizes[i][0]), 4 * sizes[i][0]);
        assert_int_equal(wick_precision_bytes(WICK_PRECISION_UINT8, sizes[i][0]), sizes[i][1]);
        assert_int_equal(wick_precision_bytes(WICK_PRECISION_BINARY, sizes[i][0]), sizes[i][2]);
    }
    assert_int_equal(wick_precision_bytes(WICK_PRECISION_F32, SIZE_MAX), 0);
    assert_int_equal(wick_precision_bytes(WICK_PRECISION_UBINARY, SIZE_MAX), SIZE_MAX / 8 + 1);
    const float vectors[] = {1.5f, -2.5f};
    float copy[2];
    assert_int_equal(wick_vectors_quantize(vectors, 1, 2, WICK_PRECISION_F32, NULL, copy, NULL), WICK_OK);
    assert_memory_equal(copy, vectors, sizeof copy);
}

static void fails(size_t n, size_t dimension, wick_precision precision, const float *ranges, const char *message)
{
    const float vectors[4] = {0};
    uint8_t out[16];
    wick_error error = {0};
    assert_int_equal(wick_vectors_quantize(vectors, n, dimension, precision, ranges, out, &error),
                     WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, message);
}

static void what_is_refused(void **state)
{
    float ranges[4];
    wick_ranges_begin(ranges, 2);
    fails(1, 2, WICK_PRECISION_INT8, NULL, "int8 needs the ranges of values");
    fails(1, 2, WICK_PRECISION_UINT8, ranges, "the range of dimension 0 is empty or not finite");
    fails(1, 2, WICK_PRECISION_UINT8, (const float[]){0, 0, 1, NAN}, "the range of dimension 1 is empty or not finite");
    fails(1, 2, (wick_precision)9, NULL, "precision is 9");
    fails(SIZE_MAX / 2, 4, WICK_PRECISION_BINARY, NULL, "no memory can hold 9223372036854775807 vectors");
    /* What is no number is no danger either, nor are ranges upside down or too wide for f32. */
    const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f};
    uint8_t out[4];
    assert_int_equal(
        wick_vectors_quantize(odd, 2, 2, WICK_PRECISION_UINT8, (const float[]){-3e38f, 1, 3e38f, 0}, out, NULL),
        WICK_OK);
    assert_int_equal(out[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_reference),
        cmocka_unit_test(names_and_sizes),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
