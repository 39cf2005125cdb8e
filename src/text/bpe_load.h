/* SPDX-License-Identifier: Apache-2.0
 * bpe_load.h: what the halves of loading BPE share: bpe_load.c reads the document, bpe_load_tables.c makes of the vocabulary what bpe.c walks. */
#ifndef WICK_TEXT_BPE_LOAD_H
#define WICK_TEXT_BPE_LOAD_H
#include "text/bpe.h"

typedef struct wick_bpe_loading {
    const wick_reading *reading;
    wick_vocabulary *vocabulary;
    wick_bpe *out;
    uint32_t *lengths; /* [n_ids] of the tokens' texts, in bytes: they may hold U+0000 */
    char *joined;      /* [n_joined] room for the text that two tokens make */
    size_t n_joined;
    size_t guess; /* the id after the one that the last merge gave: most often that of the next */
} wick_bpe_loading;

/* The tables but for the merges, which are there. */
int wick_bpe_load_tables(wick_bpe_loading *l);

#endif
