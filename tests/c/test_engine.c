/* SPDX-License-Identifier: Apache-2.0
 * test_engine.c: opening models and embedding texts: options, devices, dimensions, truncation, usage, and every error of the engine, on
 * the tiny model of the fixtures. What a sound backend never does, a backend of the test does. */
#include "provider/engine.h"
#include "support_model.h"
#include "support_texts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TINY WICK_FIXTURES "/tiny-bert"
#define DIMENSION 32
#define MAX_TOKENS 64 /* positions */
#define MAX_LENGTH 48 /* what its files cut texts at */

static wick_model *tiny;

static int open_tiny(void **state)
{
    support_env("WICK_DEVICE", NULL);
    support_env("CANDLE_DEVICE", NULL);
    return wick_model_open(TINY, NULL, &tiny, NULL);
}

static int close_tiny(void **state)
{
    wick_model_close(tiny);
    return 0;
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

static void open_fails(const char *name, const wick_model_options *options, int code, const char *message)
{
    wick_model *model = (wick_model *)1;
    wick_error error = {0};
    assert_int_equal(wick_model_open(name, options, &model, &error), code);
    assert_int_equal(error.code, code);
    assert_null(model);
    contains(error.message, message);
}

static void info_tells_of_the_model(void **state)
{
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_model_get_info(tiny, &info), WICK_OK);
    assert_string_equal(info.model, TINY);
    assert_string_equal(info.path, TINY);
    assert_int_equal(info.dimension, DIMENSION);
    assert_int_equal(info.max_tokens, MAX_TOKENS);
    assert_int_equal(info.max_seq_length, MAX_LENGTH);
    assert_int_equal(info.n_layers, 2);
    assert_int_equal(info.hidden_size, 32);
    assert_int_equal(info.n_heads, 4);
    assert_int_equal(info.intermediate_size, 64);
    assert_int_equal(info.vocab_size, 257);
    assert_true(info.n_parameters > 257 * 32);
    assert_string_equal(info.architecture, "bert");
    assert_string_equal(info.pooling, "mean");
    assert_string_equal(info.dtype, "f32");
    assert_string_equal(info.device, "cpu");
    assert_false(info.has_normalize);
    wick_model_info older;
    memset(&older, 0x55, sizeof older);
    older.size = offsetof(wick_model_info, path);
    assert_int_equal(wick_model_get_info(tiny, &older), WICK_OK);
    assert_string_equal(older.model, TINY);
    assert_true(older.dimension != DIMENSION);
    older.size = 0;
    assert_int_equal(wick_model_get_info(tiny, &older), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_tokenizer_vocab_size(wick_model_tokenizer(tiny)), 257);
    wick_model_close(NULL);
}

static void wrong_options_are_refused(void **state)
{
    wick_model_options options;
    open_fails(NULL, NULL, WICK_E_INVALID_INPUT, "no model is named");
    open_fails("", NULL, WICK_E_INVALID_INPUT, "no model is named");
    open_fails("./no-such-folder", NULL, WICK_E_MODEL_NOT_FOUND, "model not found: ./no-such-folder");
    wick_model_options_init(&options);
    options.size = 3;
    open_fails(TINY, &options, WICK_E_INVALID_INPUT, "size");
    wick_model_options_init(&options);
    options.dtype = "f64";
    open_fails(TINY, &options, WICK_E_INVALID_INPUT, "Unknown dtype: f64");
    wick_model_options_init(&options);
    options.device = "tpu";
    open_fails(TINY, &options, WICK_E_INVALID_INPUT, "Unknown device: tpu");
    wick_model_options_init(&options);
    options.max_seq_length = MAX_TOKENS + 1;
    open_fails(TINY, &options, WICK_E_INVALID_INPUT, "max_seq_length is 65, the model takes at most 64 tokens");
    options.max_seq_length = 1;
    open_fails(TINY, &options, WICK_E_INVALID_INPUT, "the special tokens alone are 2");
}

static void dtypes_to_come_are_unsupported(void **state)
{
    wick_model_options options;
    wick_model_options_init(&options);
    wick_model *model = NULL;
    wick_error error = {0};
    options.dtype = "int8";
    /* Either it runs and says so, or it says that it does not: never another precision under this name. */
    const int rc = wick_model_open(TINY, &options, &model, &error);
    if (rc == WICK_OK) {
        wick_model_info info = {.size = sizeof info};
        wick_model_get_info(model, &info);
        assert_string_equal(info.dtype, "int8");
    } else {
        assert_true(rc == WICK_E_UNSUPPORTED || rc == WICK_E_INVALID_INPUT);
        contains(error.message, "int8");
    }
    wick_model_close(model);
}

static void unsound_folders_are_refused(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    /* The tokenizer knows one token more than the model. */
    support_file_edit(
        folder, "tokenizer.json", "\"added_tokens\": [",
        "\"added_tokens\": [{\"id\": 257, \"content\": \"[NEW]\", \"single_word\": false, \"lstrip\": false, "
        "\"rstrip\": false, \"normalized\": false, \"special\": true},");
    open_fails(folder, NULL, WICK_E_CORRUPT, "token ids up to 257, the model has 257 embeddings");
    support_file_write(folder, "tokenizer.json", "{");
    open_fails(folder, NULL, WICK_E_CORRUPT, "");
    support_file_remove(folder, "tokenizer.json");
    open_fails(folder, NULL, WICK_E_IO, "");
    /* Where both sides are broken the model's files are told of. */
    support_file_write(folder, "config.json", "[]");
    open_fails(folder, NULL, WICK_E_CORRUPT, "");
    support_file_remove(folder, "config.json");
    wick_model *model = NULL;
    wick_error error = {0};
    assert_int_equal(wick_model_open(folder, NULL, &model, &error), WICK_E_IO);
    contains(error.where, "config.json");
    support_folder_remove(folder);
}

static void tokenizer_opens_alone(void **state)
{
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    assert_int_equal(wick_tokenizer_open(TINY, NULL, &tokenizer, &error), WICK_OK);
    assert_int_equal(wick_tokenizer_vocab_size(tokenizer), 257);
    assert_string_equal(wick_tokenizer_token(tokenizer, 2), "[CLS]");
    wick_tokenizer_close(tokenizer);
    wick_tokenizer_close(NULL);
    assert_int_equal(wick_tokenizer_open("./no-such-folder", NULL, &tokenizer, &error), WICK_E_MODEL_NOT_FOUND);
    assert_null(tokenizer);
}

/* ---- devices -------------------------------------------------------------------------------------------------------- */

static char log_text[4096];

static void collect(void *user, wick_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const size_t n = strlen(log_text);
    snprintf(log_text + n, sizeof log_text - n, "%s: %s\n", names[level], message);
}

/* Opens the tiny model; what was logged is in log_text. */
static int open_on(const char *device, bool strict, wick_error *error)
{
    wick_model_options options;
    wick_model_options_init(&options);
    options.device = device;
    options.strict_device = strict;
    wick_model *model = NULL;
    log_text[0] = '\0';
    wick_log_set(collect, NULL);
    wick_log_set_level(WICK_LOG_INFO);
    const int rc = wick_model_open(TINY, &options, &model, error);
    wick_log_set(NULL, NULL);
    wick_log_set_level(WICK_LOG_WARN);
    if (rc == WICK_OK) {
        wick_model_info info = {.size = sizeof info};
        wick_model_get_info(model, &info);
        assert_string_equal(info.device, "cpu");
    }
    wick_model_close(model);
    return rc;
}

static void devices_fall_back_to_the_cpu(void **state)
{
    wick_error error = {0};
    assert_int_equal(open_on(NULL, false, &error), WICK_OK);
    contains(log_text, "info: Using CPU (no GPU available)\n");
    assert_int_equal(open_on("auto", true, &error), WICK_OK);
    contains(log_text, "info: Using CPU (no GPU available)\n");
    assert_int_equal(open_on("cpu", true, &error), WICK_OK);
    contains(log_text, "info: Using CPU\n");
    assert_int_equal(open_on("cuda", false, &error), WICK_OK);
    contains(log_text, "warn: CUDA requested but not available, using CPU\n");
    assert_int_equal(open_on("metal", false, &error), WICK_OK);
    contains(log_text, "warn: Metal requested but not available, using CPU\n");
    assert_int_equal(open_on("cuda", true, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "CUDA requested but not available");
    assert_string_equal(log_text, "");
}

static void environment_names_the_device(void **state)
{
    wick_error error = {0};
    support_env("CANDLE_DEVICE", "cpu");
    assert_int_equal(open_on(NULL, false, &error), WICK_OK);
    contains(log_text, "info: Using CPU\n");
    support_env("WICK_DEVICE", "cuda"); /* beats CANDLE_DEVICE */
    assert_int_equal(open_on(NULL, false, &error), WICK_OK);
    contains(log_text, "warn: CUDA requested");
    assert_int_equal(open_on("cpu", false, &error), WICK_OK); /* the option beats both */
    contains(log_text, "info: Using CPU\n");
    support_env("WICK_DEVICE", "abacus");
    assert_int_equal(open_on(NULL, false, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, "Unknown device: abacus");
    assert_string_equal(error.where, "WICK_DEVICE");
    support_env("WICK_DEVICE", NULL);
    support_env("CANDLE_DEVICE", NULL);
}

/* ---- embedding ------------------------------------------------------------------------------------------------------ */

static void embed_fails(const char *const *texts, const size_t *lengths, size_t n, const wick_embed_options *options,
                        const char *message)
{
    float *out = malloc((n + 1) * DIMENSION * sizeof *out);
    wick_error error = {0};
    assert_int_equal(wick_embed(tiny, texts, lengths, n, options, out, NULL, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(error.code, WICK_E_INVALID_INPUT);
    char told[sizeof error.where + sizeof error.message + 2]; /* as programs print it */
    snprintf(told, sizeof told, "%s: %s", error.where, error.message);
    contains(told, message);
    assert_false(error.retriable);
    free(out);
}

static void wrong_calls_are_refused(void **state)
{
    static const char *const texts[] = {"fine", NULL};
    static const size_t lengths[] = {4, 3};
    wick_embed_options options;
    embed_fails(texts, NULL, 0, NULL, "no inputs");
    embed_fails(NULL, NULL, 1, NULL, "NULL");
    embed_fails(texts, NULL, 2, NULL, "texts[1]");
    embed_fails(texts, lengths, 2, NULL, "texts[1]");
    wick_embed_options_init(&options);
    options.dimensions = DIMENSION + 1;
    embed_fails(texts, NULL, 1, &options, "33 dimensions asked for, the model's vectors have 32");
    options.size = 0;
    embed_fails(texts, NULL, 1, &options, "size");
    wick_error error = {0};
    assert_int_equal(wick_embed(tiny, texts, NULL, 1, NULL, NULL, NULL, &error), WICK_E_INVALID_INPUT);
    float vector[DIMENSION];
    assert_int_equal(wick_embed(tiny, texts, NULL, 1, NULL, vector, NULL, NULL), WICK_OK);
}

static void is_null_error(int rc, const wick_error *error, const char *argument)
{
    assert_int_equal(rc, WICK_E_INVALID_INPUT);
    assert_string_equal(error->message, "the pointer is NULL");
    assert_string_equal(error->where, argument);
    contains(error->mend, "wick.h");
}

/* What wick.h promises of every function with an error code. */
static void null_arguments_are_refused(void **state)
{
    static const char *const texts[] = {"fine"};
    float vector[DIMENSION] = {0};
    wick_error e = {0};
    wick_model_info info = {.size = sizeof info};
    wick_rows_response rows = {0};
    wick_embed_response response = {0};
    wick_embed_request request;
    wick_provider *provider = NULL;
    wick_provider_options options;
    wick_provider_options_init(&options);
    options.provider = "mock";
    wick_embed_request_init(&request);
    is_null_error(wick_model_open(TINY, NULL, NULL, &e), &e, "out");
    is_null_error(wick_tokenizer_open(TINY, NULL, NULL, &e), &e, "out");
    is_null_error(wick_embed(NULL, texts, NULL, 1, NULL, vector, NULL, &e), &e, "model");
    is_null_error(wick_embed(tiny, texts, NULL, 1, NULL, NULL, NULL, &e), &e, "out");
    is_null_error(wick_embed(tiny, NULL, NULL, 1, NULL, vector, NULL, &e), &e, "texts");
    is_null_error(wick_rerank(NULL, "q", 1, texts, NULL, 1, NULL, vector, NULL, &e), &e, "model");
    is_null_error(wick_rerank(tiny, NULL, 1, texts, NULL, 1, NULL, vector, NULL, &e), &e, "query");
    is_null_error(wick_rerank(tiny, "q", 1, texts, NULL, 1, NULL, NULL, NULL, &e), &e, "scores");
    is_null_error(wick_classify(NULL, texts, NULL, NULL, NULL, 1, NULL, vector, NULL, &e), &e, "model");
    is_null_error(wick_embed_tokens(NULL, texts, NULL, 1, NULL, &rows, &e), &e, "model");
    is_null_error(wick_embed_tokens(tiny, texts, NULL, 1, NULL, NULL, &e), &e, "response");
    is_null_error(wick_embed_sparse(NULL, texts, NULL, 1, NULL, &rows, &e), &e, "model");
    is_null_error(wick_model_health_check(NULL, &e), &e, "model");
    is_null_error(wick_vectors_quantize(NULL, 1, 4, WICK_PRECISION_F32, NULL, vector, &e), &e, "vectors");
    is_null_error(wick_vectors_quantize(vector, 1, 4, WICK_PRECISION_F32, NULL, NULL, &e), &e, "out");
    is_null_error(wick_measure_peak(NULL, NULL, &e), &e, "gflops");
    is_null_error(wick_config_load(NULL, NULL, &e), &e, "out");
    is_null_error(wick_provider_open(&options, NULL, &e), &e, "out");
    is_null_error(wick_provider_open_config(NULL, &provider, &e), &e, "config");
    is_null_error(wick_provider_open_config(NULL, NULL, &e), &e, "out");
    is_null_error(wick_provider_embed_batch(NULL, &request, &response, &e), &e, "provider");
    is_null_error(wick_provider_model_info(NULL, &info, &e), &e, "provider");
    is_null_error(wick_provider_health_check(NULL, &e), &e, "provider");
    assert_int_equal(wick_provider_open(&options, &provider, &e), WICK_OK);
    is_null_error(wick_provider_embed_batch(provider, &request, NULL, &e), &e, "response");
    is_null_error(wick_provider_embed_batch(provider, NULL, &response, &e), &e, "request");
    is_null_error(wick_provider_model_info(provider, NULL, &e), &e, "info");
    wick_provider_close(provider);
    assert_int_equal(wick_model_get_info(NULL, &info), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_model_get_info(tiny, NULL), WICK_E_INVALID_INPUT);
    assert_null(wick_model_tokenizer(NULL));
    wick_model *model = NULL;
    assert_int_equal(wick_model_open(NULL, NULL, &model, &e), WICK_E_INVALID_INPUT);
    assert_null(model);
}

/* A length of SIZE_MAX means the same in every call. */
static void lengths_may_be_left_to_the_terminator(void **state)
{
    static const char *const texts[] = {"a text", "another one, cut", ""};
    static const size_t open[] = {SIZE_MAX, 7, SIZE_MAX}, counted[] = {6, 7, 0};
    float with[3][DIMENSION], without[3][DIMENSION];
    wick_error error = {0};
    assert_int_equal(wick_embed(tiny, texts, open, 3, NULL, with[0], NULL, &error), WICK_OK);
    assert_int_equal(wick_embed(tiny, texts, counted, 3, NULL, without[0], NULL, &error), WICK_OK);
    assert_memory_equal(with, without, sizeof with);
    wick_rows_response rows = {0};
    assert_int_equal(wick_embed_tokens(tiny, texts, open, 3, NULL, &rows, &error), WICK_OK);
    assert_int_equal(rows.n_texts, 3);
    wick_rows_response_clear(&rows);
    wick_encoding *encoding = wick_encoding_new();
    const wick_tokenizer *tokenizer = wick_model_tokenizer(tiny);
    assert_int_equal(wick_tokenize(tokenizer, texts[0], 6, NULL, encoding, &error), WICK_OK);
    const size_t n_tokens = encoding->n_tokens;
    assert_int_equal(wick_tokenize(tokenizer, texts[0], SIZE_MAX, NULL, encoding, &error), WICK_OK);
    assert_int_equal(encoding->n_tokens, n_tokens);
    assert_int_equal(wick_tokenize(tokenizer, NULL, SIZE_MAX, NULL, encoding, &error), WICK_E_INVALID_INPUT);
    wick_encoding_free(encoding);
    static const char *const none[] = {NULL};
    assert_int_equal(wick_embed(tiny, none, open, 1, NULL, with[0], NULL, &error), WICK_E_INVALID_INPUT);
}

/* Few texts (one thread) and many (all threads): the first wrong one is named, and nothing of what it says. */
static void wrong_texts_are_named(void **state)
{
    enum { N = 300 };
    static const char secret[] = "my secret \xc3(";
    const char *texts[N];
    for (size_t i = 0; i < N; i++)
        texts[i] = "a text that is fine";
    texts[2] = secret;
    embed_fails(texts, NULL, 3, NULL, "texts[2]: invalid UTF-8 at byte 11");
    texts[2] = "fine";
    texts[200] = texts[299] = secret;
    embed_fails(texts, NULL, N, NULL, "texts[200]: invalid UTF-8 at byte 11");
    wick_error error = {0};
    float *out = malloc(N * DIMENSION * sizeof *out);
    assert_int_equal(wick_embed(tiny, texts, NULL, N, NULL, out, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "texts[200]");
    assert_null(strstr(error.message, "secret"));
    assert_null(strstr(error.where, "secret"));
    assert_null(strstr(error.mend, "secret"));
    /* Beyond the first block: the index is the call's, not the block's. */
    enum { MANY = 3 * WICK_BLOCK_TEXTS };
    const char **many = malloc(MANY * sizeof *many);
    assert_true(out && many);
    for (size_t i = 0; i < MANY; i++)
        many[i] = "x";
    many[MANY - 5] = secret;
    char message[64];
    snprintf(message, sizeof message, "texts[%d]: invalid UTF-8 at byte 11", MANY - 5);
    embed_fails(many, NULL, MANY, NULL, message);
    free(many);
    free(out);
    /* The model still works. */
    float vector[DIMENSION];
    support_embed(tiny, texts, 1, vector);
}

static void dimensions_cut_before_normalising(void **state)
{
    enum { N = 5, CUT = 7 };
    support_texts made = support_texts_make(N, 10);
    const char *const *texts = (const char *const *)made.texts;
    float whole[N * DIMENSION], cut[N * CUT], unit[N * CUT];
    wick_embed_options options;
    wick_embed_options_init(&options);
    assert_false(options.normalize);
    assert_true(options.truncate);
    support_embed(tiny, texts, N, whole);
    options.dimensions = CUT;
    assert_int_equal(wick_embed(tiny, texts, NULL, N, &options, cut, NULL, NULL), WICK_OK);
    options.normalize = true;
    assert_int_equal(wick_embed(tiny, texts, NULL, N, &options, unit, NULL, NULL), WICK_OK);
    for (size_t i = 0; i < N; i++) {
        double sum = 0, unit_sum = 0;
        assert_memory_equal(cut + i * CUT, whole + i * DIMENSION, CUT * sizeof *cut);
        for (size_t j = 0; j < CUT; j++) {
            sum += (double)cut[i * CUT + j] * cut[i * CUT + j];
            unit_sum += (double)unit[i * CUT + j] * unit[i * CUT + j];
        }
        assert_true(fabs(unit_sum - 1.0) < 1e-6);
        for (size_t j = 0; j < CUT; j++)
            assert_true(fabs(unit[i * CUT + j] * sqrt(sum) - cut[i * CUT + j]) < 1e-6);
    }
    support_texts_free(&made);
}

/* Callers that were compiled with an older, shorter struct, and with a newer, longer one: no byte beyond theirs is written, and theirs is taken. */
static void structs_of_any_age(void **state)
{
    (void)state;
    struct {
        wick_embed_options options;
        unsigned char beyond[64];
    } caller;
    const size_t old = offsetof(wick_embed_options, truncate_side);
    static const char *const texts[] = {"a b"};
    float vector[DIMENSION], expected[DIMENSION];
    support_embed(tiny, texts, 1, expected);
    const size_t sizes[] = {old, sizeof caller.options, sizeof caller};
    for (size_t i = 0; i < 3; i++) {
        memset(&caller, 0xAB, sizeof caller);
        wick_embed_options_init_sized(&caller.options, sizes[i]);
        assert_int_equal(caller.options.size, sizes[i] < sizeof caller.options ? sizes[i] : sizeof caller.options);
        for (size_t at = caller.options.size; at < sizeof caller; at++)
            assert_int_equal(((const unsigned char *)&caller)[at], 0xAB);
        assert_true(caller.options.truncate);
        assert_int_equal(wick_embed(tiny, texts, NULL, 1, &caller.options, vector, NULL, NULL), WICK_OK);
        assert_memory_equal(vector, expected, sizeof vector);
    }
    wick_embed_request request;
    memset(&request, 0xAB, sizeof request);
    wick_embed_request_init_sized(&request, offsetof(wick_embed_request, options) + old);
    assert_int_equal(request.options.size, old);
    assert_int_equal(request.size, offsetof(wick_embed_request, options) + old);
    assert_true(request.options.truncate);
    wick_provider_options provider;
    wick_provider_options_init(&provider);
    assert_int_equal(provider.size, sizeof provider);
    assert_int_equal(provider.model_options.size, sizeof provider.model_options);
    assert_null(provider.model);
}

static void truncation_can_be_refused(void **state)
{
    char text[2 * 100 + 1];
    for (size_t i = 0; i < 100; i++)
        memcpy(text + 2 * i, "a ", 2);
    text[200] = '\0';
    const char *const texts[] = {"a", "a a", text};
    float vectors[3 * DIMENSION];
    wick_usage usage = {0};
    wick_embed_options options;
    wick_embed_options_init(&options);
    assert_int_equal(wick_embed(tiny, texts, NULL, 3, &options, vectors, &usage, NULL), WICK_OK);
    assert_int_equal(usage.total_tokens, 3 + 4 + MAX_LENGTH);
    options.truncate = false;
    embed_fails(texts, NULL, 3, &options, "texts[2]: 102 tokens, the limit is 48");
    assert_int_equal(wick_embed(tiny, texts, NULL, 2, &options, vectors, &usage, NULL), WICK_OK);
    text[2 * 46] = '\0'; /* 48 with the special ones: just enough */
    assert_int_equal(wick_embed(tiny, texts, NULL, 3, &options, vectors, &usage, NULL), WICK_OK);
    assert_int_equal(usage.total_tokens, 3 + 4 + MAX_LENGTH);
}

static void max_seq_length_cuts_texts(void **state)
{
    wick_model_options options;
    wick_model_options_init(&options);
    options.max_seq_length = 5;
    wick_model *model = NULL;
    assert_int_equal(wick_model_open(TINY, &options, &model, NULL), WICK_OK);
    wick_model_info info = {.size = sizeof info};
    wick_model_get_info(model, &info);
    assert_int_equal(info.max_seq_length, 5);
    assert_int_equal(info.max_tokens, MAX_TOKENS);
    static const char *const texts[] = {"a b c d e f", "a b c"};
    float vectors[2 * DIMENSION];
    wick_usage usage;
    assert_int_equal(wick_embed(model, texts, NULL, 2, NULL, vectors, &usage, NULL), WICK_OK);
    assert_int_equal(usage.total_tokens, 10);
    assert_memory_equal(vectors, vectors + DIMENSION, DIMENSION * sizeof *vectors);
    static const char *const ends[] = {"a b c d e f", "d e f"};
    float from_left[2 * DIMENSION];
    wick_embed_options left;
    wick_embed_options_init(&left);
    assert_int_equal(left.truncate_side, WICK_TRUNCATE_DEFAULT);
    left.truncate_side = WICK_TRUNCATE_LEFT;
    assert_int_equal(wick_embed(model, ends, NULL, 2, &left, from_left, &usage, NULL), WICK_OK);
    assert_int_equal(usage.total_tokens, 10);
    assert_memory_equal(from_left, from_left + DIMENSION, DIMENSION * sizeof *from_left);
    assert_memory_not_equal(from_left, vectors, DIMENSION * sizeof *from_left);
    wick_model_close(model);
}

static void lengths_and_terminators_agree(void **state)
{
    static const char *const with_lengths[] = {"riverXX", NULL, "a\0b"}, *const terminated[] = {"river", "", "ab"};
    static const size_t lengths[] = {5, 0, 3};
    float a[3 * DIMENSION], b[3 * DIMENSION];
    assert_int_equal(wick_embed(tiny, with_lengths, lengths, 3, NULL, a, NULL, NULL), WICK_OK);
    support_embed(tiny, terminated, 3, b);
    assert_memory_equal(a, b, sizeof a); /* BERT's cleaning drops U+0000 */
}

static void health_check_goes_the_real_way(void **state)
{
    wick_error error = {0};
    assert_int_equal(wick_model_health_check(tiny, &error), WICK_OK);
}

/* Threads do not follow into a forked process: it gets an error where it would wait for ever, and can close the model. */
static void forked_processes_are_told(void **state)
{
    static const char *const texts[] = {"a"};
    wick_model_options options;
    wick_model_options_init(&options);
    options.n_threads = 3;
    wick_model *model = NULL;
    float out[DIMENSION];
    wick_error error = {0};
    assert_int_equal(wick_model_open(TINY, &options, &model, NULL), WICK_OK);
    assert_int_equal(wick_embed(model, texts, NULL, 1, NULL, out, NULL, NULL), WICK_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        int code = wick_embed(model, texts, NULL, 1, NULL, out, NULL, &error);
        wick_model_close(model);
        _exit(code == WICK_E_INVALID_INPUT && strstr(error.message, "another process") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(wick_embed(model, texts, NULL, 1, NULL, out, NULL, NULL), WICK_OK);
    wick_model_close(model);
}

/* ---- backends that fail --------------------------------------------------------------------------------------------- */

enum { FAKE_NAN, FAKE_INFINITE, FAKE_REFUSE };
static int fake_mode;

static int fake_open(const wick_model_files *files, const wick_backend_options *options, wick_backend **out,
                     wick_error *error)
{
    *out = (wick_backend *)&fake_mode;
    return WICK_OK;
}

static int fake_encode(wick_backend *backend, const wick_packed_batch *batch, const wick_output_target *target,
                       wick_error *error)
{
    float *out = target->rows;
    if (fake_mode == FAKE_REFUSE) {
        if (error)
            *error = (wick_error){.code = WICK_E_INTERNAL, .message = "the device is gone"};
        return WICK_E_INTERNAL;
    }
    for (size_t i = 0; i < batch->n_sequences * DIMENSION; i++)
        out[i] = 1.0f;
    out[batch->n_sequences * DIMENSION - 1] = fake_mode == FAKE_NAN ? NAN : -INFINITY;
    return WICK_OK;
}

static void fake_info(const wick_backend *backend, wick_backend_info *out)
{
    *out = (wick_backend_info){"cpu", "fake", 1};
}

static void fake_close(wick_backend *backend)
{
}

static void backend_failures_are_typed(void **state)
{
    static const wick_backend_ops fake = {fake_open, fake_encode, fake_info, fake_close};
    static const char *const texts[] = {"a", "b", "c"};
    wick_model_options options;
    wick_model_options_init(&options);
    options.dtype = "f32";
    wick_model *model = NULL;
    float out[3 * DIMENSION];
    wick_error error = {0};
    assert_int_equal(wick_model_open_on(TINY, &options, &fake, &model, &error), WICK_OK);
    for (fake_mode = FAKE_NAN; fake_mode <= FAKE_INFINITE; fake_mode++) {
        assert_int_equal(wick_embed(model, texts, NULL, 3, NULL, out, NULL, &error), WICK_E_INTERNAL);
        assert_string_equal(error.where, "texts[2]");
        assert_string_equal(error.message, "the model gave a value that is not finite");
    }
    /* A value that is cut off does no harm. */
    wick_embed_options cut;
    wick_embed_options_init(&cut);
    cut.dimensions = DIMENSION - 1;
    fake_mode = FAKE_NAN;
    assert_int_equal(wick_embed(model, texts, NULL, 3, &cut, out, NULL, &error), WICK_OK);
    fake_mode = FAKE_REFUSE;
    assert_int_equal(wick_embed(model, texts, NULL, 3, NULL, out, NULL, &error), WICK_E_INTERNAL);
    assert_string_equal(error.message, "the device is gone");
    assert_int_equal(wick_model_health_check(model, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "health check failed: the device is gone");
    assert_true(error.retriable);
    wick_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_tells_of_the_model),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(dtypes_to_come_are_unsupported),
        cmocka_unit_test(unsound_folders_are_refused),
        cmocka_unit_test(tokenizer_opens_alone),
        cmocka_unit_test(devices_fall_back_to_the_cpu),
        cmocka_unit_test(environment_names_the_device),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(null_arguments_are_refused),
        cmocka_unit_test(lengths_may_be_left_to_the_terminator),
        cmocka_unit_test(wrong_texts_are_named),
        cmocka_unit_test(dimensions_cut_before_normalising),
        cmocka_unit_test(structs_of_any_age),
        cmocka_unit_test(truncation_can_be_refused),
        cmocka_unit_test(max_seq_length_cuts_texts),
        cmocka_unit_test(lengths_and_terminators_agree),
        cmocka_unit_test(health_check_goes_the_real_way),
        cmocka_unit_test(forked_processes_are_told),
        cmocka_unit_test(backend_failures_are_typed),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
