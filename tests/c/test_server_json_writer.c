/* SPDX-License-Identifier: Apache-2.0
 * test_server_json_writer.c: what the server writes reads back: strings with every character, floats bit for bit, base64 as RFC 4648 has it. */
#include <float.h>
#include <math.h>
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
#include "base/utf8.h"
#include "server/json_writer.h"

static void check_text(wick_buffer *buffer, const char *expected)
{
    assert_false(buffer->failed);
    assert_int_equal(buffer->n_bytes, strlen(expected));
    assert_memory_equal(buffer->bytes, expected, buffer->n_bytes);
    free(buffer->bytes);
    *buffer = (wick_buffer){0};
}

static void buffers_grow_and_keep_what_they_hold(void **state)
{
    wick_buffer buffer = {0};
    char expected[20001] = "";
    for (int i = 0; i < 2000; i++) {
        wick_buffer_format(&buffer, "%d", i % 10);
        wick_buffer_text(&buffer, "ab");
        wick_buffer_put(&buffer, "cdefg!!", 7);
        snprintf(expected + i * 10, 11, "%dabcdefg!!", i % 10);
    }
    wick_buffer_put(&buffer, NULL, 0);
    check_text(&buffer, expected);
}

static void what_does_not_fit_is_remembered(void **state)
{
    wick_buffer buffer = {0};
    wick_buffer_text(&buffer, "before");
    assert_false(wick_buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    wick_buffer_text(&buffer, "after");
    wick_json_put_floats(&buffer, &(float){1}, 1);
    wick_json_put_base64(&buffer, "abc", 3);
    assert_true(buffer.failed);
    assert_int_equal(buffer.n_bytes, 6);
    free(buffer.bytes);
    wick_buffer other = {0};
    wick_json_put_floats(&other, NULL, SIZE_MAX / 4);
    assert_true(other.failed);
}

/* Writes text and reads it with the reader. */
static void check_string(const char *text, size_t n)
{
    wick_buffer buffer = {0};
    wick_json *read;
    wick_error error = {0};
    size_t n_read;
    wick_json_put_string(&buffer, text, n);
    assert_false(buffer.failed);
    for (size_t i = 0; i < buffer.n_bytes; i++)
        assert_true((unsigned char)buffer.bytes[i] >= 0x20);
    if (wick_json_parse(buffer.bytes, buffer.n_bytes, "test", &read, &error) != WICK_OK)
        fail_msg("%s", error.message);
    const char *got = wick_json_string(read, &n_read);
    assert_non_null(got);
    assert_int_equal(n_read, n);
    assert_memory_equal(got, text, n);
    wick_json_free(read);
    free(buffer.bytes);
}

static void every_character_reads_back(void **state)
{
    char text[8 + 4];
    check_string("", 0);
    for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        memcpy(text, "ab\"", 3);
        size_t n = 3 + wick_utf8_encode(c, text + 3);
        memcpy(text + n, "\\z", 2);
        check_string(text, n + 2);
    }
}

static void escapes_are_the_short_ones(void **state)
{
    wick_buffer buffer = {0};
    wick_json_put_string(&buffer, "\"\\/\b\f\n\r\t\v\0\x1f\x7f\xC3\xA9", 14);
    check_text(&buffer, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u0000\\u001f\x7f\xC3\xA9\"");
    wick_json_put_text(&buffer, "a\nb");
    wick_json_put_text(&buffer, NULL);
    check_text(&buffer, "\"a\\nb\"null");
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void a_million_floats_read_back_bit_for_bit(void **state)
{
    enum { N = 1000, ROUNDS = 1000 };
    static float values[N];
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < ROUNDS; round++) {
        wick_buffer buffer = {0};
        for (int i = 0; i < N; i++)
            do {
                uint32_t bits = (uint32_t)next(&random);
                memcpy(&values[i], &bits, sizeof bits);
                if (round % 2) /* what vectors hold */
                    values[i] = (float)((double)bits / UINT32_MAX - 0.5);
            } while (!isfinite(values[i]));
        wick_json_put_floats(&buffer, values, N);
        wick_buffer_put(&buffer, "", 1);
        assert_false(buffer.failed);
        char *at = buffer.bytes;
        assert_int_equal(*at++, '[');
        for (int i = 0; i < N; i++) {
            char *end;
            float got = strtof(at, &end);
            assert_memory_equal(&got, &values[i], sizeof got);
            assert_int_equal(*end, i + 1 < N ? ',' : ']');
            at = end + 1;
        }
        assert_int_equal(*at, '\0');
        free(buffer.bytes);
    }
}

static void floats_at_the_edges(void **state)
{
    static const float values[] = {0.0f, -0.0f, 1.0f, -1.5f, 0.1f, 16777216.0f, FLT_MAX, -FLT_MIN, 1e-45f, 1e10f};
    wick_buffer buffer = {0};
    wick_json_put_floats(&buffer, values, sizeof values / sizeof *values);
    check_text(&buffer, "[0,-0,1,-1.5,0.1,16777216,3.4028235e+38,-1.1754944e-38,1e-45,1e+10]");
    wick_json_put_floats(&buffer, values, 0);
    check_text(&buffer, "[]");
    /* The longest there are, in numbers: room must be there for all. */
    float longest[64];
    for (int i = 0; i < 64; i++)
        longest[i] = -1.17549435e-38f * (1 + (float)i / 4096);
    wick_json_put_floats(&buffer, longest, 64);
    assert_true(buffer.n_bytes <= buffer.capacity);
    free(buffer.bytes);
}

static void numbers(void **state)
{
    wick_buffer buffer = {0};
    wick_json_put_number(&buffer, 0.1);
    wick_buffer_text(&buffer, " ");
    wick_json_put_number(&buffer, -DBL_MAX);
    wick_buffer_text(&buffer, " ");
    wick_json_put_number(&buffer, 12345678.0);
    wick_buffer_text(&buffer, " ");
    wick_json_put_integer(&buffer, INT64_MIN);
    wick_buffer_text(&buffer, " ");
    wick_json_put_integer(&buffer, INT64_MAX);
    check_text(&buffer, "0.1 -1.7976931348623157e+308 12345678 -9223372036854775808 9223372036854775807");
}

static void small_integers(void **state)
{
    wick_buffer buffer = {0};
    char expected[2048] = "[";
    int8_t values[256];
    for (int i = 0; i < 256; i++) {
        values[i] = (int8_t)(i - 128);
        snprintf(expected + strlen(expected), 8, "%s%d", i ? "," : "", i - 128);
    }
    strcat(expected, "]");
    wick_json_put_int8s(&buffer, values, 256);
    check_text(&buffer, expected);
    wick_json_put_int8s(&buffer, values, 0);
    check_text(&buffer, "[]");
    uint8_t bytes[256];
    strcpy(expected, "[");
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
        snprintf(expected + strlen(expected), 8, "%s%d", i ? "," : "", i);
    }
    strcat(expected, "]");
    wick_json_put_uint8s(&buffer, bytes, 256);
    check_text(&buffer, expected);
}

/* RFC 4648, section 10; and bytes that use the last two characters. */
static void base64_of_the_rfc(void **state)
{
    static const char *const cases[][2] = {
        {"", "\"\""},
        {"f", "\"Zg==\""},
        {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""},
        {"foob", "\"Zm9vYg==\""},
        {"fooba", "\"Zm9vYmE=\""},
        {"foobar", "\"Zm9vYmFy\""},
        {"\xFB\xFF\xBF", "\"+/+/\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_buffer buffer = {0};
        wick_json_put_base64(&buffer, cases[i][0], strlen(cases[i][0]));
        check_text(&buffer, cases[i][1]);
    }
    const float values[] = {1.0f, -2.0f};
    wick_buffer buffer = {0};
    wick_json_put_base64(&buffer, values, sizeof values);
    check_text(&buffer, "\"AACAPwAAAMA=\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow_and_keep_what_they_hold),
        cmocka_unit_test(what_does_not_fit_is_remembered),
        cmocka_unit_test(every_character_reads_back),
        cmocka_unit_test(escapes_are_the_short_ones),
        cmocka_unit_test(a_million_floats_read_back_bit_for_bit),
        cmocka_unit_test(floats_at_the_edges),
        cmocka_unit_test(numbers),
        cmocka_unit_test(small_integers),
        cmocka_unit_test(base64_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
