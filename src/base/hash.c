/* SPDX-License-Identifier: Apache-2.0
 * hash.c: eight lanes of "mix in a word, multiply", so that the multiplier's latency is hidden and memory is the limit. Each step of a lane is
 * a bijection of the lane's state, so two inputs that differ in one word never come out of that lane alike. */
#include "base/hash.h"

#include <string.h>

#define N_LANES 8
#define PRIME 0x9E3779B97F4A7C15u /* 2^64 / the golden ratio, odd */

static inline uint64_t step(uint64_t state, uint64_t word)
{
    state = (state ^ word) * PRIME;
    return state ^ (state >> 29);
}

uint64_t wick_hash64(const void *data, size_t n, uint64_t seed)
{
    const unsigned char *bytes = data;
    uint64_t lanes[N_LANES], words[N_LANES];
    for (size_t i = 0; i < N_LANES; i++)
        lanes[i] = seed + (i + 1) * PRIME;
    size_t left = n;
    for (; left >= sizeof words; left -= sizeof words, bytes += sizeof words) {
        memcpy(words, bytes, sizeof words);
        for (size_t i = 0; i < N_LANES; i++)
            lanes[i] = step(lanes[i], words[i]);
    }
    memset(words, 0, sizeof words);
    if (left > 0)
        memcpy(words, bytes, left);
    uint64_t hash = step(seed, n);
    for (size_t i = 0; i < N_LANES; i++)
        hash = step(hash, step(lanes[i], words[i]));
    return hash;
}
