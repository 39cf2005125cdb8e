/* SPDX-License-Identifier: Apache-2.0
 * byte_level.h: ByteLevel: in a vocabulary of bytes each byte is written as a character that can be seen, the printable ones of Latin-1 as they are, the others from U+0100 on in order
 * (GPT-2's bytes_to_unicode). For BPE Wick keeps bytes and translates the vocabulary when it is loaded; for other models the text is rewritten. */
#ifndef WICK_TEXT_BYTE_LEVEL_H
#define WICK_TEXT_BYTE_LEVEL_H
#include "text/encoding.h"

/* The character that stands for a byte. */
static inline uint32_t wick_byte_level_character(uint8_t byte)
{
    enum { FIRST = 0x100, N_BEFORE_VISIBLE = 0x21, DELETE = 0x7F, NO_BREAK_SPACE = 0xA0, SOFT_HYPHEN = 0xAD };
    if (byte < N_BEFORE_VISIBLE)
        return FIRST + byte;
    if (byte >= DELETE && byte <= NO_BREAK_SPACE)
        return FIRST + N_BEFORE_VISIBLE + byte - DELETE;
    return byte == SOFT_HYPHEN ? FIRST + N_BEFORE_VISIBLE + NO_BREAK_SPACE + 1 - DELETE : byte;
}

/* The characters that stand for bytes come before this one. */
#define WICK_BYTE_LEVEL_CHARACTERS 0x144

/* The bytes that text[0..n), UTF-8, stands for, at most n of them. False: it has a character that stands for none. */
bool wick_byte_level_bytes(const char *text, size_t n, char *out, size_t *n_out);
/* Writes the bytes text[from, ...) as characters, each of its byte's origin. */
void wick_byte_level_write(wick_normalized *text, size_t from, wick_encoding_state *state);
/* Puts a space in front of text[from, ...), at least one byte, unless there is one; it has the first character's origin. */
void wick_byte_level_prefix(wick_normalized *text, size_t from, wick_encoding_state *state);

#endif
