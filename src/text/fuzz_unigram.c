/* SPDX-License-Identifier: Apache-2.0
 * fuzz_unigram.c: small Unigram vocabularies and words against a plain search of the best way, which compares every token with every place. Input: the
 * number of tokens, each token's length, score and bytes, the word. Seeds: tests/fuzz/unigram. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/unigram.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

#define MAX_TOKENS 32
#define MAX_WORD 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct tokens {
    const char *texts[MAX_TOKENS];
    size_t n_bytes[MAX_TOKENS], n;
    double scores[MAX_TOKENS];
} tokens;

/* Returns how many bytes of data the tokens take. */
static size_t read_tokens(const uint8_t *data, size_t n, tokens *out)
{
    size_t at = 1;
    out->n = 1 + data[0] % MAX_TOKENS;
    for (size_t id = 0; id < out->n; id++) {
        out->n_bytes[id] = at < n ? data[at++] % 9 : 0;
        out->scores[id] = at < n ? (double)((int)data[at++] - 160) / 16 : 0;
        out->n_bytes[id] = out->n_bytes[id] < n - at ? out->n_bytes[id] : n - at;
        out->texts[id] = (const char *)data + at;
        at += out->n_bytes[id];
    }
    return at;
}

/* The id that counts for the bytes: of equal tokens the last. -1: none. */
static int find(const tokens *all, const char *text, size_t n)
{
    for (size_t id = all->n; id-- > 0;)
        if (n > 0 && all->n_bytes[id] == n && memcmp(all->texts[id], text, n) == 0)
            return (int)id;
    return -1;
}

/* The ids of the best way, unknown characters side by side as one; returns how many. */
static size_t reference(const tokens *all, double unknown_score, const char *word, size_t n, int *ids, size_t *ends)
{
    static double best[MAX_WORD + 1];
    static size_t from[MAX_WORD + 1];
    static int id_of[MAX_WORD + 1];
    for (size_t end = 0; end <= n; end++)
        best[end] = end == 0 ? 0 : -INFINITY;
    for (size_t at = 0, next; at < n; at = next) {
        uint32_t c;
        next = at + wick_utf8_decode(word + at, &c);
        for (size_t end = at + 1; end <= n; end++) {
            int id = find(all, word + at, end - at);
            double score = id >= 0 ? best[at] + all->scores[id] : -INFINITY;
            if (id < 0 && end == next) {
                id = 0;
                score = best[at] + unknown_score;
            }
            if (id >= 0 && score > best[end]) {
                best[end] = score;
                from[end] = at;
                id_of[end] = id;
            }
        }
    }
    size_t n_ids = 0;
    for (size_t end = n; end > 0;) {
        size_t start = from[end];
        while (id_of[end] == 0 && start > 0 && id_of[start] == 0)
            start = from[start];
        const int fused = find(all, word + start, end - start);
        ids[n_ids] = id_of[end] == 0 && fused >= 0 ? fused : id_of[end];
        ends[n_ids++] = end;
        end = start;
    }
    return n_ids; /* from the last to the first */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static wick_encoding *encoding;
    static uint32_t origins[MAX_WORD];
    static int ids[MAX_WORD];
    static size_t ends[MAX_WORD];
    tokens all;
    wick_trie_key keys[MAX_TOKENS];
    wick_arena arena = {0};
    wick_vocabulary vocabulary = {0};
    wick_unigram model = {.vocabulary = &vocabulary, .scores = all.scores};
    if (!encoding)
        encoding = wick_encoding_new();
    if (n == 0 || !encoding)
        return 0;
    const size_t n_read = read_tokens(data, n, &all), n_word = n - n_read;
    if (n_word == 0 || n_word > MAX_WORD || !wick_utf8_valid((const char *)data + n_read, n_word, NULL))
        return 0;
    char *word = malloc(n_word + WICK_NORMALIZED_PAD); /* no more than may be read */
    CHECK(word);
    memcpy(word, data + n_read, n_word);
    memset(word + n_word, 0xA5, WICK_NORMALIZED_PAD);
    size_t n_keys = 0;
    double lowest = INFINITY;
    for (size_t id = 0; id < all.n; id++) {
        lowest = all.scores[id] < lowest ? all.scores[id] : lowest;
        keys[n_keys] = (wick_trie_key){all.texts[id], (uint32_t)all.n_bytes[id], (uint32_t)id};
        n_keys += all.n_bytes[id] > 0;
    }
    CHECK(wick_token_trie_build(&arena, keys, n_keys, &vocabulary.whole) == WICK_OK);
    model.unknown_score = lowest - 10;
    model.serial = wick_word_cache_serial();
    for (size_t byte = 0; byte < 256; byte++)
        model.byte_ids[byte] = -1;
    for (size_t i = 0; i < MAX_WORD; i++)
        origins[i] = (uint32_t)i;
    wick_encoding_state *state = (wick_encoding_state *)(void *)encoding;
    const size_t n_ids = reference(&all, model.unknown_score, word, n_word, ids, ends);
    for (int pass = 0; pass < 2; pass++) { /* the second may come from the cache */
        state->n_tokens = 0;
        wick_unigram_run(&model, word, origins, n_word, state);
        CHECK(!state->out_of_memory && state->n_tokens == n_ids);
        for (size_t i = 0; i < n_ids; i++) {
            CHECK(state->ids[i] == ids[n_ids - 1 - i] && state->ends[i] == ends[n_ids - 1 - i]);
            CHECK(state->starts[i] == (i == 0 ? 0 : ends[n_ids - i]));
        }
    }
    wick_arena_clear(&arena);
    free(word);
    return 0;
}
