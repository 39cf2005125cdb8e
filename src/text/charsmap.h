/* SPDX-License-Identifier: Apache-2.0
 * charsmap.h: SentencePiece's map from characters to what they are normalised to, as tokenizer.json has it in "precompiled_charsmap" (base64): the size of a
 * double array (u32, bytes), the double array (u32 units, as darts-clone lays it out), and the replacements, each ended by a NUL. It comes from a file:
 * every step of a walk and every replacement is checked. Used by the normalizer. */
#ifndef WICK_TEXT_CHARSMAP_H
#define WICK_TEXT_CHARSMAP_H
#include "text/fields.h"

/* No replacement is longer. The longest of the published maps has 33 bytes. */
#define WICK_MAX_REPLACEMENT 255

typedef struct wick_charsmap {
    const uint32_t *units; /* [n_units], at least one */
    const char *
        texts; /* [n_texts] UTF-8; the last byte is NUL, and no NUL is further than WICK_MAX_REPLACEMENT from the one before */
    size_t n_units, n_texts;
    size_t longest;             /* bytes of the longest replacement */
    uint8_t ascii_changes[128]; /* whether the character has a replacement */
    bool ascii_is_plain;        /* none of the printable ones has */
} wick_charsmap;

/* value: tokenizer.json's "precompiled_charsmap" of the normalizer at path. */
int wick_charsmap_load(const wick_reading *reading, const wick_json *value, const char *path, wick_charsmap *out);
/* Fills what follows from units and texts. False: texts does not hold what it should. */
bool wick_charsmap_prepare(wick_charsmap *map);
/* The replacement of the shortest key that text[0..n) begins with, terminated; NULL: there is none. */
const char *wick_charsmap_find(const wick_charsmap *map, const char *text, size_t n);

#endif
