/* SPDX-License-Identifier: Apache-2.0
 * test_token_list.c: a Unigram or BPE vocabulary read out of the text of tokenizer.json: what is taken, what is left to the JSON reader, what remains of the document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include <cmocka.h>

#include "text/token_list.h"

#define DOCUMENT(vocab)                                                                                                \
    "{\"a\": [{}], \"model\": {\"type\": \"Unigram\", \"vocab\": " vocab ", \"b\": 1}, \"c\": \"]\"}"

#define BPE(vocab, merges) "{\"model\": {\"type\": \"BPE\", \"vocab\": " vocab ", \"merges\": " merges "}, \"c\": 1}"

/* Tokens and merges in both forms, some with escapes, some longer than sixteen bytes. */
static void bpe_taken(void **state)
{
    static const char json[] = BPE("{\"\\u0061\":7 ,\"\\\"\": 12345678, \"a token of many bytes\": 0}",
                                   "[[\"\\u0061\", \"\\\"\"], \"a token\\u00e9\", [\"\", \"a token of many bytes\"]]");
    static const struct {
        const char *text;
        uint32_t number;
    } tokens[] = {{"a", 7}, {"\"", 12345678}, {"a token of many bytes", 0}};
    static const char *const merges[][2] = {{"a", "\""}, {"a", "token\xc3\xa9"}, {"", "a token of many bytes"}};
    wick_token_list list;
    assert_int_equal(wick_token_list_read(json, strlen(json), &list), WICK_OK);
    assert_non_null(list.rest);
    assert_int_equal(list.n, 3);
    assert_int_equal(list.n_merges, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(list.keys[i].number, tokens[i].number);
        assert_int_equal(list.keys[i].n_bytes, strlen(tokens[i].text));
        assert_string_equal(list.keys[i].text, tokens[i].text); /* terminated */
        const char *left = list.merge_texts + list.merges[i].begin;
        assert_int_equal(list.merges[i].n_left, strlen(merges[i][0]));
        assert_int_equal(list.merges[i].n_right, strlen(merges[i][1]));
        assert_memory_equal(left, merges[i][0], list.merges[i].n_left);
        assert_memory_equal(left + list.merges[i].n_left, merges[i][1], list.merges[i].n_right);
    }
    assert_int_equal(list.n_rest, strlen(BPE("{}", "[]")));
    assert_memory_equal(list.rest, BPE("{}", "[]"), list.n_rest);
    wick_token_list_free(&list);
}

static void taken(void **state)
{
    static const char json[] = DOCUMENT("[[\"\\u00e9\", -1.5], [\"\", 0] ,[\"a\\u0000b\",2e1]\n]");
    wick_token_list list;
    assert_int_equal(wick_token_list_read(json, strlen(json), &list), WICK_OK);
    assert_non_null(list.rest);
    assert_int_equal(list.n, 3);
    static const char *const texts[] = {"\xc3\xa9", "", "a\0b"};
    static const uint32_t n_bytes[] = {2, 0, 3};
    static const double scores[] = {-1.5, 0, 20};
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(list.keys[i].number, i);
        assert_int_equal(list.keys[i].n_bytes, n_bytes[i]);
        assert_memory_equal(list.keys[i].text, texts[i], n_bytes[i]);
        assert_true(list.scores[i] == scores[i]);
    }
    assert_memory_equal(list.texts, "\xc3\xa9\0\0a\0b", 3 + 1 + 4); /* the last terminator too */
    assert_int_equal(list.n_rest, strlen(DOCUMENT("[]")));
    assert_memory_equal(list.rest, DOCUMENT("[]"), list.n_rest);
    wick_token_list_free(&list);
    wick_token_list_free(&list); /* nothing is left */
}

static void left_alone(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{\"model\": {\"vocab\": [[\"a\", 1]]}}",
        "{\"model\": {\"type\": \"WordPiece\", \"vocab\": [[\"a\", 1]]}}",
        "{\"model\": {\"type\": \"Unigrams\", \"vocab\": [[\"a\", 1]]}}",
        "{\"model\": {\"type\": \"Unigram\"}}",
        DOCUMENT("{}"),
        DOCUMENT("[]"),
        DOCUMENT("[[\"a\", 1], ]"),
        DOCUMENT("[[\"a\", 1] [\"b\", 2]]"),
        DOCUMENT("[[\"a\"]]"),
        DOCUMENT("[[\"a\", 1, 2]]"),
        DOCUMENT("[[\"a\", null]]"),
        DOCUMENT("[[1, \"a\"]]"),
        DOCUMENT("[[\"\\ud800\", 1]]"),
        DOCUMENT("[[\"a\xff\", 1]]"),
        DOCUMENT("[[\"\xed\xa0\x80\", 1]]"),
        DOCUMENT("[[\"\xc3\", 1], [\"\xa9\", 1]]"), /* UTF-8 only if put next to each other */
        DOCUMENT("[[\"\xc3\\u00e9\", 1]]"),
        BPE("{\"\xc3\": 0, \"\xa9\": 1}", "[]"),
        BPE("{\"a\": 0}", "[[\"a\"]]"),
        BPE("{\"a\": 0}", "[\"a b c\"]"),
        DOCUMENT("[[\"a\", 01]]"),
        DOCUMENT("[[\"a\", 1"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_token_list list;
        assert_int_equal(wick_token_list_read(cases[i], strlen(cases[i]), &list), WICK_OK);
        if (list.rest)
            fail_msg("taken: %s", cases[i]);
        assert_null(list.keys);
    }
}

/* The list that a document is cut out at any byte of is refused or all there. */
static void cut_off(void **state)
{
    static const char json[] = DOCUMENT("[[\"\\u00e9\\n\", -1.5], [\"a longer token than all\", 0]]");
    for (size_t n = 0; n < strlen(json); n++) {
        char *copy = malloc(n ? n : 1);
        wick_token_list list;
        assert_non_null(copy);
        memcpy(copy, json, n);
        assert_int_equal(wick_token_list_read(copy, n, &list), WICK_OK);
        if (list.rest) {
            assert_int_equal(list.n, 2);
            wick_token_list_free(&list);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken), cmocka_unit_test(bpe_taken),
                                       cmocka_unit_test(left_alone), cmocka_unit_test(cut_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
