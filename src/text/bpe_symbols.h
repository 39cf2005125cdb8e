/* SPDX-License-Identifier: Apache-2.0
 * bpe_symbols.h: a symbol for each character of a word, or for each byte behind ByteLevel, before anything is merged. Called by bpe.c and bpe_known.c. */
#ifndef WICK_TEXT_BPE_SYMBOLS_H
#define WICK_TEXT_BPE_SYMBOLS_H
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/byte_level.h"

/* Of the character that stands for a byte: so many symbols a byte of a word makes at most. */
#define WICK_MAX_WRITTEN_BYTES 2

/* Of a character; -1: the vocabulary lacks it. */
static inline int32_t wick_bpe_character_id(const wick_bpe *model, uint32_t c)
{
    if (c < 0x80)
        return model->first_ids[c];
    for (size_t at = wick_character_slot(c);; at++) {
        const wick_char_id *slot = &model->characters[at & model->character_mask];
        if (slot->code_point == c)
            return slot->id;
        if (slot->code_point == 0)
            return -1;
    }
}

/* How many bytes of UTF-8 the character takes that stands for a byte. */
static inline uint32_t wick_bpe_written_bytes(uint8_t byte)
{
    return wick_byte_level_character(byte) < 0x80 ? 1 : WICK_MAX_WRITTEN_BYTES;
}

/* Returns how many: of word[0..n), n at most; 0: the vocabulary lacks one. */
size_t wick_bpe_plain_symbols(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols);
/* The same of words with characters or bytes that the vocabulary lacks: at most WICK_MAX_WRITTEN_BYTES * n. Behind ByteLevel ends are counted in the characters that stand for bytes. */
size_t wick_bpe_any_symbols(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols);

#endif
