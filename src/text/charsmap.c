/* SPDX-License-Identifier: Apache-2.0
 * charsmap.c: reading and searching SentencePiece's map (charsmap.h). */
#include "text/charsmap.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/ascii.h"

#define KEY "precompiled_charsmap"

/* A unit of the double array: bits 0 to 7 the byte that leads here, bit 31 with them; bit 8: a key ends here; from bit 10 on how far the children are, a
 * multiple of 256 where bit 9 is set. The unit of a key's end, where the byte 0 leads, holds the replacement's place in bits 0 to 30. */
#define UNIT_LABEL(unit) ((unit)&0x800000FFu)
#define UNIT_ENDS_KEY(unit) ((unit) >> 8 & 1)
#define UNIT_VALUE(unit) ((unit)&0x7FFFFFFFu)

static uint32_t offset_of(uint32_t unit)
{
    return unit >> 10 << ((unit & 1u << 9) >> 6);
}

const char *wick_charsmap_find(const wick_charsmap *map, const char *text, size_t n)
{
    uint32_t at = offset_of(map->units[0]);
    for (size_t i = 0; i < n && text[i] != '\0'; i++) {
        at ^= (uint8_t)text[i];
        if (at >= map->n_units || UNIT_LABEL(map->units[at]) != (uint8_t)text[i])
            return NULL;
        const uint32_t unit = map->units[at];
        at ^= offset_of(unit);
        if (UNIT_ENDS_KEY(unit)) {
            const uint32_t place = at < map->n_units ? UNIT_VALUE(map->units[at]) : UINT32_MAX;
            const bool is_text = place < map->n_texts && ((uint8_t)map->texts[place] & 0xC0) != 0x80;
            return is_text ? map->texts + place : NULL; /* else the map is damaged */
        }
    }
    return NULL;
}

/* Whether all replacements are as they should be; finds the longest. */
static bool check_texts(wick_charsmap *map)
{
    const size_t n = map->n_texts;
    map->longest = 0;
    if (n == 0 || map->texts[n - 1] != '\0' || !wick_utf8_valid(map->texts, n, NULL))
        return false;
    for (size_t at = 0; at < n; at++) {
        const char *end = memchr(map->texts + at, '\0', n - at);
        const size_t length = (size_t)(end - map->texts) - at;
        map->longest = length > map->longest ? length : map->longest;
        at += length;
    }
    return map->longest <= WICK_MAX_REPLACEMENT;
}

bool wick_charsmap_prepare(wick_charsmap *map)
{
    if (map->n_units == 0 || !check_texts(map))
        return false;
    map->ascii_is_plain = true;
    for (unsigned c = 0; c < 128; c++) {
        const char text = (char)c;
        map->ascii_changes[c] = wick_charsmap_find(map, &text, 1) != NULL;
        if (c >= WICK_ASCII_FIRST_PLAIN && c <= WICK_ASCII_LAST_PLAIN)
            map->ascii_is_plain &= !map->ascii_changes[c];
    }
    return true;
}

/* ---- loading ------------------------------------------------------------------------------------------------------- */

/* The value of a character of base64 (RFC 4648), or 64. */
static unsigned base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Decodes text[0..n) to out, which has room for n / 4 * 3 bytes. False: not base64. */
static bool decode_base64(const char *text, size_t n, uint8_t *out, size_t *n_bytes)
{
    if (n == 0 || n % 4 != 0)
        return false;
    const size_t n_padding = text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
    *n_bytes = n / 4 * 3 - n_padding;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;
        for (size_t j = i; j < i + 4; j++) {
            const unsigned value = j >= n - n_padding ? 0 : base64_value(text[j]);
            if (value == 64)
                return false;
            bits = bits << 6 | value;
        }
        for (size_t j = 0; j < 3; j++)
            out[i / 4 * 3 + j] = (uint8_t)(bits >> (16 - 8 * j));
    }
    return true;
}

int wick_charsmap_load(const wick_reading *reading, const wick_json *value, const char *path, wick_charsmap *out)
{
    size_t n = 0, n_bytes = 0;
    const char *text = wick_json_string(value, &n);
    *out = (wick_charsmap){0};
    if (!text)
        return wick_field_corrupt(reading, path, "has %s as \"" KEY "\", not a string",
                                  wick_json_type_name(wick_json_type_of(value)));
    uint8_t *bytes =
        wick_arena_take(reading->arena, n / 4 + 2, 3); /* the room behind is 0: it ends the last replacement */
    if (!bytes)
        return wick_fail_memory(reading->error, "the tokenizer's charsmap");
    if (!decode_base64(text, n, bytes, &n_bytes) || n_bytes < 4)
        return wick_field_corrupt(reading, path, "has a \"" KEY "\" that is not base64");
    const size_t n_array = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (n_array < 4 || n_array % 4 != 0 || n_array > n_bytes - 4)
        return wick_field_corrupt(reading, path, "has a \"" KEY "\" with a double array of %zu bytes, of %zu in all",
                                  n_array, n_bytes);
    uint32_t *units = wick_arena_take(reading->arena, n_array / 4, sizeof *units);
    if (!units)
        return wick_fail_memory(reading->error, "the tokenizer's charsmap");
    for (size_t i = 0; i < n_array / 4; i++) {
        const uint8_t *unit = bytes + 4 + 4 * i;
        units[i] = unit[0] | (uint32_t)unit[1] << 8 | (uint32_t)unit[2] << 16 | (uint32_t)unit[3] << 24;
    }
    *out = (wick_charsmap){.units = units,
                           .texts = (const char *)bytes + 4 + n_array,
                           .n_units = n_array / 4,
                           .n_texts = n_bytes - 4 - n_array};
    if (out->n_texts == 0 || out->texts[out->n_texts - 1] != '\0')
        out->n_texts++;
    if (!wick_charsmap_prepare(out))
        return wick_field_corrupt(reading, path,
                                  "has a \"" KEY "\" with replacements that are no UTF-8, or longer than %d bytes",
                                  WICK_MAX_REPLACEMENT);
    return WICK_OK;
}
