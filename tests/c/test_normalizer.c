/* SPDX-License-Identifier: Apache-2.0
 * test_normalizer.c: what comes of a text does not depend on the slices that it comes in, for every normaliser of fixtures/tokenizer/steps.json; long runs that cannot be
 * told from their beginning take linear time and are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "text/normalizer.h"

#define STEPS WICK_FIXTURES "/tokenizer/steps.json"
#define MAX_FIXTURE_BYTES ((size_t)8 << 20)

static wick_encoding_state *new_state(void)
{
    wick_encoding *encoding = wick_encoding_new();
    assert_non_null(encoding);
    return (wick_encoding_state *)(void *)encoding;
}

static void run(const wick_normalizer *normalizer, const char *text, size_t n, size_t slice, wick_encoding_state *state)
{
    wick_source source = {.at = text, .end = text + n};
    state->text.n_bytes = 0;
    wick_normalizer_begin(normalizer, state);
    while (source.at < source.end)
        wick_normalizer_run(normalizer, &source, slice, state);
    assert_false(state->out_of_memory);
}

static void load(const char *json, wick_normalizer *out, wick_arena *arena)
{
    wick_json *root = NULL;
    wick_error error = {0};
    const wick_reading reading = {.where = "test", .arena = arena, .error = &error};
    assert_int_equal(wick_json_parse(json, strlen(json), "test", &root, &error), WICK_OK);
    const wick_json *whole = wick_json_get(root, "normalizer");
    if (wick_normalizer_load(&reading, whole ? whole : root, out) != WICK_OK)
        fail_msg("%s", error.message);
    wick_json_free(root);
}

static void slices_make_no_difference(void **state)
{
    static const size_t slices[] = {1, 2, 3, 5, 16, 40};
    wick_json *root = NULL;
    wick_encoding_state *whole = new_state(), *parts = new_state();
    size_t n_texts = 0;
    assert_int_equal(wick_json_read(STEPS, MAX_FIXTURE_BYTES, &root, NULL), WICK_OK);
    const wick_json *cases = wick_json_get(root, "cases");
    for (size_t i = 0; i < wick_json_count(cases); i++) {
        const wick_json *one = wick_json_at(cases, i), *texts = wick_json_get(one, "texts");
        wick_arena arena = {0};
        wick_normalizer normalizer;
        load(wick_json_string(wick_json_get(one, "head"), NULL), &normalizer, &arena);
        for (size_t k = 0; k < wick_json_count(texts); k++, n_texts++) {
            size_t n;
            const char *text = wick_json_string(wick_json_get(wick_json_at(texts, k), "text"), &n);
            run(&normalizer, text, n, SIZE_MAX, whole);
            for (size_t s = 0; s < sizeof slices / sizeof *slices; s++) {
                run(&normalizer, text, n, slices[s], parts);
                if (parts->text.n_bytes != whole->text.n_bytes)
                    fail_msg("case %zu, text %zu, slices of %zu: %zu bytes, not %zu", i, k, slices[s],
                             parts->text.n_bytes, whole->text.n_bytes);
                if (whole->text.n_bytes == 0)
                    continue;
                assert_memory_equal(parts->text.bytes, whole->text.bytes, whole->text.n_bytes);
                assert_memory_equal(parts->text.origins, whole->text.origins, whole->text.n_bytes * sizeof(uint32_t));
            }
        }
        wick_arena_clear(&arena);
    }
    assert_true(n_texts > 1000);
    wick_json_free(root);
    wick_encoding_free(&whole->shown);
    wick_encoding_free(&parts->shown);
}

/* n times `unit` with `before` and `behind`; the caller frees it. */
static char *repeat(const char *before, const char *unit, size_t n, const char *behind)
{
    const size_t n_before = strlen(before), n_unit = strlen(unit), n_behind = strlen(behind);
    char *text = malloc(n_before + n * n_unit + n_behind + 1), *at = text;
    assert_non_null(text);
    memcpy(at, before, n_before);
    at += n_before;
    for (size_t i = 0; i < n; i++, at += n_unit)
        memcpy(at, unit, n_unit);
    memcpy(at, behind, n_behind + 1);
    return text;
}

/* A run of 300,000 that a step holds back to its end: were it looked at anew with every slice, this would take hours. */
static void long_runs(void **state)
{
    enum { N = 300000 };
    static const struct {
        const char *normalizer, *before, *unit, *behind;
        size_t n_bytes;         /* of the result */
        const char *last;       /* its last byte is this one's */
        uint32_t origin_of_end; /* of the last byte */
    } cases[] = {
        {"{\"type\": \"NFC\"}", "e", "\xcc\x96", "\xcc\x81x", 2 + 2 * N + 1, "x", N + 2},
        {"{\"type\": \"NFC\"}", "", "\xea\xb0\x80\xe1\x86\xa8", "", 3 * N, "\x81", 2 * N - 2},
        {"{\"type\": \"NFKD\"}", "", "\xcc\x81", "\xcc\x96", 2 * N + 2, "\x81", N},
        {"{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", "a", " ", "b", N + 2, "b", N + 1},
        {"{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", "", " ", "", 0, NULL, 0},
        {"{\"type\": \"Strip\", \"strip_left\": false, \"strip_right\": true}", "a", "\xe3\x80\x80", "", 1, "a", 0},
        {"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \"_\"}", "a", " ", "b", 3, "b",
         N + 1},
        {"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\s+\"}, \"content\": \"_\"}", "a", "\xc2\xa0", "", 2,
         "_", N},
        {"{\"type\": \"Replace\", \"pattern\": {\"String\": \"aaab\"}, \"content\": \"_\"}", "", "a", "b", N - 3 + 1,
         "_", N},
    };
    wick_encoding_state *encoding = new_state();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_arena arena = {0};
        wick_normalizer normalizer;
        char *text = repeat(cases[i].before, cases[i].unit, N, cases[i].behind);
        load(cases[i].normalizer, &normalizer, &arena);
        run(&normalizer, text, strlen(text), 2048, encoding);
        const wick_normalized *out = &encoding->text;
        if (out->n_bytes != cases[i].n_bytes)
            fail_msg("case %zu: %zu bytes, not %zu", i, out->n_bytes, cases[i].n_bytes);
        if (cases[i].last) {
            assert_int_equal(out->bytes[out->n_bytes - 1], *cases[i].last);
            assert_int_equal(out->origins[out->n_bytes - 1], cases[i].origin_of_end);
        }
        wick_arena_clear(&arena);
        free(text);
    }
    wick_encoding_free(&encoding->shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slices_make_no_difference), cmocka_unit_test(long_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
