/* SPDX-License-Identifier: Apache-2.0
 * test_hub_listing.c: the hub's replies (src/hub/listing.c) and what the model's JSON asks for (needs.c): well formed ones, and hostile ones by table. */
#include "hub/needs.h"
#include "support_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COMMIT "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
#define SHA256 "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#define FILE_OF(path) "{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7,\"path\":\"" path "\"}"

static int add(wick_hub_listing *listing, const char *json, wick_error *error)
{
    return wick_hub_listing_add(listing, json, strlen(json), error);
}

static void reads_a_tree(void **state)
{
    wick_hub_listing listing = {0};
    wick_error error = {0};
    assert_int_equal(add(&listing,
                         "[{\"type\":\"directory\",\"oid\":\"x\",\"size\":0,\"path\":\"1_Pooling\"},"
                         "{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":90868376,\"lfs\":{\"oid\":\"" SHA256
                         "\",\"size\":90868376,\"pointerSize\":133},\"path\":\"model.safetensors\"}," FILE_OF(
                             "config.json") "," FILE_OF("1_Pooling/config.json") "]",
                         &error),
                     WICK_OK);
    assert_int_equal(add(&listing, "[" FILE_OF("a b/\xc3\xa4.txt") "]", &error), WICK_OK); /* the next page */
    assert_int_equal(listing.n_files, 4);
    const wick_hub_file *file = wick_hub_listing_find(&listing, "model.safetensors");
    assert_non_null(file);
    assert_int_equal(file->kind, WICK_HUB_SHA256);
    assert_int_equal(file->size_bytes, 90868376);
    assert_string_equal(file->digest, SHA256);
    file = wick_hub_listing_find(&listing, "1_Pooling/config.json");
    assert_non_null(file);
    assert_int_equal(file->kind, WICK_HUB_GIT_SHA1);
    assert_string_equal(file->digest, COMMIT);
    assert_null(wick_hub_listing_find(&listing, "1_Pooling"));
    assert_null(wick_hub_listing_find(&listing, "config"));
    assert_non_null(wick_hub_listing_find(&listing, "a b/\xc3\xa4.txt"));
    wick_hub_listing_clear(&listing);
    assert_null(wick_hub_listing_find(&listing, "config.json"));
}

static void hostile_trees_are_refused(void **state)
{
    static const char *const trees[] = {
        "",
        "{}",
        "null",
        "[",
        "[1]",
        "[null]",
        "[[]]",
        "[{}]",
        "[{\"type\":1}]",
        "[" FILE_OF("../x") "]",
        "[" FILE_OF("/etc/passwd") "]",
        "[" FILE_OF("a/../../b") "]",
        "[" FILE_OF("a//b") "]",
        "[" FILE_OF("a/") "]",
        "[" FILE_OF(".") "]",
        "[" FILE_OF("a/./b") "]",
        "[" FILE_OF("a\\\\b") "]",
        "[" FILE_OF("a\\u0000b") "]",
        "[" FILE_OF("a\\nb") "]",
        "[" FILE_OF("a\\u007f") "]",
        "[" FILE_OF("") "]",
        "[" FILE_OF("a") "," FILE_OF("b") "," FILE_OF("a") "]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7,\"path\":3}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":-1,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":1.5,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":\"7\",\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":9223372036854775807,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":99999999999999999999,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"size\":7,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"\",\"size\":7,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"../../../../../../../../../../../etc/passwd\",\"size\":7,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"C9745ED1D9F207416BE6D2E6F8DE32D1F16199BF\",\"size\":7,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" SHA256 "\",\"size\":7,\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7,\"lfs\":{},\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7,\"lfs\":{\"oid\":\"" COMMIT
        "\",\"size\":7},\"path\":\"a\"}]",
        "[{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7,\"lfs\":{\"oid\":\"" SHA256 "\"},\"path\":\"a\"}]",
    };
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        wick_hub_listing listing = {0};
        wick_error error = {0};
        if (add(&listing, trees[i], &error) != WICK_E_CORRUPT)
            fail_msg("not refused: %s (%s)", trees[i], error.message);
        assert_true(error.mend[0] != '\0');
        wick_hub_listing_clear(&listing);
    }
}

static void large_trees_are_refused(void **state)
{
    /* One file too many, in two pages. */
    const size_t room = 200 * (WICK_HUB_MAX_FILES + 1), half = WICK_HUB_MAX_FILES / 2;
    char *text = malloc(room);
    assert_non_null(text);
    wick_hub_listing listing = {0};
    for (size_t page = 0; page < 3; page++) {
        size_t n = 0, first = page * half, last = page < 2 ? first + half : first + 1;
        for (size_t i = first; i < last; i++)
            n += (size_t)snprintf(text + n, room - n,
                                  "%s{\"type\":\"file\",\"oid\":\"" COMMIT "\",\"size\":7,\"path\":\"file-%zu\"}",
                                  i == first ? "[" : ",", i);
        snprintf(text + n, room - n, "]");
        assert_int_equal(add(&listing, text, NULL), page < 2 ? WICK_OK : WICK_E_UNSUPPORTED);
    }
    assert_non_null(wick_hub_listing_find(&listing, "file-9999"));
    wick_hub_listing_clear(&listing);
    /* A path of the most bytes, and one more; a part over 255. */
    char path[WICK_HUB_MAX_PATH + 2];
    memset(path, 'a', sizeof path);
    for (size_t i = 99; i < WICK_HUB_MAX_PATH; i += 100)
        path[i] = '/';
    path[WICK_HUB_MAX_PATH] = '\0';
    assert_true(wick_hub_path_is_safe(path));
    path[WICK_HUB_MAX_PATH] = 'a';
    path[WICK_HUB_MAX_PATH + 1] = '\0';
    assert_false(wick_hub_path_is_safe(path));
    memset(path, 'a', 256);
    path[256] = '\0';
    assert_false(wick_hub_path_is_safe(path));
    path[255] = '\0';
    assert_true(wick_hub_path_is_safe(path));
    /* Values without number. */
    memset(text, ',', room);
    wick_error error = {0};
    assert_int_equal(wick_hub_listing_add(&listing, text, room, &error), WICK_E_CORRUPT);
    assert_non_null(strstr(error.message, "values"));
    free(text);
}

static void reads_a_revision(void **state)
{
    static const char good[] =
        "{\"id\":\"a/b\",\"sha\":\"" COMMIT "\",\"gated\":false,\"siblings\":[{\"rfilename\":\"x\"}]}";
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"sha\":null}",
                                      "{\"sha\":\"main\"}",
                                      "{\"sha\":\"../../../../../../../../../../../etc/passwd\"}",
                                      "{\"sha\":\"" SHA256 "\"}",
                                      "{\"sha\":\"" COMMIT "\\u0000\"}",
                                      "{\"sha\":\"" COMMIT "\",\"sha\":\"" COMMIT "\"}"};
    char commit[41];
    assert_int_equal(wick_hub_parse_revision(good, strlen(good), commit, NULL), WICK_OK);
    assert_string_equal(commit, COMMIT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (wick_hub_parse_revision(bad[i], strlen(bad[i]), commit, NULL) != WICK_E_CORRUPT)
            fail_msg("not refused: %s", bad[i]);
}

#define MODULE(type, path) "{\"idx\":0,\"name\":\"0\",\"type\":\"" type "\",\"path\":\"" path "\"}"

static void reads_modules(void **state)
{
    static const char good[] = "[" MODULE("sentence_transformers.models.Transformer", "0_Transformer/") "," MODULE(
        "sentence_transformers.models.Pooling",
        "1_Pooling") "," MODULE("sentence_transformers.base.modules.dense.Dense",
                                "2_Dense") "," MODULE("sentence_transformers.models.Normalize", "3_Normalize") "]";
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "[{}]",
                                      "[1]",
                                      "[" MODULE("x.Transformer", "..") "]",
                                      "[" MODULE("x.Transformer", "/") "]",
                                      "[" MODULE("x.Transformer", "a/../../b") "]",
                                      "[" MODULE("x.Transformer", "a//") "]",
                                      "[" MODULE("x.Transformer", "a\\u0000") "]",
                                      "[{\"type\":\"x\"}]",
                                      "[{\"path\":\"x\"}]"};
    wick_hub_modules modules;
    assert_int_equal(wick_hub_modules_parse(good, strlen(good), &modules, NULL), WICK_OK);
    assert_int_equal(modules.n_modules, 4);
    assert_string_equal(modules.modules[0].path, "0_Transformer");
    assert_true(modules.modules[1].has_config && !modules.modules[1].has_weights);
    assert_true(modules.modules[2].has_config && modules.modules[2].has_weights);
    assert_false(modules.modules[3].has_config);
    assert_int_equal(wick_hub_modules_parse(NULL, 0, &modules, NULL), WICK_OK);
    assert_int_equal(modules.n_modules, 1);
    assert_string_equal(modules.modules[0].path, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (wick_hub_modules_parse(bad[i], strlen(bad[i]), &modules, NULL) != WICK_E_CORRUPT)
            fail_msg("not refused: %s", bad[i]);
}

static void reads_an_index(void **state)
{
    static const char good[] =
        "{\"metadata\":{},\"weight_map\":{\"a\":\"b.safetensors\",\"b\":\"a.safetensors\",\"c\":\"b.safetensors\"}}";
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"weight_map\":[]}",
                                      "{\"weight_map\":{}}",
                                      "{\"weight_map\":{\"a\":1}}",
                                      "{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}",
                                      "{\"weight_map\":{\"a\":\"../x.safetensors\"}}",
                                      "{\"weight_map\":{\"a\":\"x/y.safetensors\"}}",
                                      "{\"weight_map\":{\"a\":\".safetensors\"}}",
                                      "{\"weight_map\":{\"a\":\"x\\u0000.safetensors\"}}"};
    char **names;
    size_t n;
    assert_int_equal(wick_hub_shards_parse(good, strlen(good), &names, &n, NULL), WICK_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "a.safetensors");
    assert_string_equal(names[1], "b.safetensors");
    wick_hub_names_free(names, n);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (wick_hub_shards_parse(bad[i], strlen(bad[i]), &names, &n, NULL) != WICK_E_CORRUPT)
            fail_msg("not refused: %s", bad[i]);
        assert_null(names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_tree),
        cmocka_unit_test(hostile_trees_are_refused),
        cmocka_unit_test(large_trees_are_refused),
        cmocka_unit_test(reads_a_revision),
        cmocka_unit_test(reads_modules),
        cmocka_unit_test(reads_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
