/* SPDX-License-Identifier: Apache-2.0
 * Tests of wick_tokenize: token ids and offsets as the tokenizers package gave them (fixtures/tokenizer/golden.json, made by
 * tools/make_golden_tokens.py; steps.json), options, wrong input, texts made to be slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/json.h"
#include "text/tokenizer.h"

#define FOLDER WICK_FIXTURES "/tokenizer/"
#define MAX_FIXTURE_BYTES ((size_t)8 << 20)

static wick_tokenizer *read_small(void)
{
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    int code = wick_tokenizer_read(FOLDER "small.json", &tokenizer, &error);
    if (code != WICK_OK)
        print_error("%s: %s\n", error.where, error.message);
    assert_int_equal(code, WICK_OK);
    return tokenizer;
}

static wick_json *read_fixture(const char *name)
{
    wick_json *root = NULL;
    wick_error error = {0};
    assert_int_equal(wick_json_read(name, MAX_FIXTURE_BYTES, &root, &error), WICK_OK);
    return root;
}

/* The text of small.json from its vocabulary on; the caller frees *whole. */
static const char *read_vocabulary(char **whole)
{
    FILE *file = fopen(FOLDER "small.json", "rb");
    assert_non_null(file);
    *whole = calloc(1, MAX_FIXTURE_BYTES);
    assert_non_null(*whole);
    assert_true(fread(*whole, 1, MAX_FIXTURE_BYTES - 1, file) > 0);
    fclose(file);
    const char *found = strstr(*whole, "\"vocab\": ");
    assert_non_null(found);
    return found + strlen("\"vocab\": ");
}

static wick_tokenizer *parse_with(const char *head, const char *vocabulary)
{
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    size_t n = strlen(head) + strlen(vocabulary);
    char *json = malloc(n + 1);
    assert_non_null(json);
    snprintf(json, n + 1, "%s%s", head, vocabulary);
    int code = wick_tokenizer_parse(json, n, "golden", &tokenizer, &error);
    free(json);
    if (code != WICK_OK)
        print_error("%s: %s\n", error.where, error.message);
    assert_int_equal(code, WICK_OK);
    return tokenizer;
}

/* Spells a key so that the tokens are not found in the text and come through the JSON reader: a copy, which the caller frees. */
static char *hide_tokens(const char *head)
{
    static const char key[] = "\"vocab\": ", spelled[] = "\"voc\\u0061b\": ";
    const char *found = strstr(head, key);
    const size_t n = strlen(head) + sizeof spelled;
    char *hidden = malloc(n);
    assert_non_null(found);
    assert_non_null(hidden);
    snprintf(hidden, n, "%.*s%s%s", (int)(found - head), head, spelled, found + strlen(key));
    return hidden;
}

static int64_t integer_at(const wick_json *object, const char *key, size_t index)
{
    int64_t value = -1;
    assert_true(wick_json_integer(wick_json_at(wick_json_get(object, key), index), &value));
    return value;
}

/* One golden text; name and number say which, where it differs. */
static void check_text(const wick_tokenizer *tokenizer, const wick_tokenize_options *options, wick_encoding *encoding,
                       const wick_json *golden, const char *name, size_t number)
{
    size_t n;
    wick_error error = {0};
    const char *text = wick_json_string(wick_json_get(golden, "text"), &n);
    assert_non_null(text);
    char *exact = malloc(n ? n : 1); /* of the text's size, so that a sanitizer sees a read past it */
    assert_non_null(exact);
    memcpy(exact, text, n);
    assert_int_equal(wick_tokenize(tokenizer, exact, n, options, encoding, &error), WICK_OK);
    bool same = encoding->n_tokens == wick_json_count(wick_json_get(golden, "ids"));
    for (size_t i = 0; same && i < encoding->n_tokens; i++)
        same = encoding->ids[i] == integer_at(golden, "ids", i) &&
               encoding->starts[i] == integer_at(golden, "starts", i) &&
               encoding->ends[i] == integer_at(golden, "ends", i) &&
               encoding->is_special[i] == integer_at(golden, "mask", i);
    free(exact);
    if (!same)
        fail_msg("case \"%s\", text %zu: \"%.60s\"", name, number, text);
}

/* Every text of a golden file; vocabulary: what stands behind its heads; hidden: hide_tokens. Returns how many there are. */
static size_t check_golden(const char *file, const char *vocabulary, bool hidden)
{
    wick_json *root = read_fixture(file);
    const wick_json *cases = wick_json_get(root, "cases");
    wick_encoding *encoding = wick_encoding_new();
    size_t n_texts = 0;
    for (size_t i = 0; i < wick_json_count(cases); i++) {
        const wick_json *one = wick_json_at(cases, i), *texts = wick_json_get(one, "texts");
        const char *name = wick_json_string(wick_json_get(one, "name"), NULL);
        const char *head = wick_json_string(wick_json_get(one, "head"), NULL);
        char *other = hidden ? hide_tokens(head) : NULL;
        wick_tokenizer *tokenizer = parse_with(hidden ? other : head, vocabulary);
        wick_tokenize_options options;
        int64_t max_tokens = -1;
        wick_tokenize_options_init(&options);
        assert_true(wick_json_integer(wick_json_get(one, "max_tokens"), &max_tokens));
        options.max_tokens = (size_t)max_tokens;
        options.truncate_side =
            wick_json_bool(wick_json_get(one, "left"), false) ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_DEFAULT;
        options.add_special_tokens = wick_json_bool(wick_json_get(one, "special"), true);
        for (size_t k = 0; k < wick_json_count(texts); k++, n_texts++)
            check_text(tokenizer, &options, encoding, wick_json_at(texts, k), name, k);
        wick_tokenizer_free(tokenizer);
        free(other);
    }
    wick_encoding_free(encoding);
    wick_json_free(root);
    return n_texts;
}

static void golden_texts(void **state)
{
    char *whole;
    const char *vocabulary = read_vocabulary(&whole);
    assert_true(check_golden(FOLDER "golden.json", vocabulary, false) > 1000);
    free(whole);
}

/* Every normaliser, Metaspace and Unigram: made by tools/make_golden_steps.py. */
static void golden_steps(void **state)
{
    assert_true(check_golden(FOLDER "steps.json", "", false) > 1000);
    assert_true(check_golden(FOLDER "steps.json", "", true) > 1000);
}

static void golden_bpe_texts(void **state)
{
    assert_true(check_golden(FOLDER "golden_bpe.json", "", false) > 500);
}

static void tokens_by_id(void **state)
{
    wick_tokenizer *tokenizer = read_small();
    size_t n = wick_tokenizer_vocab_size(tokenizer);
    assert_true(n > 1000);
    assert_string_equal(wick_tokenizer_token(tokenizer, 0), "[PAD]");
    assert_string_equal(wick_tokenizer_token(tokenizer, 4), "[MASK]");
    assert_non_null(wick_tokenizer_token(tokenizer, (int32_t)n - 1));
    assert_null(wick_tokenizer_token(tokenizer, (int32_t)n));
    assert_null(wick_tokenizer_token(tokenizer, -1));
    assert_null(wick_tokenizer_token(NULL, 0));
    wick_tokenizer_free(tokenizer);
    wick_tokenizer_free(NULL);
    wick_encoding_free(NULL);
}

static void wrong_input(void **state)
{
    static const struct {
        const char *text;
        size_t n, bad;
    } cases[] = {{"\xff", 1, 0},
                 {"abc\xc3", 4, 3},
                 {"a\xc0\x80", 3, 1},
                 {"ab\xed\xa0\x80", 5, 2},
                 {"\xf4\x90\x80\x80", 4, 0},
                 {"caf\xc3\xa9\x80", 6, 5},
                 {"12345678\xe2\x82", 10, 8}};
    wick_tokenizer *tokenizer = read_small();
    wick_encoding *encoding = wick_encoding_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_error error = {0};
        char wanted[64];
        snprintf(wanted, sizeof wanted, "invalid UTF-8 at byte %zu", cases[i].bad + 1);
        assert_int_equal(wick_tokenize(tokenizer, cases[i].text, cases[i].n, NULL, encoding, &error),
                         WICK_E_INVALID_INPUT);
        assert_string_equal(error.message, wanted);
        assert_int_equal(encoding->n_tokens, 0);
        assert_int_equal(wick_tokenize(tokenizer, "good", 4, NULL, encoding, &error), WICK_OK);
        assert_true(encoding->n_tokens > 2);
    }
    wick_error error = {0};
    assert_int_equal(wick_tokenize(tokenizer, NULL, 3, NULL, encoding, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_tokenize(tokenizer, "a", 1, NULL, NULL, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_tokenize(NULL, "a", 1, NULL, encoding, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_tokenize(tokenizer, NULL, 0, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 2);
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
}

static void options_are_checked(void **state)
{
    wick_tokenizer *tokenizer = read_small();
    wick_encoding *encoding = wick_encoding_new();
    wick_tokenize_options options;
    wick_error error = {0};
    wick_tokenize_options_init(&options);
    options.max_tokens = 1;
    assert_int_equal(wick_tokenize(tokenizer, "a b c", 5, &options, encoding, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "max_tokens");
    options.add_special_tokens = false;
    assert_int_equal(wick_tokenize(tokenizer, "a b c", 5, &options, encoding, &error), WICK_OK);
    assert_int_equal(encoding->n_tokens, 1);
    options.size = 0;
    assert_int_equal(wick_tokenize(tokenizer, "a", 1, &options, encoding, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "options->size");
    /* A caller compiled when the struct ended before max_tokens: what follows is not read. */
    options.size = offsetof(wick_tokenize_options, max_tokens);
    assert_int_equal(wick_tokenize(tokenizer, "a b c", 5, &options, encoding, &error), WICK_OK);
    assert_int_equal(encoding->n_tokens, 3);
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
}

/* A text of `n` times `unit` between two others. */
static char *repeat(const char *unit, size_t n, size_t *n_bytes)
{
    size_t length = strlen(unit);
    char *text = malloc(n * length);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * length, unit, length);
    *n_bytes = n * length;
    return text;
}

static void hostile_texts(void **state)
{
    static const struct {
        const char *unit;
        size_t n, n_tokens, last_end;
    } cases[] = {
        {".", 1000000, 1000002, 1000000},
        {"a", 1000000, 3, 1000000},                             /* one word, too long */
        {"\xcc\x81", 100000, 2, 0},                             /* combining marks alone: stripped */
        {"\xcc\x81\xcc\x96", 50000, 2, 0},                      /* marks in the wrong order */
        {"\xf0\x9d\x85\xa5\xf0\x9d\x85\xad", 50000, 3, 100000}, /* marks that are not stripped: U+1D165 U+1D16D */
        {" ", 1000000, 2, 0},
        {"[", 100000, 100002, 100000},
        {"[MASK]", 10000, 10002, 60000},
        {"\xea\xb0\x81", 100000, 3, 100000}, /* Hangul: three letters each */
    };
    wick_tokenizer *tokenizer = read_small();
    wick_encoding *encoding = wick_encoding_new();
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n_bytes;
        char *text = repeat(cases[i].unit, cases[i].n, &n_bytes);
        assert_int_equal(wick_tokenize(tokenizer, text, n_bytes, NULL, encoding, NULL), WICK_OK);
        assert_int_equal(encoding->n_tokens, cases[i].n_tokens);
        if (encoding->n_tokens > 2) {
            assert_int_equal(encoding->starts[1], 0);
            assert_int_equal(encoding->ends[encoding->n_tokens - 2], cases[i].last_end);
        }
        for (int left = 0; left < 2; left++) { /* the same tokens where only 16 are kept */
            int32_t last = encoding->ids[cases[i].n_tokens - 2];
            options.max_tokens = 16;
            options.truncate_side = left ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
            assert_int_equal(wick_tokenize(tokenizer, text, n_bytes, &options, encoding, NULL), WICK_OK);
            assert_int_equal(encoding->n_tokens, cases[i].n_tokens < 16 ? cases[i].n_tokens : 16);
            assert_int_equal(encoding->ids[encoding->n_tokens - 2], last);
            if (left && encoding->n_tokens > 2)
                assert_int_equal(encoding->ends[encoding->n_tokens - 2], cases[i].last_end);
            assert_int_equal(wick_tokenize(tokenizer, text, n_bytes, NULL, encoding, NULL), WICK_OK);
        }
        free(text);
    }
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
}

static void *tokenize_often(void *argument)
{
    static const char text[] = "The lighthouse keeper counted seven ships, d\xc3\xa9j\xc3\xa0 vu! [MASK]";
    const wick_tokenizer *tokenizer = argument;
    wick_encoding *encoding = wick_encoding_new();
    size_t sum = 0;
    for (int i = 0; i < 200 && encoding; i++)
        if (wick_tokenize(tokenizer, text, sizeof text - 1, NULL, encoding, NULL) == WICK_OK)
            for (size_t k = 0; k < encoding->n_tokens; k++)
                sum += (size_t)encoding->ids[k];
    wick_encoding_free(encoding);
    return (void *)(uintptr_t)sum;
}

static void shared_by_threads(void **state)
{
    wick_tokenizer *tokenizer = read_small();
    pthread_t threads[4];
    void *alone = tokenize_often(tokenizer), *sum;
    assert_true((uintptr_t)alone > 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, tokenize_often, tokenizer), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &sum), 0);
        assert_ptr_equal(sum, alone);
    }
    wick_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_texts),     cmocka_unit_test(golden_steps),      cmocka_unit_test(tokens_by_id),
        cmocka_unit_test(golden_bpe_texts), cmocka_unit_test(wrong_input),       cmocka_unit_test(options_are_checked),
        cmocka_unit_test(hostile_texts),    cmocka_unit_test(shared_by_threads),
    };
    wick_log_set_level(WICK_LOG_OFF); /* some golden cases give added tokens ids that the package corrects */
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
