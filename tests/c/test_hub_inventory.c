/* SPDX-License-Identifier: Apache-2.0
 * test_hub_inventory.c: a cache that others change while it is checked, and folders in it that nobody asked for (src/hub/inventory*.c). The commands are tested in tests/hub. */
#include "hub/inventory.h"
#include "support_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMIT "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
#define HELLO "ce013625030ba8dba906f756967f9e9ca394464a" /* git hash-object of "hello\n" */

static char cache[SUPPORT_PATH_BYTES];

static int set_up(void **state)
{
    support_folder_make(cache);
    support_file_write(cache, "models--a--first/blobs/" HELLO, "hullo\n");
    support_file_write(cache, "models--b--second/blobs/" HELLO, "hello\n");
    return 0;
}

static int tear_down(void **state)
{
    support_folder_remove(cache);
    return 0;
}

typedef struct told {
    size_t n_broken;
    const char *to_do; /* at the first progress or question */
    bool at_question;
} told;

static void on_broken(void *user, const char *repo, const char *path, const char *what)
{
    ((told *)user)->n_broken++;
}

static void act(told *t)
{
    char from[SUPPORT_PATH_BYTES + 96], to[SUPPORT_PATH_BYTES + 96];
    if (!t->to_do)
        return;
    if (strcmp(t->to_do, "remove") == 0) {
        snprintf(from, sizeof from, "%s/models--b--second", cache);
        snprintf(to, sizeof to, "%s/.gone", cache);
    } else { /* as a pull does that mends the blob */
        support_file_write(cache, "models--a--first/new", "hello\n");
        snprintf(from, sizeof from, "%s/models--a--first/new", cache);
        snprintf(to, sizeof to, "%s/models--a--first/blobs/" HELLO, cache);
    }
    t->to_do = NULL;
    assert_int_equal(rename(from, to), 0);
}

static void on_progress(void *user, uint64_t done_bytes, uint64_t all_bytes, const char *repo)
{
    told *t = user;
    if (!t->at_question)
        act(t);
}

static bool on_question(void *user)
{
    told *t = user;
    if (t->at_question)
        act(t);
    return false;
}

static int verify(told *t, const char *name, wick_hub_verified *out)
{
    const wick_hub_verify_options options = {.cache_dir = cache,
                                             .name = name,
                                             .remove_broken = true,
                                             .broken = on_broken,
                                             .progress = on_progress,
                                             .should_stop = on_question,
                                             .user = t};
    return wick_hub_verify(&options, out, NULL);
}

static void a_model_that_goes_is_passed_over(void **state)
{
    told t = {.to_do = "remove"};
    wick_hub_verified result;
    assert_int_equal(verify(&t, NULL, &result), WICK_OK);
    assert_int_equal(result.n_models, 1);
    assert_int_equal(t.n_broken, 1);
    assert_int_equal(verify(&t, "b/second", &result), WICK_E_MODEL_NOT_FOUND);
}

static void a_blob_that_was_mended_meanwhile_stays(void **state)
{
    told t = {.to_do = "mend", .at_question = true};
    wick_hub_verified result;
    char path[SUPPORT_PATH_BYTES];
    struct stat status;
    assert_int_equal(verify(&t, "a/first", &result), WICK_OK);
    assert_null(t.to_do);
    assert_int_equal(result.n_removed, 0);
    support_path(cache, "models--a--first/blobs/" HELLO, path);
    assert_int_equal(stat(path, &status), 0);
    support_file_write(cache, "models--a--first/blobs/" HELLO, "hullo\n");
    assert_int_equal(verify(&t, "a/first", &result), WICK_OK);
    assert_int_equal(result.n_removed, 1);
    assert_int_not_equal(stat(path, &status), 0);
}

/* Nothing that a reference or a user can name; what is listed must be text. */
static void snapshots_of_strange_names_are_none(void **state)
{
    static const char *const names[] = {"\xff\xfe", "\x1b[31m", "a b", "n\xc3\xa4me", ".hidden", "a\nb", "-x"};
    char path[SUPPORT_PATH_BYTES];
    wick_hub_inventory all;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "models--a--first/snapshots/%s/config.json", names[i]);
        support_file_write(cache, path, "{}");
    }
    support_file_write(cache, "models--a--first/snapshots/" COMMIT "/config.json", "{}");
    assert_int_equal(wick_hub_inventory_read(cache, &all, NULL), WICK_OK);
    assert_int_equal(all.n_models, 2);
    assert_int_equal(all.models[0].n_revisions, 1);
    assert_string_equal(all.models[0].revisions[0].commit, COMMIT);
    wick_hub_inventory_clear(&all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_model_that_goes_is_passed_over),
        TEST(a_blob_that_was_mended_meanwhile_stays),
        TEST(snapshots_of_strange_names_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
