/* SPDX-License-Identifier: Apache-2.0
 * test_hub_choose.c: which files of a repository a model needs (src/hub/choose.c), and which repositories are refused, and when. */
#include "base/error.h"
#include "hub/choose.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OID "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
#define POOLING "{\"type\":\"sentence_transformers.models.Pooling\",\"path\":\"1_Pooling\"}"
#define TRANSFORMER(path) "{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"" path "\"}"
#define STATIC(path) "{\"type\":\"sentence_transformers.models.StaticEmbedding\",\"path\":\"" path "\"}"
#define DENSE ",{\"type\":\"sentence_transformers.models.Dense\",\"path\":\"2_Dense\"}"
#define NORMALIZE ",{\"type\":\"sentence_transformers.models.Normalize\",\"path\":\"3_Normalize\"}"

/* A repository: its paths in one string between blanks, and what its small files hold. */
typedef struct repository {
    const char *paths, *modules, *index;
    char log[1024]; /* what was read, and checked */
    int check_code;
} repository;

static int read_fake(void *user, const wick_hub_file *file, size_t max_bytes, char **text, size_t *n, wick_error *error)
{
    repository *r = user;
    const size_t used = strlen(r->log);
    snprintf(r->log + used, sizeof r->log - used, "%s ", file->path);
    const char *content = strcmp(file->path, "modules.json") == 0 ? r->modules
                          : strstr(file->path, ".index.json")     ? r->index
                                                                  : "{\"model_type\":\"bert\"}";
    *text = strdup(content);
    *n = strlen(content);
    return WICK_OK;
}

static int check_fake(void *user, const char *modules, size_t n_modules, const char *config, size_t n_config,
                      wick_error *error)
{
    repository *r = user;
    assert_int_equal(modules != NULL, r->modules != NULL);
    if (config)
        assert_string_equal(config, "{\"model_type\":\"bert\"}");
    strcat(r->log, config ? "CHECK " : "CHECK_ALONE ");
    return r->check_code == WICK_OK ? WICK_OK : wick_fail(error, r->check_code, "config.json", NULL, "model_type");
}

static int choose(repository *r, wick_hub_listing *listing, wick_hub_choice *choice, wick_error *error)
{
    char json[8192] = "[", paths[2048];
    snprintf(paths, sizeof paths, "%s", r->paths);
    size_t n = 1;
    for (char *rest = paths, *path; (path = strtok_r(rest, " ", &rest));)
        n += (size_t)snprintf(json + n, sizeof json - n,
                              "%s{\"type\":\"file\",\"oid\":\"" OID "\",\"size\":%d,\"path\":\"%s\"}", n > 1 ? "," : "",
                              strstr(path, "HUGE") ? 1000000000 : 5, path);
    snprintf(json + n, sizeof json - n, "]");
    assert_int_equal(wick_hub_listing_add(listing, json, strlen(json), error), WICK_OK);
    const wick_hub_chooser chooser = {.read = read_fake, .check = check_fake, .read_user = r, .check_user = r};
    return wick_hub_choose(listing, "org/name", &chooser, choice, error);
}

/* Chosen, in this order; and noted as absent. */
static void expect(repository *r, const char *files, const char *absent, const char *log)
{
    wick_hub_listing listing = {0};
    wick_hub_choice choice;
    wick_error error = {0};
    char got[2048] = "";
    if (choose(r, &listing, &choice, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    for (size_t i = 0; i < choice.n_files; i++) {
        strcat(got, choice.files[i]->path);
        strcat(got, " ");
    }
    assert_string_equal(got, files);
    got[0] = '\0';
    for (size_t i = 0; i < choice.n_absent; i++)
        if (strstr(absent, choice.absent[i]))
            strcat(strcat(got, choice.absent[i]), " ");
    assert_string_equal(got, absent);
    assert_string_equal(r->log, log);
    wick_hub_choice_clear(&choice);
    wick_hub_listing_clear(&listing);
}

static void refused(repository *r, int code, const char *words, const char *log)
{
    wick_hub_listing listing = {0};
    wick_hub_choice choice;
    wick_error error = {0};
    assert_int_equal(choose(r, &listing, &choice, &error), code);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    assert_null(choice.files);
    assert_null(choice.absent);
    assert_string_equal(r->log, log);
    wick_hub_listing_clear(&listing);
}

static void of_a_sentence_transformer(void **state)
{
    repository r = {
        .paths = ".gitattributes README.md 1_Pooling/config.json config.json config_sentence_transformers.json "
                 "data_config.json "
                 "model.safetensors modules.json onnx/model.onnx openvino/openvino_model.bin pytorch_model.bin "
                 "rust_model.ot "
                 "sentence_bert_config.json special_tokens_map.json tf_model.h5 tokenizer.json tokenizer_config.json "
                 "train_script.py vocab.txt 2_Dense/config.json",
        .modules = "[" TRANSFORMER("") "," POOLING NORMALIZE "]"};
    expect(&r,
           "modules.json config.json tokenizer.json tokenizer_config.json special_tokens_map.json vocab.txt "
           "sentence_bert_config.json config_sentence_transformers.json 1_Pooling/config.json model.safetensors ",
           "added_tokens.json vocab.json merges.txt ", "modules.json config.json CHECK ");
}

static void of_a_plain_transformer(void **state)
{
    repository r = {.paths = "config.json tokenizer.json model.safetensors model.safetensors.index.json"};
    expect(&r, "config.json tokenizer.json model.safetensors ",
           "modules.json tokenizer_config.json sentence_bert_config.json config_sentence_transformers.json ",
           "config.json CHECK ");
}

/* Its config.json is Model2Vec's own, or there is none; the module's path may be ".". */
static void of_a_static_embedding(void **state)
{
    repository r = {.paths = "README.md config.json config_sentence_transformers.json model.safetensors modules.json "
                             "tokenizer.json tokenizer_config.json pipeline.skops vocab.txt",
                    .modules = "[" STATIC(".") NORMALIZE "]"};
    expect(&r, "modules.json tokenizer.json config_sentence_transformers.json model.safetensors ", "",
           "modules.json CHECK_ALONE ");
    repository bare = {.paths = "modules.json 0_S/tokenizer.json 0_S/model.safetensors",
                       .modules = "[" STATIC("0_S") "]"};
    expect(&bare, "modules.json 0_S/tokenizer.json 0_S/model.safetensors ", "config_sentence_transformers.json ",
           "modules.json CHECK_ALONE ");
    repository lacking = {.paths = "modules.json config.json model.safetensors", .modules = "[" STATIC(".") "]"};
    refused(&lacking, WICK_E_UNSUPPORTED, "has no tokenizer.json", "modules.json ");
}

static void of_an_old_folder_with_dense_and_shards(void **state)
{
    repository r = {
        .paths = "modules.json 0_T/config.json 0_T/tokenizer.json 0_T/model.safetensors.index.json 0_T/b.safetensors "
                 "0_T/a.safetensors 0_T/c.safetensors config.json 1_Pooling/config.json 2_Dense/config.json "
                 "2_Dense/model.safetensors 0_T/sentence_bert_config.json sentence_bert_config.json",
        .modules = "[" TRANSFORMER("0_T") "," POOLING DENSE NORMALIZE "]",
        .index = "{\"weight_map\":{\"x\":\"b.safetensors\",\"y\":\"a.safetensors\",\"z\":\"b.safetensors\"}}"};
    expect(&r,
           "modules.json 0_T/config.json 0_T/tokenizer.json 0_T/sentence_bert_config.json 1_Pooling/config.json "
           "2_Dense/config.json 2_Dense/model.safetensors 0_T/a.safetensors 0_T/b.safetensors "
           "0_T/model.safetensors.index.json ",
           "0_T/tokenizer_config.json 0_T/vocab.txt config_sentence_transformers.json ",
           "modules.json 0_T/config.json CHECK 0_T/model.safetensors.index.json ");
}

static void what_cannot_run_is_told_before_anything_large(void **state)
{
    repository none = {.paths = "README.md data.csv"};
    refused(&none, WICK_E_UNSUPPORTED, "no config.json", "");
    repository torch = {.paths = "config.json tokenizer.json pytorch_model.bin"};
    refused(&torch, WICK_E_UNSUPPORTED, "only pytorch_model.bin", "");
    repository tokens = {.paths = "config.json vocab.txt model.safetensors"};
    refused(&tokens, WICK_E_UNSUPPORTED, "no tokenizer.json", "");
    repository other = {.paths = "config.json tokenizer.json model.safetensors", .check_code = WICK_E_UNSUPPORTED};
    refused(&other, WICK_E_UNSUPPORTED, "model_type", "config.json CHECK ");
    repository dense = {.paths = "modules.json config.json tokenizer.json model.safetensors 1_Pooling/config.json "
                                 "2_Dense/config.json 2_Dense/pytorch_model.bin",
                        .modules = "[" TRANSFORMER("") "," POOLING DENSE "]"};
    refused(&dense, WICK_E_UNSUPPORTED, "no 2_Dense/model.safetensors", "modules.json ");
    repository pooling = {.paths = "modules.json config.json tokenizer.json model.safetensors",
                          .modules = "[" TRANSFORMER("") "," POOLING "]"};
    refused(&pooling, WICK_E_UNSUPPORTED, "no 1_Pooling/config.json", "modules.json config.json CHECK ");
}

static void what_contradicts_itself_is_refused(void **state)
{
    repository shard = {.paths = "config.json tokenizer.json model.safetensors.index.json a.safetensors",
                        .index = "{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}}"};
    refused(&shard, WICK_E_CORRUPT, "no b.safetensors", "config.json CHECK model.safetensors.index.json ");
    repository outside = {.paths = "modules.json config.json tokenizer.json model.safetensors",
                          .modules = "[" TRANSFORMER("../../x") "]"};
    refused(&outside, WICK_E_CORRUPT, "../../x", "modules.json ");
    repository huge = {.paths = "modules.json HUGE/config.json HUGE/tokenizer.json HUGE/model.safetensors",
                       .modules = "[" TRANSFORMER("HUGE") "]"};
    refused(&huge, WICK_E_CORRUPT, "HUGE/config.json has 1000000000 bytes", "modules.json ");
}

static void what_is_huge_and_no_weights_is_refused(void **state)
{
    static const char tree[] =
        "[{\"type\":\"file\",\"oid\":\"" OID "\",\"size\":5,\"path\":\"config.json\"},"
        "{\"type\":\"file\",\"oid\":\"" OID "\",\"size\":100000000000,\"path\":\"tokenizer.json\"},"
        "{\"type\":\"file\",\"oid\":\"" OID "\",\"size\":100000000000,\"path\":\"model.safetensors\"}]";
    repository r = {0};
    const wick_hub_chooser chooser = {.read = read_fake, .check = check_fake, .read_user = &r, .check_user = &r};
    wick_hub_listing listing = {0};
    wick_hub_choice choice;
    wick_error error = {0};
    assert_int_equal(wick_hub_listing_add(&listing, tree, strlen(tree), NULL), WICK_OK);
    assert_int_equal(wick_hub_choose(&listing, "org/name", &chooser, &choice, &error), WICK_E_CORRUPT);
    assert_string_equal(error.message, "tokenizer.json has 100000000000 bytes");
    wick_hub_listing_clear(&listing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_sentence_transformer),
        cmocka_unit_test(of_a_plain_transformer),
        cmocka_unit_test(of_a_static_embedding),
        cmocka_unit_test(of_an_old_folder_with_dense_and_shards),
        cmocka_unit_test(what_cannot_run_is_told_before_anything_large),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(what_is_huge_and_no_weights_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
