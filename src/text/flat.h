/* SPDX-License-Identifier: Apache-2.0
 * flat.h: arrays in one block of bytes without pointers: writing them one behind the other, and reading them back with every place checked. What tokenizer_flat.c and
 * tokenizer_flat_model.c are written with. */
#ifndef WICK_TEXT_FLAT_H
#define WICK_TEXT_FLAT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/token_trie.h"

#define WICK_FLAT_ALIGNMENT 64

/* An array within the block. */
typedef struct wick_flat_span {
    uint64_t begin, n; /* bytes from the block's beginning; elements */
} wick_flat_span;

typedef struct wick_flat_trie {
    wick_flat_span nodes, numbers;
} wick_flat_trie;

/* The first pass (bytes NULL) measures, the second writes. */
typedef struct wick_flat_writer {
    uint8_t *bytes;
    size_t at;
    bool overflow; /* over 4 GiB */
} wick_flat_writer;

/* Room for an array, and an array. */
wick_flat_span wick_flat_room(wick_flat_writer *writer, size_t n, size_t size);
wick_flat_span wick_flat_put(wick_flat_writer *writer, const void *array, size_t n, size_t size);
wick_flat_trie wick_flat_put_trie(wick_flat_writer *writer, const wick_token_trie *trie);

typedef struct wick_flat_reader {
    const uint8_t *bytes;
    size_t n_bytes;
    bool is_bad; /* sticky: something did not hold */
} wick_flat_reader;

static inline void wick_flat_expect(wick_flat_reader *reader, bool holds)
{
    reader->is_bad |= !holds;
}

/* The array, or NULL where it does not lie within the block. */
const void *wick_flat_view(wick_flat_reader *reader, wick_flat_span span, size_t size);
/* Every step of a walk stays within the array, and what keys stand for is below n_numbers. A trie that is not there (no slots) only where needed says so. */
void wick_flat_read_trie(wick_flat_reader *reader, wick_flat_trie flat, uint64_t n_numbers, bool needed,
                         wick_token_trie *out);

/* A bool that came from a file holds 0 or 1, and so does nothing else. */
static inline bool wick_flat_is_bool(const void *value)
{
    return *(const uint8_t *)value <= 1;
}

#endif
