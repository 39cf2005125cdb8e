/* SPDX-License-Identifier: Apache-2.0
 * utf8.h: checking and decoding UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
#ifndef WICK_BASE_UTF8_H
#define WICK_BASE_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True where text[0..n) is valid; else *bad_offset (may be NULL) is the first byte of the first malformed sequence. */
bool wick_utf8_valid(const char *text, size_t n, size_t *bad_offset);

/* Decodes one character of valid UTF-8 at text; returns its length in bytes (1 to 4). */
static inline unsigned wick_utf8_decode(const char *text, uint32_t *code_point)
{
    const uint8_t *s = (const uint8_t *)text;
    if (s[0] < 0x80) {
        *code_point = s[0];
        return 1;
    }
    if (s[0] < 0xE0) {
        *code_point = ((uint32_t)(s[0] & 0x1F) << 6) | (s[1] & 0x3Fu);
        return 2;
    }
    if (s[0] < 0xF0) {
        *code_point = ((uint32_t)(s[0] & 0x0F) << 12) | ((uint32_t)(s[1] & 0x3F) << 6) | (s[2] & 0x3Fu);
        return 3;
    }
    *code_point = ((uint32_t)(s[0] & 0x07) << 18) | ((uint32_t)(s[1] & 0x3F) << 12) | ((uint32_t)(s[2] & 0x3F) << 6) |
                  (s[3] & 0x3Fu);
    return 4;
}

/* Writes code_point (a scalar value) to out[0..4); returns its length in bytes. */
static inline unsigned wick_utf8_encode(uint32_t code_point, char *out)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | (code_point >> 6));
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | (code_point >> 12));
        out[1] = (char)(0x80 | ((code_point >> 6) & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code_point >> 18));
    out[1] = (char)(0x80 | ((code_point >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((code_point >> 6) & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

#endif
