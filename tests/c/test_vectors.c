/* SPDX-License-Identifier: Apache-2.0
 * test_vectors.c: the whole path, folder and texts to vectors, against what sentence-transformers gave
 * (tests/fixtures/README.md): every pooling mode, Dense activation and hidden activation, f16 and bf16 weights,
 * shards, and every tier of kernels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <wick.h>

#include "base/json.h"
#include "support_kernels.h"
#include "support_model.h"

/* What Wick promises of f32. */
#define MIN_COSINE 0.999999
#define MAX_DIFFERENCE 1e-5

#define N_TEXTS 22
#define GOLDEN_FOLDER WICK_FIXTURES "/tiny-bert-golden"

static wick_json *texts_json;
static const char *texts[N_TEXTS];
static size_t text_bytes[N_TEXTS];

static int read_texts(void **state)
{
    wick_error error = {0};
    if (wick_json_read(GOLDEN_FOLDER "/texts.json", 1 << 20, &texts_json, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    assert_int_equal(wick_json_count(texts_json), N_TEXTS);
    for (size_t i = 0; i < N_TEXTS; i++)
        texts[i] = wick_json_string(wick_json_at(texts_json, i), &text_bytes[i]);
    return 0;
}

static int free_texts(void **state)
{
    wick_json_free(texts_json);
    return 0;
}

static void check_row(const char *golden, size_t text, const float *got, const float *expected, size_t dimension)
{
    double dot = 0, n_got = 0, n_expected = 0, largest = 0;
    for (size_t i = 0; i < dimension; i++) {
        dot += (double)got[i] * expected[i];
        n_got += (double)got[i] * got[i];
        n_expected += (double)expected[i] * expected[i];
        largest = fmax(largest, fabs((double)got[i] - expected[i]));
    }
    double cosine = dot / sqrt(n_got * n_expected);
    if (!(cosine >= MIN_COSINE) || !(largest <= MAX_DIFFERENCE)) /* NaN fails too */
        fail_msg("%s, text %zu: cosine %.9f, a value off by %g", golden, text, cosine, largest);
}

/* Opens folder and compares all texts, in one batch and one by one, with the golden of that name. normalize: as in
 * wick_embed. */
static void check_folder(const char *folder, const char *golden, bool normalize)
{
    char name[64], path[SUPPORT_PATH_BYTES];
    snprintf(name, sizeof name, "%s.f32", golden);
    support_path(GOLDEN_FOLDER, name, path);
    size_t n_bytes;
    char *bytes = support_bytes_read(path, &n_bytes);
    wick_model *model = NULL;
    wick_error error = {0};
    if (wick_model_open(folder, NULL, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", golden, error.message, error.where);
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
    size_t dimension = info.dimension;
    assert_int_equal(n_bytes, N_TEXTS * dimension * sizeof(float));
    float *expected = malloc(n_bytes), *got = malloc(n_bytes);
    assert_true(expected && got);
    memcpy(expected, bytes, n_bytes);
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.normalize = normalize;
    assert_int_equal(wick_embed(model, texts, text_bytes, N_TEXTS, &options, got, NULL, &error), WICK_OK);
    for (size_t i = 0; i < N_TEXTS; i++)
        check_row(golden, i, got + i * dimension, expected + i * dimension, dimension);
    for (size_t i = 0; i < N_TEXTS; i++) {
        float one[64];
        assert_in_range(dimension, 1, 64);
        assert_int_equal(wick_embed(model, texts + i, text_bytes + i, 1, &options, one, NULL, &error), WICK_OK);
        assert_memory_equal(one, got + i * dimension, dimension * sizeof *one); /* the same bits in any batch */
    }
    wick_model_close(model);
    free(expected);
    free(got);
    free(bytes);
}

static void test_the_fixture(void **state)
{
    check_folder(WICK_FIXTURES "/tiny-bert", "pool_mean", false);
}

/* The tier is chosen whenever a model is opened. The generic one, which every CPU has, and each that this CPU has must be the one that runs. */
static void test_lower_tiers(void **state)
{
    const char *set = getenv("WICK_CPU");
    char *old = set ? strdup(set) : NULL;
    for (size_t i = 0; i < SUPPORT_N_TIERS; i++) {
        if (!wick_kernels_named(support_tiers[i])) {
            print_message("tier %s: not built in or not in this CPU: not tested\n", support_tiers[i]);
            continue;
        }
        support_env("WICK_CPU", support_tiers[i]);
        wick_model *model = NULL;
        wick_model_info info = {.size = sizeof info};
        assert_int_equal(wick_model_open(WICK_FIXTURES "/tiny-bert", NULL, &model, NULL), WICK_OK);
        assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
        assert_string_equal(info.tier, support_tiers[i]);
        wick_model_close(model);
        check_folder(WICK_FIXTURES "/tiny-bert", "pool_mean", false);
    }
    support_env("WICK_CPU", old);
    free(old);
}

/* One edit of a copy of the fixture, and the golden that belongs to it. */
typedef struct edit {
    const char *file, *old_text, *new_text, *golden;
} edit;

static void check_edits(const edit *edits, size_t n_edits)
{
    for (size_t i = 0; i < n_edits; i++) {
        char folder[SUPPORT_PATH_BYTES];
        support_tiny_make(folder);
        support_file_edit(folder, edits[i].file, edits[i].old_text, edits[i].new_text);
        check_folder(folder, edits[i].golden, false);
        support_folder_remove(folder);
    }
}

static void test_pooling_modes(void **state)
{
    static const char file[] = "1_Pooling/config.json";
    static const edit edits[] = {
        {file, "\"mean\"", "\"cls\"", "pool_cls"},
        {file, "\"mean\"", "\"max\"", "pool_max"},
        {file, "\"mean\"", "\"mean_sqrt_len_tokens\"", "pool_mean_sqrt_len"},
        {file, "\"mean\"", "\"weightedmean\"", "pool_weightedmean"},
        {file, "\"mean\"", "\"lasttoken\"", "pool_lasttoken"},
    };
    check_edits(edits, sizeof edits / sizeof *edits);
}

static void test_hidden_activations(void **state)
{
    static const edit edits[] = {
        {"config.json", "\"gelu\"", "\"gelu_new\"", "act_gelu_new"},
        {"config.json", "\"gelu\"", "\"relu\"", "act_relu"},
        {"config.json", "\"gelu\"", "\"silu\"", "act_silu"},
        {"config.json", "\"gelu\"", "\"tanh\"", "act_tanh"},
    };
    check_edits(edits, sizeof edits / sizeof *edits);
}

#define MODULES_HEAD                                                                                                   \
    "[{\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"                                          \
    "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}"
#define MODULES_DENSE ",{\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}"
#define MODULES_NORMALIZE ",{\"path\":\"3_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}"

static void test_dense_activations(void **state)
{
    static const struct {
        const char *torch_class, *golden;
    } cases[] = {
        {"activation.Tanh", "dense_tanh"}, {"linear.Identity", "dense_identity"}, {"activation.ReLU", "dense_relu"},
        {"activation.GELU", "dense_gelu"}, {"activation.SiLU", "dense_silu"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[SUPPORT_PATH_BYTES];
        support_tiny_make(folder);
        support_file_write(folder, "modules.json", MODULES_HEAD MODULES_DENSE "]");
        support_file_edit(folder, "2_Dense/config.json", "activation.Tanh", cases[i].torch_class);
        check_folder(folder, cases[i].golden, false);
        support_folder_remove(folder);
    }
}

/* The interface leaves vectors as they are unless it is told to normalise, whatever the model's modules say. */
static void test_normalize(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    check_folder(folder, "normalize", true);
    support_file_write(folder, "modules.json", MODULES_HEAD MODULES_NORMALIZE "]");
    check_folder(folder, "normalize", true);
    check_folder(folder, "pool_mean", false);
    support_file_write(folder, "modules.json", MODULES_HEAD MODULES_DENSE MODULES_NORMALIZE "]");
    check_folder(folder, "dense_normalize", true);
    support_folder_remove(folder);
}

static void test_half_precision_weights(void **state)
{
    static const char *const names[] = {"f16", "bf16"};
    for (size_t i = 0; i < 2; i++) {
        char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
        snprintf(path, sizeof path, "%s/tiny-bert-%s/model.safetensors", WICK_FIXTURES, names[i]);
        support_tiny_make(folder);
        size_t n;
        char *weights = support_bytes_read(path, &n);
        support_bytes_write(folder, "model.safetensors", weights, n);
        free(weights);
        check_folder(folder, names[i], false);
        support_folder_remove(folder);
    }
}

static void test_shards(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_weights_shard(folder, 4);
    check_folder(folder, "pool_mean", false);
    support_folder_remove(folder);
}

/* Older folders keep config.json, weights and tokenizer in 0_Transformer. */
static void test_transformer_in_a_subfolder(void **state)
{
    static const char *const moved[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"};
    char folder[SUPPORT_PATH_BYTES], from[SUPPORT_PATH_BYTES], to[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_edit(folder, "modules.json", "\"path\": \"\"", "\"path\": \"0_Transformer\"");
    support_folder_add(folder, "0_Transformer", NULL);
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
        char name[64];
        snprintf(name, sizeof name, "0_Transformer/%s", moved[i]);
        support_path(folder, moved[i], from);
        support_path(folder, name, to);
        assert_int_equal(rename(from, to), 0);
    }
    check_folder(folder, "pool_mean", false);
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    if (wick_tokenizer_open(folder, NULL, &tokenizer, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    assert_int_equal(wick_tokenizer_vocab_size(tokenizer), 257);
    wick_tokenizer_close(tokenizer);
    support_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fixture),
        cmocka_unit_test(test_lower_tiers),
        cmocka_unit_test(test_pooling_modes),
        cmocka_unit_test(test_hidden_activations),
        cmocka_unit_test(test_dense_activations),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_half_precision_weights),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_transformer_in_a_subfolder),
    };
    return cmocka_run_group_tests(tests, read_texts, free_texts);
}
