/* SPDX-License-Identifier: Apache-2.0
 * word_cache.h: the tokens of words met before, for models that take long over a word. Each encoding has its own, so that there is nothing to lock; it is of fixed size, a
 * newer word takes an older one's place, and whatever it holds the tokens are the same. */
#ifndef WICK_TEXT_WORD_CACHE_H
#define WICK_TEXT_WORD_CACHE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WICK_CACHED_BYTES 16 /* longer words are not kept */
#define WICK_CACHED_TOKENS 3 /* nor those of more tokens */
#define WICK_CACHED_WORDS 16384

/* A word's bytes, zeros behind them: together with their number it tells words apart. */
typedef struct wick_word_key {
    uint64_t low, high;
} wick_word_key;

/* Half a cache line: nine of ten words fit, and many small places keep more of them than few large ones in the same memory. */
typedef struct wick_cached_word {
    wick_word_key key;
    int32_t ids[WICK_CACHED_TOKENS];
    uint8_t ends
        [WICK_CACHED_TOKENS]; /* in bytes of the word, which the last token's end, and any behind it, has; 0: empty */
    uint8_t n_tokens;
} wick_cached_word;

typedef struct wick_word_cache {
    wick_cached_word *words; /* [WICK_CACHED_WORDS]; NULL until it is claimed */
    uint64_t serial;         /* of the model whose words these are */
} wick_word_cache;

/* A number that no other model has. */
uint64_t wick_word_cache_serial(void);
/* Makes the cache that model's: empties it where it was another's. False: out of memory. */
bool wick_word_cache_claim(wick_word_cache *cache, uint64_t serial);
void wick_word_cache_free(wick_word_cache *cache);

static inline uint64_t wick_cached_load8(const char *s)
{
    uint64_t v;
    memcpy(&v, s, sizeof v);
    return v;
}

/* The lowest n bytes of a number as they stand in memory; n <= 8. */
static inline uint64_t wick_cached_first(uint64_t v, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return n < 8 ? v & (((uint64_t)1 << 8 * n) - 1) : v;
#else
    return n < 8 ? v & ~(UINT64_MAX >> 8 * n) : v;
#endif
}

/* The key of word[0..n), 1 <= n <= WICK_CACHED_BYTES. WICK_CACHED_BYTES from word on may be read, whatever n is: what stands behind the word does not count. */
static inline wick_word_key wick_cached_key(const char *word, size_t n)
{
    const uint64_t low = wick_cached_load8(word), high = wick_cached_load8(word + 8);
    return (wick_word_key){wick_cached_first(low, n < 8 ? n : 8), wick_cached_first(high, n < 8 ? 0 : n - 8)};
}

/* The one place of a key; it may hold another word. */
static inline wick_cached_word *wick_word_cache_place(const wick_word_cache *cache, wick_word_key key, size_t n)
{
    uint64_t h = (key.low ^ (key.high + n) * 0xA0761D6478BD642Fu) * 0xE7037ED1A0B428DBu;
    h = (h ^ h >> 32) * 0x9E3779B97F4A7C15u;
    return &cache->words[(h >> 40) % WICK_CACHED_WORDS];
}

static inline bool wick_cached_is(const wick_cached_word *word, wick_word_key key, size_t n)
{
    return ((word->key.low ^ key.low) | (word->key.high ^ key.high) | (word->ends[WICK_CACHED_TOKENS - 1] ^ n)) == 0;
}

#endif
