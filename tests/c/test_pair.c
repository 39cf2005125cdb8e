/* SPDX-License-Identifier: Apache-2.0
 * test_pair.c: pairs of texts (text/pair.h) against what the tokenizers package gives (fixtures/tokenizer/pairs.json, made by tools/make_golden_tokens.py); what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "text/pair.h"
#include "text/tokenizer.h"

#define FOLDER WICK_FIXTURES "/tokenizer/"
#define MAX_FIXTURE_BYTES ((size_t)8 << 20)

typedef struct encodings {
    wick_encoding *first, *second, *joined;
} encodings;

static int setup(void **state)
{
    static encodings e;
    e = (encodings){wick_encoding_new(), wick_encoding_new(), wick_encoding_new()};
    *state = &e;
    return e.first && e.second && e.joined ? 0 : -1;
}

static int teardown(void **state)
{
    encodings *e = *state;
    wick_encoding_free(e->first);
    wick_encoding_free(e->second);
    wick_encoding_free(e->joined);
    return 0;
}

static wick_tokenizer *parse(const char *json)
{
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    if (wick_tokenizer_parse(json, strlen(json), "pairs", &tokenizer, &error) != WICK_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

static int64_t number(const wick_json *object, const char *key, size_t index)
{
    int64_t value = -1;
    assert_true(wick_json_integer(wick_json_at(wick_json_get(object, key), index), &value));
    return value;
}

static void tokenize(const wick_tokenizer *tokenizer, const wick_json *text, wick_encoding *out)
{
    size_t n;
    const char *bytes = wick_json_string(text, &n);
    assert_non_null(bytes);
    assert_int_equal(wick_tokenize_part(tokenizer, bytes, n, 0, WICK_TRUNCATE_DEFAULT, out, NULL), WICK_OK);
}

static void check_pair(const wick_tokenizer *tokenizer, const encodings *e, const wick_json *golden, size_t max_tokens,
                       bool left, const char *name)
{
    const uint8_t *types = NULL;
    const uint8_t side = left ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    tokenize(tokenizer, wick_json_get(golden, "first"), e->first);
    tokenize(tokenizer, wick_json_get(golden, "second"), e->second);
    assert_int_equal(wick_pair_join(tokenizer, e->first, e->second, max_tokens, side, e->joined, &types, NULL),
                     WICK_OK);
    bool same = e->joined->n_tokens == wick_json_count(wick_json_get(golden, "ids"));
    for (size_t i = 0; same && i < e->joined->n_tokens; i++)
        same = e->joined->ids[i] == number(golden, "ids", i) && e->joined->starts[i] == number(golden, "starts", i) &&
               e->joined->ends[i] == number(golden, "ends", i) &&
               e->joined->is_special[i] == number(golden, "mask", i) && types[i] == number(golden, "types", i);
    if (!same)
        fail_msg("\"%s\", at most %zu: \"%s\" and \"%s\"", name, max_tokens,
                 wick_json_string(wick_json_get(golden, "first"), NULL),
                 wick_json_string(wick_json_get(golden, "second"), NULL));
}

static void golden_pairs(void **state)
{
    wick_json *root = NULL;
    size_t n_pairs = 0;
    assert_int_equal(wick_json_read(FOLDER "pairs.json", MAX_FIXTURE_BYTES, &root, NULL), WICK_OK);
    const wick_json *cases = wick_json_get(root, "cases");
    for (size_t i = 0; i < wick_json_count(cases); i++) {
        const wick_json *one = wick_json_at(cases, i), *pairs = wick_json_get(one, "texts");
        wick_tokenizer *tokenizer = parse(wick_json_string(wick_json_get(one, "head"), NULL));
        int64_t max_tokens = -1;
        assert_true(wick_json_integer(wick_json_get(one, "max_tokens"), &max_tokens));
        for (size_t k = 0; k < wick_json_count(pairs); k++, n_pairs++)
            check_pair(tokenizer, *state, wick_json_at(pairs, k), (size_t)max_tokens,
                       wick_json_bool(wick_json_get(one, "left"), false),
                       wick_json_string(wick_json_get(one, "name"), NULL));
        wick_tokenizer_free(tokenizer);
    }
    assert_true(n_pairs > 300);
    wick_json_free(root);
}

#define DOCUMENT(pair)                                                                                                 \
    "{\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\", "             \
    "\"type_id\": 0}}], " pair "\"special_tokens\": {\"s\": {\"id\": \"s\", \"ids\": [0, 0], \"tokens\": [\"a\", "     \
    "\"a\"]}}}, \"model\": {\"type\": "                                                                                \
    "\"WordPiece\", \"unk_token\": \"a\", \"continuing_subword_prefix\": \"#\", "                                      \
    "\"max_input_chars_per_word\": 9, \"vocab\": {\"a\": 0}}}"

static void refused(void **state)
{
    const encodings *e = *state;
    const uint8_t *types = NULL;
    wick_error error = {0};
    wick_tokenizer *without = parse(DOCUMENT("\"pair\": [], ")),
                   *half = parse(DOCUMENT("\"pair\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], "));
    wick_tokenizer *whole =
        parse(DOCUMENT("\"pair\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"s\", "
                       "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}], "));
    assert_int_equal(wick_tokenize_part(whole, "a", 1, 0, 0, e->first, NULL), WICK_OK);
    assert_int_equal(wick_tokenize_part(whole, "a a", 3, 0, 0, e->second, NULL), WICK_OK);
    assert_int_equal(wick_tokenize_part(whole, "\xff", 1, 0, 0, e->joined, NULL), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_pair_join(without, e->first, e->second, 0, 0, e->joined, &types, &error), WICK_E_UNSUPPORTED);
    assert_int_equal(wick_pair_join(half, e->first, e->second, 0, 0, e->joined, &types, &error), WICK_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no form for pairs"));
    assert_int_equal(wick_pair_join(whole, e->first, e->second, 1, 0, e->joined, &types, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "max_tokens");
    assert_int_equal(wick_pair_join(whole, e->first, e->second, 2, 0, e->joined, &types, &error), WICK_OK);
    assert_int_equal(e->joined->n_tokens, 2);
    wick_tokenizer_adapt(whole, WICK_TRUNCATE_DEFAULT, true); /* no special tokens */
    assert_int_equal(wick_pair_join(whole, e->first, e->second, 0, 0, e->joined, &types, &error), WICK_OK);
    assert_int_equal(e->joined->n_tokens, 2);
    assert_int_equal(types[0], 0);
    assert_int_equal(types[1], 1);
    wick_tokenizer_free(without);
    wick_tokenizer_free(half);
    wick_tokenizer_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(golden_pairs, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
    };
    return cmocka_run_group_tests_name("pair", tests, NULL, NULL);
}
