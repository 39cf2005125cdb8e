/* SPDX-License-Identifier: Apache-2.0
 * test_base_json_list.c: reading a list in a JSON text: what it takes is what base/json.h makes of it, and what that refuses it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digits.h"
#include "base/json.h"
#include "base/json_list.h"

/* The string that text begins with, read from a copy of exactly its size; NULL: refused. The caller frees it. */
static char *take_string(const char *text, size_t n_text, size_t *n)
{
    char *copy = malloc(n_text ? n_text : 1), *out = malloc(n_text + 1);
    assert_non_null(copy);
    assert_non_null(out);
    memcpy(copy, text, n_text);
    wick_json_cursor c = {copy, copy + n_text};
    const bool taken = wick_json_take_string(&c, out, n) && wick_json_at_end(&c);
    free(copy);
    if (taken)
        return out;
    free(out);
    return NULL;
}

static void check_string(const char *text)
{
    size_t n_wanted, n;
    wick_json *root = NULL;
    const bool is_string = wick_json_parse(text, strlen(text), "test", &root, NULL) == WICK_OK;
    const char *wanted = wick_json_string(root, &n_wanted);
    char *taken = take_string(text, strlen(text), &n);
    if (is_string != (taken != NULL))
        fail_msg("%s is %s", text, taken ? "taken" : "refused");
    if (taken) {
        assert_int_equal(n, n_wanted);
        assert_memory_equal(taken, wanted, n);
    }
    free(taken);
    wick_json_free(root);
}

static void strings(void **state)
{
    static const char *const texts[] = {"\"\"",
                                        " \t\r\n\"a\" ",
                                        "\"exactly sixteen.\"",
                                        "\"longer than sixteen bytes, and then some more of it\"",
                                        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                        "\"\\u0041\\u00e9\\u4e16\\uD83C\\uDF0D\\u0000x\"",
                                        "\"\\ud83c\"",
                                        "\"\\ud83cx\"",
                                        "\"\\ud83c\\n\"",
                                        "\"\\ud83c\\u0041\"",
                                        "\"\\udf0d\"",
                                        "\"\\u12\"",
                                        "\"\\u12g4\"",
                                        "\"\\x\"",
                                        "\"\\",
                                        "\"open",
                                        "\"an open one of more than sixteen bytes",
                                        "open\"",
                                        "\"a\" \"b\"",
                                        "\"\n\"",
                                        "\"sixteen bytes and\x01\"",
                                        "\"\xe4\xb8\x96\xe7\x95\x8c\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_string(texts[i]);
}

/* Strings of every length, with a special byte at every place. */
static void lengths(void **state)
{
    static const char *const specials[] = {"x", "\\\\", "\\n", "\\u00e9", "\\", "\"", "\x1f", "\x7f"};
    for (size_t n = 0; n < 40; n++) {
        for (size_t at = 0; at <= n; at++) {
            for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
                char text[128];
                snprintf(text, sizeof text, "\"%.*s%s%.*s\"", (int)at, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst",
                         specials[i], (int)(n - at), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst");
                check_string(text);
            }
        }
    }
}

static void check_number(const char *text, bool taken)
{
    const char *number = NULL, *bare = text + strspn(text, " ");
    size_t n = 0;
    wick_json *root = NULL;
    wick_json_cursor c = {text, text + strlen(text)};
    const bool is_number = wick_json_parse(text, strlen(text), "test", &root, NULL) == WICK_OK &&
                           (wick_json_type_of(root) == WICK_JSON_INTEGER || wick_json_type_of(root) == WICK_JSON_REAL);
    const bool is_taken = wick_json_take_number(&c, &number, &n) && wick_json_at_end(&c);
    if (is_taken != taken || is_number != taken)
        fail_msg("%s is %s", text, is_taken ? "taken" : "refused");
    assert_true(!taken || (number == bare && n == strlen(bare)));
    wick_json_free(root);
}

static void numbers(void **state)
{
    static const char *const good[] = {
        "0", "-0.0", "7", "-12", " 1.5", "-9.382598", "1e5", "1E+05", "2.5e-3", "-10.053283691406250", "1e-999"};
    static const char *const bad[] = {"",     "-",   "01",  "-01", "1.",  ".5",  "1e",   "1e+",   "+1",
                                      "0x10", "nan", "inf", "1 2", "1,5", "--1", "1.e5", "\"1\"", "null"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_number(good[i], true);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_number(bad[i], false);
}

static void integers(void **state)
{
    static const struct {
        const char *text;
        int64_t value; /* INT64_MIN: refused */
    } cases[] = {
        {"0", 0},           {"-1", -1},         {" 250001", 250001}, {"999999999999999999", 999999999999999999},
        {"1.0", INT64_MIN}, {"1e2", INT64_MIN}, {"007", INT64_MIN},  {"9999999999999999999", INT64_MIN},
        {"x", INT64_MIN},   {"-", INT64_MIN},   {"-01", INT64_MIN},  {"1000000000000000000", INT64_MIN},
        {"", INT64_MIN},    {"00", INT64_MIN},  {"12E", INT64_MIN},  {"-999999999999999999", -999999999999999999}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = INT64_MIN;
        wick_json_cursor c = {cases[i].text, cases[i].text + strlen(cases[i].text)};
        assert_int_equal(wick_json_take_integer(&c, &value), cases[i].value != INT64_MIN);
        assert_int_equal(value, cases[i].value);
    }
}

static void check_find(const char *text, const char *follows)
{
    wick_json_cursor c;
    const bool found = wick_json_find(text, strlen(text), "model", "vocab", &c);
    assert_int_equal(found, follows != NULL);
    if (found) {
        assert_ptr_equal(c.end, text + strlen(text));
        assert_memory_equal(c.at, follows, strlen(follows));
    }
}

static void finding(void **state)
{
    check_find("{\"model\": {\"vocab\": [1]}}", "[1]}}");
    check_find(" { \"a\" : [ {\"model\": 1}, \"]\\\"}\" ] , \"b\":-1.5,\"c\" : null, \"model\" : {\"type\":{}, "
               "\"vocab\" :\n7} }",
               "7} }");
    check_find("{\"vocab\": 1, \"model\": {\"vocabs\": 2, \"voca\": 3, \"vocab\": 4}}", "4}}");
    check_find("{\"model\": {\"a\": 1}, \"vocab\": 2}", NULL);
    check_find("{\"model\": [\"vocab\", 1]}", NULL);
    check_find("{\"models\": {\"vocab\": 1}}", NULL);
    check_find("{\"mod\\u0065l\": {\"vocab\": 1}}", NULL);
    check_find("[\"model\"]", NULL);
    check_find("{\"a\": [[[[", NULL);
    check_find("{\"a\": \"", NULL);
    check_find("{\"a\" 1, \"model\": {\"vocab\": 1}}", NULL);
    check_find("{\"model\"", NULL);
    check_find("", NULL);
}

/* A later member, from behind the value of an earlier one. */
static void finding_the_next(void **state)
{
    static const char text[] =
        "{\"model\": {\"vocab\": 1, \"a\": \"a longer string, \\\" with a quote\", \"merges\" : [2]}, \"b\": 3}";
    wick_json_cursor c;
    const char *number;
    size_t n;
    assert_true(wick_json_find(text, strlen(text), "model", "vocab", &c));
    assert_true(wick_json_take_number(&c, &number, &n));
    const wick_json_cursor behind = c;
    assert_true(wick_json_find_next(&c, "merges"));
    assert_memory_equal(c.at, "[2]}", 4);
    c = behind;
    assert_false(wick_json_find_next(&c, "vocab")); /* stands before */
    c = behind;
    assert_false(wick_json_find_next(&c, "b")); /* of another object */
}

/* Eight bytes are digits when each of them is. */
static void eight_digits(void **state)
{
    for (int at = 0; at < WICK_DIGITS_STEP; at++)
        for (int byte = 0; byte < 256; byte++) {
            char text[WICK_DIGITS_STEP + 1] = "90817263";
            text[at] = (char)byte;
            const bool is_digit = byte >= '0' && byte <= '9';
            assert_int_equal(wick_digits_are(text), is_digit);
            if (is_digit)
                assert_int_equal(wick_digits_value(text), strtoul(text, NULL, 10));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),      cmocka_unit_test(lengths), cmocka_unit_test(numbers),
        cmocka_unit_test(integers),     cmocka_unit_test(finding), cmocka_unit_test(finding_the_next),
        cmocka_unit_test(eight_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
