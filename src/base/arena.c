/* SPDX-License-Identifier: Apache-2.0
 * arena.c: blocks that double in size up to a limit; pieces larger than a block get one of their own. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/large.h"

#define ALIGNMENT WICK_LARGE_ALIGNMENT
#define FIRST_BLOCK_BYTES ((size_t)4096)
#define LARGEST_BLOCK_BYTES ((size_t)1 << 20)
/* Larger ones fill whole huge pages, whose rest the next pieces take. */
#define LARGE_STEP_BYTES ((size_t)2 << 20)

struct wick_arena_block {
    struct wick_arena_block *next;
    size_t capacity_bytes; /* behind the header */
    size_t used_bytes;
    void *adopted; /* malloc'd elsewhere, of a block without room; else NULL */
};

#define HEADER_BYTES ((sizeof(struct wick_arena_block) + ALIGNMENT - 1) & ~(ALIGNMENT - 1))

static struct wick_arena_block *block_new(size_t capacity_bytes)
{
    size_t total;
    const bool is_large = capacity_bytes > LARGEST_BLOCK_BYTES;
    struct wick_arena_block *block = NULL;
    if (wick_add_size(capacity_bytes, HEADER_BYTES, &total) &&
        (!is_large || wick_round_up(total, LARGE_STEP_BYTES, &total)))
        block = wick_large_take(total);
    if (!block)
        return NULL;
    block->next = NULL;
    block->capacity_bytes = total - HEADER_BYTES;
    block->used_bytes = 0;
    block->adopted = NULL;
    return block;
}

/* A piece of at least n * size bytes, of *rounded in all. */
static void *take(wick_arena *arena, size_t n, size_t size, size_t *n_rounded)
{
    size_t bytes, rounded;
    if (!wick_mul_size(n, size, &bytes) || !wick_round_up(bytes ? bytes : 1, ALIGNMENT, &rounded))
        return NULL;
    struct wick_arena_block *block = arena->blocks;
    if (!block || block->capacity_bytes - block->used_bytes < rounded) {
        size_t capacity = block && !block->adopted ? block->capacity_bytes * 2 : FIRST_BLOCK_BYTES; /* of memory */
        capacity = capacity > LARGEST_BLOCK_BYTES ? LARGEST_BLOCK_BYTES : capacity;
        struct wick_arena_block *fresh = block_new(capacity < rounded ? rounded : capacity);
        if (!fresh)
            return NULL;
        fresh->next = block;
        arena->blocks = block = fresh;
    }
    uint8_t *piece = (uint8_t *)block + HEADER_BYTES + block->used_bytes;
    block->used_bytes += rounded;
    arena->used_bytes += rounded;
    *n_rounded = rounded;
    return piece;
}

void *wick_arena_take(wick_arena *arena, size_t n, size_t size)
{
    size_t n_rounded;
    void *piece = take(arena, n, size, &n_rounded);
    return piece ? memset(piece, 0, n_rounded) : NULL;
}

void *wick_arena_take_raw(wick_arena *arena, size_t n, size_t size)
{
    size_t n_rounded;
    return take(arena, n, size, &n_rounded);
}

bool wick_arena_adopt(wick_arena *arena, void *memory)
{
    struct wick_arena_block *block = block_new(0), *open = arena->blocks;
    if (!block)
        return false;
    block->adopted = memory;
    block->next = open ? open->next : NULL; /* behind the block that has room */
    if (open)
        open->next = block;
    else
        arena->blocks = block;
    return true;
}

char *wick_arena_copy_text(wick_arena *arena, const char *text, size_t n)
{
    size_t bytes;
    char *copy = wick_add_size(n, 1, &bytes) ? wick_arena_take(arena, bytes, 1) : NULL;
    if (copy && n)
        memcpy(copy, text, n);
    return copy;
}

void wick_arena_clear(wick_arena *arena)
{
    for (struct wick_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block->adopted);
        free(block);
    }
    arena->blocks = NULL;
    arena->used_bytes = 0;
}
