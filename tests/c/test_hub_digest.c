/* SPDX-License-Identifier: Apache-2.0
 * test_hub_digest.c: digests (src/hub/digest.c) against those that git hash-object and sha256sum give. */
#include "hub/digest.h"
#include "support_files.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void same(wick_hub_digest_kind kind, const char *text, size_t step, const char *want)
{
    wick_hub_digest *digest = NULL;
    char hex[65] = "";
    const size_t n = strlen(text);
    assert_int_equal(wick_hub_digest_open(kind, n, &digest, NULL), WICK_OK);
    for (size_t i = 0; i < n; i += step)
        assert_int_equal(wick_hub_digest_add(digest, text + i, n - i < step ? n - i : step, NULL), WICK_OK);
    assert_int_equal(wick_hub_digest_finish(digest, hex, NULL), WICK_OK);
    assert_string_equal(hex, want);
    wick_hub_digest_close(digest);
}

static void of_known_texts(void **state)
{
    same(WICK_HUB_GIT_SHA1, "", 1, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    same(WICK_HUB_GIT_SHA1, "hello\n", 1, "ce013625030ba8dba906f756967f9e9ca394464a");
    same(WICK_HUB_GIT_SHA1, "hello\n", 100, "ce013625030ba8dba906f756967f9e9ca394464a");
    same(WICK_HUB_SHA256, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    same(WICK_HUB_SHA256, "hello\n", 5, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    wick_hub_digest_close(NULL);
}

static bool always(void *user)
{
    return true;
}

static void of_a_file(void **state)
{
    char root[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES], hex[65];
    uint64_t size_bytes = 0;
    support_folder_make(root);
    support_file_write(root, "file", "hello\n");
    support_path(root, "file", path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 3, SEEK_SET), 3); /* it reads from the beginning all the same */
    assert_int_equal(wick_hub_digest_file(fd, WICK_HUB_GIT_SHA1, &size_bytes, hex, NULL, NULL, NULL), WICK_OK);
    assert_int_equal(size_bytes, 6);
    assert_string_equal(hex, "ce013625030ba8dba906f756967f9e9ca394464a");
    wick_error error;
    assert_int_equal(wick_hub_digest_file(fd, WICK_HUB_SHA256, &size_bytes, hex, always, NULL, &error),
                     WICK_E_UNAVAILABLE);
    assert_string_equal(error.message, "cancelled");
    close(fd);
    assert_int_equal(wick_hub_digest_file(fd, WICK_HUB_SHA256, &size_bytes, hex, NULL, NULL, &error), WICK_E_IO);
    support_folder_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_known_texts), cmocka_unit_test(of_a_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
