/* SPDX-License-Identifier: Apache-2.0
 * pack_format.h: the bytes of a packed file's header and table, shared by pack.c and pack_write.c. docs/pack.md tells them to people. */
#ifndef WICK_BASE_PACK_FORMAT_H
#define WICK_BASE_PACK_FORMAT_H
#include "base/hash.h"
#include "base/pack.h"

#define PACK_MAGIC "wick model\r\n\x1a\n" /* what text mode or a cut at 7 bits would change */
#define PACK_FORMAT 1u
#define PACK_BYTE_ORDER 0x01020304u

typedef struct pack_header {
    char magic[16];
    uint32_t byte_order, format;
    uint64_t file_bytes, n_sections;
    uint64_t checksum; /* of the header with 0 here, and of the table seeded by that */
    uint64_t reserved[2];
} pack_header;

typedef struct pack_entry {
    char name[WICK_PACK_NAME_BYTES]; /* zeros behind its end */
    uint64_t begin, n_bytes;
    uint64_t checksum; /* of the section: its blocks' hashes, each seeded by its number, added up */
} pack_entry;

_Static_assert(sizeof(pack_header) == 64 && sizeof(pack_entry) == 64, "as docs/pack.md says");

static inline uint64_t pack_head_checksum(const pack_header *header, const pack_entry *entries)
{
    pack_header own = *header;
    own.checksum = 0;
    return wick_hash64(entries, (size_t)header->n_sections * sizeof *entries, wick_hash64(&own, sizeof own, 0));
}

#define PACK_BLOCK_BYTES ((size_t)1 << 20) /* hashed by one thread at a time */

static inline uint64_t pack_block_checksum(const uint8_t *data, size_t n, size_t block)
{
    const size_t begin = block * PACK_BLOCK_BYTES, left = n - begin;
    return wick_hash64(data + begin, left < PACK_BLOCK_BYTES ? left : PACK_BLOCK_BYTES, block);
}

static inline size_t pack_blocks(size_t n)
{
    return n / PACK_BLOCK_BYTES + (n % PACK_BLOCK_BYTES != 0);
}

static inline uint64_t pack_checksum(const uint8_t *data, size_t n)
{
    uint64_t sum = n;
    for (size_t i = 0; i < pack_blocks(n); i++)
        sum += pack_block_checksum(data, n, i);
    return sum;
}

#endif
