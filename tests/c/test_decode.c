/* SPDX-License-Identifier: Apache-2.0
 * test_decode.c: token ids -> text as the tokenizers package gave it (fixtures/tokenizer/decode.json, made by tools/make_golden_decode.py), and taking off
 * what a tokenizer puts around a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "base/json.h"
#include "server/decode.h"
#include "support_files.h"

#define MAX_IDS 16

static wick_json *golden;
static wick_tokenizer *tokenizer;
static char folder[SUPPORT_PATH_BYTES];

static char *text_of_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

/* The golden file begins with the tokenizer, on a line of its own. */
static int set_up(void **state)
{
    static const char head[] = "{\"tokenizer\":", path[] = WICK_FIXTURES "/tokenizer/decode.json";
    wick_error error = {0};
    if (wick_json_read(path, 1 << 20, &golden, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    char *text = text_of_file(path), *end = strstr(text, ",\n\"cases\"");
    assert_non_null(end);
    *end = '\0';
    support_folder_make(folder);
    support_file_write(folder, "tokenizer.json", text + strlen(head));
    free(text);
    if (wick_tokenizer_open(folder, NULL, &tokenizer, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    return 0;
}

static int tear_down(void **state)
{
    wick_tokenizer_close(tokenizer);
    support_folder_remove(folder);
    wick_json_free(golden);
    return 0;
}

static size_t read_ids(const wick_json *list, int32_t ids[MAX_IDS])
{
    size_t n = wick_json_count(list);
    assert_true(n <= MAX_IDS);
    for (size_t i = 0; i < n; i++) {
        int64_t id = -1;
        assert_true(wick_json_integer(wick_json_at(list, i), &id));
        ids[i] = (int32_t)id;
    }
    return n;
}

static void decodes_as_the_library_does(void **state)
{
    const wick_json *cases = wick_json_get(golden, "cases");
    assert_true(wick_json_count(cases) > 400);
    for (size_t i = 0; i < wick_json_count(cases); i++) {
        const wick_json *one = wick_json_at(cases, i);
        int32_t ids[MAX_IDS];
        size_t n = read_ids(wick_json_get(one, "ids"), ids), n_expected;
        const char *expected = wick_json_string(wick_json_get(one, "text"), &n_expected);
        wick_buffer got = {0};
        wick_decode(tokenizer, ids, n, wick_json_bool(wick_json_get(one, "skip"), false), &got);
        assert_false(got.failed);
        if (got.n_bytes != n_expected || (n_expected && memcmp(got.bytes, expected, n_expected) != 0))
            fail_msg("case %zu: \"%.*s\" instead of \"%s\"", i, (int)got.n_bytes, got.bytes, expected);
        free(got.bytes);
    }
}

static void appends_to_what_is_there(void **state)
{
    wick_buffer got = {0};
    wick_buffer_text(&got, "a .");
    wick_decode(tokenizer, (const int32_t[]){5, 17}, 2, false, &got);
    assert_int_equal(got.n_bytes, strlen("a .the."));
    assert_memory_equal(got.bytes, "a .the.", got.n_bytes);
    free(got.bytes);
}

static void ids_out_of_range_are_passed_over(void **state)
{
    wick_buffer got = {0};
    wick_decode(tokenizer, (const int32_t[]){INT32_MAX, 5, -1, INT32_MIN, 6, 100000}, 6, false, &got);
    assert_int_equal(got.n_bytes, strlen("the ferry"));
    assert_memory_equal(got.bytes, "the ferry", got.n_bytes);
    free(got.bytes);
}

static void check_trim(const int32_t *ids, size_t n, size_t first, size_t n_left)
{
    const int32_t *at = ids;
    wick_error error = {0};
    assert_int_equal(wick_decode_trim(tokenizer, &at, &n, &error), WICK_OK);
    assert_int_equal(n, n_left);
    if (n_left > 0)
        assert_ptr_equal(at, ids + first);
}

/* 0 [PAD], 1 [UNK], 2 [CLS], 3 [SEP] */
static void trims_what_stands_around_a_text(void **state)
{
    check_trim((const int32_t[]){2, 5, 6, 3}, 4, 1, 2);
    check_trim((const int32_t[]){2, 5, 6, 3, 0, 0}, 6, 1, 2);
    check_trim((const int32_t[]){5, 6}, 2, 0, 2);
    check_trim((const int32_t[]){2, 2, 1, 3, 3}, 5, 1, 3);
    check_trim((const int32_t[]){2, 3}, 2, 1, 0);
    check_trim((const int32_t[]){0, 0}, 2, 0, 0);
    check_trim((const int32_t[]){0, 5}, 2, 0, 2);
    check_trim((const int32_t[]){3}, 1, 0, 0);
    check_trim((const int32_t[]){5}, 0, 0, 0);
}

static void special_tokens_are_the_file_s(void **state)
{
    for (int32_t id = -2; id < 60; id++)
        assert_int_equal(wick_tokenizer_is_special(tokenizer, id), id >= 0 && id < 5);
    assert_false(wick_tokenizer_is_special(tokenizer, INT32_MAX));
    assert_false(wick_tokenizer_is_special(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_the_library_does),      cmocka_unit_test(appends_to_what_is_there),
        cmocka_unit_test(ids_out_of_range_are_passed_over), cmocka_unit_test(trims_what_stands_around_a_text),
        cmocka_unit_test(special_tokens_are_the_file_s),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
