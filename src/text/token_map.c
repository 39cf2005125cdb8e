/* SPDX-License-Identifier: Apache-2.0
 * token_map.c: the table of token_map.h. Linear probing at a load of at most one half. A slot holds the key's head, so that keys of up
 * to eight bytes (most words) are compared without touching the token's text. */
#include "text/token_map.h"

#include <string.h>

/* A probe this long never happens by chance at a load of one half. */
#define MAX_PROBES 1024
#define MAX_KEY_BYTES ((size_t)1 << 30)

static inline uint64_t load8(const char *s)
{
    uint64_t v;
    memcpy(&v, s, sizeof v);
    return v;
}

/* The first n bytes, n <= 8, of eight; the others 0. */
static inline uint64_t first_of(uint64_t bytes, size_t n)
{
    const unsigned n_bits = 8 * (8 - (unsigned)n);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return n == 0 ? 0 : bytes << n_bits >> n_bits;
#else
    return n == 0 ? 0 : bytes >> n_bits << n_bits;
#endif
}

/* The head of a key behind which so many bytes may be read as it lacks of eight. */
static inline uint64_t head_of_padded(const char *s, size_t n)
{
    return first_of(load8(s), n < 8 ? n : 8);
}

static uint64_t head_of(const char *s, size_t n)
{
    char padded[8] = {0};
    if (n >= 8)
        return load8(s);
    memcpy(padded, s, n);
    return load8(padded);
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (b * 0xA0761D6478BD642Fu)) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static inline uint64_t hash(const char *s, size_t n, uint64_t head)
{
    uint64_t h = mix(head, n);
    for (size_t i = 8; i + 8 < n; i += 8)
        h = mix(load8(s + i), h);
    return n > 8 ? mix(load8(s + n - 8), h) : h;
}

/* Whether two texts of n bytes that agree in their heads are the same. */
static inline bool same_behind(const char *a, const char *b, size_t n)
{
    for (size_t i = 8; i + 8 < n; i += 8)
        if (load8(a + i) != load8(b + i))
            return false;
    return n <= 8 || load8(a + n - 8) == load8(b + n - 8);
}

bool wick_token_map_same(const char *a, const char *b, size_t n)
{
    return head_of_padded(a, n) == head_of_padded(b, n) && same_behind(a, b, n);
}

static inline bool same(const wick_token_map *map, const wick_token_slot *slot, const char *s, size_t n, uint64_t head)
{
    return slot->head == head && slot->length == n && (n <= 8 || same_behind(map->texts[slot->number], s, n));
}

bool wick_token_map_init(wick_token_map *map, wick_arena *arena, size_t n_keys, const char *const *texts)
{
    size_t n_slots = 16;
    while (n_slots / 2 < n_keys)
        n_slots *= 2;
    *map = (wick_token_map){.texts = texts, .mask = n_slots - 1};
    map->slots = wick_arena_take(arena, n_slots, sizeof *map->slots);
    return map->slots;
}

static inline wick_token_probe probe_of(const char *key, size_t n, uint64_t head)
{
    return (wick_token_probe){head, hash(key, n, head)};
}

wick_token_probe wick_token_map_probe(const wick_token_map *map, const char *key, size_t n)
{
    const wick_token_probe probe = probe_of(key, n, head_of(key, n));
    __builtin_prefetch(&map->slots[probe.hash & map->mask]);
    return probe;
}

wick_token_probe wick_token_map_probe_padded(const wick_token_map *map, const char *key, size_t n)
{
    const wick_token_probe probe = probe_of(key, n, head_of_padded(key, n));
    __builtin_prefetch(&map->slots[probe.hash & map->mask]);
    return probe;
}

bool wick_token_map_put_at(wick_token_map *map, wick_token_probe probe, const char *key, size_t n, uint32_t number)
{
    if (n >= MAX_KEY_BYTES)
        return false;
    size_t at = probe.hash & map->mask, n_probes = 0;
    while (map->slots[at].length != 0 && !same(map, &map->slots[at], key, n, probe.head)) {
        if (++n_probes == MAX_PROBES)
            return false;
        at = (at + 1) & map->mask;
    }
    map->n += map->slots[at].length == 0;
    map->slots[at] = (wick_token_slot){.head = probe.head, .length = (uint32_t)n, .number = number};
    return true;
}

bool wick_token_map_put(wick_token_map *map, const char *key, size_t n, uint32_t number)
{
    return wick_token_map_put_at(map, probe_of(key, n, head_of(key, n)), key, n, number);
}

int64_t wick_token_map_find_at(const wick_token_map *map, wick_token_probe probe, const char *s, size_t n)
{
    for (size_t at = probe.hash & map->mask; map->slots[at].length != 0; at = (at + 1) & map->mask)
        if (same(map, &map->slots[at], s, n, probe.head))
            return map->slots[at].number;
    return -1;
}

int64_t wick_token_map_find(const wick_token_map *map, const char *s, size_t n)
{
    return wick_token_map_find_at(map, probe_of(s, n, head_of(s, n)), s, n);
}
