/* SPDX-License-Identifier: Apache-2.0
 * token_map.h: from a token's bytes to its number, for tokens that come one at a time: an open-addressed table. Used while the added
 * tokens and a BPE model are loaded; texts are matched with token_trie.h. */
#ifndef WICK_TEXT_TOKEN_MAP_H
#define WICK_TEXT_TOKEN_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct wick_token_slot {
    uint64_t head;   /* the first bytes, enough to tell short keys apart */
    uint32_t length; /* 0: an empty slot */
    uint32_t number; /* what the key stands for */
} wick_token_slot;

typedef struct wick_token_map {
    wick_token_slot *slots;   /* [mask + 1] */
    size_t mask, n;           /* n: keys in it */
    const char *const *texts; /* [number] the key; lent by the owner, who keeps it */
} wick_token_map;

/* Room for n_keys keys. False: out of memory. */
bool wick_token_map_init(wick_token_map *map, wick_arena *arena, size_t n_keys, const char *const *texts);
/* Where a key is looked for. The table is larger than the caches: whoever has many keys asks for the places of some of them before looking at the first. */
typedef struct wick_token_probe {
    uint64_t head, hash;
} wick_token_probe;
wick_token_probe wick_token_map_probe(const wick_token_map *map, const char *key, size_t n);
/* The same, faster: so many bytes behind the key may be read. */
#define WICK_TOKEN_MAP_PAD 8
wick_token_probe wick_token_map_probe_padded(const wick_token_map *map, const char *key, size_t n);
/* Whether two texts of n bytes, behind both of which so many may be read, are the same. */
bool wick_token_map_same(const char *a, const char *b, size_t n);

/* Adds the key of n >= 1 bytes, or gives an equal one a new number. False: too many keys fall together, which only a file made for
 * that purpose brings about. */
bool wick_token_map_put(wick_token_map *map, const char *key, size_t n, uint32_t number);
bool wick_token_map_put_at(wick_token_map *map, wick_token_probe probe, const char *key, size_t n, uint32_t number);
/* The number of a key, or -1. */
int64_t wick_token_map_find(const wick_token_map *map, const char *key, size_t n);
int64_t wick_token_map_find_at(const wick_token_map *map, wick_token_probe probe, const char *key, size_t n);

#endif
