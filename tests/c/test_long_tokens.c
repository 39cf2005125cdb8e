/* SPDX-License-Identifier: Apache-2.0
 * test_long_tokens.c: a tokenizer.json with tokens so long that every byte of a text would be compared with thousands: refused where the model walks along its tokens, whatever the model;
 * of the longest that are allowed a text takes bounded steps a byte, and they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/token_trie.h"
#include "text/tokenizer.h"

#define N_TEXT 50000
#define FLAGS "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"special\": false"
#define WORDPIECE(vocab)                                                                                               \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"u\", \"continuing_subword_prefix\": \"##\", "               \
    "\"max_input_chars_per_word\": 1000000000, \"vocab\": {" vocab "}}"
#define BERT "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
#define BPE(ignore)                                                                                                    \
    "\"model\": {\"type\": \"BPE\", \"unk_token\": \"u\", \"ignore_merges\": " ignore                                  \
    ", \"vocab\": {\"u\": 0, \"a\": 1, \"b\": 2, \"%s\": 3}, \"merges\": []}"
#define ADDED(normalized)                                                                                              \
    "\"added_tokens\": [{\"id\": 3, \"content\": \"%s\", \"normalized\": " normalized ", " FLAGS "}], "
#define REPLACE "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"c\"}, \"content\": \"aa\"}, "

/* Where %s stands a token comes, of letters "a" and one "b" at the end. */
typedef struct file {
    const char *json;
    size_t n_written; /* how many bytes %s takes for the longest token that is allowed */
    int32_t id;       /* of the long token in a text that is nothing else */
    const char *message;
} file;

static const file files[] = {
    {"{" BERT WORDPIECE("\"u\": 0, \"a\": 1, \"##a\": 2, \"%s\": 3") "}", WICK_MAX_KEY_BYTES, 3, "model.vocab"},
    /* "##" and the tail; the whole with it may be no longer either */
    {"{" BERT WORDPIECE("\"u\": 0, \"a\": 1, \"##%s\": 3, \"##a\": 2") "}", WICK_MAX_KEY_BYTES - 2, -1, "model.vocab"},
    {"{\"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"u\", -9], [\"a\", -2], [\"b\", -2], [\"%s\", "
     "-1]]}}",
     WICK_MAX_KEY_BYTES, 3, "model.vocab"},
    {"{" BPE("true") "}", WICK_MAX_KEY_BYTES, 3, "model.vocab"},
    {"{" ADDED("false") BERT WORDPIECE("\"u\": 0, \"a\": 1, \"##a\": 2") "}", WICK_MAX_KEY_BYTES, 3, "added_tokens[0]"},
    {"{" ADDED("true") BERT WORDPIECE("\"u\": 0, \"a\": 1, \"##a\": 2") "}", WICK_MAX_KEY_BYTES, 3, "added_tokens[0]"},
};
#define N_FILES (sizeof files / sizeof *files)

/* Letters "a" and a "b": n bytes. */
static char *token_of(size_t n)
{
    char *token = malloc(n + 1);
    assert_non_null(token);
    memset(token, 'a', n);
    token[n - 1] = 'b';
    token[n] = '\0';
    return token;
}

static int parse(const char *form, const char *token, wick_tokenizer **out, wick_error *error)
{
    const size_t n = strlen(form) + strlen(token) + 1;
    char *json = malloc(n);
    assert_non_null(json);
    const char *place = strstr(form, "%s");
    assert_non_null(place);
    const int n_json = snprintf(json, n, "%.*s%s%s", (int)(place - form), form, token, place + 2);
    *error = (wick_error){0};
    const int code = wick_tokenizer_parse(json, (size_t)n_json, "FILE", out, error);
    free(json);
    return code;
}

static void longer_ones_are_refused(void **state)
{
    static const size_t more[] = {1, 49000};
    for (size_t i = 0; i < 2 * N_FILES; i++) {
        const file *f = &files[i / 2];
        wick_tokenizer *tokenizer = NULL;
        wick_error error;
        char *token = token_of(f->n_written + more[i % 2]), limit[32];
        const int code = parse(f->json, token, &tokenizer, &error);
        if (code != WICK_E_CORRUPT)
            fail_msg("file %zu: code %d, \"%s\"", i / 2, code, error.message);
        assert_null(tokenizer);
        snprintf(limit, sizeof limit, "over %d", WICK_MAX_KEY_BYTES);
        if (!strstr(error.message, f->message) || !strstr(error.message, limit))
            fail_msg("file %zu: \"%s\"", i / 2, error.message);
        free(token);
    }
}

static void longest_ones_are_found(void **state)
{
    wick_encoding *encoding = wick_encoding_new();
    char *text = malloc(N_TEXT);
    assert_non_null(text);
    for (size_t i = 0; i < N_FILES; i++) {
        wick_tokenizer *tokenizer = NULL;
        wick_error error;
        char *token = token_of(files[i].n_written);
        assert_int_equal(parse(files[i].json, token, &tokenizer, &error), WICK_OK);
        if (files[i].id >= 0) {
            assert_int_equal(wick_tokenize(tokenizer, token, strlen(token), NULL, encoding, NULL), WICK_OK);
            assert_int_equal(encoding->n_tokens, 1);
            assert_int_equal(encoding->ids[0], files[i].id);
        }
        memset(text, 'a', N_TEXT); /* at each byte nearly the whole token is walked along */
        assert_int_equal(wick_tokenize(tokenizer, text, N_TEXT, NULL, encoding, NULL), WICK_OK);
        assert_int_equal(encoding->n_tokens, N_TEXT);
        assert_int_equal(encoding->ends[N_TEXT - 1], N_TEXT);
        wick_tokenizer_free(tokenizer);
        free(token);
    }
    free(text);
    wick_encoding_free(encoding);
}

/* A token that is short as it is written, and long as it is looked for. */
static void normalised_tokens(void **state)
{
    char token[WICK_MAX_KEY_BYTES / 2 + 2] = {0};
    wick_tokenizer *tokenizer = NULL;
    wick_error error;
    const char *form = "{" REPLACE ADDED("true") BERT WORDPIECE("\"u\": 0, \"a\": 1, \"##a\": 2") "}";
    memset(token, 'c', WICK_MAX_KEY_BYTES / 2);
    assert_int_equal(parse(form, token, &tokenizer, &error), WICK_OK);
    wick_tokenizer_free(tokenizer);
    memset(token, 'c', WICK_MAX_KEY_BYTES / 2 + 1);
    assert_int_equal(parse(form, token, &tokenizer, &error), WICK_E_CORRUPT);
    assert_non_null(strstr(error.message, "is normalised to 1026 bytes (id 3), over 1024"));
}

/* Merging never walks along a token: there they may be as long as they like. */
static void merged_tokens(void **state)
{
    wick_encoding *encoding = wick_encoding_new();
    wick_tokenizer *tokenizer = NULL;
    wick_error error;
    char *token = token_of(N_TEXT);
    assert_int_equal(parse("{" BPE("false") "}", token, &tokenizer, &error), WICK_OK);
    assert_int_equal(wick_tokenize(tokenizer, token, N_TEXT, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, N_TEXT);
    wick_tokenizer_free(tokenizer);
    free(token);
    wick_encoding_free(encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longer_ones_are_refused),
        cmocka_unit_test(longest_ones_are_found),
        cmocka_unit_test(normalised_tokens),
        cmocka_unit_test(merged_tokens),
    };
    return cmocka_run_group_tests_name("long tokens", tests, NULL, NULL);
}
