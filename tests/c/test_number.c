/* SPDX-License-Identifier: Apache-2.0
 * test_number.c: floats as text (src/base/number_float.c, number.cc): shortest, exact on reading back, whatever the locale. */
#include "base/number.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void writes_the_shortest_form(void **state)
{
    static const struct {
        float value;
        const char *text;
    } want[] = {{0.0f, "0"},
                {-0.0f, "-0"},
                {1.0f, "1"},
                {0.1f, "0.1"},
                {-0.5f, "-0.5"},
                {16777216.0f, "16777216"},
                {FLT_MAX, "3.4028235e+38"},
                {FLT_MIN, "1.1754944e-38"},
                {-1e-45f, "-1e-45"},
                {0.6887f, "0.6887"},
                {1.0f / 3.0f, "0.33333334"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char text[WICK_FLOAT_TEXT_BYTES + 1] = {0};
        const size_t n = wick_float_to_text(want[i].value, text);
        assert_int_equal(n, strlen(want[i].text));
        text[n] = '\0';
        assert_string_equal(text, want[i].text);
    }
}

/* A stride through all bit patterns: exact on reading back, and inside the buffer. */
static void reads_back_as_the_same_bits(void **state)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 40503) {
        const uint32_t pattern = (uint32_t)bits;
        float value, back;
        memcpy(&value, &pattern, sizeof value);
        if (!isfinite(value))
            continue;
        char text[WICK_FLOAT_TEXT_BYTES + 1];
        memset(text, 'x', sizeof text);
        const size_t n = wick_float_to_text(value, text);
        assert_in_range(n, 1, WICK_FLOAT_TEXT_BYTES);
        assert_int_equal(text[WICK_FLOAT_TEXT_BYTES], 'x');
        text[n] = '\0';
        back = strtof(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
    }
}

static void assert_as_to_chars(uint32_t pattern)
{
    float value;
    char text[WICK_FLOAT_TEXT_BYTES], want[WICK_FLOAT_TEXT_BYTES];
    memcpy(&value, &pattern, sizeof value);
    const size_t n = wick_float_to_text(value, text), n_want = wick_float_to_text_any(value, want);
    if (n != n_want || memcmp(text, want, n) != 0)
        fail_msg("%08x: %.*s, should be %.*s", pattern, (int)n, text, (int)n_want, want);
}

/* Where the quick way is taken (2^-13 to 2^10), and around its ends: a stride through all patterns, and the first and last of each power of two. */
static void writes_what_to_chars_writes(void **state)
{
    const uint32_t sign = 1u << 31;
    for (uint32_t exponent = 127 - 16; exponent < 127 + 13; exponent++) {
        for (uint32_t fraction = 0; fraction < 1u << 23; fraction += 97)
            assert_as_to_chars(exponent << 23 | fraction | (fraction & 1 ? sign : 0));
        for (uint32_t i = 0; i < 1000; i++) {
            assert_as_to_chars((exponent << 23) + i);
            assert_as_to_chars(((exponent + 1) << 23) - 1 - i);
        }
    }
}

/* Few digits, many trailing zeros, halves between two decimals. */
static void writes_round_numbers_as_to_chars_does(void **state)
{
    for (uint32_t i = 1; i < 200000; i++) {
        uint32_t pattern;
        for (float scale = 1; scale < 2e6f; scale *= 10) {
            const float value = (float)i / scale;
            memcpy(&pattern, &value, sizeof pattern);
            assert_as_to_chars(pattern);
        }
        const float dyadic = (float)i / 4096;
        memcpy(&pattern, &dyadic, sizeof pattern);
        assert_as_to_chars(pattern);
    }
}

static void ignores_the_locale(void **state)
{
    /* Where none of these is installed the "C" locale stays and the check still holds. */
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "fr_FR.UTF-8");
    char text[WICK_FLOAT_TEXT_BYTES + 1] = {0};
    text[wick_float_to_text(2.5f, text)] = '\0';
    setlocale(LC_ALL, "C");
    assert_string_equal(text, "2.5");
}

static void whole_numbers(void **state)
{
    (void)state;
    const uint64_t values[] = {
        0, 1, 9, 10, 42, 99, 100, 429, 4294967296u, 9999999999999999999u, 10000000000000000000u, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t n_least = 0; n_least <= 20; n_least++) {
            char expected[32], got[WICK_WHOLE_TEXT_BYTES];
            const int n = snprintf(expected, sizeof expected, "%0*llu", (int)n_least, (unsigned long long)values[i]);
            assert_int_equal(wick_whole_to_text(values[i], n_least, got), n);
            assert_memory_equal(got, expected, (size_t)n);
        }
    char got[WICK_WHOLE_TEXT_BYTES];
    assert_int_equal(wick_whole_to_text(7, SIZE_MAX, got), WICK_WHOLE_TEXT_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_shortest_form),    cmocka_unit_test(reads_back_as_the_same_bits),
        cmocka_unit_test(writes_what_to_chars_writes), cmocka_unit_test(writes_round_numbers_as_to_chars_does),
        cmocka_unit_test(ignores_the_locale),          cmocka_unit_test(whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
