/* SPDX-License-Identifier: Apache-2.0
 * test_hub.c: model names and the look-up in the hub cache (src/hub/cache.c), on caches laid out as huggingface_hub does. */
#include "hub/cache.h"
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

static char root[SUPPORT_PATH_BYTES];

static int set_up(void **state)
{
    support_folder_make(root);
    support_env("HF_HUB_CACHE", NULL);
    support_env("HUGGINGFACE_HUB_CACHE", NULL);
    support_env("HF_HOME", NULL);
    support_env("XDG_CACHE_HOME", NULL);
    support_env("HOME", root);
    return 0;
}

static int tear_down(void **state)
{
    support_folder_remove(root);
    return 0;
}

/* Puts org/name at COMMIT into the cache at root/cache; returns its snapshot in path. */
static void add_model(const char *cache, const char *folder, const char *revision, char path[SUPPORT_PATH_BYTES])
{
    char place[SUPPORT_PATH_BYTES], name[512];
    support_folder_add(root, cache, place);
    snprintf(name, sizeof name, "%s/refs/%s", folder, revision);
    support_file_write(place, name, COMMIT);
    snprintf(name, sizeof name, "%s/snapshots/" COMMIT, folder);
    support_folder_add(place, name, path);
}

static void found(const char *name, const char *cache_dir, const char *want)
{
    char *folder = NULL;
    wick_error error = {0};
    if (wick_hub_find(name, cache_dir, &folder, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    assert_string_equal(folder, want);
    free(folder);
}

static void not_found(const char *name, const char *cache_dir, const char *where)
{
    char *folder = (char *)1, message[512];
    wick_error error = {0};
    assert_int_equal(wick_hub_find(name, cache_dir, &folder, &error), WICK_E_MODEL_NOT_FOUND);
    assert_null(folder);
    snprintf(message, sizeof message, "model not found: %s", name);
    assert_string_equal(error.message, message);
    assert_string_equal(error.where, where);
    assert_true(error.mend[0] != '\0');
    assert_false(error.retriable);
}

static void finds_by_name_and_revision(void **state)
{
    char snapshot[SUPPORT_PATH_BYTES], old[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES];
    add_model("cache", "models--org--name", "main", snapshot);
    add_model("cache", "models--org--name", "refs/pr/1", snapshot);
    add_model("cache", "models--plain", "main", old);
    support_folder_add(root, "cache", cache);
    found("org/name", cache, snapshot);
    found("org/name@main", cache, snapshot);
    found("org/name@refs/pr/1", cache, snapshot);
    found("org/name@" COMMIT, cache, snapshot);
    found("plain", cache, old);
    not_found("org/name@v2", cache, cache);
    not_found("org/other", cache, cache);
    not_found("nonexistent/model-that-does-not-exist", cache, cache);
}

static void reference_may_end_in_a_line_break(void **state)
{
    char snapshot[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES];
    add_model("cache", "models--org--name", "main", snapshot);
    support_folder_add(root, "cache", cache);
    support_file_write(cache, "models--org--name/refs/main", COMMIT "\n");
    found("org/name", cache, snapshot);
}

static void hostile_references_are_refused(void **state)
{
    static const char *const contents[] = {"",   "\n",  "../../../etc", "a/b",    ".",   "..",
                                           "-x", "a b", "/etc",         "a\001b", "a..b"};
    char snapshot[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES];
    add_model("cache", "models--org--name", "main", snapshot);
    support_folder_add(root, "cache", cache);
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        support_file_write(cache, "models--org--name/refs/main", contents[i]);
        char *folder = NULL;
        wick_error error = {0};
        assert_int_equal(wick_hub_find("org/name", cache, &folder, &error), WICK_E_CORRUPT);
        assert_null(folder);
        assert_non_null(strstr(error.where, "refs/main"));
    }
    char long_text[400];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    support_file_write(cache, "models--org--name/refs/main", long_text);
    char *folder = NULL;
    assert_int_equal(wick_hub_find("org/name", cache, &folder, NULL), WICK_E_CORRUPT);
}

/* option, HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub. */
static void cache_places_in_order(void **state)
{
    char home[SUPPORT_PATH_BYTES], xdg[SUPPORT_PATH_BYTES], hf_home[SUPPORT_PATH_BYTES], hub[SUPPORT_PATH_BYTES];
    char option[SUPPORT_PATH_BYTES], place[SUPPORT_PATH_BYTES];
    add_model(".cache/huggingface/hub", "models--o--n", "main", home);
    add_model("xdg/huggingface/hub", "models--o--n", "main", xdg);
    add_model("hf/hub", "models--o--n", "main", hf_home);
    add_model("hub", "models--o--n", "main", hub);
    add_model("option", "models--o--n", "main", option);
    found("o/n", NULL, home);
    found("o/n", "", home);
    support_folder_add(root, "xdg", place);
    support_env("XDG_CACHE_HOME", place);
    found("o/n", NULL, xdg);
    support_folder_add(root, "hf", place);
    support_env("HF_HOME", place);
    found("o/n", NULL, hf_home);
    support_env("HF_HUB_CACHE", "~/hub");
    found("o/n", NULL, hub);
    support_env("HF_HUB_CACHE", "");
    found("o/n", NULL, hf_home);
    found("o/n", "~/option", option);
    support_env("HF_HOME", NULL);
    support_env("XDG_CACHE_HOME", NULL);
    support_env("HOME", NULL);
    wick_error error = {0};
    char *folder = NULL;
    assert_int_equal(wick_hub_find("o/n", NULL, &folder, &error), WICK_E_MODEL_NOT_FOUND);
    assert_non_null(strstr(error.mend, "HF_HUB_CACHE"));
    assert_int_equal(wick_hub_find("o/n", "~nobody/x", &folder, &error), WICK_E_INVALID_INPUT);
    assert_non_null(strstr(error.message, "~nobody/x"));
}

static void paths_are_taken_as_they_are(void **state)
{
    char folder[SUPPORT_PATH_BYTES], was[SUPPORT_PATH_BYTES], missing[SUPPORT_PATH_BYTES];
    support_folder_add(root, "models/mine", folder);
    found(folder, NULL, folder);
    found("~/models/mine", NULL, folder);
    found("~", NULL, root);
    support_path(root, "nothing", missing);
    not_found(missing, NULL, missing);
    not_found("./nothing-here", NULL, "./nothing-here");
    not_found("../nothing-here", NULL, "../nothing-here");
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(root), 0);
    found("models/mine", NULL, "models/mine");
    found("./models/mine", NULL, "./models/mine");
    found(".", NULL, ".");
    assert_int_equal(chdir(was), 0);
}

/* A file is no folder, however it is named; and it is not "not there". */
static void a_file_is_said_to_be_one(void **state)
{
    char path[SUPPORT_PATH_BYTES], was[SUPPORT_PATH_BYTES], *folder = NULL;
    support_file_write(root, "file", "x");
    support_path(root, "file", path);
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(root), 0);
    const char *const names[] = {path, "./file", "file"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wick_error error = {0};
        assert_true(wick_hub_name_is_path(names[i]));
        assert_int_equal(wick_hub_find(names[i], NULL, &folder, &error), WICK_E_MODEL_NOT_FOUND);
        assert_null(folder);
        assert_non_null(strstr(error.message, "file is a file, not a model's folder"));
        assert_non_null(strstr(error.mend, "config.json"));
    }
    assert_int_equal(chdir(was), 0);
}

/* A link to itself stands for what permissions forbid, which does not stop root. */
static void what_cannot_be_looked_at_is_not_absent(void **state)
{
    char snapshot[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES], file[SUPPORT_PATH_BYTES];
    add_model("cache", "models--org--name", "main", snapshot);
    support_folder_add(root, "cache", cache);
    support_path(root, "loop", path);
    assert_int_equal(symlink("loop", path), 0);
    support_file_write(root, "file", "x");
    support_path(root, "file", file);
    char below[SUPPORT_PATH_BYTES + 8], repo[SUPPORT_PATH_BYTES];
    snprintf(below, sizeof below, "%s/cache", file);
    support_path(cache, "models--org--loop", repo);
    assert_int_equal(symlink("models--org--loop", repo), 0);
    const struct {
        const char *name, *cache, *said;
    } cases[] = {{"org/name", path, "Too many levels of symbolic links"},
                 {"org/loop", cache, "Too many levels of symbolic links"},
                 {"org/name", file, "Not a directory"},
                 {"org/name", below, "Not a directory"},
                 {path, cache, "Too many levels of symbolic links"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = NULL;
        wick_error error = {0};
        if (wick_hub_find(cases[i].name, cases[i].cache, &folder, &error) != WICK_E_IO)
            fail_msg("%s in %s: %s", cases[i].name, cases[i].cache, error.message);
        assert_null(folder);
        assert_non_null(strstr(error.message, cases[i].said));
        assert_true(error.mend[0] != '\0');
    }
    found("org/name", cache, snapshot);
}

static void malformed_names_are_refused(void **state)
{
    static const char *const names[] = {
        "",
        "a/b/c",
        "a/",
        "org/../etc",
        "org/..",
        ".hidden/name",
        "org/.name",
        "-org/name",
        "org/-name",
        "org/name.",
        "org/na me",
        "org/n\xc3\xa4me",
        "org--x/name",
        "org/name.git",
        "org/name@",
        "org/name@../x",
        "org/name@/x",
        "org/name@a//b",
        "org/name@a@b",
        "org\\name",
        "org/name\n",
        "org/na%2e",
        "models:name",
        "a/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    char cache[SUPPORT_PATH_BYTES];
    support_folder_add(root, "cache", cache);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *folder = NULL;
        wick_error error = {0};
        if (wick_hub_find(names[i], cache, &folder, &error) != WICK_E_INVALID_INPUT)
            fail_msg("\"%s\" was not refused: %s", names[i], error.message);
        assert_null(folder);
        assert_true(error.mend[0] != '\0');
    }
    char *folder = NULL;
    assert_int_equal(wick_hub_find(NULL, cache, &folder, NULL), WICK_E_INVALID_INPUT);
    /* 96 bytes are allowed. */
    wick_hub_name parsed;
    char longest[WICK_HUB_MAX_NAME + 2];
    memset(longest, 'a', sizeof longest);
    longest[4] = '/';
    longest[WICK_HUB_MAX_NAME] = '\0';
    assert_int_equal(wick_hub_name_parse(longest, &parsed, NULL), WICK_OK);
    assert_string_equal(parsed.repo, longest);
    assert_string_equal(parsed.revision, "main");
    assert_int_equal(wick_hub_name_parse("o_1/n.v-2@v1.0", &parsed, NULL), WICK_OK);
    assert_string_equal(parsed.repo, "o_1/n.v-2");
    assert_string_equal(parsed.revision, "v1.0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_by_name_and_revision),     TEST(reference_may_end_in_a_line_break),
        TEST(hostile_references_are_refused), TEST(cache_places_in_order),
        TEST(paths_are_taken_as_they_are),    TEST(malformed_names_are_refused),
        TEST(a_file_is_said_to_be_one),       TEST(what_cannot_be_looked_at_is_not_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
