/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/utf8.h: every scalar value there and back; malformed sequences of every sort, alone and behind text of every alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void every_scalar_value(void **state)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char bytes[4];
        uint32_t back = 0xFFFFFFFF;
        unsigned n = wick_utf8_encode(c, bytes);
        if (n != (c < 0x80      ? 1u
                  : c < 0x800   ? 2u
                  : c < 0x10000 ? 3u
                                : 4u) ||
            !wick_utf8_valid(bytes, n, NULL) || wick_utf8_decode(bytes, &back) != n || back != c)
            fail_msg("U+%04X", c);
    }
}

/* Every sequence of up to three bytes is judged as the definition says: it is valid exactly when it is some scalar values' encoding. */
static void every_pair_and_triple(void **state)
{
    for (uint32_t i = 0; i < 1u << 24; i += i < 1u << 16 ? 1 : 7) {
        char bytes[4] = {(char)(i >> 16), (char)(i >> 8), (char)i}; /* one more than is looked at */
        size_t first = i < 1u << 16 ? 1 : 0, at = first;
        bool valid = true;
        while (at < 3 && valid) {
            const uint8_t *s = (const uint8_t *)bytes + at;
            size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xC0 && s[0] < 0xE0 ? 2 : s[0] >= 0xE0 && s[0] < 0xF0 ? 3 : 9;
            uint32_t c = 0;
            char again[4];
            valid = at + n <= 3;
            if (valid) {
                wick_utf8_decode(bytes + at, &c);
                valid =
                    (c < 0xD800 || c > 0xDFFF) && wick_utf8_encode(c, again) == n && memcmp(again, bytes + at, n) == 0;
            }
            at += valid ? n : 0;
        }
        size_t bad = 99;
        if (wick_utf8_valid(bytes + first, 3 - first, &bad) != valid || (!valid && bad != at - first))
            fail_msg("%02x %02x %02x", (uint8_t)bytes[0], (uint8_t)bytes[1], (uint8_t)bytes[2]);
    }
}

/* The length of the character at s, of n bytes, by the definition: the encoding of a scalar value; or 0. */
static size_t character_at(const char *s, size_t n)
{
    const uint8_t first = (uint8_t)*s;
    const size_t length = first < 0x80   ? 1
                          : first < 0xC0 ? 0
                          : first < 0xE0 ? 2
                          : first < 0xF0 ? 3
                          : first < 0xF8 ? 4
                                         : 0;
    uint32_t c;
    char again[4];
    if (length == 0 || length > n)
        return 0;
    wick_utf8_decode(s, &c);
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || wick_utf8_encode(c, again) != length)
        return 0;
    return memcmp(again, s, length) == 0 ? length : 0;
}

/* Texts of characters of every length, of which one byte is changed or the end is missing. */
static void damaged_texts(void **state)
{
    uint64_t random = 1;
    for (size_t round = 0; round < 300000; round++) {
        char text[128];
        size_t n = 0, at = 0, bad = 999, n_wanted = 1 + round % 100;
        while (n < n_wanted) {
            static const uint32_t limits[] = {0x80, 0x80, 0x800, 0x10000, 0x110000};
            random = random * 6364136223846793005u + 1442695040888963407u;
            const uint32_t c = (uint32_t)(random >> 32) % limits[(random >> 28) % (round % 5 + 1)];
            n += wick_utf8_encode(c >= 0xD800 && c <= 0xDFFF ? 0xE9 : c, text + n);
        }
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (round % 4 < 2)
            text[(random >> 32) % n] = (char)(random >> 24);
        else if (round % 4 == 2)
            n -= (random >> 32) % 4 < n ? (random >> 32) % 4 : 0;
        for (size_t length; at < n && (length = character_at(text + at, n - at)) > 0;)
            at += length;
        const bool is_valid = wick_utf8_valid(text, n, &bad);
        if (is_valid != (at == n) || (!is_valid && bad != at))
            fail_msg("round %zu: %d, byte %zu, not %zu of %zu", round, is_valid, bad, at, n);
    }
}

static void malformed_at_every_offset(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"\x80", 1},
        {"\xBF", 1},
        {"\xC0\x80", 2},
        {"\xC1\xBF", 2},
        {"\xC2", 1},
        {"\xC2 ", 2},
        {"\xE0\x9F\xBF", 3},
        {"\xE1\x80", 2},
        {"\xED\xA0\x80", 3},
        {"\xED\xBF\xBF", 3},
        {"\xEF\xBF ", 3},
        {"\xF0\x8F\xBF\xBF", 4},
        {"\xF0\x90\x80", 3},
        {"\xF4\x90\x80\x80", 4},
        {"\xF5\x80\x80\x80", 4},
        {"\xF8\x88\x80\x80\x80", 5},
        {"\xFE", 1},
        {"\xFF", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t prefix = 0; prefix < 40; prefix++)
            for (size_t suffix = 0; suffix < 12; suffix++) {
                char text[64];
                memset(text, 'a', sizeof text);
                memcpy(text + prefix, cases[i].bytes, cases[i].n);
                size_t bad = 999;
                assert_false(wick_utf8_valid(text, prefix + cases[i].n + suffix, &bad));
                assert_int_equal(bad, prefix);
                assert_false(wick_utf8_valid(text, prefix + cases[i].n + suffix, NULL));
            }
}

static void valid_texts(void **state)
{
    size_t bad = 5;
    assert_true(wick_utf8_valid("", 0, &bad));
    assert_true(wick_utf8_valid(NULL, 0, NULL));
    assert_true(wick_utf8_valid("a\0b", 3, NULL));
    assert_true(wick_utf8_valid("ascii, twenty bytes.\xc3\xa9\xe4\xb8\x96\xf0\x9f\x8c\x8d and on", 36, NULL));
    assert_int_equal(bad, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_value), cmocka_unit_test(every_pair_and_triple),
        cmocka_unit_test(damaged_texts),      cmocka_unit_test(malformed_at_every_offset),
        cmocka_unit_test(valid_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
