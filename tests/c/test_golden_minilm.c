/* SPDX-License-Identifier: Apache-2.0
 * test_golden_minilm.c: all-MiniLM-L6-v2, opened by its hub name, against vectors that sentence-transformers made in f32
 * (tests/fixtures/minilm, made by tools/make_golden_vectors.py). The model must be in the hub cache: `make model` puts it there. */
#include "base/json.h"
#include "base/mapped.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#define MODEL "sentence-transformers/all-MiniLM-L6-v2"
#define DIMENSION 384
/* What Wick promises of f32. */
#define MIN_COSINE 0.999999
#define MAX_DIFFERENCE 1e-5

typedef struct golden {
    wick_json *json;
    wick_mapped vectors;
    size_t n_texts;
    const char **texts;
    size_t *bytes;
    int64_t *n_tokens;
    double *norms;
    wick_model *model;
} golden;

static const float *row(const golden *g, size_t i)
{
    return (const float *)(const void *)g->vectors.data + i * DIMENSION;
}

static void read_fixture(golden *g)
{
    wick_error error = {0};
    if (wick_json_read(WICK_FIXTURES "/minilm/texts.json", 1 << 20, &g->json, &error) ||
        wick_mapped_open(WICK_FIXTURES "/minilm/vectors.f32", &g->vectors, &error))
        fail_msg("%s (%s)", error.message, error.where);
    const wick_json *texts = wick_json_get(g->json, "texts");
    g->n_texts = wick_json_count(texts);
    assert_in_range(g->n_texts, 60, 1000);
    assert_int_equal(g->vectors.size_bytes, g->n_texts * DIMENSION * sizeof(float));
    g->texts = calloc(g->n_texts, sizeof *g->texts);
    g->bytes = calloc(g->n_texts, sizeof *g->bytes);
    g->n_tokens = calloc(g->n_texts, sizeof *g->n_tokens);
    g->norms = calloc(g->n_texts, sizeof *g->norms);
    assert_true(g->texts && g->bytes && g->n_tokens && g->norms);
    for (size_t i = 0; i < g->n_texts; i++) {
        const wick_json *entry = wick_json_at(texts, i);
        g->texts[i] = wick_json_string(wick_json_get(entry, "text"), &g->bytes[i]);
        assert_non_null(g->texts[i]);
        assert_true(wick_json_integer(wick_json_get(entry, "n_tokens"), &g->n_tokens[i]));
        assert_true(wick_json_number(wick_json_get(entry, "norm"), &g->norms[i]));
    }
}

static int set_up(void **state)
{
    golden *g = calloc(1, sizeof *g);
    wick_error error = {0};
    assert_non_null(g);
    *state = g;
    read_fixture(g);
    if (wick_model_open(MODEL, NULL, &g->model, &error))
        fail_msg("cannot open " MODEL ": %s (%s) %s", error.message, error.where, error.mend);
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_model_get_info(g->model, &info), 0);
    assert_int_equal(info.dimension, DIMENSION);
    return 0;
}

static int tear_down(void **state)
{
    golden *g = *state;
    wick_model_close(g->model);
    wick_mapped_close(&g->vectors);
    wick_json_free(g->json);
    free(g->texts);
    free(g->bytes);
    free(g->n_tokens);
    free(g->norms);
    free(g);
    return 0;
}

/* vector [DIMENSION] against row i of the fixture, which has length 1; scale: what to multiply the row with. */
static void check_vector(const golden *g, size_t i, const float *vector, double scale)
{
    double dot = 0, length = 0, largest = 0;
    for (size_t d = 0; d < DIMENSION; d++) {
        double want = row(g, i)[d] * scale, got = vector[d], difference = fabs(got - want);
        dot += got * row(g, i)[d];
        length += got * got;
        if (!(difference <= largest)) /* NaN gets through here */
            largest = difference;
    }
    double cosine = dot / sqrt(length);
    if (!(cosine >= MIN_COSINE))
        fail_msg("text %zu (%.40s): cosine %.9f", i, g->texts[i], cosine);
    if (!(largest <= MAX_DIFFERENCE * scale))
        fail_msg("text %zu (%.40s): off by %g", i, g->texts[i], largest);
}

static void embed(const golden *g, size_t first, size_t n, bool normalize, float *out, wick_usage *usage)
{
    wick_error error = {0};
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.normalize = normalize;
    if (wick_embed(g->model, g->texts + first, g->bytes + first, n, &options, out, usage, &error))
        fail_msg("text %zu: %s (%s)", first, error.message, error.where);
}

static void vectors_equal_sentence_transformers(void **state)
{
    golden *g = *state;
    float out[DIMENSION];
    for (size_t i = 0; i < g->n_texts; i++) {
        wick_usage usage;
        embed(g, i, 1, true, out, &usage);
        if ((int64_t)usage.total_tokens != g->n_tokens[i])
            fail_msg("text %zu (%.40s): %llu tokens, not %lld", i, g->texts[i], (unsigned long long)usage.total_tokens,
                     (long long)g->n_tokens[i]);
        check_vector(g, i, out, 1.0);
    }
}

static void unnormalised_vectors_have_the_reference_length(void **state)
{
    golden *g = *state;
    float out[DIMENSION];
    for (size_t i = 0; i < g->n_texts; i++) {
        double length = 0;
        embed(g, i, 1, false, out, NULL);
        for (size_t d = 0; d < DIMENSION; d++)
            length += (double)out[d] * out[d];
        /* The reference's own length, in f32, is off by up to 6e-7 of it, Wick's by up to 9e-7 (docs/speed.md). */
        if (!(fabs(sqrt(length) / g->norms[i] - 1.0) <= 2e-6))
            fail_msg("text %zu (%.40s): length %.7f, not %.7f", i, g->texts[i], sqrt(length), g->norms[i]);
        check_vector(g, i, out, g->norms[i]);
    }
}

static void one_batch_gives_the_same_bits(void **state)
{
    golden *g = *state;
    float *batch = calloc(g->n_texts * DIMENSION, sizeof *batch), alone[DIMENSION];
    wick_usage usage;
    uint64_t tokens = 0;
    assert_non_null(batch);
    embed(g, 0, g->n_texts, true, batch, &usage);
    for (size_t i = 0; i < g->n_texts; i++) {
        embed(g, i, 1, true, alone, NULL);
        if (memcmp(alone, batch + i * DIMENSION, sizeof alone))
            fail_msg("text %zu (%.40s): other bits in a batch than alone", i, g->texts[i]);
        tokens += (uint64_t)g->n_tokens[i];
    }
    assert_int_equal(usage.total_tokens, tokens);
    free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_equal_sentence_transformers),
        cmocka_unit_test(unnormalised_vectors_have_the_reference_length),
        cmocka_unit_test(one_batch_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
