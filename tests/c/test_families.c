/* SPDX-License-Identifier: Apache-2.0
 * test_families.c: the model of each family in tests/fixtures/models: what its config.json becomes, where its weights are found, under which prefixes, and in shards. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
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

static wick_model_files *open_fixture(const char *name)
{
    char path[SUPPORT_PATH_BYTES];
    support_path(WICK_FIXTURES "/models", name, path);
    return open_good(path);
}

/* ---- descriptions -------------------------------------------------------------------------------------------------- */

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
    assert_true(e->rope_theta == 160000 && e->is_gated && !e->causal);
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

/* ---- names --------------------------------------------------------------------------------------------------------- */

static uint64_t add_tensor(const wick_tensor *tensor, uint64_t so_far)
{
    const size_t sizes[2] = {tensor->n_dims, tensor->size_bytes};
    so_far = wick_hash64(sizes, sizeof sizes, so_far);
    return tensor->data ? wick_hash64(tensor->data, tensor->size_bytes, so_far) : so_far;
}

/* Of everything that is bound, so that one tensor in another's place would show. */
static uint64_t sum_of(const wick_model_files *files)
{
    const wick_tensor *tables[] = {&files->word_embeddings, &files->position_embeddings, &files->token_type_embeddings,
                                   &files->relative_bias};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        sum = add_tensor(tables[i], sum);
    const wick_layer_norm norms[] = {files->embedding_norm, files->final_norm};
    for (size_t i = 0; i < 2; i++)
        sum = add_tensor(&norms[i].bias, add_tensor(&norms[i].weight, sum));
    for (size_t i = 0; i < files->encoder.n_layers; i++) {
        const wick_encoder_layer *l = &files->layers[i];
        const wick_linear linears[] = {l->query, l->key, l->value, l->attention_output, l->gate, l->up, l->down};
        const wick_layer_norm inner[] = {l->query_norm,         l->key_norm,    l->attention_norm,
                                         l->attention_end_norm, l->output_norm, l->output_end_norm};
        for (size_t j = 0; j < sizeof linears / sizeof *linears; j++)
            sum = add_tensor(&linears[j].bias, add_tensor(&linears[j].weight, sum));
        for (size_t j = 0; j < sizeof inner / sizeof *inner; j++)
            sum = add_tensor(&inner[j].bias, add_tensor(&inner[j].weight, sum));
    }
    return sum;
}

static const struct {
    const char *name;
    const char *prefixes[4];
} families[] = {
    {"bert-cls", {"bert.", "model.bert.", "auto_model."}},
    {"roberta", {"roberta.", "model.roberta."}},
    {"xlm-roberta", {"roberta."}},
    {"camembert", {"roberta."}},
    {"distilbert", {"distilbert.", "0.auto_model."}},
    {"mpnet", {"mpnet.", "model."}},
    {"nomic-bert", {"nomic_bert.", "bert."}},
    {"gte", {"new.", "gte."}},
    {"gte-f16", {"new."}},
    {"modernbert", {"model."}},
    {"qwen2", {"model.", "transformer."}},
    {"qwen3", {"model."}},
    {"qwen3-bf16", {"model."}},
    {"eurobert", {"model."}},
    {"gemma3", {"model."}},
    {"jina-v2", {"bert."}},
};
#define N_FAMILIES (sizeof families / sizeof *families)

static void copy_fixture(const char *name, char folder[SUPPORT_PATH_BYTES])
{
    char fixture[128] = "models/";
    strncat(fixture, name, sizeof fixture - 32);
    support_model_make(fixture, folder);
}

static void test_prefixes(void **state)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        wick_model_files *plain = open_fixture(families[i].name);
        for (size_t j = 0; j < 4 && families[i].prefixes[j]; j++) {
            char folder[SUPPORT_PATH_BYTES];
            copy_fixture(families[i].name, folder);
            support_weights_rename(folder, "", families[i].prefixes[j]);
            wick_model_files *files = open_good(folder);
            if (sum_of(files) != sum_of(plain))
                fail_msg("%s under %s is another model", families[i].name, families[i].prefixes[j]);
            assert_int_equal(files->n_parameters, plain->n_parameters);
            wick_model_files_close(files);
            support_folder_remove(folder);
        }
        wick_model_files_close(plain);
    }
}

static void test_shards(void **state)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        char folder[SUPPORT_PATH_BYTES];
        copy_fixture(families[i].name, folder);
        support_weights_shard(folder, 3);
        wick_model_files *plain = open_fixture(families[i].name), *files = open_good(folder);
        assert_true(sum_of(files) == sum_of(plain));
        wick_model_files_close(files);
        wick_model_files_close(plain);
        support_folder_remove(folder);
    }
}

/* Parts of one matrix: rows one behind another, not a byte between. first: the matrix's first part. */
static void check_parts(const wick_tensor *const parts[], size_t n, const char *name, size_t rows)
{
    const uint8_t *next = parts[0]->data;
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(parts[i]->name, name);
        assert_ptr_equal(parts[i]->data, next);
        assert_int_equal(parts[i]->shape[0], rows);
        next += parts[i]->size_bytes;
    }
}

static void test_fused_matrices(void **state)
{
    wick_model_files *gte = open_fixture("gte-f16"), *modern = open_fixture("modernbert"),
                     *jina = open_fixture("jina-v2");
    const wick_encoder_layer *layer = &gte->layers[1];
    assert_int_equal(layer->query.weight.size_bytes, 24 * 24 * 2);
    assert_int_equal(layer->key.bias.size_bytes, 24 * 2);
    check_parts((const wick_tensor *[]){&layer->query.weight, &layer->key.weight, &layer->value.weight}, 3,
                "encoder.layer.1.attention.qkv_proj.weight", 24);
    check_parts((const wick_tensor *[]){&layer->query.bias, &layer->key.bias, &layer->value.bias}, 3,
                "encoder.layer.1.attention.qkv_proj.bias", 24);
    check_parts((const wick_tensor *[]){&layer->up.weight, &layer->gate.weight}, 2,
                "encoder.layer.1.mlp.up_gate_proj.weight", 40);
    layer = &modern->layers[0];
    check_parts((const wick_tensor *[]){&layer->query.weight, &layer->key.weight, &layer->value.weight}, 3,
                "layers.0.attn.Wqkv.weight", 24);
    check_parts((const wick_tensor *[]){&layer->gate.weight, &layer->up.weight}, 2, "layers.0.mlp.Wi.weight", 40);
    layer = &jina->layers[0];
    check_parts((const wick_tensor *[]){&layer->gate.weight, &layer->up.weight}, 2,
                "encoder.layer.0.mlp.gated_layers.weight", 40);
    wick_model_files_close(gte);
    wick_model_files_close(modern);
    wick_model_files_close(jina);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roberta_line),
        cmocka_unit_test(test_distilbert),
        cmocka_unit_test(test_mpnet),
        cmocka_unit_test(test_nomic_bert),
        cmocka_unit_test(test_gte),
        cmocka_unit_test(test_modern_bert),
        cmocka_unit_test(test_qwen),
        cmocka_unit_test(test_eurobert),
        cmocka_unit_test(test_gemma),
        cmocka_unit_test(test_jina_bert),
        cmocka_unit_test(test_fused_matrices),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
