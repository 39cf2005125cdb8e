/* SPDX-License-Identifier: Apache-2.0
 * test_model_files.c: opening model folders: the fixture as it is, in the other forms that folders come in (shards,
 * prefixes, half precision, Dense, no modules.json), and with one thing wrong at a time, which the error must name.
 * */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/model_files.h"
#include "support_model.h"

static wick_model_files *open_good(const char *folder)
{
    wick_model_files *files = NULL;
    wick_error error = {0};
    if (wick_model_files_open(folder, &files, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", folder, error.message, error.where);
    return files;
}

static void check_refused(const char *folder, int expected_code, const char *fragment, const char *in_where)
{
    wick_model_files *files = NULL;
    wick_error error = {0};
    int code = wick_model_files_open(folder, &files, &error);
    support_error_check(fragment, code, &error, expected_code, fragment, in_where);
    assert_null(files);
    assert_int_equal(wick_model_files_open(folder, &files, NULL), expected_code);
}

static void check_tensor(const wick_tensor *tensor, const char *name, size_t rows, size_t columns)
{
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->n_dims, rows ? 2 : 1);
    assert_int_equal(tensor->shape[0], rows ? rows : columns);
    if (rows)
        assert_int_equal(tensor->shape[1], columns);
    assert_non_null(tensor->data);
    assert_int_equal(tensor->size_bytes, (rows ? rows : 1) * columns * (tensor->dtype == WICK_DTYPE_F32 ? 4 : 2));
}

static void test_opens_the_fixture(void **state)
{
    wick_model_files *files = open_good(WICK_FIXTURES "/tiny-bert");
    assert_string_equal(files->path, WICK_FIXTURES "/tiny-bert");
    assert_string_equal(files->transformer_path, WICK_FIXTURES "/tiny-bert");
    assert_string_equal(files->architecture, "bert");
    assert_int_equal(files->encoder.n_layers, 2);
    assert_int_equal(files->encoder.hidden_size, 32);
    assert_int_equal(files->encoder.n_heads, 4);
    assert_int_equal(files->encoder.head_dim, 8);
    assert_int_equal(files->encoder.intermediate_size, 64);
    assert_int_equal(files->encoder.vocab_size, 257);
    assert_int_equal(files->encoder.max_positions, 64);
    assert_int_equal(files->encoder.type_vocab_size, 2);
    assert_true(files->encoder.norm_eps == 1e-12);
    assert_int_equal(files->encoder.activation, WICK_ACT_GELU);
    assert_int_equal(files->max_tokens, 64);
    assert_int_equal(files->max_seq_length, 48); /* tokenizer_config.json's model_max_length */
    assert_int_equal(files->pooling, WICK_POOL_MEAN);
    assert_int_equal(files->n_dense, 0);
    assert_false(files->has_normalize);
    assert_int_equal(files->dimension, 32);
    /* embeddings and their norm; two layers of 4 linears 32x32, up, down, two norms */
    size_t n_layer = 4 * (32 * 32 + 32) + (64 * 32 + 64) + (32 * 64 + 32) + 4 * 32;
    assert_int_equal(files->n_parameters, (257 + 64 + 2 + 2) * 32 + 2 * n_layer);
    check_tensor(&files->word_embeddings, "embeddings.word_embeddings.weight", 257, 32);
    check_tensor(&files->position_embeddings, "embeddings.position_embeddings.weight", 64, 32);
    check_tensor(&files->token_type_embeddings, "embeddings.token_type_embeddings.weight", 2, 32);
    check_tensor(&files->embedding_norm.weight, "embeddings.LayerNorm.weight", 0, 32);
    const wick_encoder_layer *layer = &files->layers[1];
    check_tensor(&layer->query.weight, "encoder.layer.1.attention.self.query.weight", 32, 32);
    check_tensor(&layer->key.bias, "encoder.layer.1.attention.self.key.bias", 0, 32);
    check_tensor(&layer->value.weight, "encoder.layer.1.attention.self.value.weight", 32, 32);
    check_tensor(&layer->attention_output.weight, "encoder.layer.1.attention.output.dense.weight", 32, 32);
    check_tensor(&layer->attention_norm.bias, "encoder.layer.1.attention.output.LayerNorm.bias", 0, 32);
    check_tensor(&layer->up.weight, "encoder.layer.1.intermediate.dense.weight", 64, 32);
    check_tensor(&layer->up.bias, "encoder.layer.1.intermediate.dense.bias", 0, 64);
    check_tensor(&layer->down.weight, "encoder.layer.1.output.dense.weight", 32, 64);
    check_tensor(&layer->output_norm.weight, "encoder.layer.1.output.LayerNorm.weight", 0, 32);
    wick_model_files_close(files);
    wick_model_files_close(NULL);
}

/* Two folders with the same weights under other names or in other files. */
static void check_same_weights(const wick_model_files *a, const wick_model_files *b)
{
    const wick_tensor *left[] = {&a->word_embeddings, &a->embedding_norm.bias, &a->layers[1].query.weight,
                                 &a->layers[1].output_norm.weight};
    const wick_tensor *right[] = {&b->word_embeddings, &b->embedding_norm.bias, &b->layers[1].query.weight,
                                  &b->layers[1].output_norm.weight};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(left[i]->size_bytes, right[i]->size_bytes);
        assert_memory_equal(left[i]->data, right[i]->data, left[i]->size_bytes);
    }
    assert_int_equal(a->n_parameters, b->n_parameters);
}

static void test_opens_prefixed_names(void **state)
{
    static const char *const prefixes[] = {"bert.", "model.", "model.bert.", "0.auto_model."};
    wick_model_files *plain = open_good(WICK_FIXTURES "/tiny-bert");
    for (size_t i = 0; i < 4; i++) {
        char folder[SUPPORT_PATH_BYTES];
        support_tiny_make(folder);
        support_weights_rename(folder, "", prefixes[i]);
        wick_model_files *files = open_good(folder);
        check_same_weights(plain, files);
        wick_model_files_close(files);
        support_folder_remove(folder);
    }
    wick_model_files_close(plain);
}

static void test_opens_gamma_and_beta(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_weights_rename(folder, "LayerNorm.weight", "LayerNorm.gamma");
    support_weights_rename(folder, "LayerNorm.bias", "LayerNorm.beta");
    wick_model_files *plain = open_good(WICK_FIXTURES "/tiny-bert"), *files = open_good(folder);
    check_same_weights(plain, files);
    check_tensor(&files->embedding_norm.weight, "embeddings.LayerNorm.gamma", 0, 32);
    wick_model_files_close(files);
    wick_model_files_close(plain);
    support_folder_remove(folder);
}

static void test_opens_half_precision(void **state)
{
    static const char *const paths[] = {WICK_FIXTURES "/tiny-bert-f16/model.safetensors",
                                        WICK_FIXTURES "/tiny-bert-bf16/model.safetensors"};
    static const float tolerance[] = {0x1p-11f, 0x1p-8f}; /* half a unit in the last place */
    wick_model_files *plain = open_good(WICK_FIXTURES "/tiny-bert");
    for (size_t i = 0; i < 2; i++) {
        char folder[SUPPORT_PATH_BYTES];
        support_tiny_make(folder);
        size_t n;
        char *weights = support_bytes_read(paths[i], &n);
        support_bytes_write(folder, "model.safetensors", weights, n);
        free(weights);
        wick_model_files *files = open_good(folder);
        assert_int_equal(files->word_embeddings.dtype, i == 0 ? WICK_DTYPE_F16 : WICK_DTYPE_BF16);
        float exact[64], rounded[64];
        wick_tensor_to_f32(&plain->layers[0].up.weight, 100, 64, exact);
        wick_tensor_to_f32(&files->layers[0].up.weight, 100, 64, rounded);
        for (size_t k = 0; k < 64; k++)
            assert_true(exact[k] - rounded[k] <= tolerance[i] && rounded[k] - exact[k] <= tolerance[i]);
        wick_model_files_close(files);
        support_folder_remove(folder);
    }
    wick_model_files_close(plain);
}

static void test_opens_shards(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_weights_shard(folder, 3);
    wick_model_files *plain = open_good(WICK_FIXTURES "/tiny-bert"), *files = open_good(folder);
    check_same_weights(plain, files);
    wick_model_files_close(files);
    wick_model_files_close(plain);
    support_folder_remove(folder);
}

#define MODULES_HEAD                                                                                                   \
    "[{\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"                                          \
    "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}"
#define MODULES_DENSE ",{\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}"
#define MODULES_NORMALIZE ",{\"path\":\"3_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}"

static void test_opens_dense_and_normalize(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_write(folder, "modules.json", MODULES_HEAD MODULES_DENSE MODULES_NORMALIZE "]");
    wick_model_files *plain = open_good(WICK_FIXTURES "/tiny-bert"), *files = open_good(folder);
    assert_true(files->has_normalize);
    assert_int_equal(files->n_dense, 1);
    assert_int_equal(files->dimension, 16);
    assert_int_equal(files->dense[0].activation, WICK_ACT_TANH);
    check_tensor(&files->dense[0].linear.weight, "linear.weight", 16, 32);
    check_tensor(&files->dense[0].linear.bias, "linear.bias", 0, 16);
    assert_int_equal(files->n_parameters, plain->n_parameters + 16 * 32 + 16);
    wick_model_files_close(files);
    support_file_edit(folder, "2_Dense/config.json", "\"bias\": true", "\"bias\": false");
    files = open_good(folder);
    assert_null(files->dense[0].linear.bias.data);
    assert_int_equal(files->n_parameters, plain->n_parameters + 16 * 32);
    wick_model_files_close(files);
    wick_model_files_close(plain);
    support_folder_remove(folder);
}

static void test_opens_a_plain_transformers_folder(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_remove(folder, "modules.json");
    support_file_write(folder, "1_Pooling/config.json", "{\"pooling_mode\":\"cls\"}"); /* not read */
    support_file_write(folder, "sentence_bert_config.json", "{\"max_seq_length\":5}"); /* not read either */
    wick_model_files *files = open_good(folder);
    assert_int_equal(files->pooling, WICK_POOL_MEAN);
    assert_int_equal(files->max_seq_length, 48);
    assert_false(files->has_normalize);
    wick_model_files_close(files);
    support_folder_remove(folder);
}

static void test_opens_a_transformer_in_a_subfolder(void **state)
{
    char folder[SUPPORT_PATH_BYTES], from[SUPPORT_PATH_BYTES], to[SUPPORT_PATH_BYTES];
    static const char *const moved[] = {"config.json", "model.safetensors", "tokenizer_config.json"};
    support_tiny_make(folder);
    support_file_write(folder, "modules.json",
                       "[{\"path\":\"0_Transformer\",\"type\":\"sentence_transformers.models.Transformer\"},"
                       "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}]");
    support_file_write(folder, "0_Transformer/sentence_bert_config.json", "{\"max_seq_length\":30}");
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "0_Transformer/%s", moved[i]);
        support_path(folder, moved[i], from);
        support_path(folder, name, to);
        assert_int_equal(rename(from, to), 0);
    }
    wick_model_files *files = open_good(folder);
    support_path(folder, "0_Transformer", to);
    assert_string_equal(files->transformer_path, to);
    assert_int_equal(files->max_seq_length, 30);
    wick_model_files_close(files);
    support_folder_remove(folder);
}

static void test_max_seq_length(void **state)
{
    static const struct {
        const char *sentence_bert, *tokenizer_config; /* NULL: no such file */
        size_t expected;
    } cases[] = {
        {NULL, NULL, 64},
        {"{\"max_seq_length\":20}", NULL, 20},
        {"{\"max_seq_length\":20}", "{\"model_max_length\":10}", 20}, /* the module's word wins */
        {NULL, "{\"model_max_length\":10}", 10},
        {NULL, "{\"model_max_length\":512}", 64},
        {NULL, "{\"model_max_length\":1000000000000000019884624838656}", 64},
        {"{\"max_seq_length\":512}", NULL, 64}, /* no more than there are positions */
        {"{\"max_seq_length\":null}", "{\"model_max_length\":11}", 11},
    };
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        support_file_write(folder, "sentence_bert_config.json", "");
        support_file_write(folder, "tokenizer_config.json", "");
        if (cases[i].sentence_bert)
            support_file_write(folder, "sentence_bert_config.json", cases[i].sentence_bert);
        else
            support_file_remove(folder, "sentence_bert_config.json");
        if (cases[i].tokenizer_config)
            support_file_write(folder, "tokenizer_config.json", cases[i].tokenizer_config);
        else
            support_file_remove(folder, "tokenizer_config.json");
        wick_model_files *files = open_good(folder);
        assert_int_equal(files->max_seq_length, cases[i].expected);
        wick_model_files_close(files);
    }
    support_folder_remove(folder);
}

static void test_refuses_what_is_no_model_folder(void **state)
{
    check_refused("/nonexistent/model", WICK_E_MODEL_NOT_FOUND, "No such file", "/nonexistent/model");
    check_refused("", WICK_E_MODEL_NOT_FOUND, "No such file", "");
    check_refused(WICK_FIXTURES "/tiny-bert/config.json", WICK_E_MODEL_NOT_FOUND, "the model is a file", "config.json");
    check_refused(WICK_FIXTURES "/tiny-bert/config.json/x", WICK_E_MODEL_NOT_FOUND, "Not a directory", "config.json/x");
    char name[6000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    check_refused(name, WICK_E_MODEL_NOT_FOUND, "too long", "nnn");
    char folder[SUPPORT_PATH_BYTES];
    support_folder_make(folder);
    check_refused(folder, WICK_E_IO, "config.json is not there", "config.json");
    support_folder_remove(folder);
}

/* One file of the fixture replaced (text), edited (old_text -> text) or removed (both NULL). */
static void test_refuses_spoiled_folders(void **state)
{
    static const struct {
        const char *file, *old_text, *text;
        int code;
        const char *fragment, *where;
    } cases[] = {
        {"config.json", NULL, NULL, WICK_E_IO, "config.json is not there", "/config.json"},
        {"config.json", NULL, "", WICK_E_CORRUPT, "malformed JSON", "/config.json"},
        {"config.json", "\"bert\"", "\"t5\"", WICK_E_UNSUPPORTED, "model_type t5", "/config.json"},
        {"config.json", "\"hidden_size\": 32", "\"hidden_size\": 64", WICK_E_CORRUPT,
         "tensor embeddings.word_embeddings.weight: shape [257, 32], expected [257, 64]", "/model.safetensors"},
        {"config.json", "\"vocab_size\": 257", "\"vocab_size\": 258", WICK_E_CORRUPT,
         "tensor embeddings.word_embeddings.weight: shape [257, 32], expected [258, 32]", "/model.safetensors"},
        {"config.json", "\"max_position_embeddings\": 64", "\"max_position_embeddings\": 512", WICK_E_CORRUPT,
         "tensor embeddings.position_embeddings.weight: shape [64, 32], expected [512, 32]", "/model.safetensors"},
        {"config.json", "\"type_vocab_size\": 2", "\"type_vocab_size\": 1", WICK_E_CORRUPT,
         "tensor embeddings.token_type_embeddings.weight: shape [2, 32], expected [1, 32]", "/model.safetensors"},
        {"config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", WICK_E_CORRUPT,
         "tensor encoder.layer.2.attention.self.query.weight is missing", "/model.safetensors"},
        {"config.json", "\"intermediate_size\": 64", "\"intermediate_size\": 65", WICK_E_CORRUPT,
         "tensor encoder.layer.0.intermediate.dense.weight: shape [64, 32], expected [65, 32]", "/model.safetensors"},
        {"modules.json", NULL, "", WICK_E_CORRUPT, "malformed JSON", "/modules.json"},
        {"modules.json", "pooling.Pooling\"", "pooling.Pooled\"", WICK_E_UNSUPPORTED, "Pooled", "/modules.json"},
        {"modules.json", "\"1_Pooling\"", "\"../1_Pooling\"", WICK_E_CORRUPT, "path ../1_Pooling", "/modules.json"},
        {"modules.json", "\"1_Pooling\"", "\"9_Pooling\"", WICK_E_IO, "config.json is not there",
         "/9_Pooling/config.json"},
        {"1_Pooling/config.json", NULL, NULL, WICK_E_IO, "config.json is not there", "/1_Pooling/config.json"},
        {"1_Pooling/config.json", "\"mean\"", "[\"mean\", \"cls\"]", WICK_E_UNSUPPORTED, "2 modes",
         "/1_Pooling/config.json"},
        {"1_Pooling/config.json", "32", "31", WICK_E_CORRUPT, "embedding_dimension is 31", "/1_Pooling/config.json"},
        {"modules.json", NULL, MODULES_HEAD ",{\"path\":\"4_Dense\",\"type\":\"sentence_transformers.models.Dense\"}]",
         WICK_E_IO, "config.json is not there", "/4_Dense/config.json"},
        {"sentence_bert_config.json", NULL, "{\"max_seq_length\":-5}", WICK_E_CORRUPT, "max_seq_length is -5",
         "/sentence_bert_config.json"},
        {"sentence_bert_config.json", NULL, "[", WICK_E_CORRUPT, "malformed JSON", "/sentence_bert_config.json"},
        {"tokenizer_config.json", "48", "0", WICK_E_CORRUPT, "model_max_length is 0", "/tokenizer_config.json"},
        {"tokenizer_config.json", "48", "48,\"truncation_side\":\"both\"", WICK_E_UNSUPPORTED, "truncation_side both",
         "/tokenizer_config.json"},
        {"config_sentence_transformers.json", "\"SentenceTransformer\"", "\"ImageEncoder\"", WICK_E_UNSUPPORTED,
         "model_type ImageEncoder", "/config_sentence_transformers.json"},
        {"model.safetensors", NULL, NULL, WICK_E_IO, "model.safetensors is not there, nor is", "/model.safetensors"},
        {"model.safetensors", NULL, "", WICK_E_CORRUPT, "the file has 0 bytes", "/model.safetensors"},
        {"model.safetensors", NULL, "version https://git-lfs.github.com/spec/v1\n", WICK_E_CORRUPT, "a Git LFS pointer",
         "/model.safetensors"},
        {"model.safetensors", "encoder.layer.1.output.dense.bias", "encoder.layer.1.output.dense.blas", WICK_E_CORRUPT,
         "tensor encoder.layer.1.output.dense.bias is missing", "/model.safetensors"},
        {"model.safetensors", "embeddings.word_embeddings", "embeddings.werd_embeddings", WICK_E_CORRUPT,
         "tensor embeddings.word_embeddings.weight is missing", "/model.safetensors"},
        /* as many bytes, but integers: the first tensor of the header is a weight of ours */
        {"model.safetensors", "{\"dtype\":\"F32\",\"shape\":[32]", "{\"dtype\":\"I32\",\"shape\":[32]",
         WICK_E_UNSUPPORTED, "dtype I32, expected F32, F16 or BF16", "/model.safetensors"},
        {"model.safetensors", "\"shape\":[32]", "\"shape\":[23]", WICK_E_CORRUPT,
         "need 92 bytes, data_offsets span 128", "/model.safetensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[SUPPORT_PATH_BYTES];
        support_tiny_make(folder);
        if (cases[i].old_text)
            support_file_edit(folder, cases[i].file, cases[i].old_text, cases[i].text);
        else if (cases[i].text)
            support_file_write(folder, cases[i].file, cases[i].text);
        else
            support_file_remove(folder, cases[i].file);
        check_refused(folder, cases[i].code, cases[i].fragment, cases[i].where);
        support_folder_remove(folder);
    }
}

static void test_refuses_lower_case_that_nobody_does(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_write(folder, "sentence_bert_config.json", "{\"do_lower_case\":true}");
    wick_model_files_close(open_good(folder)); /* the tokenizer does it */
    support_file_edit(folder, "tokenizer_config.json", "\"do_lower_case\": true", "\"do_lower_case\": false");
    check_refused(folder, WICK_E_UNSUPPORTED, "do_lower_case", "/tokenizer_config.json");
    support_folder_remove(folder);
}

static void test_refuses_spoiled_dense(void **state)
{
    static const struct {
        const char *file, *old_text, *text;
        int code;
        const char *fragment, *where;
    } cases[] = {
        {"2_Dense/config.json", "\"in_features\": 32", "\"in_features\": 33", WICK_E_CORRUPT, "in_features is 33",
         "/2_Dense/config.json"},
        {"2_Dense/config.json", "\"out_features\": 16", "\"out_features\": 17", WICK_E_CORRUPT,
         "tensor linear.weight: shape [16, 32], expected [17, 32]", "/2_Dense/model.safetensors"},
        {"2_Dense/config.json", "activation.Tanh", "activation.Evil", WICK_E_UNSUPPORTED, "activation_function torch",
         "/2_Dense/config.json"},
        {"2_Dense/model.safetensors", "linear.bias", "linear.blas", WICK_E_CORRUPT, "tensor linear.bias is missing",
         "/2_Dense/model.safetensors"},
        {"2_Dense/model.safetensors", NULL, NULL, WICK_E_IO, "model.safetensors is not there",
         "/2_Dense/model.safetensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[SUPPORT_PATH_BYTES];
        support_tiny_make(folder);
        support_file_write(folder, "modules.json", MODULES_HEAD MODULES_DENSE "]");
        if (cases[i].old_text)
            support_file_edit(folder, cases[i].file, cases[i].old_text, cases[i].text);
        else
            support_file_remove(folder, cases[i].file);
        check_refused(folder, cases[i].code, cases[i].fragment, cases[i].where);
        support_folder_remove(folder);
    }
}

static void test_refuses_spoiled_indexes(void **state)
{
    static const struct {
        const char *index;
        int code;
        const char *fragment, *where;
    } cases[] = {
        {"{}", WICK_E_CORRUPT, "weight_map is absent", "index.json"},
        {"{\"weight_map\":[]}", WICK_E_CORRUPT, "weight_map is empty", "index.json"},
        {"{\"weight_map\":{}}", WICK_E_CORRUPT, "weight_map is empty", "index.json"},
        {"{\"weight_map\":7}", WICK_E_CORRUPT, "weight_map is", "index.json"},
        {"{\"weight_map\":{\"x\":7}}", WICK_E_CORRUPT, "weight_map: the shard of x", "index.json"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\\u0000\"}}", WICK_E_CORRUPT, "weight_map: the shard of x",
         "index.json"},
        {"{\"weight_map\":{\"x\":\"../a.safetensors\"}}", WICK_E_CORRUPT, "../a.safetensors is no shard's name",
         "index.json"},
        {"{\"weight_map\":{\"x\":\"/etc/a.safetensors\"}}", WICK_E_CORRUPT, "/etc/a.safetensors is no shard's name",
         "index.json"},
        {"{\"weight_map\":{\"x\":\"sub/a.safetensors\"}}", WICK_E_CORRUPT, "sub/a.safetensors is no", "index.json"},
        {"{\"weight_map\":{\"x\":\"a..safetensors\"}}", WICK_E_CORRUPT, "a..safetensors is no", "index.json"},
        {"{\"weight_map\":{\"x\":\"passwd\"}}", WICK_E_CORRUPT, "passwd is no shard's name", "index.json"},
        {"{\"weight_map\":{\"x\":\".safetensors\"}}", WICK_E_CORRUPT, ".safetensors is no shard's name", "index.json"},
        {"{\"weight_map\":{\"x\":\"gone.safetensors\"}}", WICK_E_IO, "the shard is not there", "/gone.safetensors"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"a.safetensors\"}}", WICK_E_CORRUPT,
         "tensor y is listed in shard a.safetensors but not there", "index.json"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\"}}", WICK_E_CORRUPT,
         "tensor embeddings.word_embeddings.weight is missing", "index.json"},
        {"{\"weight_map\":{\"x\":\"a.safetensors\",\"z\":\"b.safetensors\"}}", WICK_E_CORRUPT, "bytes 0 to 7",
         "/b.safetensors"},
    };
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_remove(folder, "model.safetensors");
    size_t n;
    unsigned char *shard =
        support_safetensors_make("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, &n);
    support_bytes_write(folder, "a.safetensors", shard, n);
    support_file_write(folder, "b.safetensors", "this is no shard");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        support_file_write(folder, "model.safetensors.index.json", cases[i].index);
        check_refused(folder, cases[i].code, cases[i].fragment, cases[i].where);
    }
    free(shard);
    support_folder_remove(folder);
}

/* Each shard's header is within bounds, all together are not. */
static void test_refuses_big_headers_in_sum(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_remove(folder, "model.safetensors");
    static char header[(5 << 20) + 1];
    memset(header, ' ', sizeof header - 1);
    memcpy(header, "{}", 2);
    size_t n;
    unsigned char *shard = support_safetensors_make(header, 0, &n);
    support_bytes_write(folder, "a.safetensors", shard, n);
    support_bytes_write(folder, "b.safetensors", shard, n);
    support_file_write(folder, "model.safetensors.index.json",
                       "{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}}");
    check_refused(folder, WICK_E_UNSUPPORTED, "the shards' headers have 10485760 bytes so far", "/b.safetensors");
    free(shard);
    support_folder_remove(folder);
}

static void test_refuses_many_shards(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_remove(folder, "model.safetensors");
    char *index = malloc(1 << 20);
    assert_non_null(index);
    size_t used = (size_t)sprintf(index, "{\"weight_map\":{\"t\":\"a.safetensors\"");
    for (int i = 0; i < 1024; i++)
        used += (size_t)sprintf(index + used, ",\"t%d\":\"a%d.safetensors\"", i, i);
    strcpy(index + used, "}}");
    support_file_write(folder, "model.safetensors.index.json", index);
    check_refused(folder, WICK_E_CORRUPT, "weight_map names 1025 shards, at most 1024", "index.json");
    free(index);
    support_folder_remove(folder);
}

static void test_refuses_other_kinds_of_files(void **state)
{
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    support_file_remove(folder, "model.safetensors");
    support_file_write(folder, "pytorch_model.bin", "x");
    check_refused(folder, WICK_E_UNSUPPORTED, "pickled weights", "/pytorch_model.bin");
    support_path(folder, "model.safetensors", path);
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
    check_refused(folder, WICK_E_IO, "not a regular file", "/model.safetensors");
    support_file_remove(folder, "model.safetensors");
    assert_int_equal(symlink("nowhere", path), 0);
    check_refused(folder, WICK_E_IO, "No such file", "/model.safetensors");
    support_folder_remove(folder);
}

static void test_refuses_big_config_files(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    support_tiny_make(folder);
    size_t n = (size_t)5 << 20;
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, ' ', n);
    text[n] = '\0';
    support_file_write(folder, "config.json", text);
    check_refused(folder, WICK_E_CORRUPT, "at most 4194304 are read", "/config.json");
    free(text);
    support_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_the_fixture),
        cmocka_unit_test(test_opens_prefixed_names),
        cmocka_unit_test(test_opens_gamma_and_beta),
        cmocka_unit_test(test_opens_half_precision),
        cmocka_unit_test(test_opens_shards),
        cmocka_unit_test(test_opens_dense_and_normalize),
        cmocka_unit_test(test_opens_a_plain_transformers_folder),
        cmocka_unit_test(test_opens_a_transformer_in_a_subfolder),
        cmocka_unit_test(test_max_seq_length),
        cmocka_unit_test(test_refuses_what_is_no_model_folder),
        cmocka_unit_test(test_refuses_spoiled_folders),
        cmocka_unit_test(test_refuses_lower_case_that_nobody_does),
        cmocka_unit_test(test_refuses_spoiled_dense),
        cmocka_unit_test(test_refuses_spoiled_indexes),
        cmocka_unit_test(test_refuses_big_headers_in_sum),
        cmocka_unit_test(test_refuses_many_shards),
        cmocka_unit_test(test_refuses_other_kinds_of_files),
        cmocka_unit_test(test_refuses_big_config_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
