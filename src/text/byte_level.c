/* SPDX-License-Identifier: Apache-2.0
 * byte_level.c: ByteLevel's alphabet (byte_level.h), which is GPT-2's bytes_to_unicode. */
#include "text/byte_level.h"

#include "base/utf8.h"

#define FIRST_MOVED 0x100u

/* Bytes that stand for themselves. */
static bool is_itself(uint32_t c)
{
    return (c >= '!' && c <= '~') || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

uint32_t wick_byte_level_character(uint8_t byte)
{
    uint32_t moved = FIRST_MOVED;
    if (is_itself(byte))
        return byte;
    for (uint32_t c = 0; c < byte; c++)
        moved += !is_itself(c);
    return moved;
}

/* The byte that a character stands for; -1: none. */
static int byte_of(uint32_t character)
{
    if (character < FIRST_MOVED)
        return is_itself(character) ? (int)character : -1;
    uint32_t nth = character - FIRST_MOVED;
    for (int c = 0; c < 256; c++)
        if (!is_itself((uint32_t)c) && nth-- == 0)
            return c;
    return -1;
}

bool wick_byte_level_bytes(const char *text, size_t n, char *out, size_t *n_out)
{
    *n_out = 0;
    for (size_t at = 0; at < n;) {
        uint32_t character;
        at += wick_utf8_decode(text + at, &character);
        const int byte = byte_of(character);
        if (byte < 0)
            return false;
        out[(*n_out)++] = (char)byte;
    }
    return true;
}
