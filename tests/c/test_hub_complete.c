/* SPDX-License-Identifier: Apache-2.0
 * test_hub_complete.c: whether a snapshot is whole (src/hub/complete.c), and which cached names are near one (nearest.c). */
#include "hub/complete.h"
#include "hub/nearest.h"
#include "support_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMIT "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
#define REPO "models--org--name"
#define SNAPSHOT REPO "/snapshots/" COMMIT "/"
#define MODULES                                                                                                        \
    "[{\"type\":\"x.Transformer\",\"path\":\"\"},{\"type\":\"x.Pooling\",\"path\":\"1_Pooling\"},{\"type\":\"x."       \
    "Dense\",\"path\":\"2_Dense\"},"                                                                                   \
    "{\"type\":\"x.Normalize\",\"path\":\"3_Normalize\"}]"

static char root[SUPPORT_PATH_BYTES];

static int set_up(void **state)
{
    support_folder_make(root);
    return 0;
}

static int tear_down(void **state)
{
    support_folder_remove(root);
    return 0;
}

static void put(const char *path, const char *text)
{
    support_file_write(root, path, text);
}

static void take(const char *path)
{
    char whole[SUPPORT_PATH_BYTES];
    support_path(root, path, whole);
    assert_int_equal(unlink(whole), 0);
}

static void is(wick_hub_state state, const char *missing)
{
    char folder[SUPPORT_PATH_BYTES], found[WICK_HUB_MAX_PATH + 1];
    support_path(root, REPO "/snapshots/" COMMIT, folder);
    const wick_hub_state got = wick_hub_snapshot_state(folder, found);
    if (got != state || strcmp(found, missing) != 0)
        fail_msg("state %d for %s, expected %d for %s", got, found, state, missing);
}

static void of_a_sentence_transformer(void **state)
{
    static const char *const needed[] = {"config.json",           "tokenizer.json",      "model.safetensors",
                                         "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"};
    static const char *const wanted[] = {"tokenizer_config.json", "sentence_bert_config.json",
                                         "config_sentence_transformers.json"};
    char path[256];
    put(SNAPSHOT "modules.json", MODULES);
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, SNAPSHOT "%s", needed[i]);
        put(path, "{}");
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, SNAPSHOT "%s", wanted[i]);
        put(path, "{}");
    }
    is(WICK_HUB_COMPLETE, "");
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, SNAPSHOT "%s", needed[i]);
        take(path);
        is(WICK_HUB_MISSING, needed[i]);
        put(path, "{}");
    }
    for (size_t i = 0; i < 3; i++) {
        char noted[256];
        snprintf(path, sizeof path, SNAPSHOT "%s", wanted[i]);
        snprintf(noted, sizeof noted, REPO "/.no_exist/" COMMIT "/%s", wanted[i]);
        take(path);
        is(WICK_HUB_UNSURE, wanted[i]);
        put(noted, "");
        is(WICK_HUB_COMPLETE, "");
        take(noted);
        put(path, "{}");
    }
    take(SNAPSHOT "sentence_bert_config.json");
    put(SNAPSHOT "sentence_roberta_config.json", "{}"); /* another of its names */
    is(WICK_HUB_COMPLETE, "");
}

static void of_a_plain_transformer(void **state)
{
    put(SNAPSHOT "config.json", "{}");
    put(SNAPSHOT "tokenizer.json", "{}");
    put(SNAPSHOT "tokenizer_config.json", "{}");
    put(SNAPSHOT "model.safetensors", "x");
    is(WICK_HUB_UNSURE, "modules.json");
    put(REPO "/trees/" COMMIT ".json", "{\"format_version\":1,\"files\":{\"config.json\":{},\"modules.json\":{}}}");
    is(WICK_HUB_UNSURE, "modules.json");
    put(REPO "/trees/" COMMIT ".json", "{\"format_version\":2,\"files\":{\"config.json\":{}}}");
    is(WICK_HUB_UNSURE, "modules.json");
    put(REPO "/trees/" COMMIT ".json", "{\"format_version\":1,\"files\":{\"config.json\":{}}}");
    is(WICK_HUB_COMPLETE, "");
}

static void of_a_static_embedding(void **state)
{
    put(SNAPSHOT "modules.json", "[{\"type\":\"sentence_transformers.models.StaticEmbedding\",\"path\":\".\"}]");
    put(SNAPSHOT "model.safetensors", "x");
    is(WICK_HUB_MISSING, "tokenizer.json");
    put(SNAPSHOT "tokenizer.json", "{}");
    is(WICK_HUB_UNSURE, "config_sentence_transformers.json");
    put(SNAPSHOT "config_sentence_transformers.json", "{}");
    is(WICK_HUB_COMPLETE, "");
}

static void of_shards(void **state)
{
    put(SNAPSHOT "config.json", "{}");
    put(SNAPSHOT "tokenizer.json", "{}");
    put(SNAPSHOT "tokenizer_config.json", "{}");
    put(REPO "/.no_exist/" COMMIT "/modules.json", "");
    is(WICK_HUB_MISSING, "model.safetensors");
    put(SNAPSHOT "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}}");
    put(SNAPSHOT "a.safetensors", "x");
    is(WICK_HUB_MISSING, "b.safetensors");
    put(SNAPSHOT "b.safetensors", "x");
    is(WICK_HUB_COMPLETE, "");
    char folder[SUPPORT_PATH_BYTES];
    support_path(root, REPO "/snapshots/" COMMIT, folder);
    assert_true(wick_hub_snapshot_has_tokenizer(folder));
    take(SNAPSHOT "tokenizer.json");
    assert_false(wick_hub_snapshot_has_tokenizer(folder));
}

static void a_dangling_link_is_no_file(void **state)
{
    char path[SUPPORT_PATH_BYTES];
    put(SNAPSHOT "config.json", "{}");
    put(SNAPSHOT "tokenizer.json", "{}");
    support_path(root, SNAPSHOT "model.safetensors", path);
    assert_int_equal(symlink("../../blobs/nothing", path), 0);
    is(WICK_HUB_MISSING, "model.safetensors");
}

static void nearest_names(void **state)
{
    static const char *const folders[] = {"models--BAAI--bge-small-en-v1.5",
                                          "models--BAAI--bge-base-en-v1.5",
                                          "models--BAAI--bge-large-en-v1.5",
                                          "models--gpt2",
                                          "datasets--BAAI--bge",
                                          "models--..--x",
                                          ".locks"};
    char out[256];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        support_folder_add(root, folders[i], NULL);
    wick_hub_nearest(root, "BAAI/bge-smal-en-v1.5", false, out, sizeof out);
    assert_string_equal(out, "did you mean BAAI/bge-small-en-v1.5, BAAI/bge-base-en-v1.5 or BAAI/bge-large-en-v1.5?");
    wick_hub_nearest(root, "baai/bge-small-en-v1.5", false, out, sizeof out);
    assert_non_null(strstr(out, "BAAI/bge-small-en-v1.5"));
    wick_hub_nearest(root, "openai-community/gpt2", false, out, sizeof out);
    assert_string_equal(out, "did you mean gpt2?");
    wick_hub_nearest(root, "something/else", false, out, sizeof out);
    assert_string_equal(out, "");
    wick_hub_nearest("/nonexistent", "a/b", false, out, sizeof out);
    assert_string_equal(out, "");
    wick_hub_nearest(root, "BAAI/bge-smal-en-v1.5", false, out, 20); /* cut, with a terminator */
    assert_int_equal(strlen(out), 19);
}

/* On a machine that has nothing yet. */
static void known_names(void **state)
{
    char out[256];
    wick_hub_nearest(root, "all-MiniLM-L6-v2", true, out, sizeof out);
    assert_memory_equal(out, "did you mean sentence-transformers/all-MiniLM-L6-v2", 51);
    wick_hub_nearest(root, "sentence-transformer/all-minilm-l6-v2", true, out, sizeof out);
    assert_memory_equal(out, "did you mean sentence-transformers/all-MiniLM-L6-v2", 51);
    wick_hub_nearest(root, "bge-small", true, out, sizeof out);
    assert_memory_equal(out, "did you mean BAAI/bge-small-en-v1.5", 35);
    wick_hub_nearest(root, "something/else", true, out, sizeof out);
    assert_string_equal(out, "");
    wick_hub_nearest(root, "all-MiniLM-L6-v2", false, out, sizeof out);
    assert_string_equal(out, "");
    support_folder_add(root, "models--intfloat--e5-small-v2", NULL);
    wick_hub_nearest(root, "e5-smal-v2", true, out, sizeof out);
    assert_string_equal(out, "did you mean intfloat/e5-small-v2?"); /* once, though it is cached and known */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_a_sentence_transformer),  TEST(of_a_plain_transformer), TEST(of_a_static_embedding), TEST(of_shards),
        TEST(a_dangling_link_is_no_file), TEST(nearest_names),          TEST(known_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
