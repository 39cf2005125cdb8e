/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/json.h: what is read, what is refused, how absent values behave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/utf8.h"

static wick_json *parse(const char *text)
{
    wick_json *root = NULL;
    wick_error error = {0};
    int code = wick_json_parse(text, strlen(text), "test", &root, &error);
    if (code != WICK_OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, WICK_OK);
    return root;
}

static void values(void **state)
{
    wick_json *root = parse("{\"s\": \"caf\\u00e9\", \"i\": -9223372036854775808, \"r\": 1e-12, \"t\": true, \"f\": "
                            "false, \"n\": null, \"a\": [1, 2.5]}");
    int64_t integer = 7;
    double number = 7;
    size_t n = 0;
    assert_int_equal(wick_json_type_of(root), WICK_JSON_OBJECT);
    assert_int_equal(wick_json_count(root), 7);
    assert_string_equal(wick_json_string(wick_json_get(root, "s"), &n), "caf\xc3\xa9");
    assert_int_equal(n, 5);
    assert_true(wick_json_integer(wick_json_get(root, "i"), &integer) && integer == INT64_MIN);
    assert_true(wick_json_number(wick_json_get(root, "r"), &number) && number == 1e-12);
    assert_int_equal(wick_json_type_of(wick_json_get(root, "r")), WICK_JSON_REAL);
    assert_true(wick_json_bool(wick_json_get(root, "t"), false));
    assert_false(wick_json_bool(wick_json_get(root, "f"), true));
    assert_int_equal(wick_json_type_of(wick_json_get(root, "n")), WICK_JSON_NULL);
    assert_non_null(wick_json_get(root, "n"));
    const wick_json *array = wick_json_get(root, "a");
    assert_int_equal(wick_json_count(array), 2);
    assert_true(wick_json_number(wick_json_at(array, 0), &number) && number == 1);
    assert_false(wick_json_integer(wick_json_at(array, 1), &integer));
    assert_null(wick_json_at(array, 2));
    wick_json_free(root);
}

static void absent_values(void **state)
{
    int64_t integer = 7;
    double number = 7;
    assert_int_equal(wick_json_type_of(NULL), WICK_JSON_NULL);
    assert_null(wick_json_get(NULL, "x"));
    assert_int_equal(wick_json_count(NULL), 0);
    assert_null(wick_json_at(NULL, 0));
    assert_null(wick_json_string(NULL, NULL));
    assert_true(wick_json_bool(NULL, true));
    assert_false(wick_json_integer(NULL, &integer) || wick_json_number(NULL, &number));
    assert_true(integer == 7 && number == 7);
    assert_null(wick_json_first(NULL));
    wick_json_free(NULL);
}

static void wrong_types(void **state)
{
    wick_json *root = parse("[\"1\", 1, true, {}]");
    int64_t integer = 7;
    double number = 7;
    assert_null(wick_json_get(root, "x"));
    assert_false(wick_json_integer(wick_json_at(root, 0), &integer));
    assert_false(wick_json_number(wick_json_at(root, 0), &number));
    assert_null(wick_json_string(wick_json_at(root, 1), NULL));
    assert_true(wick_json_bool(wick_json_at(root, 1), true));
    assert_int_equal(wick_json_count(wick_json_at(root, 0)), 0);
    assert_null(wick_json_first(root));
    wick_json_free(root);
}

static void members_in_file_order(void **state)
{
    wick_json *root = parse("{\"z\": 0, \"a\": 1, \"\": 2, \"m\": 3}");
    static const char *const keys[] = {"z", "a", "", "m"};
    int64_t i = 0, value = -1;
    for (const wick_json_member *it = wick_json_first(root); it; it = wick_json_next(root, it), i++) {
        size_t n = 99;
        assert_string_equal(wick_json_key(it, &n), keys[i]);
        assert_int_equal(n, strlen(keys[i]));
        assert_string_equal(wick_json_key(it, NULL), keys[i]);
        assert_true(wick_json_integer(wick_json_value(it), &value) && value == i);
    }
    assert_int_equal(i, 4);
    wick_json_free(root);
    root = parse("{}");
    assert_null(wick_json_first(root));
    wick_json_free(root);
}

static void nul_in_strings(void **state)
{
    wick_json *root = parse("\"a\\u0000b\"");
    size_t n = 0;
    assert_memory_equal(wick_json_string(root, &n), "a\0b", 4);
    assert_int_equal(n, 3);
    wick_json_free(root);
}

static void malformed(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "'x'",
        "\"",
        "\"\\x\"",
        "01",
        "+1",
        ".5",
        "1.",
        "nul",
        "NaN",
        "Infinity",
        "[1] [2]",
        "{} x",
        "// c\n1",
        "{\"a\":1,\"a\":2}",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"tab\there\"",
        "\"line\nbreak\"",
        "\xef\xbb\xbf{}",
        "1e999",
        "99999999999999999999",
        "{\"a\\u0000b\":1}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        wick_json *root = NULL;
        wick_error error = {0};
        int code = wick_json_parse(texts[i], strlen(texts[i]), "some.json", &root, &error);
        if (code != WICK_E_CORRUPT)
            print_error("accepted: %s\n", texts[i]);
        assert_int_equal(code, WICK_E_CORRUPT);
        assert_null(root);
        assert_string_equal(error.where, "some.json");
        assert_non_null(strstr(error.message, "line "));
        assert_true(wick_utf8_valid(error.message, strlen(error.message), NULL));
    }
}

static void says_line_and_column(void **state)
{
    const char *text = "{\n  \"a\": 1,\n  \"b\": oops\n}";
    wick_json *root = NULL;
    wick_error error = {0};
    assert_int_equal(wick_json_parse(text, strlen(text), "f", &root, &error), WICK_E_CORRUPT);
    assert_non_null(strstr(error.message, "line 3"));
}

/* Of a line of a file, which where names, the column alone; what else is said of it is the same. */
static void a_line_says_the_column_alone(void **state)
{
    static const char text[] = "{\"a\": oops}", said[] = "malformed JSON at ";
    wick_json *root = NULL;
    wick_error whole = {0}, line = {0};
    assert_int_equal(wick_json_parse(text, strlen(text), "f, line 7", &root, &whole), WICK_E_CORRUPT);
    assert_int_equal(wick_json_parse_line(text, strlen(text), "f, line 7", &root, &line), WICK_E_CORRUPT);
    assert_null(root);
    assert_memory_equal(whole.message, "malformed JSON at line 1, column ", 33);
    assert_memory_equal(line.message, "malformed JSON at column ", 25);
    assert_string_equal(line.message + strlen(said), whole.message + strlen(said) + strlen("line 1, "));
    assert_string_equal(line.where, whole.where);
    assert_int_equal(wick_json_parse_line("{}", 2, "f", &root, NULL), WICK_OK);
    wick_json_free(root);
}

/* Nesting is capped: no overflow of the stack, neither while reading nor while freeing. */
static void deep_nesting(void **state)
{
    enum { depth = 1000000 };
    char *text = malloc(depth);
    assert_non_null(text);
    memset(text, '[', depth);
    wick_json *root = NULL;
    assert_int_equal(wick_json_parse(text, depth, "deep", &root, NULL), WICK_E_CORRUPT);
    memset(text, '[', 1000);
    memset(text + 1000, ']', 1000);
    assert_int_equal(wick_json_parse(text, 2000, "deep", &root, NULL), WICK_OK);
    wick_json_free(root);
    free(text);
}

/* The text needs no terminator: bytes behind n are not looked at. */
static void length_counts(void **state)
{
    wick_json *root = NULL;
    int64_t value = 0;
    assert_int_equal(wick_json_parse("123456", 3, "n", &root, NULL), WICK_OK);
    assert_true(wick_json_integer(root, &value) && value == 123);
    wick_json_free(root);
}

static void files(void **state)
{
    char path[] = "/tmp/wick-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "[1, 2]", 6), 6);
    close(fd);
    wick_json *root = NULL;
    wick_error error = {0};
    assert_int_equal(wick_json_read(path, 6, &root, &error), WICK_OK);
    assert_int_equal(wick_json_count(root), 2);
    wick_json_free(root);
    root = NULL;
    assert_int_equal(wick_json_read(path, 5, &root, &error), WICK_E_CORRUPT);
    unlink(path);
    assert_int_equal(wick_json_read(path, 6, &root, &error), WICK_E_IO);
    assert_string_equal(error.where, path);
    assert_null(root);
}

static void type_names(void **state)
{
    for (wick_json_type type = WICK_JSON_NULL; type <= WICK_JSON_OBJECT; type++)
        assert_true(strlen(wick_json_type_name(type)) > 0);
    assert_string_equal(wick_json_type_name(WICK_JSON_OBJECT), "an object");
    assert_string_equal(wick_json_type_name(WICK_JSON_STRING), "a string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(absent_values),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(members_in_file_order),
        cmocka_unit_test(nul_in_strings),
        cmocka_unit_test(malformed),
        cmocka_unit_test(says_line_and_column),
        cmocka_unit_test(a_line_says_the_column_alone),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(length_counts),
        cmocka_unit_test(files),
        cmocka_unit_test(type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
