/* SPDX-License-Identifier: Apache-2.0
 * json_writer.c: json_writer.h. In: values. Out: their JSON at the end of a growing buffer. Called by the dialects and the metrics.
 * Vectors are what replies are made of: room is made once a vector, then numbers go straight into the buffer. */
#include "server/json_writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/number.h"

#define FIRST_BYTES ((size_t)256)
/* "-1.17549435e-38,": nine digits say any f32 */
#define MAX_FLOAT_BYTES ((size_t)16)

bool wick_buffer_reserve(wick_buffer *buffer, size_t n_more)
{
    size_t needed;
    if (buffer->failed)
        return false;
    if (buffer->capacity - buffer->n_bytes >= n_more)
        return true;
    if (!wick_add_size(buffer->n_bytes, n_more, &needed) || needed > SIZE_MAX / 2) {
        buffer->failed = true;
        return false;
    }
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    capacity = capacity < FIRST_BYTES ? FIRST_BYTES : capacity;
    capacity = capacity < needed ? needed : capacity;
    char *bytes = realloc(buffer->bytes, capacity);
    if (!bytes) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

void wick_buffer_put(wick_buffer *buffer, const void *bytes, size_t n)
{
    if (n == 0 || !wick_buffer_reserve(buffer, n))
        return;
    memcpy(buffer->bytes + buffer->n_bytes, bytes, n);
    buffer->n_bytes += n;
}

void wick_buffer_text(wick_buffer *buffer, const char *text)
{
    wick_buffer_put(buffer, text, strlen(text));
}

void wick_buffer_format(wick_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    /* Into the room there is first: mostly it is enough. */
    size_t room = buffer->capacity - buffer->n_bytes;
    va_start(arguments, format);
    int n = buffer->failed ? -1 : vsnprintf(room ? buffer->bytes + buffer->n_bytes : NULL, room, format, arguments);
    va_end(arguments);
    if (n < 0 || !wick_buffer_reserve(buffer, (size_t)n + 1)) {
        buffer->failed = true;
        return;
    }
    if ((size_t)n >= room) {
        va_start(arguments, format);
        vsnprintf(buffer->bytes + buffer->n_bytes, (size_t)n + 1, format, arguments);
        va_end(arguments);
    }
    buffer->n_bytes += (size_t)n;
}

/* ---- strings ---- */

static void put_escaped(wick_buffer *buffer, unsigned char c)
{
    static const char hex[] = "0123456789abcdef", shorts[] = "btn\0fr"; /* U+0008 to U+000D; U+000B has no short form */
    char escape[6] = {'\\', (char)c};
    size_t n = 2;
    if (c >= 0x08 && c <= 0x0D && c != 0x0B) {
        escape[1] = shorts[c - 0x08];
    } else if (c < 0x20) {
        memcpy(escape + 1, "u00", 3);
        escape[4] = hex[c >> 4];
        escape[5] = hex[c & 15];
        n = 6;
    }
    wick_buffer_put(buffer, escape, n);
}

void wick_json_put_string(wick_buffer *buffer, const char *text, size_t n)
{
    size_t plain = 0; /* where the run that needs no escape began */
    wick_buffer_put(buffer, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        wick_buffer_put(buffer, text + plain, i - plain);
        put_escaped(buffer, c);
        plain = i + 1;
    }
    wick_buffer_put(buffer, text + plain, n - plain);
    wick_buffer_put(buffer, "\"", 1);
}

void wick_json_put_text(wick_buffer *buffer, const char *text)
{
    if (text)
        wick_json_put_string(buffer, text, strlen(text));
    else
        wick_buffer_put(buffer, "null", 4);
}

/* ---- numbers ---- */

void wick_json_put_number(wick_buffer *buffer, double value)
{
    if (!isfinite(value)) { /* JSON has no such numbers; callers promise that there are none */
        wick_buffer_put(buffer, "null", 4);
        return;
    }
    if (!wick_buffer_reserve(buffer, WICK_DOUBLE_TEXT_BYTES))
        return;
    buffer->n_bytes += wick_double_to_text(value, buffer->bytes + buffer->n_bytes);
}

void wick_json_put_integer(wick_buffer *buffer, int64_t value)
{
    wick_buffer_format(buffer, "%lld", (long long)value);
}

void wick_json_put_floats(wick_buffer *buffer, const float *values, size_t n)
{
    size_t room;
    if (!wick_mul_size(n, MAX_FLOAT_BYTES, &room) || !wick_add_size(room, 2 + WICK_FLOAT_TEXT_BYTES, &room)) {
        buffer->failed = true;
        return;
    }
    if (!wick_buffer_reserve(buffer, room))
        return;
    char *at = buffer->bytes + buffer->n_bytes;
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *at++ = ',';
        at += wick_float_to_text(values[i], at);
    }
    *at++ = ']';
    buffer->n_bytes = (size_t)(at - buffer->bytes);
}

/* From -128 to 255; returns where it ends. */
static char *put_small(char *at, int value)
{
    const unsigned magnitude = (unsigned)abs(value);
    if (value < 0)
        *at++ = '-';
    if (magnitude >= 100)
        *at++ = (char)('0' + magnitude / 100);
    if (magnitude >= 10)
        *at++ = (char)('0' + magnitude / 10 % 10);
    *at++ = (char)('0' + magnitude % 10);
    return at;
}

/* Room for "[-128,-128...]"; NULL: out of memory. */
static char *reserve_small(wick_buffer *buffer, size_t n)
{
    size_t room;
    if (!wick_mul_size(n, 5, &room) || !wick_add_size(room, 2, &room)) {
        buffer->failed = true;
        return NULL;
    }
    return wick_buffer_reserve(buffer, room) ? buffer->bytes + buffer->n_bytes : NULL;
}

void wick_json_put_int8s(wick_buffer *buffer, const int8_t *values, size_t n)
{
    char *at = reserve_small(buffer, n);
    if (!at)
        return;
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *at++ = ',';
        at = put_small(at, values[i]);
    }
    *at++ = ']';
    buffer->n_bytes = (size_t)(at - buffer->bytes);
}

void wick_json_put_uint8s(wick_buffer *buffer, const uint8_t *values, size_t n)
{
    char *at = reserve_small(buffer, n);
    if (!at)
        return;
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *at++ = ',';
        at = put_small(at, values[i]);
    }
    *at++ = ']';
    buffer->n_bytes = (size_t)(at - buffer->bytes);
}

/* ---- base64 ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes become four characters. */
static char *put_group(char *at, uint32_t bits)
{
    at[0] = alphabet[bits >> 18];
    at[1] = alphabet[bits >> 12 & 63];
    at[2] = alphabet[bits >> 6 & 63];
    at[3] = alphabet[bits & 63];
    return at + 4;
}

void wick_json_put_base64(wick_buffer *buffer, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    size_t room;
    if (!wick_mul_size(n / 3 + 1, 4, &room) || !wick_add_size(room, 2, &room)) {
        buffer->failed = true;
        return;
    }
    if (!wick_buffer_reserve(buffer, room))
        return;
    char *at = buffer->bytes + buffer->n_bytes;
    *at++ = '"';
    for (; n >= 3; n -= 3, from += 3)
        at = put_group(at, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2]);
    if (n > 0) {
        at = put_group(at, (uint32_t)from[0] << 16 | (n == 2 ? (uint32_t)from[1] << 8 : 0));
        memset(at - (3 - n), '=', 3 - n);
    }
    *at++ = '"';
    buffer->n_bytes = (size_t)(at - buffer->bytes);
}
