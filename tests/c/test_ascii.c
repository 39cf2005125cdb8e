/* SPDX-License-Identifier: Apache-2.0
 * test_ascii.c: what works on sixteen bytes at a time gives what the same work byte by byte gives, for every byte at every place of texts
 * about as long as a step, and reads nothing behind a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "text/ascii.h"
#include "text/normalizer.h"
#include "text/tokenizer.h"

#define MAX_BYTES (3 * WICK_ASCII_STEP)

static void ranges_are_found(void **state)
{
    for (unsigned first = 0; first < 256; first += 3)
        for (unsigned last = first; last < 256; last += 5)
            for (unsigned c = 0; c < 256; c++) {
                uint8_t bytes[WICK_ASCII_STEP];
                memset(bytes, (int)first, sizeof bytes);
                bytes[c % WICK_ASCII_STEP] = (uint8_t)c;
                unsigned leading = wick_ascii_leading(wick_ascii_within(wick_ascii_load(bytes), first, last));
                assert_int_equal(leading, c >= first && c <= last ? WICK_ASCII_STEP : c % WICK_ASCII_STEP);
            }
}

/* BertNormalizer on ASCII, one character at a time; returns how many are left. */
static size_t normalize_slowly(const uint8_t *text, size_t n, bool cleans, bool lowers, uint8_t *out, uint32_t *origins)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (cleans && !is_space && (c < 0x20 || c == 0x7F))
            continue;
        c = cleans && is_space ? ' ' : c;
        out[n_out] = lowers && c >= 'A' && c <= 'Z' ? c + 0x20 : c;
        origins[n_out++] = (uint32_t)i;
    }
    return n_out;
}

static void check_text(const wick_normalizer *nz, bool cleans, bool lowers, const char *text, size_t n,
                       wick_encoding_state *state)
{
    uint8_t wanted[MAX_BYTES];
    uint32_t origins[MAX_BYTES];
    size_t n_wanted = normalize_slowly((const uint8_t *)text, n, cleans, lowers, wanted, origins);
    for (size_t slice = 1; slice <= n + 1; slice += 1 + slice / 2) {
        wick_source source = {.at = text, .end = text + n};
        state->text.n_bytes = 0;
        while (source.at < source.end)
            wick_normalizer_run(nz, &source, slice, state);
        assert_int_equal(source.n_chars, n);
        assert_int_equal(state->text.n_bytes, n_wanted);
        assert_memory_equal(state->text.bytes, wanted, n_wanted);
        assert_memory_equal(state->text.origins, origins, n_wanted * sizeof *origins);
        for (size_t i = 0; i < WICK_NORMALIZED_PAD; i++)
            assert_int_equal(state->text.bytes[n_wanted + i], 0);
    }
}

/* Every ASCII character at the places around a step's seams; the text ends where its memory ends, for the sanitizers. */
static void check_normalizer(const char *json, bool cleans, bool lowers)
{
    wick_json *value;
    wick_normalizer nz;
    wick_error error = {0};
    const wick_reading reading = {.where = "test", .error = &error};
    assert_int_equal(wick_json_parse(json, strlen(json), "test", &value, &error), WICK_OK);
    assert_int_equal(wick_normalizer_load(&reading, value, &nz), WICK_OK);
    wick_encoding *encoding = wick_encoding_new();
    assert_non_null(encoding);
    for (size_t n = 1; n <= MAX_BYTES; n++) {
        char *text = malloc(n);
        assert_non_null(text);
        for (unsigned c = 0; c < 128; c++) {
            for (size_t i = 0; i < n; i++)
                text[i] = "aZ 9~"[i % 5];
            text[(c + n) % n] = text[c % n] = (char)c;
            check_text(&nz, cleans, lowers, text, n, (wick_encoding_state *)(void *)encoding);
        }
        free(text);
    }
    wick_encoding_free(encoding);
    wick_json_free(value);
}

static void normalizers_agree(void **state)
{
    check_normalizer("{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "
                     "\"lowercase\": true, \"strip_accents\": null}",
                     true, true);
    check_normalizer("{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "
                     "\"lowercase\": false, \"strip_accents\": null}",
                     true, false);
    check_normalizer("{\"type\": \"Lowercase\"}", false, true);
    check_normalizer("{\"type\": \"NFD\"}", false, false);
}

#define DOCUMENT(pre_tokenizer)                                                                                        \
    "{\"normalizer\": null, \"pre_tokenizer\": " pre_tokenizer                                                         \
    ", \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"?\", \"continuing_subword_prefix\": \"##\", "             \
    "\"max_input_chars_per_word\": 100, \"vocab\": {\"?\": 0, \"a\": 1, \"##a\": 2, \"aa\": 3, \"##aa\": 4}}}"

/* Words are as long as they are, wherever they stand: only 'a' is known, so that a word's tokens give away its length. */
static void words_end_where_they_end(void **state)
{
    static const char *const documents[] = {DOCUMENT("{\"type\": \"BertPreTokenizer\"}"),
                                            DOCUMENT("{\"type\": \"Whitespace\"}"),
                                            DOCUMENT("{\"type\": \"WhitespaceSplit\"}")};
    wick_encoding *encoding = wick_encoding_new();
    for (size_t d = 0; d < sizeof documents / sizeof *documents; d++) {
        wick_tokenizer *tokenizer;
        assert_int_equal(wick_tokenizer_parse(documents[d], strlen(documents[d]), "test", &tokenizer, NULL), WICK_OK);
        for (size_t before = 0; before < 40; before++)
            for (size_t n = 1; n < 40; n++) {
                char *text = malloc(before + n);
                assert_non_null(text);
                memset(text, ' ', before);
                memset(text + before, 'a', n);
                assert_int_equal(wick_tokenize(tokenizer, text, before + n, NULL, encoding, NULL), WICK_OK);
                assert_int_equal(encoding->n_tokens, (n + 1) / 2);
                assert_int_equal(encoding->starts[0], before);
                assert_int_equal(encoding->ends[encoding->n_tokens - 1], before + n);
                free(text);
            }
        wick_tokenizer_free(tokenizer);
    }
    wick_encoding_free(encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_found),
        cmocka_unit_test(normalizers_agree),
        cmocka_unit_test(words_end_where_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
