/* SPDX-License-Identifier: Apache-2.0
 * word_cache.h: the tokens of words met before, for models that take long over a word. Each encoding has its own, so that there is nothing to lock; it is of fixed size, a
 * newer word takes an older one's place, and whatever it holds the tokens are the same. */
#ifndef WICK_TEXT_WORD_CACHE_H
#define WICK_TEXT_WORD_CACHE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WICK_CACHED_BYTES 32  /* longer words are not kept */
#define WICK_CACHED_TOKENS 14 /* nor those of more tokens */
#define WICK_CACHED_KEYS 4

/* Two cache lines; of most words the first is enough. */
typedef struct wick_cached_word {
    uint64_t key[WICK_CACHED_KEYS];   /* the word's bytes, with n_bytes */
    uint8_t n_bytes, n_tokens;        /* n_bytes 0: empty */
    uint8_t ends[WICK_CACHED_TOKENS]; /* in bytes of the word */
    int32_t ids[WICK_CACHED_TOKENS];
} wick_cached_word;

typedef struct wick_word_cache {
    wick_cached_word *words; /* [WICK_CACHED_WORDS] */
    uint64_t serial;         /* of the model whose words these are */
} wick_word_cache;

/* A number that no other model has. */
uint64_t wick_word_cache_serial(void);
/* Makes the cache that model's: empties it where it was another's. False: out of memory. */
bool wick_word_cache_claim(wick_word_cache *cache, uint64_t serial);
void wick_word_cache_free(wick_word_cache *cache);

#define WICK_CACHED_WORDS 4096

static inline uint64_t wick_cached_load8(const char *s)
{
    uint64_t v;
    memcpy(&v, s, sizeof v);
    return v;
}

/* The key of word[0..n), 1 <= n <= WICK_CACHED_BYTES: together with n it tells words apart. Reads nothing else. */
static inline void wick_cached_key(const char *word, size_t n, uint64_t key[WICK_CACHED_KEYS])
{
    key[1] = key[2] = key[3] = 0;
    if (n >= 16) {
        key[0] = wick_cached_load8(word);
        key[1] = wick_cached_load8(word + 8);
        key[2] = wick_cached_load8(word + n - 16);
        key[3] = wick_cached_load8(word + n - 8);
    } else if (n >= 8) {
        key[0] = wick_cached_load8(word);
        key[1] = wick_cached_load8(word + n - 8);
    } else if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, word, 4);
        memcpy(&high, word + n - 4, 4);
        key[0] = (uint64_t)high << 32 | low;
    } else {
        const uint8_t *b = (const uint8_t *)word;
        key[0] = (uint64_t)b[0] | (uint64_t)b[n >> 1] << 8 | (uint64_t)b[n - 1] << 16;
    }
}

/* The one place of a key; it may hold another word. */
static inline wick_cached_word *wick_word_cache_place(const wick_word_cache *cache,
                                                      const uint64_t key[WICK_CACHED_KEYS], size_t n)
{
    const uint64_t odd = 0xA0761D6478BD642Fu;
    uint64_t h = (key[0] ^ (key[1] + n) * odd) + (key[2] ^ key[3] * odd) * 0xE7037ED1A0B428DBu;
    h *= 0x9E3779B97F4A7C15u;
    return &cache->words[(h >> 40) % WICK_CACHED_WORDS];
}

static inline bool wick_cached_is(const wick_cached_word *word, const uint64_t key[WICK_CACHED_KEYS], size_t n)
{
    uint64_t differs = word->n_bytes ^ n;
    for (size_t i = 0; i < WICK_CACHED_KEYS; i++)
        differs |= word->key[i] ^ key[i];
    return differs == 0;
}

#endif
