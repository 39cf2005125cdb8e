/* SPDX-License-Identifier: Apache-2.0
 * test_heads.c: the outputs beside vectors of the CPU backend (backend.h), from golden token ids and types (tests/fixtures/heads): logits, terms and token vectors as
 * transformers and sentence-transformers give them, the same bits however texts are batched and whatever the number of threads, and in every dtype near them. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend.h"
#include "base/json.h"
#include "support_files.h"

#define HEADS WICK_FIXTURES "/heads"
#define MAX_TEXTS 16
#define MAX_TOKENS 1024
#define MAX_VALUES ((size_t)1 << 16)

typedef struct opened {
    wick_json *golden;
    wick_model_files *files;
    wick_pool *pool;
    wick_backend *backend;
    size_t n_texts;
    uint32_t offsets[MAX_TEXTS + 1];
    int32_t ids[MAX_TOKENS];
    uint8_t types[MAX_TOKENS];
} opened;

static const wick_json *row_of(const opened *o, const char *key, size_t i)
{
    return wick_json_at(wick_json_get(o->golden, key), i);
}

static double number_at(const wick_json *list, size_t i)
{
    double value = NAN;
    assert_true(wick_json_number(wick_json_at(list, i), &value));
    return value;
}

static void read_tokens(opened *o)
{
    o->n_texts = wick_json_count(wick_json_get(o->golden, "ids"));
    assert_in_range(o->n_texts, 1, MAX_TEXTS);
    for (size_t i = 0; i < o->n_texts; i++) {
        const wick_json *ids = row_of(o, "ids", i), *types = row_of(o, "types", i);
        const size_t n = wick_json_count(ids), offset = o->offsets[i];
        assert_true(offset + n <= MAX_TOKENS);
        for (size_t j = 0; j < n; j++) {
            o->ids[offset + j] = (int32_t)number_at(ids, j);
            o->types[offset + j] =
                wick_json_type_of(types) == WICK_JSON_ARRAY ? (uint8_t)number_at(types, j) : (uint8_t)0;
        }
        o->offsets[i + 1] = (uint32_t)(offset + n);
    }
}

static void open_model(opened *o, const char *name, const char *dtype, unsigned n_threads)
{
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    wick_error error = {0};
    *o = (opened){0};
    support_path(HEADS, name, folder);
    support_path(folder, "golden.json", path);
    if (wick_json_read(path, (size_t)1 << 22, &o->golden, &error) || wick_model_files_open(folder, &o->files, &error) ||
        wick_pool_new(n_threads, &o->pool, &error))
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    const wick_backend_options options = {o->pool, dtype, NULL};
    if (wick_backend_cpu.open(o->files, &options, &o->backend, &error))
        fail_msg("%s in %s: %s (%s)", name, dtype, error.message, error.where);
    read_tokens(o);
}

static void close_model(opened *o)
{
    wick_backend_cpu.close(o->backend);
    wick_pool_free(o->pool);
    wick_model_files_close(o->files);
    wick_json_free(o->golden);
}

/* Texts [first, first + n) in one call. */
static void encode(const opened *o, size_t first, size_t n, const wick_output_target *target)
{
    wick_error error = {0};
    const wick_packed_batch batch = {.n_sequences = n,
                                     .n_tokens = o->offsets[first + n] - o->offsets[first],
                                     .ids = o->ids,
                                     .offsets = o->offsets + first,
                                     .types = o->types};
    assert_int_equal(wick_backend_cpu.encode(o->backend, &batch, target, &error), WICK_OK);
}

/* ---- labels -------------------------------------------------------------------------------------------------------- */

static const char *const labelled[] = {"rerank-bert",          "classify-bert",      "rerank-distilbert",
                                       "rerank-roberta",       "rerank-xlm-roberta", "rerank-modernbert",
                                       "rerank-modernbert-cls"};

static float *all_labels(const opened *o)
{
    float *rows = calloc(o->n_texts * o->files->head.n_out, sizeof *rows);
    assert_non_null(rows);
    encode(o, 0, o->n_texts, &(wick_output_target){.kind = WICK_OUTPUT_LABELS, .rows = rows});
    return rows;
}

/* The larger of furthest and the distance of got to want; no number is as far as can be. */
static double further(double furthest, double got, double want)
{
    const double distance = fabs(got - want);
    return distance <= furthest ? furthest : isnan(distance) ? INFINITY : distance;
}

static double furthest_label(const opened *o, const float *rows)
{
    const size_t n_labels = o->files->head.n_out;
    double furthest = 0;
    for (size_t i = 0; i < o->n_texts; i++) {
        const wick_json *logits = row_of(o, "logits", i);
        assert_int_equal(wick_json_count(logits), n_labels);
        for (size_t j = 0; j < n_labels; j++)
            furthest = further(furthest, rows[i * n_labels + j], number_at(logits, j));
    }
    return furthest;
}

static void test_labels_are_those_of_transformers(void **state)
{
    for (size_t i = 0; i < sizeof labelled / sizeof *labelled; i++) {
        opened o;
        open_model(&o, labelled[i], "f32", 2);
        float *rows = all_labels(&o);
        const double furthest = furthest_label(&o, rows);
        if (!(furthest <= 1e-4))
            fail_msg("%s: %g from the reference", labelled[i], furthest);
        free(rows);
        close_model(&o);
    }
}

static void test_labels_have_names(void **state)
{
    opened o;
    open_model(&o, "classify-bert", "f32", 1);
    assert_int_equal(o.files->head.n_out, 3);
    assert_string_equal(o.files->head.labels[0], "contradiction");
    assert_string_equal(o.files->head.labels[2], "neutral");
    assert_false(o.files->head.has_sigmoid);
    close_model(&o);
}

/* Token types count: with none, pairs get other scores. */
static void test_types_are_read(void **state)
{
    opened o;
    open_model(&o, "rerank-bert", "f32", 1);
    memset(o.types, 0, sizeof o.types);
    float *rows = all_labels(&o);
    assert_true(furthest_label(&o, rows) > 1e-2);
    free(rows);
    close_model(&o);
}

static void test_labels_do_not_depend_on_batch_or_threads(void **state)
{
    opened o;
    open_model(&o, "rerank-bert", "f32", 1);
    float *expected = all_labels(&o);
    for (size_t i = 0; i < o.n_texts; i++) {
        float alone = 0;
        encode(&o, i, 1, &(wick_output_target){.kind = WICK_OUTPUT_LABELS, .rows = &alone});
        assert_memory_equal(&alone, expected + i, sizeof alone);
    }
    close_model(&o);
    for (unsigned n_threads = 2; n_threads <= 4; n_threads++) {
        open_model(&o, "rerank-bert", "f32", n_threads);
        float *rows = all_labels(&o);
        assert_memory_equal(rows, expected, o.n_texts * sizeof *rows);
        free(rows);
        close_model(&o);
    }
    free(expected);
}

static void test_labels_in_narrow_dtypes(void **state)
{
    static const struct {
        const char *dtype;
        double limit; /* logits are some -2 to 2 */
    } cases[] = {{"bf16", 0.1}, {"int8", 0.2}};
    for (size_t i = 0; i < 2; i++) {
        opened o;
        open_model(&o, "classify-bert", cases[i].dtype, 2);
        float *rows = all_labels(&o);
        assert_true(furthest_label(&o, rows) <= cases[i].limit);
        free(rows);
        close_model(&o);
    }
}

/* ---- terms --------------------------------------------------------------------------------------------------------- */

/* Whole rows, and whether the pieces came as backend.h promises. */
typedef struct term_rows {
    pthread_mutex_t mutex;
    size_t n_terms;
    float values[MAX_VALUES]; /* [n_sequences, n_terms] */
    bool is_there[MAX_VALUES];
    unsigned last_thread[MAX_VALUES]; /* who gave the term */
} term_rows;

static void take_terms(void *arg, unsigned thread_index, size_t sequence, size_t first, const float *values, size_t n)
{
    term_rows *rows = arg;
    pthread_mutex_lock(&rows->mutex);
    for (size_t i = 0; i < n; i++) {
        const size_t at = sequence * rows->n_terms + first + i;
        assert_true(first + i < rows->n_terms && at < MAX_VALUES && !rows->is_there[at]);
        rows->is_there[at] = true;
        rows->values[at] = values[i];
        rows->last_thread[at] = thread_index;
    }
    pthread_mutex_unlock(&rows->mutex);
}

static term_rows *some_terms(const opened *o, size_t first, size_t n)
{
    term_rows *rows = calloc(1, sizeof *rows);
    assert_non_null(rows);
    pthread_mutex_init(&rows->mutex, NULL);
    rows->n_terms = o->files->head.n_out;
    encode(o, first, n, &(wick_output_target){.kind = WICK_OUTPUT_TERMS, .take = take_terms, .arg = rows});
    for (size_t i = 0; i < n * rows->n_terms; i++) {
        assert_true(rows->is_there[i]);
        if (i % rows->n_terms > 0)
            assert_true(rows->last_thread[i] >= rows->last_thread[i - 1]);
    }
    return rows;
}

static void free_terms(term_rows *rows)
{
    pthread_mutex_destroy(&rows->mutex);
    free(rows);
}

static double furthest_term(const opened *o, const term_rows *rows)
{
    double furthest = 0;
    for (size_t i = 0; i < o->n_texts; i++) {
        const wick_json *indices = row_of(o, "indices", i), *values = row_of(o, "values", i);
        double *expected = calloc(rows->n_terms, sizeof *expected);
        assert_non_null(expected);
        for (size_t j = 0; j < wick_json_count(indices); j++)
            expected[(size_t)number_at(indices, j)] = number_at(values, j);
        for (size_t j = 0; j < rows->n_terms; j++)
            furthest = further(furthest, rows->values[i * rows->n_terms + j], expected[j]);
        free(expected);
    }
    return furthest;
}

static void test_terms_are_those_of_splade(void **state)
{
    static const char *const names[] = {"splade-bert", "splade-distilbert"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (unsigned n_threads = 1; n_threads <= 3; n_threads++) {
            opened o;
            open_model(&o, names[i], "f32", n_threads);
            term_rows *rows = some_terms(&o, 0, o.n_texts);
            assert_true(furthest_term(&o, rows) <= 1e-4);
            free_terms(rows);
            close_model(&o);
        }
}

static void test_terms_do_not_depend_on_batch(void **state)
{
    opened o;
    open_model(&o, "splade-bert", "f32", 2);
    term_rows *all = some_terms(&o, 0, o.n_texts);
    for (size_t i = 0; i < o.n_texts; i++) {
        term_rows *one = some_terms(&o, i, 1);
        assert_memory_equal(one->values, all->values + i * all->n_terms, all->n_terms * sizeof *all->values);
        free_terms(one);
    }
    free_terms(all);
    close_model(&o);
}

static void test_terms_in_narrow_dtypes(void **state)
{
    static const char *const dtypes[] = {"bf16", "int8"};
    for (size_t i = 0; i < 2; i++) {
        opened o;
        open_model(&o, "splade-bert", dtypes[i], 2);
        term_rows *rows = some_terms(&o, 0, o.n_texts);
        assert_true(furthest_term(&o, rows) <= 0.25);
        free_terms(rows);
        close_model(&o);
    }
}

/* ---- tokens -------------------------------------------------------------------------------------------------------- */

static float *all_tokens(const opened *o, size_t first, size_t n)
{
    float *rows = calloc(MAX_VALUES, sizeof *rows);
    assert_non_null(rows);
    encode(o, first, n, &(wick_output_target){.kind = WICK_OUTPUT_TOKENS, .rows = rows});
    return rows;
}

static void scale_to_length_1(float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(x[i] / sqrt(sum));
}

static void test_token_vectors_are_those_of_colbert(void **state)
{
    static const char *const names[] = {"colbert-bert", "colbert-modernbert"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        opened o;
        open_model(&o, names[i], "f32", 2);
        const size_t dimension = wick_token_dimension(o.files);
        assert_int_equal(dimension, 16);
        assert_true(o.files->tokens.has_normalize && o.files->tokens.skips_in_document &&
                    !o.files->tokens.skips_in_query && (o.files->tokens.n_skipped > 0) == (i == 0));
        float *rows = all_tokens(&o, 0, o.n_texts);
        for (size_t text = 0; text < o.n_texts; text++)
            for (size_t token = o.offsets[text]; token < o.offsets[text + 1]; token++) {
                const wick_json *expected = wick_json_at(row_of(&o, "query", text), token - o.offsets[text]);
                scale_to_length_1(rows + token * dimension, dimension);
                for (size_t j = 0; j < dimension; j++)
                    assert_true(fabs(rows[token * dimension + j] - number_at(expected, j)) <= 1e-4);
            }
        free(rows);
        close_model(&o);
    }
}

/* Without a Dense on tokens they are the last hidden states. A batch whose offsets do not begin at 0 writes from its own beginning on. */
static void test_hidden_states(void **state)
{
    opened o;
    open_model(&o, "colbert-bert", "f32", 3);
    o.files->tokens.is_wanted = false;
    const size_t dimension = wick_token_dimension(o.files);
    assert_int_equal(dimension, 24);
    for (size_t text = 0; text < o.n_texts; text++) {
        float *rows = all_tokens(&o, text, 1);
        for (size_t token = 0; token < o.offsets[text + 1] - o.offsets[text]; token++)
            for (size_t j = 0; j < dimension; j++)
                assert_true(fabs(rows[token * dimension + j] -
                                 number_at(wick_json_at(row_of(&o, "hidden", text), token), j)) <= 1e-4);
        free(rows);
    }
    close_model(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_are_those_of_transformers),
        cmocka_unit_test(test_labels_have_names),
        cmocka_unit_test(test_types_are_read),
        cmocka_unit_test(test_labels_do_not_depend_on_batch_or_threads),
        cmocka_unit_test(test_labels_in_narrow_dtypes),
        cmocka_unit_test(test_terms_are_those_of_splade),
        cmocka_unit_test(test_terms_do_not_depend_on_batch),
        cmocka_unit_test(test_terms_in_narrow_dtypes),
        cmocka_unit_test(test_token_vectors_are_those_of_colbert),
        cmocka_unit_test(test_hidden_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
