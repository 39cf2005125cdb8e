/* SPDX-License-Identifier: Apache-2.0
 * test_provider.c: the provider interface and the manager, with the mock provider and with providers that are not there. The engine
 * behind "candle" has tests of its own (test_engine.c, test_mission.c). */
#include <wick.h>
#include "support_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_provider *open_mock(void)
{
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.provider = "mock";
    options.model = "some/model";
    wick_provider *provider = NULL;
    wick_error error = {0};
    if (wick_provider_open(&options, &provider, &error) != WICK_OK)
        fail_msg("%s", error.message);
    return provider;
}

static wick_embed_request request_for(const char *const *texts, size_t n_texts)
{
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = texts;
    request.n_texts = n_texts;
    return request;
}

static void open_fails(const char *name, int code, const char *message)
{
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.provider = name;
    wick_provider *provider = (wick_provider *)1;
    wick_error error = {0};
    assert_int_equal(wick_provider_open(&options, &provider, &error), code);
    assert_int_equal(error.code, code);
    assert_null(provider);
    assert_string_equal(error.message, message);
}

static void manager_names_what_is_missing(void **state)
{
    open_fails("mlx", WICK_E_UNAVAILABLE, "MLX feature not enabled");
    open_fails("onnx", WICK_E_INVALID_INPUT, "Unknown provider: onnx");
    open_fails("Candle", WICK_E_INVALID_INPUT, "Unknown provider: Candle");
#if !WICK_WITH_CANDLE
    open_fails("candle", WICK_E_UNAVAILABLE, "Candle feature not enabled");
    open_fails("native", WICK_E_UNAVAILABLE, "Candle feature not enabled");
    open_fails(NULL, WICK_E_UNAVAILABLE, "Candle feature not enabled");
#endif
    wick_provider_close(NULL);
}

#if WICK_WITH_CANDLE
/* "candle" and "native" reach the engine, which looks for the model. */
static void candle_is_built_in(void **state)
{
    static const char *const names[] = {"candle", "native", NULL};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        wick_provider_options options;
        wick_provider_options_init(&options);
        options.provider = names[i];
        options.model = "nonexistent/model-that-does-not-exist";
        wick_provider *provider = NULL;
        wick_error error = {0};
        assert_int_equal(wick_provider_open(&options, &provider, &error), WICK_E_MODEL_NOT_FOUND);
        assert_string_equal(error.message, "model not found: nonexistent/model-that-does-not-exist");
    }
}
#else
/* The same symbols, so that a program links; each says what is missing. */
static void absent_engine_says_so(void **state)
{
    wick_model *model = (wick_model *)1;
    wick_tokenizer *tokenizer = (wick_tokenizer *)1;
    wick_encoding *encoding = wick_encoding_new();
    wick_error error = {0};
    assert_int_equal(wick_model_open("a/b", NULL, &model, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "Candle feature not enabled");
    assert_null(model);
    assert_int_equal(wick_tokenizer_open("a/b", NULL, &tokenizer, &error), WICK_E_UNAVAILABLE);
    assert_null(tokenizer);
    assert_int_equal(wick_embed(NULL, NULL, NULL, 0, NULL, NULL, NULL, &error), WICK_E_UNAVAILABLE);
    assert_int_equal(wick_tokenize(NULL, "", 0, NULL, encoding, &error), WICK_E_UNAVAILABLE);
    assert_int_equal(wick_model_health_check(NULL, &error), WICK_E_UNAVAILABLE);
    wick_encoding_free(encoding);
    wick_tokenizer_close(NULL);
    wick_model_close(NULL);
}
#endif

static void opens_what_the_configuration_names(void **state)
{
    const wick_config config = {.provider = "mock", .model = "x/y", .device = "auto", .dtype = "f32"};
    wick_provider *provider = NULL;
    wick_error error = {0};
    assert_int_equal(wick_provider_open_config(&config, &provider, &error), WICK_OK);
    assert_string_equal(wick_provider_name(provider), "mock");
    wick_provider_close(provider);
    wick_config other = config;
    other.provider = "mlx";
    assert_int_equal(wick_provider_open_config(&other, &provider, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "MLX feature not enabled");
    other.provider = "torch";
    assert_int_equal(wick_provider_open_config(&other, &provider, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, "Unknown provider: torch");
    assert_int_equal(wick_provider_open_config(NULL, &provider, &error), WICK_E_INVALID_INPUT);
}

static void mock_embeds(void **state)
{
    static const char *const texts[] = {"one two", "", "one two", "three\tfour\nfive "};
    wick_provider *provider = open_mock();
    wick_embed_request request = request_for(texts, 4);
    wick_embed_response response = {0};
    assert_int_equal(wick_provider_embed_batch(provider, &request, &response, NULL), WICK_OK);
    assert_string_equal(response.model, "some/model");
    assert_int_equal(response.n_texts, 4);
    assert_int_equal(response.dimension, 384);
    assert_int_equal(response.usage.total_tokens, 4 + 2 + 4 + 5);
    assert_true(response.usage.duration_ms >= 0.0);
    const float *rows = response.embeddings;
    assert_memory_equal(rows, rows + 2 * 384, 384 * sizeof *rows);
    assert_memory_not_equal(rows, rows + 384, 384 * sizeof *rows);
    for (size_t i = 0; i < 4; i++) {
        double sum = 0, dot = 0;
        for (size_t j = 0; j < 384; j++) {
            sum += (double)rows[i * 384 + j] * rows[i * 384 + j];
            dot += (double)rows[i * 384 + j] * rows[(i + 1) % 4 * 384 + j];
        }
        assert_true(sum > 0.75 && sum < 1.3);
        assert_true(fabs(dot) < 0.3); /* different texts, unrelated vectors; texts next to each other differ */
    }
    /* The same bits in every release and on every machine: tests elsewhere rely on them. */
    assert_true(fabsf(rows[384] - 0.04661504671f) < 1e-9f);
    wick_embed_response_clear(&response);
    assert_null(response.embeddings);
    wick_embed_response_clear(&response);
    wick_embed_response_clear(NULL);
    wick_provider_close(provider);
}

static void mock_cuts_and_normalises(void **state)
{
    static const char *const texts[] = {"a", "b c"};
    wick_provider *provider = open_mock();
    wick_embed_request request = request_for(texts, 2);
    wick_embed_response whole = {0}, cut = {0};
    assert_int_equal(wick_provider_embed_batch(provider, &request, &whole, NULL), WICK_OK);
    request.options.dimensions = 64;
    assert_int_equal(wick_provider_embed_batch(provider, &request, &cut, NULL), WICK_OK);
    assert_int_equal(cut.dimension, 64);
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(cut.embeddings + i * 64, whole.embeddings + i * 384, 64 * sizeof(float));
    request.options.normalize = true;
    assert_int_equal(wick_provider_embed_batch(provider, &request, &cut, NULL), WICK_OK);
    for (size_t i = 0; i < 2; i++) {
        double sum = 0, own = 0;
        for (size_t j = 0; j < 64; j++) {
            sum += (double)cut.embeddings[i * 64 + j] * cut.embeddings[i * 64 + j];
            own += (double)whole.embeddings[i * 384 + j] * whole.embeddings[i * 384 + j];
        }
        assert_true(fabs(sum - 1.0) < 1e-6);
        assert_true(fabs(cut.embeddings[i * 64] * sqrt(own) - whole.embeddings[i * 384]) < 1e-7);
    }
    wick_embed_response_clear(&whole);
    wick_embed_response_clear(&cut);
    wick_provider_close(provider);
}

static void embed_fails(wick_provider *provider, const wick_embed_request *request, int code, const char *message)
{
    wick_embed_response response = {0};
    wick_error error = {0};
    assert_int_equal(wick_provider_embed_batch(provider, request, &response, &error), code);
    assert_null(response.embeddings);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

/* Where it is stands in `where` alone: programs print both. */
static void embed_fails_at(wick_provider *provider, const wick_embed_request *request, int code, const char *where,
                           const char *message)
{
    wick_embed_response response = {0};
    wick_error error = {0};
    assert_int_equal(wick_provider_embed_batch(provider, request, &response, &error), code);
    assert_null(response.embeddings);
    assert_string_equal(error.where, where);
    assert_string_equal(error.message, message);
    assert_true(error.mend[0] != '\0');
}

static void wrong_requests_are_refused(void **state)
{
    static const char *const texts[] = {"fine", "not \xff utf-8"}, *const holes[] = {"fine", NULL};
    wick_provider *provider = open_mock();
    wick_embed_request request = request_for(texts, 0);
    embed_fails(provider, &request, WICK_E_INVALID_INPUT, "no inputs");
    embed_fails_at(provider, NULL, WICK_E_INVALID_INPUT, "request", "the pointer is NULL");
    request = request_for(NULL, 1);
    embed_fails(provider, &request, WICK_E_INVALID_INPUT, "NULL");
    request = request_for(holes, 2);
    embed_fails_at(provider, &request, WICK_E_INVALID_INPUT, "texts[1]", "the pointer is NULL");
    request = request_for(texts, 2);
    embed_fails_at(provider, &request, WICK_E_INVALID_INPUT, "texts[1]", "invalid UTF-8 at byte 5");
    request = request_for(texts, 1);
    request.options.dimensions = 385;
    embed_fails(provider, &request, WICK_E_INVALID_INPUT, "385 dimensions");
    request = request_for(texts, 1);
    request.model = "another/model";
    embed_fails(provider, &request, WICK_E_MODEL_NOT_FOUND, "model not found: another/model");
    request.size = 0;
    embed_fails(provider, &request, WICK_E_INVALID_INPUT, "size");
    wick_provider_close(provider);
}

static void request_names_the_model_or_none(void **state)
{
    static const char *const texts[] = {"fine"}, *const models[] = {NULL, "", "some/model"};
    wick_provider *provider = open_mock();
    for (size_t i = 0; i < 3; i++) {
        wick_embed_request request = request_for(texts, 1);
        request.model = models[i];
        wick_embed_response response = {0};
        assert_int_equal(wick_provider_embed_batch(provider, &request, &response, NULL), WICK_OK);
        wick_embed_response_clear(&response);
    }
    wick_provider_close(provider);
}

static void lengths_need_no_terminator(void **state)
{
    static const char *const texts[] = {"abXX", NULL, "ab"};
    static const size_t lengths[] = {2, 0, 2};
    wick_provider *provider = open_mock();
    wick_embed_request request = request_for(texts, 3);
    request.text_bytes = lengths;
    wick_embed_response response = {0};
    assert_int_equal(wick_provider_embed_batch(provider, &request, &response, NULL), WICK_OK);
    assert_memory_equal(response.embeddings, response.embeddings + 2 * 384, 384 * sizeof(float));
    wick_embed_response_clear(&response);
    wick_provider_close(provider);
}

static void mock_truncates_unless_told_not_to(void **state)
{
    char long_text[2 * 600 + 1];
    for (size_t i = 0; i < 600; i++)
        memcpy(long_text + 2 * i, "w ", 2);
    long_text[sizeof long_text - 1] = '\0';
    const char *const texts[] = {"short", long_text};
    wick_provider *provider = open_mock();
    wick_embed_request request = request_for(texts, 2);
    wick_embed_response response = {0};
    assert_int_equal(wick_provider_embed_batch(provider, &request, &response, NULL), WICK_OK);
    assert_int_equal(response.usage.total_tokens, 3 + 512);
    wick_embed_response_clear(&response);
    request.options.truncate = false;
    embed_fails_at(provider, &request, WICK_E_INVALID_INPUT, "texts[1]", "602 tokens, the limit is 512");
    wick_provider_close(provider);
}

static void info_and_health(void **state)
{
    wick_provider *provider = open_mock();
    wick_model_info info = {.size = sizeof info};
    wick_error error = {0};
    assert_int_equal(wick_provider_model_info(provider, &info, &error), WICK_OK);
    assert_string_equal(info.model, "some/model");
    assert_int_equal(info.dimension, 384);
    assert_int_equal(info.max_tokens, 512);
    assert_int_equal(info.n_layers, 0);
    assert_null(info.path);
    assert_int_equal(wick_provider_health_check(provider, &error), WICK_OK);
    assert_string_equal(wick_provider_name(provider), "mock");
    assert_null(wick_provider_tokenizer(provider));
    info.size = 0;
    assert_int_equal(wick_provider_model_info(provider, &info, &error), WICK_E_INVALID_INPUT);
    wick_provider_close(provider);
}

/* Structs grow at their end: what a caller with an older wick.h passes is shorter, and nothing behind it may be touched. */
static void structs_of_older_callers_work(void **state)
{
    static const char *const texts[] = {"fine"};
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.size = offsetof(wick_provider_options, model);
    options.provider = "mock";
    options.model = (const char *)1; /* beyond the size: never read */
    options.model_options.size = 12345;
    wick_provider *provider = NULL;
    assert_int_equal(wick_provider_open(&options, &provider, NULL), WICK_OK);
    wick_model_info info;
    memset(&info, 0x55, sizeof info);
    info.size = offsetof(wick_model_info, max_tokens);
    assert_int_equal(wick_provider_model_info(provider, &info, NULL), WICK_OK);
    assert_string_equal(info.model, "sentence-transformers/all-MiniLM-L6-v2");
    assert_int_equal(info.dimension, 384);
    assert_true(info.max_tokens != 512);
    assert_int_equal(info.size, offsetof(wick_model_info, max_tokens));
    wick_embed_request request = request_for(texts, 1);
    request.size = offsetof(wick_embed_request, options);
    request.options.dimensions = 1; /* beyond the size */
    wick_embed_response response = {0};
    assert_int_equal(wick_provider_embed_batch(provider, &request, &response, NULL), WICK_OK);
    assert_int_equal(response.dimension, 384);
    wick_embed_response_clear(&response);
    wick_provider_close(provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manager_names_what_is_missing),
#if WICK_WITH_CANDLE
        cmocka_unit_test(candle_is_built_in),
#else
        cmocka_unit_test(absent_engine_says_so),
#endif
        cmocka_unit_test(opens_what_the_configuration_names),
        cmocka_unit_test(mock_embeds),
        cmocka_unit_test(mock_cuts_and_normalises),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(request_names_the_model_or_none),
        cmocka_unit_test(lengths_need_no_terminator),
        cmocka_unit_test(mock_truncates_unless_told_not_to),
        cmocka_unit_test(info_and_health),
        cmocka_unit_test(structs_of_older_callers_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
