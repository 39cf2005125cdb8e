/* SPDX-License-Identifier: Apache-2.0
 * byte_level.h: ByteLevel's alphabet: in a vocabulary of bytes each byte is written as a character that can be seen: the printable ones of Latin-1 as they are, the others from U+0100 on in
 * order. Wick keeps bytes and translates the vocabulary when it is loaded. */
#ifndef WICK_TEXT_BYTE_LEVEL_H
#define WICK_TEXT_BYTE_LEVEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that stands for a byte. */
uint32_t wick_byte_level_character(uint8_t byte);
/* The bytes that text[0..n), UTF-8, stands for, at most n of them. False: it has a character that stands for none. */
bool wick_byte_level_bytes(const char *text, size_t n, char *out, size_t *n_out);

#endif
