/* SPDX-License-Identifier: Apache-2.0
 * word_cache.c: the memory of word_cache.h. */
#include "text/word_cache.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CACHE_LINE 64

uint64_t wick_word_cache_serial(void)
{
    static atomic_uint_fast64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

bool wick_word_cache_claim(wick_word_cache *cache, uint64_t serial)
{
    if (!cache->words) {
        cache->words = aligned_alloc(CACHE_LINE, WICK_CACHED_WORDS * sizeof *cache->words);
        if (!cache->words)
            return false;
    }
    memset(cache->words, 0, WICK_CACHED_WORDS * sizeof *cache->words);
    cache->serial = serial;
    return true;
}

void wick_word_cache_free(wick_word_cache *cache)
{
    free(cache->words);
    *cache = (wick_word_cache){0};
}
