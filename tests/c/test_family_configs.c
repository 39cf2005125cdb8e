/* SPDX-License-Identifier: Apache-2.0
 * test_family_configs.c: the model of each family in tests/fixtures/models: what its config.json becomes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/config.h"
#include "support_model.h"

static wick_model_files *open_good(const char *folder)
{
    wick_model_files *files = NULL;
    wick_error error = {0};
    if (wick_model_files_open(folder, &files, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", folder, error.message, error.where);
    return files;
}

static wick_model_files *open_fixture(const char *name)
{
    char path[SUPPORT_PATH_BYTES];
    support_path(WICK_FIXTURES "/models", name, path);
    return open_good(path);
}

static void check_sizes(const wick_model_files *files, size_t vocab_size, size_t n_layers, size_t max_tokens)
{
    const wick_encoder *e = &files->encoder;
    assert_int_equal(e->hidden_size, 24);
    assert_int_equal(e->n_heads, 4);
    assert_int_equal(e->intermediate_size, 40);
    assert_int_equal(e->vocab_size, vocab_size);
    assert_int_equal(e->n_layers, n_layers);
    assert_int_equal(files->max_tokens, max_tokens);
}

static void test_roberta_line(void **state)
{
    static const struct {
        const char *name, *model_type;
        size_t vocab_size;
    } families[] = {{"roberta", "roberta", 309}, {"xlm-roberta", "xlm-roberta", 220}, {"camembert", "camembert", 220}};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        wick_model_files *files = open_fixture(families[i].name);
        const wick_encoder *e = &files->encoder;
        assert_string_equal(files->architecture, families[i].model_type);
        check_sizes(files, families[i].vocab_size, 2, 62);
        assert_int_equal(e->max_positions, 64);
        assert_int_equal(e->padding_id, 1);
        assert_int_equal(e->position_first, 2);
        assert_int_equal(e->type_vocab_size, 1);
        assert_int_equal(e->position, WICK_POSITION_LEARNED);
        assert_int_equal(e->norm_place, WICK_NORM_AFTER);
        assert_true(e->norm_eps == 1e-12 && e->has_qkv_bias && e->has_norm_bias && e->has_down_bias);
        wick_model_files_close(files);
    }
}

static void test_distilbert(void **state)
{
    wick_model_files *files = open_fixture("distilbert");
    const wick_encoder *e = &files->encoder;
    check_sizes(files, 320, 2, 64);
    assert_int_equal(e->type_vocab_size, 0);
    assert_null(files->token_type_embeddings.data);
    assert_int_equal(e->padding_id, -1);
    assert_int_equal(e->position_first, 0);
    assert_true(e->norm_eps == 1e-12);
    assert_string_equal(files->layers[1].up.weight.name, "transformer.layer.1.ffn.lin1.weight");
    assert_string_equal(files->layers[0].attention_norm.bias.name, "transformer.layer.0.sa_layer_norm.bias");
    wick_model_files_close(files);
}

static void test_mpnet(void **state)
{
    wick_model_files *files = open_fixture("mpnet");
    const wick_encoder *e = &files->encoder;
    check_sizes(files, 320, 2, 62);
    assert_int_equal(e->position, WICK_POSITION_RELATIVE);
    assert_int_equal(e->n_buckets, 32);
    assert_int_equal(e->padding_id, 1);
    assert_int_equal(e->position_first, 2);
    assert_int_equal(e->type_vocab_size, 0);
    assert_int_equal(files->relative_bias.shape[0], 32);
    assert_int_equal(files->relative_bias.shape[1], 4);
    assert_non_null(files->relative_bias.data);
    wick_model_files_close(files);
}

static void check_biases(const wick_encoder *e, bool qkv, bool output, bool up, bool down, bool norms)
{
    assert_int_equal(e->has_qkv_bias, qkv);
    assert_int_equal(e->has_attention_output_bias, output);
    assert_int_equal(e->has_up_bias, up);
    assert_int_equal(e->has_down_bias, down);
    assert_int_equal(e->has_norm_bias, norms);
}

static void test_nomic_bert(void **state)
{
    wick_model_files *files = open_fixture("nomic-bert");
    const wick_encoder *e = &files->encoder;
    check_sizes(files, 320, 2, 64);
    check_biases(e, false, false, false, false, true);
    assert_int_equal(e->position, WICK_POSITION_ROTARY);
    assert_true(e->rope_theta == 1000 && e->rope_theta_local == 1000 && e->is_gated && !e->causal);
    assert_int_equal(e->activation, WICK_ACT_SILU);
    assert_int_equal(e->norm_place, WICK_NORM_AFTER);
    assert_int_equal(e->max_positions, 0);
    assert_int_equal(e->type_vocab_size, 2);
    assert_string_equal(files->layers[1].gate.weight.name, "encoder.layers.1.mlp.fc12.weight");
    assert_string_equal(files->layers[1].up.weight.name, "encoder.layers.1.mlp.fc11.weight");
    wick_model_files_close(files);
}

static void test_gte(void **state)
{
    wick_model_files *files = open_fixture("gte");
    const wick_encoder *e = &files->encoder;
    check_sizes(files, 220, 2, 64);
    check_biases(e, true, true, false, true, true);
    assert_true(e->rope_theta == 160000 && e->rope_divisor == 1 && e->is_gated && !e->causal);
    assert_int_equal(e->activation, WICK_ACT_GELU);
    wick_model_files_close(files);
}

static void test_modern_bert(void **state)
{
    wick_model_files *files = open_fixture("modernbert");
    const wick_encoder *e = &files->encoder;
    check_sizes(files, 312, 4, 64);
    check_biases(e, false, false, false, false, false);
    assert_int_equal(e->norm_kind, WICK_NORM_LAYER);
    assert_int_equal(e->norm_place, WICK_NORM_BEFORE);
    assert_true(e->has_embedding_norm && e->has_final_norm && e->lacks_first_norm && e->is_gated && !e->causal);
    assert_true(e->rope_theta == 160000 && e->rope_theta_local == 10000 && e->norm_eps == 1e-5);
    assert_int_equal(e->window, 4);
    assert_true(!e->has_window[0] && e->has_window[1] && e->has_window[2] && !e->has_window[3]);
    assert_int_equal(e->type_vocab_size, 0);
    assert_null(files->layers[0].attention_norm.weight.data);
    assert_non_null(files->layers[1].attention_norm.weight.data);
    assert_non_null(files->final_norm.weight.data);
    assert_null(files->final_norm.bias.data);
    wick_model_files_close(files);
}

static void check_decoder(const wick_encoder *e, bool causal, size_t n_kv_heads, size_t head_dim, double eps)
{
    assert_int_equal(e->norm_kind, WICK_NORM_RMS);
    assert_int_equal(e->norm_place, WICK_NORM_BEFORE);
    assert_true(!e->has_embedding_norm && e->has_final_norm && !e->lacks_first_norm && e->is_gated);
    assert_true(e->rope_theta == 10000 && e->norm_eps == eps && e->embedding_scale == 1);
    assert_int_equal(e->activation, WICK_ACT_SILU);
    assert_int_equal(e->causal, causal);
    assert_int_equal(e->n_kv_heads, n_kv_heads);
    assert_int_equal(e->head_dim, head_dim);
    for (size_t i = 0; i < e->n_layers; i++)
        assert_false(e->has_window[i]);
}

static void test_qwen(void **state)
{
    static const char *const names[] = {"qwen2", "qwen2-bidirectional", "qwen3"};
    for (size_t i = 0; i < 3; i++) {
        wick_model_files *files = open_fixture(names[i]);
        const wick_encoder *e = &files->encoder;
        check_sizes(files, 307, 2, 64);
        check_decoder(e, i != 1, 2, i == 2 ? 8 : 6, 1e-6);
        check_biases(e, i < 2, false, false, false, false);
        assert_int_equal(e->has_qk_norm, i == 2);
        assert_int_equal(wick_encoder_query_width(e), i == 2 ? 32 : 24);
        assert_int_equal(files->layers[0].key.weight.shape[0], i == 2 ? 16 : 12);
        assert_int_equal(files->layers[1].query_norm.weight.data != NULL, i == 2);
        wick_model_files_close(files);
    }
}

static void test_eurobert(void **state)
{
    wick_model_files *files = open_fixture("eurobert");
    check_sizes(files, 308, 2, 64);
    check_decoder(&files->encoder, false, 2, 6, 1e-5);
    check_biases(&files->encoder, false, false, false, false, false);
    wick_model_files_close(files);
}

static void test_gemma(void **state)
{
    wick_model_files *files = open_fixture("gemma3");
    const wick_encoder *e = &files->encoder;
    check_sizes(files, 357, 3, 64);
    check_biases(e, false, false, false, false, false);
    assert_int_equal(e->norm_kind, WICK_NORM_RMS_PLUS_ONE);
    assert_int_equal(e->norm_place, WICK_NORM_AROUND);
    assert_true(!e->has_embedding_norm && e->has_final_norm && e->has_qk_norm && e->is_gated && !e->causal);
    assert_true(e->embedding_scale == sqrtf(24) && e->score_scale == (float)(1 / sqrt(12.0)));
    assert_true(e->rope_theta == 1000000 && e->rope_theta_local == 10000 && e->norm_eps == 1e-6);
    assert_int_equal(e->window, 5);
    assert_true(e->has_window[0] && e->has_window[1] && !e->has_window[2]);
    assert_int_equal(e->activation, WICK_ACT_GELU_TANH);
    assert_int_equal(e->n_kv_heads, 1);
    assert_int_equal(e->head_dim, 8);
    const wick_encoder_layer *layer = &files->layers[2];
    assert_string_equal(layer->attention_norm.weight.name, "layers.2.input_layernorm.weight");
    assert_string_equal(layer->attention_end_norm.weight.name, "layers.2.post_attention_layernorm.weight");
    assert_string_equal(layer->output_norm.weight.name, "layers.2.pre_feedforward_layernorm.weight");
    assert_string_equal(layer->output_end_norm.weight.name, "layers.2.post_feedforward_layernorm.weight");
    wick_model_files_close(files);
}

static void test_jina_bert(void **state)
{
    wick_model_files *files = open_fixture("jina-v2");
    const wick_encoder *e = &files->encoder;
    assert_string_equal(files->architecture, "bert");
    assert_int_equal(e->position, WICK_POSITION_ALIBI);
    assert_int_equal(e->n_heads, 6);
    assert_int_equal(e->max_positions, 0);
    assert_int_equal(files->max_tokens, 8192);
    assert_int_equal(e->activation, WICK_ACT_GELU);
    check_biases(e, true, true, false, true, true);
    wick_model_files_close(files);
}

/* As sentence-transformers resolves it: the module's word, the tokenizer's up to max_position_embeddings (64 in all fixtures), and no row that is not there. */
static void test_lengths(void **state)
{
    static const struct {
        const char *name, *sentence_bert, *tokenizer_config;
        size_t max_seq_length, max_tokens;
    } cases[] = {
        {"roberta", "{}", "{}", 62, 62},
        {"roberta", "{\"max_seq_length\":514}", "{\"model_max_length\":512}", 62, 62},
        {"mpnet", "{}", "{\"model_max_length\":63}", 62, 62},
        {"distilbert", "{\"max_seq_length\":100}", "{}", 64, 64},
        {"nomic-bert", "{\"max_seq_length\":100}", "{}", 100, 100},
        {"nomic-bert", "{}", "{\"model_max_length\":100}", 64, 64},
        {"qwen3", "{}", "{\"model_max_length\":50}", 50, 64},
        {"jina-v2", "{\"max_seq_length\":1e15}", "{}", (size_t)1 << 24, (size_t)1 << 24},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char fixture[64] = "models/", folder[SUPPORT_PATH_BYTES];
        strncat(fixture, cases[i].name, 32);
        support_model_make(fixture, folder);
        support_file_write(folder, "sentence_bert_config.json", cases[i].sentence_bert);
        support_file_write(folder, "tokenizer_config.json", cases[i].tokenizer_config);
        wick_model_files *files = open_good(folder);
        assert_int_equal(files->max_seq_length, cases[i].max_seq_length);
        assert_int_equal(files->max_tokens, cases[i].max_tokens);
        wick_model_files_close(files);
        support_folder_remove(folder);
    }
}

/* nomic-embed-text-v1.5 as it was published first, and as it is since transformers reads it: both kinds of keys, of which n_positions says more than was trained with. */
static void test_published_nomic(void **state)
{
#define NOMIC_OLD                                                                                                      \
    "\"n_embd\":768,\"n_head\":12,\"n_inner\":3072,\"n_layer\":12,\"n_positions\":8192,\"layer_norm_epsilon\":1e-12,"  \
    "\"activation_function\":\"swiglu\",\"rotary_emb_base\":1000,\"rotary_emb_fraction\":1.0,\"rotary_scaling_"        \
    "factor\":null,"                                                                                                   \
    "\"max_trained_positions\":2048,\"pad_vocab_size_multiple\":64,\"vocab_size\":30522"
    static const char *const texts[] = {
        "{\"model_type\":\"nomic_bert\"," NOMIC_OLD "}",
        "{\"model_type\":\"nomic_bert\"," NOMIC_OLD
        ",\"hidden_size\":768,\"num_attention_heads\":12,\"num_hidden_layers\":12,"
        "\"intermediate_size\":3072,\"hidden_act\":\"silu\",\"layer_norm_eps\":1e-12,\"max_position_embeddings\":2048,"
        "\"rope_parameters\":{\"rope_theta\":1000.0,\"rope_type\":\"default\"}}",
    };
    for (size_t i = 0; i < 2; i++) {
        const wick_architecture *architecture;
        wick_model_files files = {0};
        wick_error error = {0};
        if (wick_model_config_parse(texts[i], strlen(texts[i]), "config.json", &architecture, &files, &error) !=
            WICK_OK)
            fail_msg("%s", error.message);
        assert_int_equal(files.max_tokens, i == 0 ? 8192 : 2048);
        assert_int_equal(files.encoder.vocab_size, 30528);
        assert_int_equal(files.encoder.activation, WICK_ACT_SILU);
        assert_true(files.encoder.rope_theta == 1000);
    }
}

/* gte-multilingual-base's: theta times factor, frequencies divided by factor^(2 / head_dim). */
static void test_stretched_gte(void **state)
{
    static const char text[] =
        "{\"model_type\":\"new\",\"rope_theta\":20000,\"rope_scaling\":{\"factor\":8.0,\"type\":\"ntk\"},"
        "\"hidden_size\":768,\"num_attention_heads\":12}";
    const wick_architecture *architecture;
    wick_model_files files = {0};
    assert_int_equal(wick_model_config_parse(text, strlen(text), "config.json", &architecture, &files, NULL), WICK_OK);
    assert_true(files.encoder.rope_theta == 160000 && files.encoder.rope_divisor == pow(8, 2.0 / 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roberta_line),  cmocka_unit_test(test_distilbert), cmocka_unit_test(test_mpnet),
        cmocka_unit_test(test_nomic_bert),    cmocka_unit_test(test_gte),        cmocka_unit_test(test_modern_bert),
        cmocka_unit_test(test_qwen),          cmocka_unit_test(test_eurobert),   cmocka_unit_test(test_gemma),
        cmocka_unit_test(test_jina_bert),     cmocka_unit_test(test_lengths),    cmocka_unit_test(test_published_nomic),
        cmocka_unit_test(test_stretched_gte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
