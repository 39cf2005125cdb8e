/* SPDX-License-Identifier: Apache-2.0
 * support_texts.c: made-up texts, and calls of the engine that fail the test where the engine fails. */
#include "support_texts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const words[] = {
    "the", "harbour", "at",     "dawn,",   "of",     "antidisestablishmentarianism",
    "B2B", "3.14",    "(see",   "below)",  "crème",  "東京",
    "🌍",   "naïve!",  "x",      "river",   "engine", "QR",
    "--",  "don't",   "Straße", "machine",
};
#define MAX_WORD_BYTES 32

/* Knuth's MMIX generator: the tests' texts are the same everywhere. */
static size_t next(uint64_t *state, size_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(*state >> 33) % below;
}

support_texts support_texts_make(size_t n, size_t max_words)
{
    support_texts made = {n, calloc(n, sizeof *made.texts)};
    uint64_t state = 42;
    assert_non_null(made.texts);
    for (size_t i = 0; i < n; i++) {
        const size_t n_words = i == 0 ? 0 : next(&state, max_words + 1);
        char *text = made.texts[i] = calloc(1, n_words * MAX_WORD_BYTES + 1);
        assert_non_null(text);
        for (size_t j = 0; j < n_words; j++) {
            const char *word = words[next(&state, sizeof words / sizeof words[0])];
            const size_t length = strlen(word);
            memcpy(text, word, length);
            text[length] = ' ';
            text += length + 1;
        }
    }
    return made;
}

void support_texts_free(support_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->texts[i]);
    free(texts->texts);
    *texts = (support_texts){0};
}

wick_model *support_model_open(const char *name, unsigned n_threads)
{
    wick_model_options options;
    wick_model_options_init(&options);
    options.n_threads = n_threads;
    wick_model *model = NULL;
    wick_error error = {0};
    if (wick_model_open(name, &options, &model, &error) != WICK_OK)
        fail_msg("%s (%s); the tests need the model: run `make model`", error.message, error.where);
    return model;
}

void support_embed(wick_model *model, const char *const *texts, size_t n, float *out)
{
    wick_error error = {0};
    if (wick_embed(model, texts, NULL, n, NULL, out, NULL, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
}

size_t support_dimension(const wick_model *model)
{
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
    return info.dimension;
}
