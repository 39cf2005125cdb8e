/* SPDX-License-Identifier: Apache-2.0
 * test_truncation_side.c: where a text that is too long is cut: tokenizer_config.json's truncation_side, else tokenizer.json's truncation.direction, and options that
 * beat both; the same for vectors, for the tokenizer alone and for a packed model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "support_model.h"
#include "support_pack.h"
#include "text/tokenizer.h"
#include "text/tokenizer_flat.h"
#include "text/tokenizer_parts.h"

#define DIMENSION 32
#define MAX_LENGTH 5
#define NOT_CUT "\"truncation\":null"
#define CUT_LEFT "\"truncation\":{\"max_length\":48,\"strategy\":\"LongestFirst\",\"stride\":0,\"direction\":\"Left\"}"
#define CONFIG "\"model_max_length\": 48,"

/* What a text of six letters is cut to. */
static const char text[] = "a b c d e f";
static const char *const right_end = "a b c", *const left_end = "d e f";

/* Both sides' vectors, of the tiny model as it is. */
static float cut_right[DIMENSION], cut_left[DIMENSION];

static wick_model *open_cutting(const char *name)
{
    wick_model_options options;
    wick_model *model = NULL;
    wick_error error = {0};
    wick_model_options_init(&options);
    options.max_seq_length = MAX_LENGTH;
    if (wick_model_open(name, &options, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    return model;
}

static void embed(wick_model *model, const char *one, uint8_t side, float out[DIMENSION])
{
    wick_embed_options options;
    wick_embed_options_init(&options);
    assert_int_equal(options.truncate_side, WICK_TRUNCATE_DEFAULT);
    options.truncate_side = side;
    assert_int_equal(wick_embed(model, &one, NULL, 1, &options, out, NULL, NULL), WICK_OK);
}

static int set_up(void **state)
{
    (void)state;
    wick_model *model = open_cutting(WICK_FIXTURES "/tiny-bert");
    embed(model, right_end, WICK_TRUNCATE_DEFAULT, cut_right);
    embed(model, left_end, WICK_TRUNCATE_DEFAULT, cut_left);
    wick_model_close(model);
    return memcmp(cut_right, cut_left, sizeof cut_left) == 0;
}

static int32_t last_id(const wick_tokenizer *tokenizer, const char *one, uint8_t side)
{
    wick_encoding *encoding = wick_encoding_new();
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    options.max_tokens = MAX_LENGTH;
    options.truncate_side = side;
    assert_int_equal(wick_tokenize(tokenizer, one, strlen(one), &options, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, MAX_LENGTH);
    const int32_t id = encoding->ids[MAX_LENGTH - 2];
    wick_encoding_free(encoding);
    return id;
}

/* The model cuts on this side unless it is told otherwise, and so does its tokenizer alone. */
static void check_cuts(const char *name, bool left)
{
    float vector[DIMENSION];
    wick_model *model = open_cutting(name);
    embed(model, text, WICK_TRUNCATE_DEFAULT, vector);
    assert_memory_equal(vector, left ? cut_left : cut_right, sizeof vector);
    embed(model, text, WICK_TRUNCATE_LEFT, vector);
    assert_memory_equal(vector, cut_left, sizeof vector);
    embed(model, text, WICK_TRUNCATE_RIGHT, vector);
    assert_memory_equal(vector, cut_right, sizeof vector);
    wick_model_close(model);
    wick_tokenizer *tokenizer = NULL;
    assert_int_equal(wick_tokenizer_open(name, NULL, &tokenizer, NULL), WICK_OK);
    assert_int_equal(last_id(tokenizer, text, WICK_TRUNCATE_DEFAULT),
                     last_id(tokenizer, left ? left_end : right_end, 0));
    assert_int_equal(last_id(tokenizer, text, WICK_TRUNCATE_LEFT), last_id(tokenizer, left_end, 0));
    assert_int_equal(last_id(tokenizer, text, WICK_TRUNCATE_RIGHT), last_id(tokenizer, right_end, 0));
    wick_tokenizer_close(tokenizer);
}

static void files_say_the_side(void **state)
{
    (void)state;
    static const struct {
        const char *config, *tokenizer; /* what stands in the two files */
        bool left;
    } cases[] = {
        {CONFIG, NOT_CUT, false},
        {CONFIG "\"truncation_side\": \"left\",", NOT_CUT, true},
        {CONFIG "\"truncation_side\": null,", CUT_LEFT, true},
        {CONFIG, CUT_LEFT, true},
        {CONFIG "\"truncation_side\": \"right\",", CUT_LEFT, false},
        {CONFIG "\"truncation_side\": \"right\",", NOT_CUT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[SUPPORT_PATH_BYTES], kept[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
        size_t n;
        support_tiny_make(folder);
        support_file_edit(folder, "tokenizer_config.json", CONFIG, cases[i].config);
        support_file_edit(folder, "tokenizer.json", "\"truncation\": null", cases[i].tokenizer);
        support_env("WICK_PREPARED_DIR", "off");
        check_cuts(folder, cases[i].left);
        support_folder_make(kept);
        support_env("WICK_PREPARED_DIR", kept); /* made and kept, then mapped */
        check_cuts(folder, cases[i].left);
        check_cuts(folder, cases[i].left);
        support_env("WICK_PREPARED_DIR", "off");
        uint8_t *bytes = support_pack_make(folder, "f32", &n);
        support_bytes_write(kept, "side.wick", bytes, n);
        support_path(kept, "side.wick", path);
        check_cuts(path, cases[i].left);
        free(bytes);
        support_folder_remove(kept);
        support_folder_remove(folder);
    }
}

static void an_unknown_side_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *side;
        int code;
        const char *message;
    } cases[] = {{"\"middle\"", WICK_E_UNSUPPORTED, "truncation_side middle is not supported"},
                 {"true", WICK_E_CORRUPT, "truncation_side is a boolean, expected a string"}};
    for (size_t i = 0; i < 2; i++) {
        char folder[SUPPORT_PATH_BYTES], line[128];
        wick_model *model = NULL;
        wick_tokenizer *tokenizer = NULL;
        wick_error error = {0};
        snprintf(line, sizeof line, CONFIG "\"truncation_side\": %s,", cases[i].side);
        support_tiny_make(folder);
        support_file_edit(folder, "tokenizer_config.json", CONFIG, line);
        int code = wick_model_open(folder, NULL, &model, &error);
        support_error_check(line, code, &error, cases[i].code, cases[i].message, "/tokenizer_config.json");
        error = (wick_error){0};
        code = wick_tokenizer_open(folder, NULL, &tokenizer, &error);
        support_error_check(line, code, &error, cases[i].code, cases[i].message, "/tokenizer_config.json");
        assert_null(tokenizer);
        support_folder_remove(folder);
    }
    wick_model *model = open_cutting(WICK_FIXTURES "/tiny-bert");
    wick_embed_options options;
    wick_error error = {0};
    const char *one = text;
    float vector[DIMENSION];
    wick_embed_options_init(&options);
    options.truncate_side = WICK_TRUNCATE_RIGHT + 1;
    assert_int_equal(wick_embed(model, &one, NULL, 1, &options, vector, NULL, &error), WICK_E_INVALID_INPUT);
    assert_non_null(strstr(error.message, "truncate_side is 3"));
    wick_model_close(model);
}

/* What the model's other files say is no part of what is kept. */
static void adapted_tokenizers(void **state)
{
    (void)state;
    wick_tokenizer *tokenizer = NULL, *back = NULL;
    uint8_t *flat;
    size_t n;
    assert_int_equal(wick_tokenizer_read(WICK_FIXTURES "/tiny-bert/tokenizer.json", &tokenizer, NULL), WICK_OK);
    assert_int_equal(wick_tokenizer_max_tokens(tokenizer), 0);
    tokenizer->truncation = (wick_truncation){77, true};
    wick_tokenizer_adapt(tokenizer, WICK_TRUNCATE_RIGHT, true);
    assert_int_equal(wick_tokenizer_flatten(tokenizer, &flat, &n), WICK_OK);
    assert_int_equal(wick_tokenizer_unflatten(flat, n, &back), WICK_OK);
    assert_int_equal(wick_tokenizer_max_tokens(back), 77);
    assert_true(back->truncation.is_left && !back->is_bare && back->truncate_side == WICK_TRUNCATE_DEFAULT);
    wick_encoding *encoding = wick_encoding_new();
    assert_int_equal(wick_tokenize(back, "a b", 3, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 4);
    assert_int_equal(wick_tokenize(tokenizer, "a b", 3, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 2); /* bare */
    assert_int_equal(wick_tokenize(tokenizer, "", 0, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 0);
    wick_encoding_free(encoding);
    free(flat);
    wick_tokenizer_free(tokenizer);
    wick_tokenizer_free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_say_the_side),
        cmocka_unit_test(an_unknown_side_is_refused),
        cmocka_unit_test(adapted_tokenizers),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
