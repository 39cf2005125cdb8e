/* SPDX-License-Identifier: Apache-2.0
 * token_map.h: from a token's bytes to its number, and the longest token that a text begins with. An open-addressed table made at
 * load, read-only afterwards. Used by the WordPiece model and by the added tokens.
 *
 * A map holds two families of keys: whole ones, and tails (a token without its continuing prefix: "ing" of "##ing"). */
#ifndef WICK_TEXT_TOKEN_MAP_H
#define WICK_TEXT_TOKEN_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum wick_token_part { WICK_TOKEN_WHOLE = 0, WICK_TOKEN_TAIL = 1 } wick_token_part;

typedef struct wick_token_slot {
    uint64_t head;        /* the first bytes, enough to tell short keys apart */
    uint32_t length_part; /* 2 * length + part; 0: an empty slot */
    uint32_t number;      /* what the key stands for */
} wick_token_slot;

typedef struct wick_token_map {
    wick_token_slot *slots; /* [mask + 1] */
    size_t mask;
    const char *const *texts; /* [number] the whole token; lent by the owner, who keeps it */
    size_t tail_offset;       /* bytes of the continuing prefix: where a tail begins in its token */
    size_t max_length[2];     /* by part: longest key in bytes */
    /* Which lengths are worth looking for: bit n says that a key of n bytes exists, bit 0 one of 64 bytes or more. */
    uint64_t short_lengths[2]; /* by part: keys of less than three bytes */
    uint64_t *lengths[2];      /* by part, by hash of the first three bytes: the other keys */
} wick_token_map;

/* Room for n_keys keys. False: out of memory. */
bool wick_token_map_init(wick_token_map *map, wick_arena *arena, size_t n_keys, const char *const *texts,
                         size_t tail_offset);
/* Adds the key of n >= 1 bytes, or gives an equal one a new number. False: too many keys fall together, which only a file made for
 * that purpose brings about. */
bool wick_token_map_put(wick_token_map *map, wick_token_part part, const char *key, size_t n, uint32_t number);
/* The number of a key, or -1. */
int64_t wick_token_map_find(const wick_token_map *map, wick_token_part part, const char *key, size_t n);
/* The number of the longest key that text[0..n) begins with, and its *length; -1: none. text is valid UTF-8. */
int64_t wick_token_map_longest(const wick_token_map *map, wick_token_part part, const char *text, size_t n,
                               size_t *length);

#endif
