/* SPDX-License-Identifier: Apache-2.0
 * test_toml.c: the TOML shim (src/base/toml.cc): what it lists, in which order, with which lines, and what it refuses. */
#include "base/toml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_toml *parsed(const char *text)
{
    wick_toml *toml = NULL;
    wick_error error = {0};
    if (wick_toml_parse(text, strlen(text), "test.toml", &toml, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    return toml;
}

/* where: how error.where begins. */
static void refused(const char *text, size_t n, const char *where, const char *message)
{
    wick_toml *toml = (wick_toml *)1;
    wick_error error = {0};
    assert_int_equal(wick_toml_parse(text, n, "test.toml", &toml, &error), WICK_E_INVALID_INPUT);
    assert_null(toml);
    if (strncmp(error.where, where, strlen(where)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", error.where, where);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

static void lists_leaves_in_file_order(void **state)
{
    wick_toml *toml =
        parsed("zebra = \"last by name, first in the file\"\n"
               "[embedding]\n"
               "model = 'm' # comment\n"
               "device = \"\"\"\nauto\"\"\"\n"
               "\n"
               "[server]\n"
               "port = 8_080\nratio = 2.5\nquiet = true\n"
               "names = [1, 2]\nwords = ['a', \"b\"]\nmixed = ['a', 1]\nnone = []\nday = 2026-01-31\nlimits = {}\n"
               "[server.deep]\n"
               "x = -1\n");
    static const struct {
        const char *key;
        unsigned line;
        wick_toml_type type;
    } want[] = {
        {"zebra", 1, WICK_TOML_STRING},
        {"embedding.model", 3, WICK_TOML_STRING},
        {"embedding.device", 4, WICK_TOML_STRING},
        {"server.port", 8, WICK_TOML_INTEGER},
        {"server.ratio", 9, WICK_TOML_REAL},
        {"server.quiet", 10, WICK_TOML_BOOL},
        {"server.names", 11, WICK_TOML_ARRAY},
        {"server.words", 12, WICK_TOML_STRINGS},
        {"server.mixed", 13, WICK_TOML_ARRAY},
        {"server.none", 14, WICK_TOML_STRINGS},
        {"server.day", 15, WICK_TOML_OTHER},
        {"server.limits", 16, WICK_TOML_TABLE},
        {"server.deep.x", 18, WICK_TOML_INTEGER},
    };
    assert_int_equal(wick_toml_count(toml), sizeof want / sizeof want[0]);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const wick_toml_entry *entry = wick_toml_at(toml, i);
        assert_string_equal(entry->key, want[i].key);
        assert_int_equal(entry->line, want[i].line);
        assert_int_equal(entry->type, want[i].type);
    }
    assert_string_equal(wick_toml_at(toml, 1)->string, "m");
    assert_string_equal(wick_toml_at(toml, 2)->string, "auto");
    assert_int_equal(wick_toml_at(toml, 3)->integer, 8080);
    assert_true(wick_toml_at(toml, 4)->real == 2.5);
    assert_true(wick_toml_at(toml, 5)->boolean);
    assert_int_equal(wick_toml_at(toml, 7)->n_strings, 2);
    assert_string_equal(wick_toml_at(toml, 7)->strings[0], "a");
    assert_string_equal(wick_toml_at(toml, 7)->strings[1], "b");
    assert_int_equal(wick_toml_at(toml, 9)->n_strings, 0);
    assert_int_equal(wick_toml_at(toml, 12)->integer, -1);
    assert_null(wick_toml_at(toml, 13));
    wick_toml_free(toml);
}

static void empty_file_has_no_entries(void **state)
{
    wick_toml *toml = parsed("");
    assert_int_equal(wick_toml_count(toml), 0);
    assert_null(wick_toml_at(toml, 0));
    wick_toml_free(toml);
    toml = parsed("# only a comment\n\n");
    assert_int_equal(wick_toml_count(toml), 0);
    wick_toml_free(toml);
    wick_toml_free(NULL);
}

/* A quoted key must never pass for a dotted one, nor be cut at a U+0000. */
static void quoted_keys_stay_apart(void **state)
{
    wick_toml *toml = parsed("\"embedding.model\" = 1\n\"embedding\\u0000x\" = 2\n\"\" = 3\n\"a\\\"b\" = 4\n");
    assert_string_equal(wick_toml_at(toml, 0)->key, "\"embedding.model\"");
    assert_string_equal(wick_toml_at(toml, 1)->key, "\"embedding\\u0000x\"");
    assert_string_equal(wick_toml_at(toml, 2)->key, "\"\"");
    assert_string_equal(wick_toml_at(toml, 3)->key, "\"a\\\"b\"");
    wick_toml_free(toml);
}

static void errors_name_the_line(void **state)
{
    static const char unclosed[] = "[a]\nb = 1\nc = \"open\n";
    refused(unclosed, strlen(unclosed), "test.toml:3", "line 3: ");
    static const char twice[] = "a = 1\n\na = 2\n";
    refused(twice, strlen(twice), "test.toml:3", "line 3: ");
    static const char bytes[] = "a = \"\xff\"\n";
    refused(bytes, strlen(bytes), "test.toml:1", "line 1: ");
    static const char nul[] = "a = 1\nb = \"x\\u0000y\"\n";
    refused(nul, strlen(nul), "test.toml:2", "U+0000");
}

/* Characters outside ASCII where a key or a line break may stand; toml++ 3.3 runs into undefined behaviour on them. */
static void letters_outside_strings_are_refused(void **state)
{
    static const char *const texts[] = {"\357\273\276b ", "\xc3\xa9 = 1", "a = 1 \xe2\x80\xa6", "a\xe2\x80\xa8 = 1",
                                        "[\xe1\x9a\x80]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refused(texts[i], strlen(texts[i]), "test.toml:1", "line 1: ");
}

/* Inputs that would exhaust the stack or the memory of a careless reader. */
static void hostile_sizes_are_refused(void **state)
{
    const size_t n = WICK_MAX_TOML_BYTES + 1;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '\n', n);
    refused(text, n, "test.toml", "larger than");
    for (size_t i = 0; i + 1 < n; i += 2)
        memcpy(text + i, "a.", 2);
    refused(text, n - 1, "test.toml", "dots");
    /* As deep as the cap on dots allows: parsed and freed without trouble, and refused for its length. */
    size_t length = 0;
    for (int i = 0; i < 4096; i++, length += 2)
        memcpy(text + length, "a.", 2);
    length += (size_t)snprintf(text + length, n - length, "a = 1\n");
    refused(text, length, "test.toml:1", "too long");
    length = 0;
    while (length + 16 < n)
        length += (size_t)snprintf(text + length, n - length, "k%zu=1\n", length);
    refused(text, length, "test.toml:", "too many keys");
    length = (size_t)snprintf(text, n, "a = ");
    memset(text + length, '[', 5000);
    refused(text, length + 5000, "test.toml:1", "line 1: ");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_leaves_in_file_order),
        cmocka_unit_test(empty_file_has_no_entries),
        cmocka_unit_test(quoted_keys_stay_apart),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(letters_outside_strings_are_refused),
        cmocka_unit_test(hostile_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
