/* SPDX-License-Identifier: Apache-2.0
 * test_engine_invariance.c: a text's vector is the same bits alone, in any batch, at any place in it, on any number of threads, and
 * whoever else is calling. Compared are whole vectors, byte by byte, on the tiny model and on the real one (its sizes reach all paths of
 * the kernels). */
#include "support_texts.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TINY WICK_FIXTURES "/tiny-bert"
#define REAL "sentence-transformers/all-MiniLM-L6-v2"
#define MAX_THREADS 8

/* WICK_TEST_SLOW=1: where an instrument makes everything some thirty times slower, and runs one thread at a time, a tenth of the texts
 * and three threads at most will do. */
static bool is_slow(void)
{
    const char *slow = getenv("WICK_TEST_SLOW");
    return slow && slow[0] == '1';
}

static size_t scaled(size_t n)
{
    return is_slow() ? n / 10 : n;
}

/* Texts with the vectors that each has on one thread, alone. */
typedef struct expected {
    const char *name;
    support_texts made;
    const char *const *texts;
    size_t n, dimension;
    float *vectors; /* [n, dimension] */
} expected;

static expected embed_alone(const char *name, size_t n, size_t max_words)
{
    expected want = {.name = name, .made = support_texts_make(n, max_words), .n = n};
    wick_model *model = support_model_open(name, 1);
    want.texts = (const char *const *)want.made.texts;
    want.dimension = support_dimension(model);
    want.vectors = malloc(n * want.dimension * sizeof(float));
    assert_non_null(want.vectors);
    for (size_t i = 0; i < n; i++)
        support_embed(model, want.texts + i, 1, want.vectors + i * want.dimension);
    wick_model_close(model);
    return want;
}

static void release(expected *want)
{
    free(want->vectors);
    support_texts_free(&want->made);
}

static void same(const expected *want, size_t text, const float *got, const char *how)
{
    if (memcmp(got, want->vectors + text * want->dimension, want->dimension * sizeof(float)) != 0)
        fail_msg("%s: text %zu has other bits %s", want->name, text, how);
}

/* All texts in batches of batch_size, the last one first where reversed. */
static void check_batches(wick_model *model, const expected *want, size_t batch_size, bool reversed, const char *how)
{
    const char **batch = malloc(batch_size * sizeof *batch);
    float *got = malloc(batch_size * want->dimension * sizeof *got);
    assert_true(batch && got);
    for (size_t first = 0; first < want->n; first += batch_size) {
        const size_t n = want->n - first < batch_size ? want->n - first : batch_size;
        for (size_t i = 0; i < n; i++)
            batch[i] = want->texts[reversed ? want->n - 1 - first - i : first + i];
        support_embed(model, batch, n, got);
        for (size_t i = 0; i < n; i++)
            same(want, reversed ? want->n - 1 - first - i : first + i, got + i * want->dimension, how);
    }
    free(batch);
    free(got);
}

static void check_threads(const expected *want, const unsigned *threads, size_t n_threads)
{
    for (size_t i = 0; i < n_threads && !(is_slow() && threads[i] > 3); i++) {
        char how[64];
        snprintf(how, sizeof how, "on %u threads", threads[i]);
        wick_model *model = support_model_open(want->name, threads[i]);
        check_batches(model, want, want->n, false, how);
        check_batches(model, want, 7, true, how);
        check_batches(model, want, 1, false, how);
        wick_model_close(model);
    }
}

static void same_bits_on_the_tiny_model(void **state)
{
    static const unsigned threads[] = {1, 2, 3, 4, 5, 6, 7, 8};
    expected want = embed_alone(TINY, scaled(400), 40);
    check_threads(&want, threads, sizeof threads / sizeof threads[0]);
    release(&want);
}

static void same_bits_on_the_real_model(void **state)
{
    static const unsigned threads[] = {1, 3, 8};
    expected want = embed_alone(REAL, scaled(40), scaled(60));
    check_threads(&want, threads, sizeof threads / sizeof threads[0]);
    release(&want);
}

/* More texts, and more bytes, than one block of the engine takes: the seams between blocks do not show. */
static void same_bits_across_blocks(void **state)
{
    expected want = embed_alone(TINY, is_slow() ? 1100 : 2500, is_slow() ? 1 : 6);
    wick_model *model = support_model_open(TINY, 2);
    check_batches(model, &want, want.n, false, "in more than a block at once");
    release(&want);
    /* Texts of up to 300 KB, the block's limit being 1 MiB. */
    want = embed_alone(TINY, 12, scaled(30000));
    check_batches(model, &want, want.n, false, "among long texts");
    check_batches(model, &want, want.n, true, "among long texts, reversed");
    release(&want);
    wick_model_close(model);
}

typedef struct caller {
    wick_model *model;
    const expected *want;
    size_t first;
    bool failed;
    pthread_t thread;
} caller;

/* No cmocka here: its failures must come from the main thread. */
static void *call_again_and_again(void *arg)
{
    caller *own = arg;
    const expected *want = own->want;
    float *got = malloc(16 * want->dimension * sizeof *got);
    own->failed = !got;
    for (size_t round = 0; round < scaled(60) && !own->failed; round++) {
        const size_t n = 1 + (round * 5 + own->first) % 16, first = (own->first * 31 + round * 7) % (want->n - n);
        own->failed = wick_embed(own->model, want->texts + first, NULL, n, NULL, got, NULL, NULL) != WICK_OK ||
                      memcmp(got, want->vectors + first * want->dimension, n * want->dimension * sizeof *got) != 0;
    }
    free(got);
    return NULL;
}

static void same_bits_for_callers_side_by_side(void **state)
{
    expected want = embed_alone(TINY, 200, 40);
    wick_model *model = support_model_open(TINY, 3);
    caller callers[MAX_THREADS];
    for (size_t i = 0; i < MAX_THREADS; i++) {
        callers[i] = (caller){.model = model, .want = &want, .first = i};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_again_and_again, &callers[i]), 0);
    }
    size_t n_failed = 0;
    for (size_t i = 0; i < MAX_THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        n_failed += callers[i].failed;
    }
    assert_int_equal(n_failed, 0);
    wick_model_close(model);
    release(&want);
}

static void *open_and_embed(void *arg)
{
    caller *own = arg;
    wick_model_options options;
    wick_model_options_init(&options);
    options.n_threads = 2;
    float *got = malloc(own->want->dimension * sizeof *got);
    own->failed = !got;
    for (size_t round = 0; round < (is_slow() ? 1 : 5) && !own->failed; round++) {
        wick_model *model = NULL;
        own->failed = wick_model_open(TINY, &options, &model, NULL) != WICK_OK ||
                      wick_embed(model, own->want->texts + own->first, NULL, 1, NULL, got, NULL, NULL) != WICK_OK ||
                      memcmp(got, own->want->vectors + own->first * own->want->dimension,
                             own->want->dimension * sizeof *got) != 0;
        wick_model_close(model);
    }
    free(got);
    return NULL;
}

static void models_open_side_by_side(void **state)
{
    expected want = embed_alone(TINY, MAX_THREADS, 20);
    caller callers[MAX_THREADS];
    size_t n_failed = 0;
    for (size_t i = 0; i < MAX_THREADS; i++) {
        callers[i] = (caller){.want = &want, .first = i};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, open_and_embed, &callers[i]), 0);
    }
    for (size_t i = 0; i < MAX_THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        n_failed += callers[i].failed;
    }
    assert_int_equal(n_failed, 0);
    release(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_on_the_tiny_model), cmocka_unit_test(same_bits_on_the_real_model),
        cmocka_unit_test(same_bits_across_blocks),     cmocka_unit_test(same_bits_for_callers_side_by_side),
        cmocka_unit_test(models_open_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
