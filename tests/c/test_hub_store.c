/* SPDX-License-Identifier: Apache-2.0
 * test_hub_store.c: writing the hub cache (src/hub/store*.c): the layout, resuming, locks, and what somebody else may have put in the way. */
#include "hub/store.h"
#include "support_files.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMIT "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
#define OTHER "0000000000000000000000000000000000000001"
#define HELLO "ce013625030ba8dba906f756967f9e9ca394464a" /* git hash-object of "hello\n" */
#define HELLO_SHA256 "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

static char root[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES], folder[SUPPORT_PATH_BYTES];
static wick_hub_store *store;
static wick_hub_file hello = {.path = (char *)"1_Pooling/config.json", .size_bytes = 6, .digest = HELLO};
static wick_hub_file hello_large = {
    .path = (char *)"model.safetensors", .size_bytes = 6, .kind = WICK_HUB_SHA256, .digest = HELLO_SHA256};

static int set_up(void **state)
{
    wick_error error = {0};
    support_folder_make(root);
    umask(022);
    snprintf(cache, sizeof cache, "%.2000s/a/cache", root);
    snprintf(folder, sizeof folder, "%.2000s/models--org--name", cache);
    store = NULL;
    if (wick_hub_store_open(cache, "org/name", NULL, NULL, &store, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    return 0;
}

static int tear_down(void **state)
{
    wick_hub_store_close(store);
    support_folder_remove(root);
    return 0;
}

/* "folder/name" in one of two buffers. */
static const char *at(const char *name)
{
    static char paths[2][SUPPORT_PATH_BYTES];
    static int which;
    which = !which;
    support_path(folder, name, paths[which]);
    return paths[which];
}

static void says(const char *path, const char *want)
{
    char text[64] = "";
    const int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    const ssize_t n = read(fd, text, sizeof text - 1);
    assert_true(n >= 0);
    close(fd);
    assert_string_equal(text, want);
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static wick_hub_incomplete *begin(const wick_hub_file *file)
{
    wick_hub_incomplete *incomplete = NULL;
    wick_error error = {0};
    if (wick_hub_store_begin(store, file, NULL, NULL, &incomplete, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    assert_non_null(incomplete);
    return incomplete;
}

static void append(const wick_hub_incomplete *incomplete, const char *text)
{
    assert_true(lseek(incomplete->fd, 0, SEEK_END) >= 0);
    assert_int_equal(write(incomplete->fd, text, strlen(text)), strlen(text));
}

/* A whole file, from nothing to its snapshot. */
static void put(const wick_hub_file *file, const char *text)
{
    wick_error error = {0};
    wick_hub_incomplete *incomplete = begin(file);
    assert_int_equal(incomplete->have_bytes, 0);
    append(incomplete, text);
    if (wick_hub_store_finish(store, file, incomplete, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    assert_true(wick_hub_store_has(store, file));
    assert_int_equal(wick_hub_store_link(store, COMMIT, file, &error), WICK_OK);
}

static void lays_out_as_huggingface_hub_does(void **state)
{
    char target[256], tag[SUPPORT_PATH_BYTES];
    struct stat status;
    put(&hello, "hello\n");
    put(&hello_large, "hello\n");
    says(at("blobs/" HELLO), "hello\n");
    assert_int_equal(stat(at("blobs/" HELLO), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    ssize_t n = readlink(at("snapshots/" COMMIT "/1_Pooling/config.json"), target, sizeof target - 1);
    assert_true(n > 0);
    target[n] = '\0';
    assert_string_equal(target, "../../../blobs/" HELLO);
    says(at("snapshots/" COMMIT "/1_Pooling/config.json"), "hello\n");
    says(at("snapshots/" COMMIT "/model.safetensors"), "hello\n");
    assert_int_equal(wick_hub_store_set_ref(store, "main", COMMIT, NULL), WICK_OK);
    assert_int_equal(wick_hub_store_set_ref(store, "refs/pr/1", COMMIT, NULL), WICK_OK);
    assert_int_equal(wick_hub_store_set_ref(store, COMMIT, COMMIT, NULL), WICK_OK);
    says(at("refs/main"), COMMIT);
    says(at("refs/refs/pr/1"), COMMIT);
    assert_false(is_there(at("refs/" COMMIT)));
    assert_int_equal(wick_hub_store_set_ref(store, "main", OTHER, NULL), WICK_OK);
    says(at("refs/main"), OTHER);
    assert_int_equal(wick_hub_store_note_absent(store, COMMIT, "2_Dense/config.json", NULL), WICK_OK);
    assert_int_equal(wick_hub_store_note_absent(store, COMMIT, "2_Dense/config.json", NULL), WICK_OK);
    says(at(".no_exist/" COMMIT "/2_Dense/config.json"), "");
    snprintf(tag, sizeof tag, "%.2000s/CACHEDIR.TAG", cache);
    assert_true(is_there(tag));
    snprintf(tag, sizeof tag, "%.2000s/.locks/models--org--name/" HELLO ".lock", cache);
    assert_true(is_there(tag));
    char *path = wick_hub_store_snapshot(store, COMMIT), *found = NULL;
    assert_int_equal(wick_hub_find("org/name@" COMMIT, cache, &found, NULL), WICK_OK);
    assert_string_equal(path, found);
    free(path);
    free(found);
    char *text;
    size_t n_text;
    assert_int_equal(wick_hub_store_read(store, &hello, 6, &text, &n_text, NULL), WICK_OK);
    assert_string_equal(text, "hello\n");
    free(text);
    assert_int_equal(wick_hub_store_read(store, &hello, 5, &text, &n_text, NULL), WICK_E_CORRUPT);
}

static void what_is_there_is_not_made_again(void **state)
{
    put(&hello, "hello\n");
    wick_hub_incomplete *incomplete = (wick_hub_incomplete *)1;
    assert_int_equal(wick_hub_store_begin(store, &hello, NULL, NULL, &incomplete, NULL), WICK_OK);
    assert_null(incomplete);
    /* Of another size, it is. */
    support_file_write(folder, "blobs/" HELLO, "hell");
    assert_false(wick_hub_store_has(store, &hello));
    put(&hello, "hello\n");
}

static void a_try_is_resumed(void **state)
{
    wick_hub_incomplete *incomplete = begin(&hello);
    append(incomplete, "hel");
    wick_hub_store_leave(store, incomplete);
    says(at("blobs/" HELLO ".incomplete"), "hel");
    assert_int_equal(wick_hub_store_partial(store, &hello), 3);
    incomplete = begin(&hello);
    assert_int_equal(incomplete->have_bytes, 3);
    append(incomplete, "lo\n");
    assert_int_equal(wick_hub_store_finish(store, &hello, incomplete, NULL), WICK_OK);
    says(at("blobs/" HELLO), "hello\n");
    assert_false(is_there(at("blobs/" HELLO ".incomplete")));
    /* One that is too long is none to resume; one that is empty is not kept. */
    support_file_write(folder, "blobs/" HELLO_SHA256 ".incomplete", "hello\nand more");
    incomplete = begin(&hello_large);
    assert_int_equal(incomplete->have_bytes, 0);
    wick_hub_store_leave(store, incomplete);
    assert_false(is_there(at("blobs/" HELLO_SHA256 ".incomplete")));
    wick_hub_store_leave(store, NULL);
}

static void wrong_bytes_get_no_name(void **state)
{
    static const char *const wrong[] = {"", "hell", "hullo\n", "hello\nhello\n"};
    const wick_hub_file *files[] = {&hello, &hello_large};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t k = 0; k < 2; k++) {
            wick_error error = {0};
            char name[128];
            wick_hub_incomplete *incomplete = begin(files[k]);
            assert_int_equal(incomplete->have_bytes, 0);
            append(incomplete, wrong[i]);
            assert_int_equal(wick_hub_store_finish(store, files[k], incomplete, &error), WICK_E_CORRUPT);
            assert_true(error.retriable && error.mend[0]);
            assert_non_null(strstr(error.message, files[k]->path));
            snprintf(name, sizeof name, "blobs/%s", files[k]->digest);
            assert_false(is_there(at(name)));
            strcat(name, ".incomplete");
            assert_false(is_there(at(name)));
        }
}

/* Somebody who may write to the folder cannot have another file written to. */
static void what_was_put_in_the_way_is_not_written_to(void **state)
{
    char victim[SUPPORT_PATH_BYTES];
    support_file_write(root, "victim", "precious");
    support_path(root, "victim", victim);
    const char *place = "blobs/" HELLO ".incomplete";
    assert_int_equal(symlink(victim, at(place)), 0);
    put(&hello, "hello\n");
    says(victim, "precious");
    assert_int_equal(unlink(at("blobs/" HELLO)), 0);
    assert_int_equal(link(victim, at(place)), 0);
    put(&hello, "hello\n");
    says(victim, "precious");
    assert_int_equal(unlink(at("blobs/" HELLO)), 0);
    assert_int_equal(mkfifo(at(place), 0600), 0);
    put(&hello, "hello\n");
    assert_int_equal(unlink(at("blobs/" HELLO)), 0);
    /* Writable by others: they may have it open. */
    support_file_write(folder, place, "hel");
    assert_int_equal(chmod(at(place), 0666), 0);
    put(&hello, "hello\n");
    /* A final name that is a link is replaced, not followed. */
    assert_int_equal(unlink(at("blobs/" HELLO)), 0);
    assert_int_equal(symlink(victim, at("blobs/" HELLO)), 0);
    assert_false(wick_hub_store_has(store, &hello));
    put(&hello, "hello\n");
    says(victim, "precious");
    /* The same for references and what is not there. */
    assert_int_equal(mkdir(at("refs"), 0755), 0);
    assert_int_equal(symlink(victim, at("refs/main")), 0);
    assert_int_equal(wick_hub_store_set_ref(store, "main", COMMIT, NULL), WICK_OK);
    says(at("refs/main"), COMMIT);
    says(victim, "precious");
    char name[256];
    snprintf(name, sizeof name, ".no_exist/%s", COMMIT);
    support_folder_add(folder, name, NULL);
    assert_int_equal(symlink(at("not-yet"), at(".no_exist/" COMMIT "/x")), 0);
    assert_int_equal(wick_hub_store_note_absent(store, COMMIT, "x", NULL), WICK_E_IO);
    assert_false(is_there(at("not-yet")));
}

static void folders_that_are_links_are_not_entered(void **state)
{
    char outside[SUPPORT_PATH_BYTES];
    wick_error error = {0};
    support_folder_add(root, "outside", outside);
    put(&hello, "hello\n");
    assert_int_equal(unlink(at("snapshots/" COMMIT "/1_Pooling/config.json")), 0);
    assert_int_equal(rmdir(at("snapshots/" COMMIT "/1_Pooling")), 0);
    assert_int_equal(symlink(outside, at("snapshots/" COMMIT "/1_Pooling")), 0);
    assert_int_equal(wick_hub_store_link(store, COMMIT, &hello, &error), WICK_E_IO);
    assert_true(error.mend[0] != '\0');
    assert_int_equal(symlink(outside, at("refs")), 0);
    assert_int_equal(wick_hub_store_set_ref(store, "main", COMMIT, &error), WICK_E_IO);
    assert_int_equal(symlink(outside, at(".no_exist")), 0);
    assert_int_equal(wick_hub_store_note_absent(store, COMMIT, "x", &error), WICK_E_IO);
    assert_int_equal(rmdir(outside), 0); /* it is empty */
    support_folder_add(root, "outside", outside);
    /* The model's folder itself, and its blobs. */
    wick_hub_store *other = NULL;
    char place[SUPPORT_PATH_BYTES];
    snprintf(place, sizeof place, "%.2000s/models--org--other", cache);
    assert_int_equal(symlink(outside, place), 0);
    assert_int_equal(wick_hub_store_open(cache, "org/other", NULL, NULL, &other, &error), WICK_E_IO);
    assert_null(other);
    assert_int_equal(unlink(place), 0);
    assert_int_equal(mkdir(place, 0755), 0);
    strcat(place, "/blobs");
    assert_int_equal(symlink(outside, place), 0);
    assert_int_equal(wick_hub_store_open(cache, "org/other", NULL, NULL, &other, &error), WICK_E_IO);
    assert_int_equal(rmdir(outside), 0);
}

static void names_that_are_none_are_refused(void **state)
{
    static const char *const paths[] = {"../x", "/x", "a/../x", "", ".", "a//b", "a\nb", "a\\b"};
    static const char *const revisions[] = {"../x", "/x", "a/../x", "", ".", "a b", "a\nb", "-x", "x@y", ".hidden"};
    static const char *const digests[] = {"", "../../x", "main", "CE013625030BA8DBA906F756967F9E9CA394464A"};
    static const char *const repos[] = {"..", "../x", "a/b/c", "", "a--b", "/x", "org/name@main", "org/.."};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        wick_hub_file file = hello;
        file.path = (char *)(uintptr_t)paths[i];
        assert_int_equal(wick_hub_store_link(store, COMMIT, &file, NULL), WICK_E_INVALID_INPUT);
        assert_int_equal(wick_hub_store_note_absent(store, COMMIT, paths[i], NULL), WICK_E_INVALID_INPUT);
    }
    for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++) {
        assert_int_equal(wick_hub_store_set_ref(store, revisions[i], COMMIT, NULL), WICK_E_INVALID_INPUT);
        assert_int_equal(wick_hub_store_link(store, revisions[i], &hello, NULL), WICK_E_INVALID_INPUT);
    }
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        wick_hub_file file = hello;
        wick_hub_incomplete *incomplete = NULL;
        snprintf(file.digest, sizeof file.digest, "%s", digests[i]);
        assert_false(wick_hub_store_has(store, &file));
        assert_int_equal(wick_hub_store_begin(store, &file, NULL, NULL, &incomplete, NULL), WICK_E_INVALID_INPUT);
        assert_int_equal(wick_hub_store_link(store, COMMIT, &file, NULL), WICK_E_INVALID_INPUT);
        assert_int_equal(wick_hub_store_set_ref(store, "main", digests[i], NULL), WICK_E_INVALID_INPUT);
    }
    for (size_t i = 0; i < sizeof repos / sizeof *repos; i++) {
        wick_hub_store *other = NULL;
        assert_int_equal(wick_hub_store_open(cache, repos[i], NULL, NULL, &other, NULL), WICK_E_INVALID_INPUT);
    }
}

static void note(void *user)
{
    ++*(int *)user;
}

static bool always(void *user)
{
    return true;
}

/* A child that has the lock until it is told to finish; then the parent finds the blob made. */
static void who_waits_finds_it_done(void **state)
{
    int ready[2], go[2], n_waits = 0;
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    const pid_t child = fork();
    if (child == 0) {
        wick_hub_incomplete *incomplete = NULL;
        wick_hub_store *own = NULL;
        bool well = wick_hub_store_open(cache, "org/name", NULL, NULL, &own, NULL) == WICK_OK &&
                    wick_hub_store_begin(own, &hello, NULL, NULL, &incomplete, NULL) == WICK_OK && incomplete &&
                    write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1 &&
                    write(incomplete->fd, "hello\n", 6) == 6 &&
                    wick_hub_store_finish(own, &hello, incomplete, NULL) == WICK_OK;
        _exit(well ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    /* Waiting ends where it is asked to. */
    wick_hub_store *hasty = NULL;
    wick_hub_incomplete *incomplete = NULL;
    wick_error error = {0};
    assert_int_equal(wick_hub_store_open(cache, "org/name", always, NULL, &hasty, NULL), WICK_OK);
    assert_int_equal(wick_hub_store_begin(hasty, &hello, note, &n_waits, &incomplete, &error), WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "cancelled");
    assert_int_equal(n_waits, 1);
    wick_hub_store_close(hasty);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(wick_hub_store_begin(store, &hello, note, &n_waits, &incomplete, &error), WICK_OK);
    assert_null(incomplete);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

static void the_lock_of_one_who_was_killed_is_free(void **state)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        wick_hub_incomplete *incomplete = NULL;
        if (wick_hub_store_begin(store, &hello, NULL, NULL, &incomplete, NULL) == WICK_OK && incomplete &&
            write(incomplete->fd, "hel", 3) == 3 && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    wick_hub_incomplete *incomplete = begin(&hello);
    assert_int_equal(incomplete->have_bytes, 3);
    append(incomplete, "lo\n");
    assert_int_equal(wick_hub_store_finish(store, &hello, incomplete, NULL), WICK_OK);
    close(ready[0]);
    close(ready[1]);
}

static void without_locks_each_has_a_file_of_its_own(void **state)
{
    char locks[SUPPORT_PATH_BYTES];
    wick_hub_store_close(store);
    store = NULL;
    support_folder_remove(cache);
    support_folder_add(root, "a/cache", NULL);
    support_path(cache, ".locks", locks);
    support_file_write(cache, ".locks", "not a folder");
    assert_int_equal(wick_hub_store_open(cache, "org/name", NULL, NULL, &store, NULL), WICK_OK);
    wick_hub_incomplete *one = begin(&hello), *two = begin(&hello);
    assert_int_equal(one->lock_fd, -1);
    assert_string_not_equal(one->name, two->name);
    append(one, "hello\n");
    append(two, "he");
    assert_int_equal(wick_hub_store_finish(store, &hello, one, NULL), WICK_OK);
    append(two, "llo\n");
    assert_int_equal(wick_hub_store_finish(store, &hello, two, NULL), WICK_OK);
    says(at("blobs/" HELLO), "hello\n");
}

static void a_cache_that_cannot_be_written_to_says_so(void **state)
{
    wick_error error = {0};
    wick_hub_store *other = NULL;
    char place[SUPPORT_PATH_BYTES];
    support_file_write(root, "file", "x");
    support_path(root, "file/cache", place);
    assert_int_equal(wick_hub_store_open(place, "org/name", NULL, NULL, &other, &error), WICK_E_IO);
    assert_true(error.mend[0] != '\0');
    assert_int_equal(wick_hub_store_check_room(store, (uint64_t)1 << 60, &error), WICK_E_IO);
    assert_non_null(strstr(error.message, "too full"));
    assert_int_equal(wick_hub_store_check_room(store, 1, &error), WICK_OK);
    if (geteuid() == 0)
        return; /* whom no permission binds */
    assert_int_equal(chmod(at("blobs"), 0555), 0);
    wick_hub_incomplete *incomplete = NULL;
    assert_int_equal(wick_hub_store_begin(store, &hello, NULL, NULL, &incomplete, &error), WICK_E_IO);
    assert_non_null(strstr(error.mend, "HF_HUB_CACHE"));
    assert_int_equal(chmod(at("blobs"), 0755), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lays_out_as_huggingface_hub_does),
        TEST(what_is_there_is_not_made_again),
        TEST(a_try_is_resumed),
        TEST(wrong_bytes_get_no_name),
        TEST(what_was_put_in_the_way_is_not_written_to),
        TEST(folders_that_are_links_are_not_entered),
        TEST(names_that_are_none_are_refused),
        TEST(who_waits_finds_it_done),
        TEST(the_lock_of_one_who_was_killed_is_free),
        TEST(without_locks_each_has_a_file_of_its_own),
        TEST(a_cache_that_cannot_be_written_to_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
