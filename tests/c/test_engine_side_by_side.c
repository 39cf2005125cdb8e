/* SPDX-License-Identifier: Apache-2.0
 * test_engine_side_by_side.c: wick_embed_options.side_by_side and wick_score_options.side_by_side change no bit: of vectors, scores, tokens and sparse vectors, whatever the type of numbers and
 * however many threads the model has; from one caller and from several at once, of whom some want all threads, and some come with texts longer than any before, so that the model's memory grows
 * beneath the others. No cmocka in the threads: its failures must come from the main one. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/plan.h"
#include "support_model.h"
#include "support_texts.h"

#define MAX_TEXTS 32
#define N_CALLERS 4

static unsigned rounds(unsigned n)
{
    return getenv("WICK_TEST_SLOW") ? n / 10 + 1 : n;
}

/* ---- a call of any kind, and what came of it ---- */

typedef enum kind { VECTORS, SCORES, TOKENS, SPARSE } kind;

typedef struct result {
    float *values; /* VECTORS, SCORES: [n, width] */
    wick_rows_response rows;
} result;

static void clear(result *got)
{
    free(got->values);
    wick_rows_response_clear(&got->rows);
    *got = (result){0};
}

static int call(wick_model *model, kind of, size_t width, const char *const *texts, size_t n, bool side_by_side,
                result *out)
{
    wick_embed_options options;
    wick_score_options score_options;
    wick_embed_options_init(&options);
    wick_score_options_init(&score_options);
    if (options.side_by_side || score_options.side_by_side)
        return WICK_E_INTERNAL; /* both are false after init */
    options.side_by_side = score_options.side_by_side = side_by_side;
    *out = (result){0};
    if (of == TOKENS)
        return wick_embed_tokens(model, texts, NULL, n, &options, &out->rows, NULL);
    if (of == SPARSE)
        return wick_embed_sparse(model, texts, NULL, n, &options, &out->rows, NULL);
    out->values = calloc(n * width, sizeof *out->values);
    if (!out->values)
        return WICK_E_INTERNAL;
    return of == VECTORS ? wick_embed(model, texts, NULL, n, &options, out->values, NULL, NULL)
                         : wick_classify(model, texts, NULL, NULL, NULL, n, &score_options, out->values, NULL, NULL);
}

/* ---- what each text gives alone, on one thread ---- */

typedef struct expected {
    const char *folder, *dtype;
    kind of;
    size_t n, width;
    support_texts made;
    const char *const *texts;
    result each[MAX_TEXTS];
} expected;

static wick_model *open_model(const expected *want, unsigned n_threads)
{
    wick_model_options options;
    wick_model *model = NULL;
    wick_error error = {0};
    wick_model_options_init(&options);
    options.n_threads = n_threads;
    options.dtype = want->dtype;
    if (wick_model_open(want->folder, &options, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", want->folder, error.message, error.where);
    return model;
}

static void expect(expected *want, const char *folder, kind of, const char *dtype, size_t n, size_t max_words)
{
    *want = (expected){.folder = folder, .dtype = dtype, .of = of, .n = n};
    wick_model_info info = {.size = sizeof info};
    wick_model *model = open_model(want, 1);
    assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
    want->width = of == SCORES ? info.n_labels : info.dimension;
    want->made = support_texts_make(n, max_words);
    want->texts = (const char *const *)want->made.texts;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(call(model, of, want->width, want->texts + i, 1, false, &want->each[i]), WICK_OK);
    wick_model_close(model);
}

static void release(expected *want)
{
    for (size_t i = 0; i < want->n; i++)
        clear(&want->each[i]);
    support_texts_free(&want->made);
}

/* Text i of a call whose first text is `first`. */
static bool is_same(const expected *want, const result *got, size_t first, size_t i)
{
    const result *one = &want->each[first + i];
    if (want->of == VECTORS || want->of == SCORES)
        return memcmp(got->values + i * want->width, one->values, want->width * sizeof(float)) == 0;
    const size_t at = got->rows.offsets[i], n = got->rows.offsets[i + 1] - at,
                 width = want->of == TOKENS ? one->rows.dimension : 1;
    return n == one->rows.offsets[1] && got->rows.dimension == one->rows.dimension &&
           (n == 0 || memcmp(got->rows.values + at * width, one->rows.values, n * width * sizeof(float)) == 0) &&
           (n == 0 || want->of == TOKENS ||
            memcmp(got->rows.indices + at, one->rows.indices, n * sizeof *one->rows.indices) == 0);
}

static bool calls_the_same(wick_model *model, const expected *want, size_t first, size_t n, bool side_by_side)
{
    result got;
    bool same = call(model, want->of, want->width, want->texts + first, n, side_by_side, &got) == WICK_OK;
    for (size_t i = 0; same && i < n; i++)
        same = is_same(want, &got, first, i);
    clear(&got);
    return same;
}

/* ---- one caller ---- */

static void check_one_caller(const expected *want, unsigned n_threads)
{
    wick_model *model = open_model(want, n_threads);
    for (size_t i = 0; i < want->n; i++)
        if (!calls_the_same(model, want, i, 1, true))
            fail_msg("%s, %s, %u threads: text %zu alone", want->folder, want->dtype, n_threads, i);
    for (size_t n = 2; n <= want->n; n = n * 3 + 1)
        for (size_t first = 0; first + n <= want->n; first += n)
            if (!calls_the_same(model, want, first, n, true) || !calls_the_same(model, want, first, n, false))
                fail_msg("%s, %s, %u threads: %zu texts from %zu", want->folder, want->dtype, n_threads, n, first);
    if (!calls_the_same(model, want, 0, want->n, true))
        fail_msg("%s, %s, %u threads: all texts", want->folder, want->dtype, n_threads);
    wick_model_close(model);
}

/* ---- several at once ---- */

typedef struct caller {
    wick_model *model;
    const expected *want;
    unsigned index, n_rounds, n_wrong;
    pthread_t thread;
} caller;

static void *call_again_and_again(void *arg)
{
    caller *self = arg;
    const expected *want = self->want;
    for (unsigned i = 0; i < self->n_rounds; i++) {
        const size_t n = 1 + (i * 5 + self->index * 3) % 12, first = (i * 7 + self->index * 11) % (want->n - n + 1);
        /* The last caller wants all threads; the others now and then. */
        self->n_wrong += !calls_the_same(self->model, want, first, n, self->index + 1 < N_CALLERS && i % 8 > 0);
    }
    return NULL;
}

static void check_callers(const expected *want, unsigned n_threads, unsigned n_rounds)
{
    wick_model *model = open_model(want, n_threads);
    caller callers[N_CALLERS];
    for (unsigned i = 0; i < N_CALLERS; i++) {
        callers[i] = (caller){.model = model, .want = want, .index = i, .n_rounds = n_rounds};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_again_and_again, &callers[i]), 0);
    }
    for (unsigned i = 0; i < N_CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        if (callers[i].n_wrong > 0)
            fail_msg("%s, %s, %u threads: %u calls of caller %u", want->folder, want->dtype, n_threads,
                     callers[i].n_wrong, i);
    }
    wick_model_close(model);
}

static void check(const char *folder, kind of, const char *dtype)
{
    expected want;
    expect(&want, folder, of, dtype, MAX_TEXTS, 60);
    for (unsigned n_threads = 1; n_threads <= 3; n_threads++) {
        check_one_caller(&want, n_threads);
        check_callers(&want, n_threads, rounds(16));
    }
    release(&want);
}

static void same_vectors(void **state)
{
    static const char *const dtypes[] = {"f32", "bf16", "int8"};
    for (size_t i = 0; i < 3; i++) {
        check(WICK_FIXTURES "/tiny-bert", VECTORS, dtypes[i]);
        check(WICK_FIXTURES "/models/modernbert", VECTORS, dtypes[i]);
        check(WICK_FIXTURES "/models/qwen3", VECTORS, dtypes[i]);
    }
    check(WICK_FIXTURES "/models/static", VECTORS, "f32"); /* no layers at all */
}

static void same_scores(void **state)
{
    check(WICK_FIXTURES "/heads/classify-bert", SCORES, "f32");
    check(WICK_FIXTURES "/heads/rerank-modernbert", SCORES, "int8");
}

static void same_tokens(void **state)
{
    check(WICK_FIXTURES "/heads/colbert-bert", TOKENS, "f32");
    check(WICK_FIXTURES "/heads/colbert-modernbert", TOKENS, "bf16");
}

static void same_sparse_vectors(void **state)
{
    check(WICK_FIXTURES "/heads/splade-bert", SPARSE, "f32");
    check(WICK_FIXTURES "/heads/splade-distilbert", SPARSE, "int8");
}

/* ---- memory that grows ---- */

/* A copy of a model that takes texts of 1,200 tokens. */
static void make_long(const char *fixture, char folder[SUPPORT_PATH_BYTES])
{
    support_model_make(fixture, folder);
    if (strcmp(fixture, "models/qwen3") == 0)
        support_file_edit(folder, "config.json", "\"max_position_embeddings\": 64",
                          "\"max_position_embeddings\": 1200");
    else
        support_file_edit(folder, "sentence_bert_config.json", "\"max_seq_length\": 40", "\"max_seq_length\": 1200");
    support_file_edit(folder, "tokenizer_config.json", "\"model_max_length\": 40", "\"model_max_length\": 1200");
}

/* In tokens. */
static size_t longest(const expected *want)
{
    size_t most = 0;
    wick_model *model = open_model(want, 1);
    float *vector = malloc(want->width * sizeof *vector);
    for (size_t i = 0; i < want->n; i++) {
        wick_usage usage = {0};
        assert_int_equal(wick_embed(model, want->texts + i, NULL, 1, NULL, vector, &usage, NULL), WICK_OK);
        most = usage.total_tokens > most ? usage.total_tokens : most;
    }
    free(vector);
    wick_model_close(model);
    return most;
}

/* Texts of any length up to more than a single thread takes: on a model that has just been opened, many are longer than any before. */
static void texts_longer_than_any_before(void **state)
{
    static const char *const fixtures[] = {"models/jina-v2", "models/qwen3"};
    for (size_t i = 0; i < 2; i++) {
        char folder[SUPPORT_PATH_BYTES];
        expected want;
        make_long(fixtures[i], folder);
        expect(&want, folder, VECTORS, "f32", 12, 400);
        assert_in_range(longest(&want), WICK_LONGEST_ALONE + 1, 1200);
        for (unsigned n_threads = 1; n_threads <= 3; n_threads++)
            for (unsigned k = 0; k < rounds(2); k++)
                check_callers(&want, n_threads, 2);
        release(&want);
        support_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_vectors),
        cmocka_unit_test(same_scores),
        cmocka_unit_test(same_tokens),
        cmocka_unit_test(same_sparse_vectors),
        cmocka_unit_test(texts_longer_than_any_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
