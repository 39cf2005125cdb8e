/* SPDX-License-Identifier: Apache-2.0
 * test_engine_duplicates.c: equal texts of a call are computed once, and nothing else shows it: vectors, usage and errors are as if each
 * had been computed. What reaches the backend is seen by a backend of the test's own. */
#include "provider/engine.h"
#include "support_texts.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TINY WICK_FIXTURES "/tiny-bert"
#define DIMENSION 32

/* ---- what the backend sees -------------------------------------------------------------------------------------------- */

static size_t n_seen;            /* sequences */
static size_t bad_at = SIZE_MAX; /* this one gets a value that is not finite */

static int fake_open(const wick_model_files *files, const wick_backend_options *options, wick_backend **out,
                     wick_error *error)
{
    *out = (wick_backend *)&n_seen;
    return WICK_OK;
}

static int fake_encode(wick_backend *backend, const wick_packed_batch *batch, const wick_output_target *target,
                       wick_error *error)
{
    float *out = target->rows;
    for (size_t i = 0; i < batch->n_sequences; i++, n_seen++)
        for (size_t j = 0; j < DIMENSION; j++)
            out[i * DIMENSION + j] = n_seen == bad_at ? NAN : (float)(n_seen * DIMENSION + j);
    return WICK_OK;
}

static void fake_info(const wick_backend *backend, wick_backend_info *out)
{
    *out = (wick_backend_info){"cpu", "fake", 1};
}

static void fake_close(wick_backend *backend)
{
}

static wick_model *fake;

static int open_fake(void **state)
{
    static const wick_backend_ops ops = {fake_open, fake_encode, fake_info, fake_close, NULL};
    wick_model_options options;
    wick_model_options_init(&options);
    options.dtype = "f32";
    return wick_model_open_on(TINY, &options, &ops, &fake, NULL);
}

static int close_fake(void **state)
{
    wick_model_close(fake);
    return 0;
}

static void each_text_is_computed_once(void **state)
{
    static const char *const texts[] = {"one", "one", "two", "", "three", "two", NULL, "one", "onE"};
    static const size_t lengths[] = {3, 3, 3, 0, 5, 3, 0, 3, 3};
    static const size_t rows[] = {0, 0, 1, 2, 3, 1, 2, 0, 4};
    enum { N = sizeof texts / sizeof *texts };
    float out[N * DIMENSION];
    for (size_t cut = 0; cut <= 5; cut += 5) { /* whole vectors, and cut ones */
        wick_embed_options options;
        wick_embed_options_init(&options);
        options.dimensions = cut;
        const size_t dimension = cut ? cut : DIMENSION;
        n_seen = 0;
        assert_int_equal(wick_embed(fake, texts, lengths, N, &options, out, NULL, NULL), WICK_OK);
        assert_int_equal(n_seen, 5);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < dimension; j++)
                assert_true(out[i * dimension + j] == (float)(rows[i] * DIMENSION + j));
    }
}

/* Texts that differ in one byte, in length, or behind a zero are not the same. */
static void near_duplicates_are_computed(void **state)
{
    enum { N = 600 };
    static char store[N][32];
    const char *texts[N];
    size_t lengths[N];
    float out[N * DIMENSION];
    for (size_t i = 0; i < N; i++) {
        memset(store[i], 'a', sizeof store[i]);
        lengths[i] = 1 + i % 30;
        store[i][i / 30] = '\0'; /* changes the text where it is within it */
        texts[i] = store[i];
    }
    size_t n_different = 0;
    for (size_t i = 0; i < N; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i; j++)
            is_new &= lengths[i] != lengths[j] || memcmp(texts[i], texts[j], lengths[i]) != 0;
        n_different += is_new;
    }
    n_seen = 0;
    assert_int_equal(wick_embed(fake, texts, lengths, N, NULL, out, NULL, NULL), WICK_OK);
    assert_int_equal(n_seen, n_different);
    assert_true(n_different > 300 && n_different < N);
}

static void usage_counts_every_text(void **state)
{
    static const char *const texts[] = {"a", "a a a", "a", "a", "a a a"};
    float out[5 * DIMENSION];
    wick_usage usage = {0};
    assert_int_equal(wick_embed(fake, texts, NULL, 5, NULL, out, &usage, NULL), WICK_OK);
    assert_int_equal(usage.total_tokens, 3 + 5 + 3 + 3 + 5);
}

static void blocks_are_apart(void **state)
{
    enum { N = 2 * WICK_BLOCK_TEXTS + 10 };
    const char **texts = malloc(N * sizeof *texts);
    float *out = malloc((size_t)N * DIMENSION * sizeof *out);
    assert_true(texts && out);
    for (size_t i = 0; i < N; i++)
        texts[i] = i % 2 ? "odd" : "even";
    wick_usage usage;
    n_seen = 0;
    assert_int_equal(wick_embed(fake, texts, NULL, N, NULL, out, &usage, NULL), WICK_OK);
    assert_int_equal(n_seen, 6); /* two a block */
    for (size_t i = 0; i < N; i++)
        assert_true(out[i * DIMENSION] == (float)((2 * (i / WICK_BLOCK_TEXTS) + i % 2) * DIMENSION));
    free(texts);
    free(out);
}

static void first_index_is_named(void **state)
{
    static const char *const wrong[] = {"fine", "fine", "fine", "not \xff", "fine", "not \xff"};
    static const char *const infinite[] = {"fine", "fine", "fine", "large", "fine", "large"};
    float out[6 * DIMENSION];
    wick_error error = {0};
    assert_int_equal(wick_embed(fake, wrong, NULL, 6, NULL, out, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "texts[3]");
    assert_string_equal(error.message, "invalid UTF-8 at byte 5");
    n_seen = 0;
    bad_at = 1; /* the second one computed */
    assert_int_equal(wick_embed(fake, infinite, NULL, 6, NULL, out, NULL, &error), WICK_E_INTERNAL);
    bad_at = SIZE_MAX;
    assert_string_equal(error.where, "texts[3]");
    assert_string_equal(error.message, "the model gave a value that is not finite");
    char text[201];
    for (size_t i = 0; i < 100; i++)
        memcpy(text + 2 * i, "a ", 2);
    text[200] = '\0';
    const char *const longer[] = {"fine", "fine", text, "fine", text};
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.truncate = false;
    assert_int_equal(wick_embed(fake, longer, NULL, 5, &options, out, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "texts[2]");
    assert_string_equal(error.message, "102 tokens, the limit is 48");
}

/* ---- the real backend ------------------------------------------------------------------------------------------------- */

/* 40 different texts in N places, in runs and far apart: the vectors are those that each text has alone. */
static void check_bits(unsigned n_threads, const wick_embed_options *options, size_t dimension)
{
    enum { N = 2500, N_DIFFERENT = 40 };
    support_texts made = support_texts_make(N_DIFFERENT, 12);
    const char **texts = malloc(N * sizeof *texts);
    float *out = malloc((size_t)N * dimension * sizeof *out), *alone = malloc(N_DIFFERENT * dimension * sizeof *alone);
    assert_true(texts && out && alone);
    wick_model *model = support_model_open(TINY, n_threads);
    for (size_t i = 0; i < N_DIFFERENT; i++) {
        const char *const text = made.texts[i];
        assert_int_equal(wick_embed(model, &text, NULL, 1, options, alone + i * dimension, NULL, NULL), WICK_OK);
    }
    for (size_t i = 0; i < N; i++)
        texts[i] = made.texts[i * i / 3 % N_DIFFERENT];
    assert_int_equal(wick_embed(model, texts, NULL, N, options, out, NULL, NULL), WICK_OK);
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(out + i * dimension, alone + i * i / 3 % N_DIFFERENT * dimension, dimension * sizeof *out);
    wick_model_close(model);
    free(texts);
    free(out);
    free(alone);
    support_texts_free(&made);
}

static void vectors_are_the_same_bits(void **state)
{
    wick_embed_options options;
    wick_embed_options_init(&options);
    check_bits(1, &options, DIMENSION);
    options.normalize = true;
    check_bits(3, &options, DIMENSION);
    options.dimensions = 7;
    check_bits(2, &options, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_is_computed_once), cmocka_unit_test(near_duplicates_are_computed),
        cmocka_unit_test(usage_counts_every_text),    cmocka_unit_test(blocks_are_apart),
        cmocka_unit_test(first_index_is_named),       cmocka_unit_test(vectors_are_the_same_bits),
    };
    return cmocka_run_group_tests(tests, open_fake, close_fake);
}
