/* SPDX-License-Identifier: Apache-2.0
 * hash.h: a fast 64-bit hash for checksums of our own files and for names in our own cache. Not for hostile input: collisions can be made. */
#ifndef WICK_BASE_HASH_H
#define WICK_BASE_HASH_H
#include <stddef.h>
#include <stdint.h>

/* Changes with any bit of data[0..n), with n and with seed. The same on every machine of the same byte order. */
uint64_t wick_hash64(const void *data, size_t n, uint64_t seed);

#endif
