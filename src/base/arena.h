/* SPDX-License-Identifier: Apache-2.0
 * arena.h: memory that is taken piece by piece and given back all at once. One arena a model; its pieces are 64-byte aligned,
 * zeroed, and stay where they are. Not thread-safe. */
#ifndef WICK_BASE_ARENA_H
#define WICK_BASE_ARENA_H
#include <stdbool.h>
#include <stddef.h>

typedef struct wick_arena {
    struct wick_arena_block *blocks; /* the newest first */
    size_t used_bytes;               /* handed out, all blocks together */
} wick_arena;

/* Start with {0}. NULL: out of memory or n * size overflows. A size of 0 gives a unique non-NULL pointer. */
void *wick_arena_take(wick_arena *arena, size_t n, size_t size);
/* The same, not zeroed: for what is filled at once. */
void *wick_arena_take_raw(wick_arena *arena, size_t n, size_t size);
/* Takes memory of malloc, to be freed with the rest. False: out of memory; it stays the caller's. */
bool wick_arena_adopt(wick_arena *arena, void *memory);
/* A terminated copy of text[0..n). NULL: out of memory. */
char *wick_arena_copy_text(wick_arena *arena, const char *text, size_t n);
void wick_arena_clear(wick_arena *arena);

#endif
