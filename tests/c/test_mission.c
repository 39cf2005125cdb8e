/* SPDX-License-Identifier: Apache-2.0
 * test_mission.c: what AkiDB asked of its native provider, one test for each of the plan's, under the plan's names, with the real model
 * opened by its hub name from the cache. A model that is not there fails every test: `make model` gets it. */
#include <wick.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "sentence-transformers/all-MiniLM-L6-v2"
#define DIMENSION 384

static wick_model *model;
static wick_error open_error;

static int open_model(void **state)
{
    /* A failure is told by each test, not by an aborted group: cmocka would count the tests as skipped. */
    wick_model_open(MODEL, NULL, &model, &open_error);
    return 0;
}

static int close_model(void **state)
{
    wick_model_close(model);
    return 0;
}

static wick_model *the_model(void)
{
    if (!model)
        fail_msg("%s (%s); these tests need the model: run `make model`", open_error.message, open_error.where);
    return model;
}

/* Texts -> their vectors, [n, DIMENSION]; fails the test where embedding fails, or a value is not finite or all are 0. */
static wick_usage embed(const char *const *texts, size_t n, float *out)
{
    wick_usage usage = {0};
    wick_error error = {0};
    if (wick_embed(the_model(), texts, NULL, n, NULL, out, &usage, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    for (size_t i = 0; i < n; i++) {
        size_t n_nonzero = 0;
        for (size_t j = 0; j < DIMENSION; j++) {
            assert_true(isfinite(out[i * DIMENSION + j]));
            n_nonzero += out[i * DIMENSION + j] != 0.0f;
        }
        assert_true(n_nonzero > DIMENSION / 2);
    }
    return usage;
}

static void embed_one(const char *text, float out[DIMENSION])
{
    embed(&text, 1, out);
}

static double similarity(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < DIMENSION; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return dot / sqrt(aa * bb);
}

/* Texts that must give the same bits. */
static void same_vector(const char *a, const char *b)
{
    float x[DIMENSION], y[DIMENSION];
    embed_one(a, x);
    embed_one(b, y);
    assert_memory_equal(x, y, sizeof x);
}

static void differ(const char *a, const char *b)
{
    float x[DIMENSION], y[DIMENSION];
    embed_one(a, x);
    embed_one(b, y);
    assert_memory_not_equal(x, y, sizeof x);
}

static void model_loading(void **state)
{
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_model_get_info(the_model(), &info), WICK_OK);
    assert_string_equal(info.model, MODEL);
    assert_int_equal(info.dimension, DIMENSION);
    assert_int_equal(info.max_tokens, 512);
    assert_int_equal(info.max_seq_length, 256);
    assert_int_equal(info.n_layers, 6);
    assert_int_equal(info.n_heads, 12);
    assert_int_equal(info.vocab_size, 30522);
    assert_string_equal(info.architecture, "bert");
    assert_string_equal(info.pooling, "mean");
    assert_true(info.has_normalize);
}

static void invalid_model_name(void **state)
{
    wick_model *none = (wick_model *)1;
    wick_error error = {0};
    assert_int_equal(wick_model_open("nonexistent/model-that-does-not-exist", NULL, &none, &error),
                     WICK_E_MODEL_NOT_FOUND);
    assert_null(none);
    assert_int_equal(wick_error_kind_of(error.code), WICK_KIND_MODEL_NOT_FOUND);
    assert_string_equal(wick_error_kind_name(wick_error_kind_of(error.code)), "ModelNotFound");
    assert_string_equal(error.message, "model not found: nonexistent/model-that-does-not-exist");
}

static void device_selection(void **state)
{
    wick_model_info info = {.size = sizeof info};
    wick_model_options options;
    wick_model_options_init(&options);
    options.device = "cpu";
    wick_model *on_cpu = NULL;
    wick_error error = {0};
    the_model();
    if (wick_model_open(MODEL, &options, &on_cpu, &error) != WICK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(wick_model_get_info(on_cpu, &info), WICK_OK);
    assert_string_equal(info.device, "cpu");
    assert_true(info.tier && info.tier[0]);
    assert_true(info.n_threads >= 1);
    wick_model_close(on_cpu);
}

static void tokenization(void **state)
{
    static const int32_t ids[] = {101, 7592, 2088, 102}; /* [CLS] hello world [SEP] */
    wick_encoding *encoding = wick_encoding_new();
    assert_non_null(encoding);
    assert_int_equal(wick_tokenize(wick_model_tokenizer(the_model()), "Hello world", 11, NULL, encoding, NULL),
                     WICK_OK);
    assert_int_equal(encoding->n_tokens, 4);
    assert_memory_equal(encoding->ids, ids, sizeof ids);
    wick_encoding_free(encoding);
}

static void single_embedding(void **state)
{
    static const char *const text[] = {"Hello world"};
    float vector[DIMENSION];
    const wick_usage usage = embed(text, 1, vector);
    assert_int_equal(usage.total_tokens, 4);
    assert_true(usage.duration_ms > 0.0);
}

static void batch_embedding(void **state)
{
    static const char *const texts[] = {"First text", "Second text", "Third text"};
    float vectors[3 * DIMENSION], alone[DIMENSION];
    assert_int_equal(embed(texts, 3, vectors).total_tokens, 3 * 4);
    for (size_t i = 0; i < 3; i++) {
        embed_one(texts[i], alone);
        assert_memory_equal(vectors + i * DIMENSION, alone, sizeof alone);
    }
    assert_memory_not_equal(vectors, vectors + DIMENSION, sizeof alone);
}

static void empty_input(void **state)
{
    static const char *const texts[] = {"unused"};
    float vector[DIMENSION];
    wick_error error = {0};
    assert_int_equal(wick_embed(the_model(), texts, NULL, 0, NULL, vector, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, "no inputs");
    assert_int_equal(wick_error_kind_of(error.code), WICK_KIND_INVALID_INPUT);
}

static void long_text_truncation(void **state)
{
    char text[5 * 1000 + 1];
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + 5 * i, "word ", 5);
    text[sizeof text - 1] = '\0';
    const char *const texts[] = {text};
    float vector[DIMENSION], cut[DIMENSION];
    assert_int_equal(embed(texts, 1, vector).total_tokens, 256);
    /* What is cut off has no say: 254 words between [CLS] and [SEP]. */
    text[5 * 254] = '\0';
    embed_one(text, cut);
    assert_memory_equal(vector, cut, sizeof cut);
}

static void embedding_consistency(void **state)
{
    same_vector("The same text, twice.", "The same text, twice.");
}

static void semantic_similarity(void **state)
{
    static const char *const texts[] = {"Machine learning", "Deep learning", "The weather is nice today"};
    float vectors[3 * DIMENSION];
    embed(texts, 3, vectors);
    const double near = similarity(vectors, vectors + DIMENSION), far = similarity(vectors, vectors + 2 * DIMENSION);
    assert_true(near > far);
    assert_true(fabs(near - 0.6887) <= 0.0005); /* sentence-transformers' values */
    assert_true(fabs(far - 0.0734) <= 0.0005);
}

static void large_batch(void **state)
{
    static const char words[][12] = {"river", "engine", "violin", "harvest"};
    char texts[32][64];
    const char *pointers[32];
    static float vectors[32 * DIMENSION];
    for (size_t i = 0; i < 32; i++) {
        /* 1 to 8 words: texts of different lengths stand beside each other. */
        texts[i][0] = '\0';
        for (size_t j = 0; j <= i % 8; j++) {
            strcat(texts[i], words[(i + j * j) % 4]);
            strcat(texts[i], j == i / 8 ? "s " : " ");
        }
        pointers[i] = texts[i];
    }
    embed(pointers, 32, vectors);
    for (size_t i = 0; i < 32; i++) {
        float alone[DIMENSION];
        embed_one(pointers[i], alone);
        assert_memory_equal(vectors + i * DIMENSION, alone, sizeof alone);
    }
}

static void embedding_norm(void **state)
{
    static const char *const text[] = {"How long is this vector?"};
    float vector[DIMENSION];
    embed(text, 1, vector);
    double sum = 0;
    for (size_t i = 0; i < DIMENSION; i++)
        sum += (double)vector[i] * vector[i];
    assert_true(sqrt(sum) > 0.1 && sqrt(sum) < 100.0);
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.normalize = true;
    float unit[DIMENSION];
    assert_int_equal(wick_embed(the_model(), text, NULL, 1, &options, unit, NULL, NULL), WICK_OK);
    double unit_sum = 0;
    for (size_t i = 0; i < DIMENSION; i++) {
        unit_sum += (double)unit[i] * unit[i];
        assert_true(fabs(unit[i] - vector[i] / sqrt(sum)) < 1e-7);
    }
    assert_true(fabs(sqrt(unit_sum) - 1.0) < 1e-6);
}

static void special_characters(void **state)
{
    float vector[DIMENSION];
    embed_one("Hello! @#$% 世界 🌍", vector);
    differ("Hello! @#$% 世界 🌍", "Hello!");
}

static void whitespace(void **state)
{
    same_vector("  leading", "leading");
    same_vector("trailing \t\n", "trailing");
    same_vector("many   spaces\tand\n\nlines", "many spaces and lines");
    float vector[DIMENSION];
    embed_one("   ", vector);
    same_vector("   ", "");
}

static void case_sensitivity(void **state)
{
    same_vector("machine learning", "MACHINE LEARNING"); /* this model lower-cases */
}

static void numerical_values(void **state)
{
    differ("The price is 123.45 dollars", "The price is 678.90 dollars");
}

static void single_word(void **state)
{
    float vector[DIMENSION];
    embed_one("Hello", vector);
}

static void multiple_sentences(void **state)
{
    static const char *const text[] = {"First sentence. Second sentence! Third sentence?"};
    float vector[DIMENSION];
    assert_int_equal(embed(text, 1, vector).total_tokens, 11); /* three times two words and a mark, and two */
}

/* ---- the same through the interface alone --------------------------------------------------------------------------- */

static wick_provider *open_provider(void)
{
    wick_provider *provider = NULL;
    wick_error error = {0};
    if (wick_provider_open(NULL, &provider, &error) != WICK_OK)
        fail_msg("%s (%s); these tests need the model: run `make model`", error.message, error.where);
    assert_string_equal(wick_provider_name(provider), "candle");
    return provider;
}

static void trait_embed_batch(void **state)
{
    static const char *const texts[] = {"Machine learning", "Deep learning"};
    wick_provider *provider = open_provider();
    wick_embed_request request;
    wick_embed_request_init(&request);
    assert_false(request.options.normalize);
    request.model = MODEL;
    request.texts = texts;
    request.n_texts = 2;
    wick_embed_response response = {0};
    wick_error error = {0};
    if (wick_provider_embed_batch(provider, &request, &response, &error) != WICK_OK)
        fail_msg("%s", error.message);
    assert_string_equal(response.model, MODEL);
    assert_int_equal(response.n_texts, 2);
    assert_int_equal(response.dimension, DIMENSION);
    assert_int_equal(response.usage.total_tokens, 8);
    assert_true(response.usage.duration_ms > 0.0);
    float direct[2 * DIMENSION];
    embed(texts, 2, direct);
    assert_memory_equal(response.embeddings, direct, sizeof direct);
    wick_embed_response_clear(&response);
    request.n_texts = 0;
    assert_int_equal(wick_provider_embed_batch(provider, &request, &response, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, "no inputs");
    wick_provider_close(provider);
}

static void trait_model_info(void **state)
{
    wick_provider *provider = open_provider();
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_provider_model_info(provider, &info, NULL), WICK_OK);
    assert_string_equal(info.model, MODEL);
    assert_int_equal(info.dimension, DIMENSION);
    assert_int_equal(info.max_tokens, 512);
    wick_provider_close(provider);
}

static void trait_health_check(void **state)
{
    wick_provider *provider = open_provider();
    wick_error error = {0};
    assert_int_equal(wick_provider_health_check(provider, &error), WICK_OK);
    assert_int_equal(wick_model_health_check(the_model(), &error), WICK_OK);
    wick_provider_close(provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_loading),         cmocka_unit_test(invalid_model_name),
        cmocka_unit_test(device_selection),      cmocka_unit_test(tokenization),
        cmocka_unit_test(single_embedding),      cmocka_unit_test(batch_embedding),
        cmocka_unit_test(empty_input),           cmocka_unit_test(long_text_truncation),
        cmocka_unit_test(embedding_consistency), cmocka_unit_test(semantic_similarity),
        cmocka_unit_test(large_batch),           cmocka_unit_test(embedding_norm),
        cmocka_unit_test(special_characters),    cmocka_unit_test(whitespace),
        cmocka_unit_test(case_sensitivity),      cmocka_unit_test(numerical_values),
        cmocka_unit_test(single_word),           cmocka_unit_test(multiple_sentences),
        cmocka_unit_test(trait_embed_batch),     cmocka_unit_test(trait_model_info),
        cmocka_unit_test(trait_health_check),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
