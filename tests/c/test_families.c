/* SPDX-License-Identifier: Apache-2.0
 * test_families.c: the model of each family in tests/fixtures/models: what its config.json becomes, where its weights are found, under which prefixes, and in shards. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roberta_line), cmocka_unit_test(test_distilbert), cmocka_unit_test(test_mpnet),
        cmocka_unit_test(test_prefixes),     cmocka_unit_test(test_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
