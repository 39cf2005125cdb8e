/* SPDX-License-Identifier: Apache-2.0
 * byte_level.c: translating between bytes and the characters that stand for them (byte_level.h). */
#include "text/byte_level.h"

#include <string.h>

#include "base/utf8.h"

/* Bytes are written as characters of at most so many bytes. */
#define MAX_WRITTEN 2
#define LAST_CHARACTER 0x143u

/* The byte that a character stands for, the other way round than wick_byte_level_character; -1: none. */
static inline int byte_of(uint32_t character)
{
    enum { FIRST = 0x100, N_BEFORE_VISIBLE = 0x21, DELETE = 0x7F, NO_BREAK_SPACE = 0xA0, SOFT_HYPHEN = 0xAD };
    const uint32_t moved = character - FIRST;
    if (character < FIRST)
        return wick_byte_level_character((uint8_t)character) == character ? (int)character : -1;
    if (moved < N_BEFORE_VISIBLE)
        return (int)moved;
    if (moved <= N_BEFORE_VISIBLE + NO_BREAK_SPACE - DELETE)
        return (int)(moved - N_BEFORE_VISIBLE + DELETE);
    return character == LAST_CHARACTER ? SOFT_HYPHEN : -1;
}

bool wick_byte_level_bytes(const char *text, size_t n, char *out, size_t *n_out)
{
    *n_out = 0;
    for (size_t at = 0; at < n;) {
        uint32_t character = (uint8_t)text[at];
        if (character >= '!' && character <= '~') {
            out[(*n_out)++] = text[at++];
            continue;
        }
        at += wick_utf8_decode(text + at, &character);
        const int byte = byte_of(character);
        if (byte < 0)
            return false;
        out[(*n_out)++] = (char)byte;
    }
    return true;
}

void wick_byte_level_write(wick_normalized *text, size_t from, wick_encoding_state *state)
{
    size_t n = from;
    for (size_t i = from; i < text->n_bytes; i++)
        n += wick_byte_level_character((uint8_t)text->bytes[i]) < 0x80 ? 1 : MAX_WRITTEN;
    if (!wick_normalized_room(state, text, n + WICK_NORMALIZED_PAD))
        return;
    for (size_t i = text->n_bytes, to = n; i-- > from;) { /* from the end on, so that nothing is written over unread */
        char written[4];
        const unsigned length = wick_utf8_encode(wick_byte_level_character((uint8_t)text->bytes[i]), written);
        for (unsigned k = length; k-- > 0;) {
            text->bytes[--to] = written[k];
            text->origins[to] = text->origins[i];
        }
    }
    text->n_bytes = n;
    memset(text->bytes + n, 0, WICK_NORMALIZED_PAD);
}

void wick_byte_level_prefix(wick_normalized *text, size_t from, wick_encoding_state *state)
{
    if (text->bytes[from] == ' ' || !wick_normalized_room(state, text, text->n_bytes + 1 + WICK_NORMALIZED_PAD))
        return;
    memmove(text->bytes + from + 1, text->bytes + from, text->n_bytes - from);
    memmove(text->origins + from + 1, text->origins + from, (text->n_bytes - from) * sizeof *text->origins);
    text->bytes[from] = ' ';
    text->n_bytes++;
    memset(text->bytes + text->n_bytes, 0, WICK_NORMALIZED_PAD);
}
