/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/mapped.h: files mapped and read; what is no regular file, absent, empty or too large. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mapped.h"

static char folder[] = "/tmp/wick-mapped-XXXXXX";
static char path[128];

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const void *data, size_t n)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void maps_a_file(void **state)
{
    size_t n = 100001;
    unsigned char *data = malloc(n);
    assert_non_null(data);
    for (size_t i = 0; i < n; i++)
        data[i] = (unsigned char)(i * 7);
    wick_mapped mapped;
    wick_error error;
    assert_int_equal(wick_mapped_open(write_file("f", data, n), &mapped, &error), WICK_OK);
    assert_int_equal(mapped.size_bytes, n);
    assert_memory_equal(mapped.data, data, n);
    unlink(path);
    /* Pages given back are read again on access; ranges that hold no whole page are left alone. */
    wick_mapped_release_pages(mapped.data, mapped.size_bytes);
    wick_mapped_release_pages(mapped.data + 1, 10);
    wick_mapped_release_pages(mapped.data, 0);
    assert_memory_equal(mapped.data, data, n);
    wick_mapped_close(&mapped);
    assert_null(mapped.data);
    assert_int_equal(mapped.size_bytes, 0);
    wick_mapped_close(&mapped);
    wick_mapped_close(NULL);
    free(data);
}

static void empty_file(void **state)
{
    wick_mapped mapped = {(const uint8_t *)"x", 1};
    char *text;
    size_t n = 9;
    assert_int_equal(wick_mapped_open(write_file("empty", "", 0), &mapped, NULL), WICK_OK);
    assert_null(mapped.data);
    assert_int_equal(mapped.size_bytes, 0);
    wick_mapped_close(&mapped);
    assert_int_equal(wick_file_read(path, 10, &text, &n, NULL), WICK_OK);
    assert_int_equal(n, 0);
    assert_string_equal(text, "");
    free(text);
    unlink(path);
}

static void check_refused(const char *file, const char *message)
{
    wick_mapped mapped;
    wick_error error = {0};
    char *text = NULL;
    size_t n;
    assert_int_equal(wick_mapped_open(file, &mapped, &error), WICK_E_IO);
    assert_null(mapped.data);
    assert_string_equal(error.where, file);
    assert_non_null(strstr(error.message, message));
    assert_true(error.mend[0] != '\0');
    memset(&error, 0, sizeof error);
    assert_int_equal(wick_file_read(file, 10, &text, &n, &error), WICK_E_IO);
    assert_null(text);
    assert_non_null(strstr(error.message, message));
    assert_true(error.mend[0] != '\0');
}

/* A FIFO without a writer would block an ordinary open for ever. */
static void what_is_no_regular_file(void **state)
{
    check_refused(in_folder("absent"), "No such file");
    check_refused(folder, "not a regular file");
    check_refused("/dev/null", "not a regular file");
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    check_refused(path, "not a regular file");
    unlink(path);
    assert_int_equal(symlink(in_folder("loop"), path), 0);
    check_refused(path, "cannot open");
    unlink(path);
}

static void reads_a_file_with_a_cap(void **state)
{
    char *text = NULL;
    size_t n = 0;
    wick_error error = {0};
    assert_int_equal(wick_file_read(write_file("g", "a\0bcd", 5), 5, &text, &n, &error), WICK_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(text, "a\0bcd", 6); /* the terminator too */
    free(text);
    text = NULL;
    assert_int_equal(wick_file_read(path, 4, &text, &n, &error), WICK_E_CORRUPT);
    assert_null(text);
    assert_non_null(strstr(error.message, "5 bytes"));
    assert_string_equal(error.where, path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_a_file),
        cmocka_unit_test(empty_file),
        cmocka_unit_test(what_is_no_regular_file),
        cmocka_unit_test(reads_a_file_with_a_cap),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
