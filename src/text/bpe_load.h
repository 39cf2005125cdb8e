/* SPDX-License-Identifier: Apache-2.0
 * bpe_load.h: what the parts of loading BPE share: bpe_load.c reads the document, bpe_load_merges.c its merges, bpe_load_tables.c makes of the vocabulary what bpe.c walks. */
#ifndef WICK_TEXT_BPE_LOAD_H
#define WICK_TEXT_BPE_LOAD_H
#include "text/bpe.h"
#include "text/byte_level.h"

typedef struct wick_bpe_loading {
    const wick_reading *reading;
    wick_vocabulary *vocabulary;
    wick_bpe *out;
    char *joined; /* [n_joined] room for the text that two tokens make */
    size_t n_joined;
    uint64_t *joins;                              /* of *out, while they are marked */
    int16_t bytes_of[WICK_BYTE_LEVEL_CHARACTERS]; /* byte_level: the byte that a character stands for; -1: none */
    bool joins_mark;                              /* some merge has U+2581 behind another character */
    size_t guess; /* the id after the one that the last merge gave: most often that of the next */
} wick_bpe_loading;

/* Room for the bits of wick_bpe.joins; and the one of a merge: left[0..n_left), n_left >= 1, and the text that right begins. */
int wick_bpe_begin_joins(wick_bpe_loading *l, size_t n_merges);
void wick_bpe_mark_join(wick_bpe_loading *l, const char *left, size_t n_left, const char *right);
/* The merges, of the document's list or of one that was read already. */
int wick_bpe_load_merges(wick_bpe_loading *l, const wick_json *list);
/* The tables but for the merges and these, which are there. */
int wick_bpe_load_tables(wick_bpe_loading *l);

#endif
