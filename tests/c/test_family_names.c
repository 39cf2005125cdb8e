/* SPDX-License-Identifier: Apache-2.0
 * test_family_names.c: where the weights of each family in tests/fixtures/models are found: under every prefix, in shards, as parts of one matrix; and that a packed model
 * is described as its folder is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "model/packed_model.h"
#include "support_model.h"
#include "support_pack.h"

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

/* ---- packed -------------------------------------------------------------------------------------------------------- */

#define CHECK(field) assert_true(a->field == b->field)
static void check_same_encoder(const wick_encoder *a, const wick_encoder *b)
{
    CHECK(n_layers), CHECK(hidden_size), CHECK(intermediate_size), CHECK(vocab_size);
    CHECK(n_heads), CHECK(n_kv_heads), CHECK(head_dim), CHECK(score_scale), CHECK(has_qk_norm);
    CHECK(has_qkv_bias), CHECK(has_attention_output_bias), CHECK(has_up_bias), CHECK(has_down_bias);
    CHECK(norm_kind), CHECK(norm_place), CHECK(norm_eps), CHECK(has_norm_bias);
    CHECK(has_embedding_norm), CHECK(has_final_norm), CHECK(lacks_first_norm), CHECK(embedding_scale);
    CHECK(position), CHECK(max_positions), CHECK(position_first), CHECK(padding_id), CHECK(n_buckets);
    CHECK(rope_theta), CHECK(rope_theta_local), CHECK(rope_divisor), CHECK(type_vocab_size);
    CHECK(causal), CHECK(window), CHECK(activation), CHECK(is_gated);
    for (size_t i = 0; i < a->n_layers; i++)
        CHECK(has_window[i]);
}

static void test_packed_descriptions(void **state)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        wick_model_files *a = open_fixture(families[i].name), *b = NULL;
        wick_pack_writer *writer = wick_pack_writer_new();
        wick_pack *pack = NULL;
        wick_error error = {0};
        size_t n;
        assert_int_equal(wick_model_describe(a, families[i].name, "int8", writer, &error), WICK_OK);
        assert_int_equal(wick_sentence_settings_pack(&a->sentence, writer, &error), WICK_OK);
        uint8_t *bytes = support_pack_finish(writer, &n);
        assert_int_equal(wick_pack_open_memory(bytes, n, "packed", &pack, &error), WICK_OK);
        if (wick_model_files_unpack(pack, &b, &error) != WICK_OK)
            fail_msg("%s: %s", families[i].name, error.message);
        check_same_encoder(&a->encoder, &b->encoder);
        assert_string_equal(a->architecture, b->architecture);
        CHECK(max_tokens), CHECK(max_seq_length), CHECK(n_parameters), CHECK(pooling), CHECK(dimension);
        CHECK(n_dense), CHECK(has_normalize), CHECK(truncate_side);
        wick_model_files_close(b);
        wick_pack_close(pack);
        free(bytes);
        wick_model_files_close(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_fused_matrices),
        cmocka_unit_test(test_packed_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
