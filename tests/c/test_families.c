/* SPDX-License-Identifier: Apache-2.0
 * Tests of the CPU backend on every family of tests/fixtures/models, from golden.json's ids to its vectors, without a tokenizer: in f32 as sentence-transformers has them, in bf16 and int8 nearly, on
 * every tier that this CPU has; and the same bits in any batch, on any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "support_encoder.h"
#include "support_kernels.h"

#define MIN_COSINE 0.99999
#define MAX_DIFFERENCE 1e-4

/* The least cosine to f32's golden vectors in the narrow dtypes. Random weights have no outliers, and vectors of 24 values average little out. */
typedef struct family {
    const char *name;
    double least_bf16, least_i8;
} family;

static const family families[] = {
    {"bert-cased", 0.9995, 0.97}, {"bert-cls", 0.9995, 0.97},
    {"camembert", 0.9995, 0.97},  {"distilbert", 0.9995, 0.97},
    {"eurobert", 0.9995, 0.97},   {"gemma3", 0.9995, 0.97},
    {"gte", 0.9995, 0.97},        {"gte-f16", 0.9995, 0.97},
    {"jina-v2", 0.9995, 0.97},    {"modernbert", 0.9995, 0.97},
    {"mpnet", 0.9995, 0.97},      {"nomic-bert", 0.9995, 0.97},
    {"qwen2", 0.9995, 0.97},      {"qwen2-bidirectional", 0.9995, 0.97},
    {"qwen3", 0.9995, 0.97},      {"qwen3-bf16", 0.9995, 0.97},
    {"roberta", 0.9995, 0.97},    {"xlm-roberta", 0.9995, 0.97},
};
#define N_FAMILIES (sizeof families / sizeof *families)

/* ---- golden.json ---------------------------------------------------------------------------------------------------- */

static const wick_json *first_case(const wick_json *golden)
{
    const wick_json *one = wick_json_at(wick_json_get(golden, "cases"), 0);
    assert_non_null(one);
    return one;
}

/* The ids of the case without a prompt; their vectors, as Wick's backend gives them where the model does not normalise, go to expected->vectors. */
static support_sequences read_golden(const char *folder, size_t dimension)
{
    char path[640];
    wick_error error = {0};
    wick_json *golden;
    snprintf(path, sizeof path, "%s/golden.json", folder);
    if (wick_json_read(path, 1 << 20, &golden, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    const wick_json *ids = wick_json_get(first_case(golden), "ids"),
                    *rows = wick_json_get(first_case(golden), "vectors");
    const size_t n = wick_json_count(ids);
    assert_true(n >= 10 && wick_json_count(rows) == n);
    size_t n_ids = 0;
    for (size_t i = 0; i < n; i++)
        n_ids += wick_json_count(wick_json_at(ids, i));
    support_sequences s = support_sequences_new(n, n_ids, dimension);
    for (size_t i = 0; i < n; i++) {
        const wick_json *one = wick_json_at(ids, i), *row = wick_json_at(rows, i);
        const size_t count = wick_json_count(one);
        assert_int_equal(wick_json_count(row), dimension);
        s.offsets[i + 1] = s.offsets[i] + (uint32_t)count;
        for (size_t j = 0; j < count; j++) {
            int64_t id;
            assert_true(wick_json_integer(wick_json_at(one, j), &id));
            s.ids[s.offsets[i] + j] = (int32_t)id;
        }
        for (size_t j = 0; j < dimension; j++) {
            double value;
            assert_true(wick_json_number(wick_json_at(row, j), &value));
            s.vectors[i * dimension + j] = (float)value;
        }
    }
    wick_json_free(golden);
    return s;
}

static void normalize(float *x, size_t n)
{
    double squares = 0;
    for (size_t j = 0; j < n; j++)
        squares += (double)x[j] * x[j];
    for (size_t j = 0; j < n; j++)
        x[j] = (float)(x[j] / sqrt(squares));
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

/* Vectors of got against expected's; the least cosine goes to *least, the largest difference to *largest. */
static void compare(const wick_model_files *files, support_sequences *got, const support_sequences *expected,
                    double *least, double *largest)
{
    *least = 1;
    *largest = 0;
    for (size_t i = 0; i < expected->n; i++) {
        float *x = got->vectors + i * got->dimension;
        double difference;
        if (files->has_normalize)
            normalize(x, got->dimension);
        const double cosine = support_cosine(x, expected->vectors + i * got->dimension, got->dimension, &difference);
        *least = cosine < *least || cosine != cosine ? cosine : *least;
        *largest = difference > *largest || difference != difference ? difference : *largest;
    }
}

static void check_dtype(const family *f, const wick_model_files *files, const support_sequences *expected,
                        const char *tier, const char *dtype)
{
    char label[96];
    double least, largest;
    support_backend b;
    support_backend_open(&b, files, tier, dtype, 1);
    support_sequences got = support_sequences_new(expected->n, expected->offsets[expected->n], files->dimension);
    memcpy(got.ids, expected->ids, expected->offsets[expected->n] * sizeof *got.ids);
    memcpy(got.offsets, expected->offsets, (expected->n + 1) * sizeof *got.offsets);
    support_backend_run(&b, &got, 0, got.n);
    snprintf(label, sizeof label, "%s, %s, %s", f->name, tier, dtype);
    support_same_in_batches(&b, &got, label);
    support_backend_close(&b);
    support_backend_open(&b, files, tier, dtype, dtype[0] == 'f' ? 2 : dtype[0] == 'b' ? 3 : 4);
    support_same_in_batches(&b, &got, label);
    support_backend_close(&b);
    compare(files, &got, expected, &least, &largest);
    print_message("%-36s least cosine %.7f, largest difference %.2g\n", label, least, largest);
    const double floor_ = dtype[0] == 'f' ? MIN_COSINE : dtype[0] == 'b' ? f->least_bf16 : f->least_i8;
    if (!(least >= floor_) || (dtype[0] == 'f' && !(largest <= MAX_DIFFERENCE)))
        fail_msg("%s: least cosine %.7f, largest difference %g", label, least, largest);
    support_sequences_free(&got);
}

static void families_equal_the_reference(void **state)
{
    const char *const tier = *state;
    support_kernels(state); /* skips where the machine lacks it */
    for (size_t i = 0; i < N_FAMILIES; i++) {
        char folder[512];
        wick_model_files *files;
        wick_error error = {0};
        snprintf(folder, sizeof folder, WICK_FIXTURES "/models/%s", families[i].name);
        if (wick_model_files_open(folder, &files, &error) != WICK_OK)
            fail_msg("%s (%s)", error.message, error.where);
        support_sequences expected = read_golden(folder, files->dimension);
        check_dtype(&families[i], files, &expected, tier, "f32");
        check_dtype(&families[i], files, &expected, tier, "bf16");
        check_dtype(&families[i], files, &expected, tier, "int8");
        support_sequences_free(&expected);
        wick_model_files_close(files);
    }
}

int main(void)
{
    static const struct CMUnitTest each = cmocka_unit_test(families_equal_the_reference);
    return support_tiers_run(&each, 1, NULL, 0);
}
