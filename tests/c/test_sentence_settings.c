/* SPDX-License-Identifier: Apache-2.0
 * test_sentence_settings.c: config_sentence_transformers.json: what it may say, what it must not, and that a packed file keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/sentence_settings.h"
#include "support_model.h"
#include "support_pack.h"

#define FILE_NAME "config_sentence_transformers.json"

static int parse(const char *text, wick_arena *arena, wick_sentence_settings *out, wick_error *error)
{
    wick_sentence_settings_init(out);
    return wick_sentence_settings_parse(text, strlen(text), FILE_NAME, arena, out, error);
}

static void says_nothing(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"__version__\":{\"pytorch\":\"1.8.1\"}}",
        "{\"model_type\":\"SentenceTransformer\",\"prompts\":{},\"default_prompt_name\":null}",
        "{\"prompts\":null,\"similarity_fn_name\":null,\"truncate_dim\":null}",
        "{\"prompts\":{\"query\":null,\"document\":\"\"},\"default_prompt_name\":\"\"}",
        "{\"similarity_fn_name\":\"maxsim\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        wick_arena arena = {0};
        wick_sentence_settings s;
        wick_error error = {0};
        if (parse(texts[i], &arena, &s, &error) != WICK_OK)
            fail_msg("%s: %s", texts[i], error.message);
        assert_int_equal(s.n_prompts, 2);
        assert_string_equal(s.prompts[0].name, "query");
        assert_string_equal(s.prompts[1].name, "document");
        assert_string_equal(s.prompts[0].text, "");
        assert_string_equal(s.prompts[1].text, "");
        assert_null(s.default_prompt_name);
        assert_string_equal(s.similarity, "cosine");
        assert_true(s.truncate_dim == 0 && s.pools_prompt);
        wick_arena_clear(&arena);
    }
}

static void says_all(void **state)
{
    wick_arena arena = {0};
    wick_sentence_settings s;
    assert_int_equal(
        parse(
            "{\"prompts\":{\"passage\":\"passage: \",\"query\":\"q\\u00e9: \\n\"},\"default_prompt_name\":\"passage\","
            "\"similarity_fn_name\":\"dot\",\"truncate_dim\":128}",
            &arena, &s, NULL),
        WICK_OK);
    assert_int_equal(s.n_prompts, 3);
    assert_string_equal(s.prompts[0].name, "query");
    assert_string_equal(s.prompts[0].text, "q\xc3\xa9: \n");
    assert_string_equal(s.prompts[2].name, "passage");
    assert_string_equal(s.prompts[2].text, "passage: ");
    assert_string_equal(s.default_prompt_name, "passage");
    assert_string_equal(s.similarity, "dot");
    assert_int_equal(s.truncate_dim, 128);
    wick_arena_clear(&arena);
    static const char *const names[] = {"cosine", "dot", "euclidean", "manhattan"};
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"similarity_fn_name\":\"%s\"}", names[i]);
        assert_int_equal(parse(text, &arena, &s, NULL), WICK_OK);
        assert_string_equal(s.similarity, names[i]);
    }
    wick_arena_clear(&arena);
}

static void refuses(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *message;
    } cases[] = {
        {"7", WICK_E_CORRUPT, "expected an object"},
        {"{", WICK_E_CORRUPT, "malformed JSON"},
        {"{\"model_type\":\"ImageEncoder\"}", WICK_E_UNSUPPORTED, "model_type ImageEncoder"},
        {"{\"model_type\":7}", WICK_E_CORRUPT, "model_type is a number"},
        {"{\"prompts\":[]}", WICK_E_CORRUPT, "prompts is an array, expected an object"},
        {"{\"prompts\":\"query: \"}", WICK_E_CORRUPT, "prompts is a string, expected an object"},
        {"{\"prompts\":{\"query\":7}}", WICK_E_CORRUPT, "prompts.query is not a string"},
        {"{\"prompts\":{\"query\":[\"query: \"]}}", WICK_E_CORRUPT, "prompts.query is not a string"},
        {"{\"prompts\":{\"query\":\"a\\u0000b\"}}", WICK_E_CORRUPT, "prompts.query holds a NUL character"},
        {"{\"prompts\":{\"a\\u0000b\":\"\"}}", WICK_E_CORRUPT, "malformed JSON"}, /* jansson has no such keys */
        {"{\"default_prompt_name\":7}", WICK_E_CORRUPT, "default_prompt_name is a number"},
        {"{\"default_prompt_name\":\"passage\"}", WICK_E_CORRUPT, "default_prompt_name passage is not one of prompts"},
        {"{\"similarity_fn_name\":1}", WICK_E_CORRUPT, "similarity_fn_name is a number"},
        {"{\"truncate_dim\":0}", WICK_E_CORRUPT, "truncate_dim is 0"},
        {"{\"truncate_dim\":-1}", WICK_E_CORRUPT, "truncate_dim is -1"},
        {"{\"truncate_dim\":1.5}", WICK_E_CORRUPT, "truncate_dim is 1.5"},
        {"{\"truncate_dim\":1e30}", WICK_E_CORRUPT, "truncate_dim is 1e+30"},
        {"{\"truncate_dim\":\"128\"}", WICK_E_CORRUPT, "truncate_dim is a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_arena arena = {0};
        wick_sentence_settings s;
        wick_error error = {0};
        const int code = parse(cases[i].text, &arena, &s, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].message, FILE_NAME);
        wick_arena_clear(&arena);
    }
}

/* {"prompts": {"p0": TEXT, "p1": TEXT...}}, each text so many bytes long. */
static char *many_prompts(size_t n, size_t n_bytes)
{
    char *json = malloc(n * (n_bytes + 32) + 64), *at = json;
    assert_non_null(json);
    at += sprintf(at, "{\"prompts\":{");
    for (size_t i = 0; i < n; i++) {
        at += sprintf(at, "%s\"p%zu\":\"", i ? "," : "", i);
        memset(at, 'x', n_bytes);
        at += n_bytes;
        *at++ = '"';
    }
    sprintf(at, "}}");
    return json;
}

static void is_bounded(void **state)
{
    static const struct {
        size_t n, n_bytes;
        const char *message; /* NULL: it is taken */
    } cases[] = {
        {64, 8, NULL},
        {65, 8, "prompts: 65 of them, at most 64 are kept"},
        {5000, 1, "prompts: 5000 of them"},
        {1, (64 << 10) - 2, NULL},
        {1, (64 << 10) - 1, "prompts: more than 65536 bytes in all"},
        {2, 32 << 10, "prompts: more than 65536 bytes in all"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json = many_prompts(cases[i].n, cases[i].n_bytes);
        wick_arena arena = {0};
        wick_sentence_settings s;
        wick_error error = {0};
        const int code = parse(json, &arena, &s, &error);
        if (cases[i].message)
            support_error_check(cases[i].message, code, &error, WICK_E_UNSUPPORTED, cases[i].message, FILE_NAME);
        else
            assert_int_equal(s.n_prompts, cases[i].n + 2);
        wick_arena_clear(&arena);
        free(json);
    }
}

/* ---- packed files -------------------------------------------------------------------------------------------------- */

static wick_model *open_bytes(const char *folder, const uint8_t *bytes, size_t n, wick_error *error)
{
    char path[SUPPORT_PATH_BYTES];
    wick_model *model = NULL;
    support_bytes_write(folder, "packed.wick", bytes, n);
    support_path(folder, "packed.wick", path);
    wick_model_open(path, NULL, &model, error);
    return model;
}

static void check_same_info(const wick_model *a, const wick_model *b)
{
    wick_model_info x = {.size = sizeof x}, y = {.size = sizeof y};
    wick_model_get_info(a, &x);
    wick_model_get_info(b, &y);
    assert_int_equal(x.n_prompts, y.n_prompts);
    for (size_t i = 0; i < x.n_prompts; i++) {
        assert_string_equal(x.prompts[i].name, y.prompts[i].name);
        assert_string_equal(x.prompts[i].text, y.prompts[i].text);
    }
    assert_int_equal(x.default_prompt_name == NULL, y.default_prompt_name == NULL);
    if (x.default_prompt_name)
        assert_string_equal(x.default_prompt_name, y.default_prompt_name);
    assert_string_equal(x.similarity, y.similarity);
    assert_true(x.dimension == y.dimension && x.max_dimensions == y.max_dimensions && x.pools_prompt == y.pools_prompt);
}

/* The worst that can be kept: names and texts that need an escape for every byte, the default's name the longest. */
static char *worst_settings(void)
{
    char *json = malloc((size_t)1 << 20), *at = json;
    const size_t n = (32 << 10) - 16;
    assert_non_null(json);
    at += sprintf(at, "{\"default_prompt_name\":\"");
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "\\u0001");
    at += sprintf(at, "\",\"prompts\":{\"query\":\"\\\"\\\\\u00e9\",\"");
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "\\u0001");
    at += sprintf(at, "\":\"");
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "\\u001f");
    sprintf(at, "\"}}");
    return json;
}

static void packed_files_keep_them(void **state)
{
    char *worst = worst_settings();
    const char *const texts[] = {
        "{\"prompts\":{\"query\":\"query: "
        "\",\"b\":\"x\"},\"default_prompt_name\":\"b\",\"similarity_fn_name\":\"manhattan\",\"truncate_dim\":9}",
        "{\"truncate_dim\":4000}", "{}", worst};
    for (size_t i = 0; i < 4; i++) {
        char folder[SUPPORT_PATH_BYTES];
        size_t n;
        wick_error error = {0};
        wick_model *model = NULL;
        support_tiny_make(folder);
        support_file_write(folder, FILE_NAME, texts[i]);
        if (i == 0)
            support_file_write(folder, "1_Pooling/config.json", "{\"pooling_mode\":\"mean\",\"include_prompt\":false}");
        if (wick_model_open(folder, NULL, &model, &error) != WICK_OK)
            fail_msg("%.80s: %s", texts[i], error.message);
        uint8_t *bytes = support_pack_make(folder, "f32", &n);
        wick_model *packed = open_bytes(folder, bytes, n, &error);
        if (!packed)
            fail_msg("%.80s: %s", texts[i], error.message);
        check_same_info(model, packed);
        wick_model_close(packed);
        wick_model_close(model);
        free(bytes);
        support_folder_remove(folder);
    }
    free(worst);
}

static void spoiled_packed_files(void **state)
{
    static const struct {
        const char *section; /* NULL: none */
        const char *message; /* NULL: it opens */
    } cases[] = {
        {NULL, "is missing"},
        {"{}", NULL},
        {"", "is damaged"},
        {"[]", "is damaged"},
        {"{\"prompts\":{\"a\":1}}", "prompts.a is not a string"},
        {"{\"default_prompt_name\":\"x\"}", "default_prompt_name x"},
        {"{\"truncate_dim\":-3}", "truncate_dim is -3"},
        {"{\"include_prompt\":\"no\"}", "include_prompt is a string"},
    };
    size_t n, n_edited;
    uint8_t *good = support_pack_make(WICK_FIXTURES "/tiny-bert", "f32", &n);
    char folder[SUPPORT_PATH_BYTES];
    support_folder_make(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *section = cases[i].section;
        uint8_t *bytes = support_pack_replace(good, n, "sentence", section, section ? strlen(section) : 0, &n_edited);
        wick_error error = {0};
        wick_model *model = open_bytes(folder, bytes, n_edited, &error);
        if (cases[i].message)
            support_error_check(cases[i].message, error.code, &error, WICK_E_CORRUPT, cases[i].message, "packed.wick");
        assert_int_equal(model == NULL, cases[i].message != NULL);
        wick_model_close(model);
        free(bytes);
    }
    support_folder_remove(folder);
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing),
        cmocka_unit_test(says_all),
        cmocka_unit_test(refuses),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(packed_files_keep_them),
        cmocka_unit_test(spoiled_packed_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
