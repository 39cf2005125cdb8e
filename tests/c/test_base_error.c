/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/error.h and of the error part of wick.h: what is filled in, how overlong text is cut, which kind a code is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/utf8.h"

static void fills_every_field(void **state)
{
    wick_error error;
    memset(&error, 'x', sizeof error);
    assert_int_equal(wick_fail(&error, WICK_E_CORRUPT, "file.json", "download it again", "%d of %s", 3, "four"),
                     WICK_E_CORRUPT);
    assert_int_equal(error.code, WICK_E_CORRUPT);
    assert_false(error.retriable);
    assert_string_equal(error.message, "3 of four");
    assert_string_equal(error.where, "file.json");
    assert_string_equal(error.mend, "download it again");
}

static void accepts_null(void **state)
{
    wick_error error;
    assert_int_equal(wick_fail(NULL, WICK_E_IO, "w", "m", "%s", "x"), WICK_E_IO);
    assert_int_equal(wick_fail_memory(NULL, "w"), WICK_E_NO_MEMORY);
    assert_int_equal(wick_fail_errno(NULL, WICK_E_IO, "w", NULL, "x"), WICK_E_IO);
    assert_int_equal(wick_fail(&error, WICK_E_IO, NULL, NULL, "x"), WICK_E_IO);
    assert_string_equal(error.where, "");
    assert_string_equal(error.mend, "");
}

static void retriable_codes(void **state)
{
    static const struct {
        int code;
        bool retriable;
    } cases[] = {
        {WICK_E_TIMEOUT, true},    {WICK_E_UNAVAILABLE, true},  {WICK_E_INVALID_INPUT, false},
        {WICK_E_CORRUPT, false},   {WICK_E_INTERNAL, false},    {WICK_E_MODEL_NOT_FOUND, false},
        {WICK_E_NO_MEMORY, false}, {WICK_E_UNSUPPORTED, false}, {WICK_E_IO, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_error error;
        wick_fail(&error, cases[i].code, NULL, NULL, "x");
        assert_int_equal(error.retriable, cases[i].retriable);
    }
}

static void errno_text_stands_behind(void **state)
{
    wick_error error;
    errno = ENOENT;
    wick_fail_errno(&error, WICK_E_IO, "/nowhere", NULL, "cannot open");
    assert_string_equal(error.message, "cannot open: No such file or directory");
    errno = 99999; /* no such number: still a text, and terminated */
    wick_fail_errno(&error, WICK_E_IO, "/nowhere", NULL, "cannot open");
    assert_true(strlen(error.message) > strlen("cannot open: "));
}

static void control_characters_become_spaces(void **state)
{
    wick_error error;
    wick_fail(&error, WICK_E_IO, "a\nb\x1b[31m", "m\r\n", "one\ntwo\tthree\x7f");
    assert_string_equal(error.message, "one two three ");
    assert_string_equal(error.where, "a b [31m");
    assert_string_equal(error.mend, "m  ");
}

/* Every prefix length before a run of 2-, 3- and 4-byte characters, so that the cut falls on each byte of one. */
static void overlong_text_is_cut_between_characters(void **state)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe4\xb8\x96", "\xf0\x9f\x8c\x8d"};
    for (size_t c = 0; c < 3; c++)
        for (size_t prefix = 0; prefix < 8; prefix++) {
            char text[2048] = "";
            memset(text, 'a', prefix);
            for (size_t n = prefix; n < 1200; n += strlen(characters[c]))
                strcpy(text + n, characters[c]);
            wick_error error;
            wick_fail(&error, WICK_E_IO, text, text, "%s", text);
            const char *const fields[] = {error.message, error.where, error.mend};
            const size_t capacities[] = {sizeof error.message, sizeof error.where, sizeof error.mend};
            for (size_t f = 0; f < 3; f++) {
                size_t n = strlen(fields[f]);
                assert_true(n < capacities[f] && n + 4 >= capacities[f]);
                assert_true(wick_utf8_valid(fields[f], n, NULL));
                assert_memory_equal(fields[f], text, n);
            }
        }
}

/* File names are bytes; wick.h promises UTF-8. */
static void invalid_utf8_is_replaced(void **state)
{
    static const char *const texts[] = {"\xff",    "a\xc3(", "\xe4\xb8", "\xed\xa0\x80", "ok \xf0\x9f\x8c\x8d \x80 end",
                                        "\xc0\xaf"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        wick_error error;
        wick_fail(&error, WICK_E_IO, texts[i], texts[i], "%s", texts[i]);
        assert_true(wick_utf8_valid(error.message, strlen(error.message), NULL));
        assert_true(wick_utf8_valid(error.where, strlen(error.where), NULL));
        assert_true(wick_utf8_valid(error.mend, strlen(error.mend), NULL));
        assert_true(strlen(error.where) > 0);
    }
    wick_error error;
    wick_fail(&error, WICK_E_IO, "ok \xf0\x9f\x8c\x8d \x80 end", NULL, "x");
    assert_string_equal(error.where, "ok \xf0\x9f\x8c\x8d ? end");
}

static void kinds(void **state)
{
    assert_int_equal(wick_error_kind_of(WICK_OK), WICK_KIND_NONE);
    assert_int_equal(wick_error_kind_of(WICK_E_MODEL_NOT_FOUND), WICK_KIND_MODEL_NOT_FOUND);
    assert_int_equal(wick_error_kind_of(WICK_E_INVALID_INPUT), WICK_KIND_INVALID_INPUT);
    assert_int_equal(wick_error_kind_of(WICK_E_UNAVAILABLE), WICK_KIND_SERVICE_UNAVAILABLE);
    const int internal[] = {
        WICK_E_INTERNAL, WICK_E_CORRUPT, WICK_E_UNSUPPORTED, WICK_E_IO, WICK_E_NO_MEMORY, WICK_E_TIMEOUT, -1000, 7};
    for (size_t i = 0; i < sizeof internal / sizeof *internal; i++)
        assert_int_equal(wick_error_kind_of(internal[i]), WICK_KIND_INTERNAL);
    assert_string_equal(wick_error_kind_name(WICK_KIND_NONE), "Ok");
    assert_string_equal(wick_error_kind_name(WICK_KIND_MODEL_NOT_FOUND), "ModelNotFound");
    assert_string_equal(wick_error_kind_name(WICK_KIND_INVALID_INPUT), "InvalidInput");
    assert_string_equal(wick_error_kind_name(WICK_KIND_SERVICE_UNAVAILABLE), "ServiceUnavailable");
    assert_string_equal(wick_error_kind_name(WICK_KIND_INTERNAL), "Internal");
}

static void version(void **state)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", WICK_VERSION_MAJOR, WICK_VERSION_MINOR, WICK_VERSION_PATCH);
    assert_string_equal(wick_version(), text);
    assert_string_equal(wick_version(), WICK_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_field),
        cmocka_unit_test(accepts_null),
        cmocka_unit_test(retriable_codes),
        cmocka_unit_test(errno_text_stands_behind),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(overlong_text_is_cut_between_characters),
        cmocka_unit_test(invalid_utf8_is_replaced),
        cmocka_unit_test(kinds),
        cmocka_unit_test(version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
