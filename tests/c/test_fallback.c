/* SPDX-License-Identifier: Apache-2.0
 * test_fallback.c: retries, and a second provider in the first's place: what falls back and what does not, when the first is tried again, and that vectors of another model
 * never come. The providers are fakes that fail as told. */
#include "base/error.h"
#include "provider/fallback.h"
#include "provider/settings.h"
#include "support_files.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DIMENSION 8

/* fakes[0] is the first, fakes[1] the second. */
static struct fake {
    int code;          /* of every call; WICK_OK: it serves */
    unsigned n_fail;   /* so many calls fail, then it serves; UINT32_MAX: all */
    bool is_retriable; /* of WICK_E_INTERNAL */
    float shift;       /* of its vectors: another model */
    size_t dimension, max_seq_length;
    unsigned n_calls;
    int open_code;
    unsigned n_opened;
} fakes[2];

static int fake_embed(void *state, const wick_embed_request *request, float *out, wick_usage *usage, wick_error *error)
{
    struct fake *fake = state;
    fake->n_calls++;
    if (fake->n_fail > 0) {
        fake->n_fail -= fake->n_fail != UINT32_MAX;
        wick_fail(error, fake->code, "fake", NULL, "fake %d fails", (int)(fake - fakes));
        error->retriable = error->retriable || fake->is_retriable;
        return fake->code;
    }
    for (size_t i = 0; i < request->n_texts * fake->dimension; i++)
        out[i] = i % fake->dimension == 0 ? 1 - fake->shift : fake->shift;
    *usage = (wick_usage){request->n_texts, 0};
    return WICK_OK;
}

static int fake_info(const void *state, wick_model_info *info, wick_error *error)
{
    const struct fake *fake = state;
    info->dimension = fake->dimension;
    info->max_tokens = info->max_seq_length = fake->max_seq_length;
    return WICK_OK;
}

static void fake_close(void *state)
{
    ((struct fake *)state)->n_opened--;
}

static const wick_provider_ops ops[2] = {{"first", NULL, fake_embed, fake_info, fake_close, NULL},
                                         {"second", NULL, fake_embed, fake_info, fake_close, NULL}};

static wick_provider *provider_of(int i)
{
    wick_provider *provider = calloc(1, sizeof *provider);
    assert_non_null(provider);
    *provider = (wick_provider){.ops = &ops[i], .state = &fakes[i], .dimension = fakes[i].dimension};
    provider->model = strdup("a/model");
    fakes[i].n_opened++;
    return provider;
}

static int open_second(const wick_provider_options *options, wick_provider **out, wick_error *error)
{
    assert_string_equal(options->model, "a/model");
    assert_string_equal(options->model_options.dtype, "int8");
    assert_null(options->fallback);
    *out = NULL;
    if (fakes[1].open_code != WICK_OK)
        return wick_fail(error, fakes[1].open_code, "fake", NULL, "cannot be opened");
    *out = provider_of(1);
    return WICK_OK;
}

static unsigned n_warnings, n_errors;

static void count_logs(void *user, wick_log_level level, const char *message)
{
    n_warnings += level == WICK_LOG_WARN;
    n_errors += level == WICK_LOG_ERROR;
}

static int fresh(void **state)
{
    for (int i = 0; i < 2; i++)
        fakes[i] = (struct fake){.dimension = DIMENSION, .max_seq_length = 256, .code = WICK_E_UNAVAILABLE};
    n_warnings = n_errors = 0;
    wick_log_set(count_logs, NULL);
    return 0;
}

static int closed(void **state)
{
    wick_log_set(NULL, NULL);
    return fakes[0].n_opened + fakes[1].n_opened == 0 ? 0 : -1;
}

static wick_provider *open_pair(unsigned n_retries, double rest_ms)
{
    wick_provider *first = provider_of(0);
    wick_provider_options options;
    wick_provider_options_init(&options);
    char model[] = "a/model", dtype[] = "int8"; /* copied: the caller's may go */
    options.provider = "second";
    options.model = model;
    options.model_options.dtype = dtype;
    first->n_retries = n_retries;
    assert_int_equal(wick_fallback_new(first, &options, open_second, rest_ms, &first->fallback, NULL), WICK_OK);
    memset(model, 'x', sizeof model - 1);
    memset(dtype, 'x', sizeof dtype - 1);
    fakes[0].n_calls = 0; /* the known text */
    return first;
}

static int embed(wick_provider *provider, wick_error *error)
{
    static const char *const texts[] = {"a text", "another"};
    wick_embed_request request;
    wick_embed_request_init(&request);
    request.texts = texts;
    request.n_texts = 2;
    wick_embed_response response = {0};
    const int rc = wick_provider_embed_batch(provider, &request, &response, error);
    if (rc == WICK_OK)
        assert_true(response.embeddings[0] > 0.9f);
    wick_embed_response_clear(&response);
    return rc;
}

static void sleep_ms(unsigned ms)
{
    const struct timespec time = {0, ms * 1000000L};
    nanosleep(&time, NULL);
}

static void what_works_is_left_alone(void **state)
{
    wick_provider *provider = open_pair(2, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(embed(provider, NULL), WICK_OK);
    assert_int_equal(fakes[0].n_calls, 3);
    assert_int_equal(fakes[1].n_opened, 0); /* no memory for what is not needed */
    assert_string_equal(wick_provider_name(provider), "first");
    assert_int_equal(n_warnings + n_errors, 0);
    wick_provider_close(provider);
}

static void a_failure_that_passes_is_tried_again(void **state)
{
    static const int codes[] = {WICK_E_UNAVAILABLE, WICK_E_TIMEOUT, WICK_E_INTERNAL};
    for (size_t i = 0; i < 3; i++) {
        fresh(NULL);
        wick_provider *provider = open_pair(2, 0);
        fakes[0].code = codes[i];
        fakes[0].is_retriable = true;
        fakes[0].n_fail = 2;
        assert_int_equal(embed(provider, NULL), WICK_OK);
        assert_int_equal(fakes[0].n_calls, 3);
        assert_int_equal(fakes[1].n_opened, 0);
        wick_provider_close(provider);
    }
}

static void the_second_serves_and_the_first_rests(void **state)
{
    wick_provider *provider = open_pair(1, 0);
    wick_error error = {0};
    fakes[0].n_fail = UINT32_MAX;
    for (int i = 0; i < 3; i++)
        assert_int_equal(embed(provider, &error), WICK_OK);
    assert_int_equal(fakes[0].n_calls, 2); /* the first call and its retry */
    assert_int_equal(fakes[1].n_opened, 1);
    assert_int_equal(fakes[1].n_calls, 1 + 3);
    assert_string_equal(wick_provider_name(provider), "second");
    assert_int_equal(wick_provider_health_check(provider, &error), WICK_OK);
    assert_int_equal(n_warnings, 1); /* told once */
    fakes[1].n_fail = 1;             /* both fail: the second's error */
    assert_int_equal(embed(provider, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "fake 1 fails");
    wick_provider_close(provider);
}

static void the_first_is_tried_again_after_its_rest(void **state)
{
    wick_provider *provider = open_pair(3, 30);
    fakes[0].n_fail = 4 + 1;
    assert_int_equal(embed(provider, NULL), WICK_OK);
    assert_int_equal(fakes[0].n_calls, 4);
    sleep_ms(40);
    assert_int_equal(embed(provider, NULL), WICK_OK); /* one trial, no retries */
    assert_int_equal(fakes[0].n_calls, 5);
    assert_string_equal(wick_provider_name(provider), "second");
    assert_int_equal(n_warnings, 1);
    sleep_ms(40);
    assert_int_equal(embed(provider, NULL), WICK_OK);
    assert_int_equal(fakes[0].n_calls, 6);
    assert_string_equal(wick_provider_name(provider), "first");
    assert_int_equal(n_warnings, 2);
    wick_provider_close(provider);
}

static void what_the_caller_did_never_falls_back(void **state)
{
    static const int codes[] = {WICK_E_INVALID_INPUT, WICK_E_UNSUPPORTED, WICK_E_MODEL_NOT_FOUND, WICK_E_CORRUPT,
                                WICK_E_NO_MEMORY,     WICK_E_IO,          WICK_E_INTERNAL};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        fresh(NULL);
        wick_provider *provider = open_pair(2, 0);
        fakes[0].code = codes[i];
        fakes[0].n_fail = UINT32_MAX;
        assert_int_equal(embed(provider, NULL), codes[i]);
        assert_int_equal(fakes[0].n_calls, 1);
        assert_int_equal(fakes[1].n_opened, 0);
        wick_provider_close(provider);
    }
}

/* Dimension, length, direction: any of them tells another model, whatever its name. */
static void vectors_of_another_model_never_come(void **state)
{
    for (int what = 0; what < 3; what++) {
        fresh(NULL);
        fakes[1].dimension = what == 0 ? 2 * DIMENSION : DIMENSION;
        fakes[1].max_seq_length = what == 1 ? 512 : 256;
        fakes[1].shift = what == 2 ? 0.2f : 0;
        wick_provider *provider = open_pair(0, 0);
        wick_error error = {0};
        fakes[0].n_fail = UINT32_MAX;
        for (int i = 0; i < 3; i++)
            assert_int_equal(embed(provider, &error), WICK_E_UNAVAILABLE);
        assert_string_equal(error.message, "fake 0 fails");
        assert_int_equal(fakes[1].n_opened, 0);
        assert_int_equal(n_errors, 1); /* it is not opened at every call */
        assert_string_equal(wick_provider_name(provider), "first");
        fakes[0].n_fail = 0;
        assert_int_equal(embed(provider, NULL), WICK_OK);
        wick_provider_close(provider);
    }
}

static void a_second_that_cannot_be_opened(void **state)
{
    wick_provider *provider = open_pair(0, 0);
    wick_error error = {0};
    fakes[0].n_fail = 2;
    fakes[1].open_code = WICK_E_UNAVAILABLE;
    assert_int_equal(embed(provider, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "fake 0 fails");
    assert_int_equal(embed(provider, &error), WICK_E_UNAVAILABLE);
    assert_int_equal(embed(provider, &error), WICK_OK);
    assert_int_equal(n_errors, 1);
    wick_provider_close(provider);
}

/* ---- by name ---- */

static int open_named(const char *provider, const char *fallback, wick_provider **out, wick_error *error)
{
    wick_provider_options options;
    wick_provider_options_init(&options);
    assert_null(options.fallback);
    options.provider = provider;
    options.fallback = fallback;
    options.model = "/nonexistent/model";
    return wick_provider_open(&options, out, error);
}

static void pairs_by_name(void **state)
{
    wick_provider *provider = NULL;
    wick_error error = {0};
    assert_int_equal(open_named("mock", "mock", &provider, &error), WICK_OK);
    wick_provider_close(provider);
    assert_int_equal(open_named("mlx", "mock", &provider, &error), WICK_E_INVALID_INPUT);
    assert_non_null(strstr(error.message, "mock cannot stand in for mlx"));
    assert_int_equal(open_named("mock", "candle", &provider, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(open_named("mlx", "onnx", &provider, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, "Unknown provider: onnx");
    assert_int_equal(open_named("onnx", "mlx", &provider, &error), WICK_E_INVALID_INPUT);
#if WICK_WITH_CANDLE
    /* MLX is not built in: candle is asked, and has no such model. */
    assert_int_equal(open_named("mlx", "candle", &provider, &error), WICK_E_MODEL_NOT_FOUND);
    /* A model that is not there is not there for others either. */
    assert_int_equal(open_named("candle", "mlx", &provider, &error), WICK_E_MODEL_NOT_FOUND);
#endif
    assert_null(provider);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, closed)
    const struct CMUnitTest tests[] = {
        TEST(what_works_is_left_alone),
        TEST(a_failure_that_passes_is_tried_again),
        TEST(the_second_serves_and_the_first_rests),
        TEST(the_first_is_tried_again_after_its_rest),
        TEST(what_the_caller_did_never_falls_back),
        TEST(vectors_of_another_model_never_come),
        TEST(a_second_that_cannot_be_opened),
        TEST(pairs_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
