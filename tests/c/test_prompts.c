/* SPDX-License-Identifier: Apache-2.0
 * test_prompts.c: prompts and cuts of vectors as sentence-transformers has them (fixtures/sentence, made by tools/make_sentence_golden.py), on copies of the tiny model:
 * by name, by default, given as text; left out of the pooling; cut on either side; and what is refused. */
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
#include "provider/engine.h"
#include "support_model.h"
#include "support_pack.h"

#define DIMENSION 32
#define MAX_TEXTS 8
#define MIN_COSINE 0.999999
#define MAX_DIFFERENCE 1e-5
#define CONFIG "\"model_max_length\": 48,"

static const char settings_head[] =
    "{\"prompts\":{\"query\":\"find the answer: \",\"word\":\"price\",\"blank\":\" \",\"long\":\"";
static const char settings_tail[] = "\"}";

typedef struct fixture {
    wick_json *root;
    size_t n_texts;
    const char *texts[MAX_TEXTS];
} fixture;

static fixture read_fixture(const char *path)
{
    fixture f = {0};
    wick_error error = {0};
    if (wick_json_read(path, (size_t)4 << 20, &f.root, &error) != WICK_OK)
        fail_msg("%s: %s", error.where, error.message);
    const wick_json *texts = wick_json_get(f.root, "texts");
    f.n_texts = wick_json_count(texts);
    assert_in_range(f.n_texts, 5, MAX_TEXTS);
    for (size_t i = 0; i < f.n_texts; i++)
        f.texts[i] = wick_json_string(wick_json_at(texts, i), NULL);
    return f;
}

/* The tiny model with the fixture's prompts; more: further keys of config_sentence_transformers.json, or "". */
static void make_folder(char folder[SUPPORT_PATH_BYTES], const char *more)
{
    char json[2048] = "";
    support_tiny_make(folder);
    size_t n = (size_t)snprintf(json, sizeof json, "%s", settings_head);
    for (size_t i = 0; i < 12; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "the quick brown fox and ");
    snprintf(json + n, sizeof json - n, "%s%s}", settings_tail, more);
    support_file_write(folder, "config_sentence_transformers.json", json);
}

static wick_model *open_model(const char *name)
{
    wick_model *model = NULL;
    wick_error error = {0};
    if (wick_model_open(name, NULL, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    return model;
}

static const char *text_of(const wick_json *object, const char *key)
{
    return wick_json_string(wick_json_get(object, key), NULL);
}

static void check_rows(const char *label, const wick_json *rows, const float *got, size_t n, size_t dimension)
{
    assert_int_equal(wick_json_count(rows), n);
    for (size_t i = 0; i < n; i++) {
        const wick_json *row = wick_json_at(rows, i);
        double dot = 0, a = 0, b = 0, largest = 0;
        assert_int_equal(wick_json_count(row), dimension);
        for (size_t d = 0; d < dimension; d++) {
            double want = 0, value = got[i * dimension + d];
            assert_true(wick_json_number(wick_json_at(row, d), &want));
            dot += want * value;
            a += want * want;
            b += value * value;
            largest = fmax(largest, fabs(want - value));
        }
        if (!(largest <= MAX_DIFFERENCE * fmax(1, sqrt(a))) || !(dot >= MIN_COSINE * sqrt(a * b)))
            fail_msg("%s, text %zu: off by %g, cosine %.9f", label, i, largest, dot / sqrt(a * b));
    }
}

/* All texts at once, then each alone: the same bits. */
static void embed(wick_model *model, const fixture *f, const wick_embed_options *options, size_t dimension, float *out)
{
    float alone[DIMENSION];
    wick_error error = {0};
    if (wick_embed(model, f->texts, NULL, f->n_texts, options, out, NULL, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    for (size_t i = 0; i < f->n_texts; i++) {
        assert_int_equal(wick_embed(model, &f->texts[i], NULL, 1, options, alone, NULL, NULL), WICK_OK);
        assert_memory_equal(alone, out + i * dimension, dimension * sizeof *alone);
    }
}

static void prompts_as_the_reference(void **state)
{
    const fixture f = read_fixture(WICK_FIXTURES "/sentence/prompts.json");
    const wick_json *cases = wick_json_get(f.root, "cases");
    assert_true(wick_json_count(cases) >= 28);
    for (size_t i = 0; i < wick_json_count(cases); i++) {
        const wick_json *one = wick_json_at(cases, i);
        const char *pooling = text_of(one, "pooling"), *side = text_of(one, "side"),
                   *name = text_of(one, "prompt_name");
        const bool include = wick_json_bool(wick_json_get(one, "include_prompt"), true);
        char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES], text[256];
        float vectors[MAX_TEXTS * DIMENSION], again[MAX_TEXTS * DIMENSION];
        wick_embed_options options;
        wick_embed_options_init(&options);
        options.prompt_name = name;
        make_folder(folder, "");
        snprintf(text, sizeof text, "{\"pooling_mode\":\"%s\",\"include_prompt\":%s}", pooling,
                 include ? "true" : "false");
        support_file_write(folder, "1_Pooling/config.json", text);
        snprintf(text, sizeof text, CONFIG "\"truncation_side\": \"%s\",", side);
        support_file_edit(folder, "tokenizer_config.json", CONFIG, text);
        wick_model *model = open_model(folder);
        embed(model, &f, &options, DIMENSION, vectors);
        snprintf(text, sizeof text, "%s, include_prompt %d, %s, %s", pooling, include, side, name);
        check_rows(text, wick_json_get(one, "vectors"), vectors, f.n_texts, DIMENSION);
        options.prompt_name = "no such name"; /* which does not matter beside the text */
        options.prompt = text_of(wick_json_get(f.root, "prompts"), name);
        embed(model, &f, &options, DIMENSION, again);
        assert_memory_equal(again, vectors, f.n_texts * DIMENSION * sizeof *vectors);
        wick_model_close(model);
        size_t n;
        uint8_t *bytes = support_pack_make(folder, "f32", &n);
        support_bytes_write(folder, "packed.wick", bytes, n);
        support_path(folder, "packed.wick", path);
        model = open_model(path);
        options.prompt = NULL;
        options.prompt_name = name;
        embed(model, &f, &options, DIMENSION, again);
        assert_memory_equal(again, vectors, f.n_texts * DIMENSION * sizeof *vectors);
        wick_model_close(model);
        free(bytes);
        support_folder_remove(folder);
    }
    wick_json_free(f.root);
}

static void cuts_as_the_reference(void **state)
{
    const fixture f = read_fixture(WICK_FIXTURES "/sentence/cuts.json");
    const wick_json *cases = wick_json_get(f.root, "cases");
    for (size_t i = 0; i < wick_json_count(cases); i++) {
        const wick_json *one = wick_json_at(cases, i);
        int64_t asked = 0, cut = 0;
        char folder[SUPPORT_PATH_BYTES];
        float vectors[MAX_TEXTS * DIMENSION];
        wick_embed_options options;
        wick_embed_options_init(&options);
        options.normalize = wick_json_bool(wick_json_get(one, "normalize"), false);
        wick_json_integer(wick_json_get(one, "dimensions"), &asked);
        wick_json_integer(wick_json_get(one, "truncate_dim"), &cut);
        options.dimensions = (size_t)asked;
        options.prompt_name = cut ? NULL : "query"; /* the default's, where the file has one */
        make_folder(folder, cut ? ",\"truncate_dim\":7,\"default_prompt_name\":\"query\"" : "");
        wick_model *model = open_model(folder);
        wick_model_info info = {.size = sizeof info};
        wick_model_get_info(model, &info);
        assert_int_equal(info.dimension, cut ? 7 : DIMENSION);
        assert_int_equal(info.max_dimensions, DIMENSION);
        const size_t dimension = asked ? (size_t)asked : info.dimension;
        embed(model, &f, &options, dimension, vectors);
        check_rows(folder, wick_json_get(one, "vectors"), vectors, f.n_texts, dimension);
        options.dimensions = DIMENSION; /* more than the file's cut may be asked for */
        embed(model, &f, &options, DIMENSION, vectors);
        options.dimensions = DIMENSION + 1;
        wick_error error = {0};
        assert_int_equal(wick_embed(model, f.texts, NULL, 1, &options, vectors, NULL, &error), WICK_E_INVALID_INPUT);
        assert_string_equal(error.message, "33 dimensions asked for, the model's vectors have 32");
        wick_model_close(model);
        support_folder_remove(folder);
    }
    wick_json_free(f.root);
}

static uint64_t tokens_of(wick_model *model, const char *text, const char *name, const char *prompt)
{
    float vector[DIMENSION];
    wick_usage usage = {0};
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.prompt_name = name;
    options.prompt = prompt;
    assert_int_equal(wick_embed(model, &text, NULL, 1, &options, vector, &usage, NULL), WICK_OK);
    return usage.total_tokens;
}

static void defaults_and_names(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    make_folder(folder, ",\"default_prompt_name\":\"word\"");
    wick_model *model = open_model(folder);
    wick_model_info info = {.size = sizeof info};
    wick_model_get_info(model, &info);
    assert_int_equal(info.n_prompts, 5); /* and "document" */
    assert_string_equal(info.default_prompt_name, "word");
    assert_true(info.pools_prompt);
    assert_string_equal(info.similarity, "cosine");
    /* [CLS] price hello [SEP]: without a blank between them the two are one word, of some pieces. */
    const uint64_t bare = tokens_of(model, "hello", NULL, "");
    assert_int_equal(bare, 3);
    assert_true(tokens_of(model, "hello", NULL, NULL) > bare);
    assert_int_equal(tokens_of(model, "hello", "word", NULL), tokens_of(model, "hello", NULL, NULL));
    assert_int_equal(tokens_of(model, "hello", "document", NULL), bare);
    assert_int_equal(tokens_of(model, "hello", "word", ""), bare);
    assert_int_equal(tokens_of(model, "hello", "word", "a b "), bare + 2);
    assert_int_equal(tokens_of(model, "hello", "query", NULL), tokens_of(model, "find the answer: hello", NULL, ""));
    wick_model_close(model);
    support_folder_remove(folder);
}

static void fails(wick_model *model, const wick_embed_options *options, const char *text, size_t n, const char *where,
                  const char *message, const char *mend)
{
    float vector[DIMENSION];
    wick_error error = {0};
    assert_int_equal(wick_embed(model, &text, &n, 1, options, vector, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, where);
    assert_string_equal(error.message, message);
    assert_string_equal(error.mend, mend);
}

static void what_is_refused(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    make_folder(folder, "");
    wick_model *model = open_model(folder);
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.prompt_name = "passage";
    fails(model, &options, "a", 1, "prompt_name", "Unknown prompt_name: passage",
          "one of: query, document, word, blank, long");
    options.prompt_name = "";
    fails(model, &options, "a", 1, "prompt_name",
          "Unknown prompt_name: ", "one of: query, document, word, blank, long");
    options.prompt = "caf\xc3";
    fails(model, &options, "a", 1, "prompt", "invalid UTF-8 at byte 4", "pass the prompt as UTF-8");
    options.prompt = "query: "; /* bytes are counted in the text */
    fails(model, &options, "ab\xff", 3, "texts[0]", "invalid UTF-8 at byte 3", "pass the text as UTF-8");
    options.prompt =
        "the quick brown fox and the quick brown fox and the quick brown fox and the quick brown fox and the "
        "quick brown fox and the quick brown fox and the quick brown fox and the quick brown fox and ";
    options.truncate = false;
    fails(model, &options, "one two three four five six seven eight", 39, "texts[0]", "63 tokens, the limit is 48",
          "shorten the text, or let it be truncated");
    wick_model_close(model);
    support_folder_remove(folder);
}

/* Texts that all are left out of the pooling: what the reference gives for a mask of zeros. */
static void nothing_left_to_pool(void **state)
{
    static const struct {
        const char *pooling;
        float value; /* NAN: the first token's own */
    } cases[] = {{"mean", 0},      {"mean_sqrt_len_tokens", 0}, {"weightedmean", 0},
                 {"lasttoken", 0}, {"max", -INFINITY},          {"cls", NAN}};
    static const int32_t ids[] = {2, 40, 41, 3};
    static const uint32_t offsets[] = {0, 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[SUPPORT_PATH_BYTES], text[64];
        float whole[DIMENSION], out[DIMENSION];
        wick_packed_batch batch = {1, 4, ids, offsets};
        support_tiny_make(folder);
        snprintf(text, sizeof text, "{\"pooling_mode\":\"%s\"}", cases[i].pooling);
        support_file_write(folder, "1_Pooling/config.json", text);
        wick_model *model = open_model(folder);
        const wick_output_target to_whole = {.kind = WICK_OUTPUT_POOLED, .rows = whole},
                                 to_out = {.kind = WICK_OUTPUT_POOLED, .rows = out};
        assert_int_equal(model->ops->encode(model->backend, &batch, &to_whole, NULL), WICK_OK);
        for (batch.n_prompt_tokens = 4; batch.n_prompt_tokens < 100; batch.n_prompt_tokens += 50) {
            assert_int_equal(model->ops->encode(model->backend, &batch, &to_out, NULL), WICK_OK);
            for (size_t d = 0; d < DIMENSION; d++)
                assert_true(out[d] == (isnan(cases[i].value) ? whole[d] : cases[i].value));
        }
        wick_model_close(model);
        support_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_as_the_reference), cmocka_unit_test(cuts_as_the_reference),
        cmocka_unit_test(defaults_and_names),       cmocka_unit_test(what_is_refused),
        cmocka_unit_test(nothing_left_to_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
