/* SPDX-License-Identifier: Apache-2.0
 * test_token_trie.c: the trie against comparing a text with every key, on keys of every shape; its size where keys are made to waste room;
 * and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include <cmocka.h>

#include "support_alloc.h"
#include "text/token_trie.h"

#define N_KEYS 3000
#define KEY_BYTES 24

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

typedef struct key_set {
    char texts[N_KEYS][KEY_BYTES];
    wick_trie_key keys[N_KEYS], given[N_KEYS]; /* as made, and as handed over */
    size_t n;
} key_set;

static key_set set;

/* Keys of 1 to KEY_BYTES bytes of an alphabet of n_letters, the first at `first`; short ones come up more than once. */
static void make_keys(size_t n, uint32_t n_letters, uint8_t first)
{
    set.n = n;
    for (size_t i = 0; i < n; i++) {
        uint32_t n_bytes = 1 + random_below(1 + random_below(KEY_BYTES));
        for (uint32_t j = 0; j < n_bytes; j++)
            set.texts[i][j] = (char)(first + random_below(n_letters));
        if (i > 0 && random_below(3) == 0) /* grows out of another */
            memcpy(set.texts[i], set.texts[random_below((uint32_t)i)], n_bytes / 2);
        set.keys[i] = (wick_trie_key){set.texts[i], n_bytes, (uint32_t)i};
    }
    memcpy(set.given, set.keys, n * sizeof *set.keys);
}

static size_t longest_of_all(const char *text, size_t n, uint32_t *number)
{
    size_t length = 0;
    for (size_t i = 0; i < set.n; i++) {
        const wick_trie_key *key = &set.keys[i];
        if (key->n_bytes >= length && key->n_bytes <= n && memcmp(key->text, text, key->n_bytes) == 0) {
            length = key->n_bytes;
            *number = key->number; /* of equal ones the last */
        }
    }
    return length;
}

static void check_text(const wick_token_trie *trie, const char *text, size_t n)
{
    uint32_t found = 0, wanted = 0;
    size_t length = longest_of_all(text, n, &wanted);
    assert_int_equal(wick_token_trie_longest(trie, text, n, &found), length);
    if (length > 0)
        assert_int_equal(found, wanted);
}

static void check_set(void)
{
    wick_arena arena = {0};
    wick_token_trie trie;
    assert_int_equal(wick_token_trie_build(&arena, set.given, set.n, &trie), WICK_OK);
    for (size_t i = 0; i < set.n; i++) { /* all keys are still there, in some order */
        const wick_trie_key *given = &set.given[i];
        assert_ptr_equal(given->text, set.keys[given->number].text);
        assert_int_equal(given->n_bytes, set.keys[given->number].n_bytes);
    }
    for (size_t i = 0; i < set.n && i < 500; i++) {
        char text[2 * KEY_BYTES];
        size_t n = set.keys[i].n_bytes;
        memcpy(text, set.keys[i].text, n);
        check_text(&trie, text, n);
        check_text(&trie, text, n - 1);
        memcpy(text + n, set.keys[set.n - 1 - i].text, set.keys[set.n - 1 - i].n_bytes);
        check_text(&trie, text, n + set.keys[set.n - 1 - i].n_bytes);
        text[random_below((uint32_t)n)] ^= 1;
        check_text(&trie, text, n);
    }
    wick_arena_clear(&arena);
}

static void finds_the_longest_key(void **state)
{
    static const size_t sizes[] = {1, 2, 8, 9, 300, N_KEYS};
    static const uint32_t letters[] = {1, 2, 26, 256};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof letters / sizeof *letters; j++) {
            make_keys(sizes[i], letters[j], 'a');
            check_set();
        }
    make_keys(500, 3, 0xFE); /* the last bytes and, behind them, the first */
    check_set();
}

static void no_keys_find_nothing(void **state)
{
    wick_arena arena = {0};
    wick_token_trie trie;
    uint32_t number;
    wick_trie_key none;
    assert_int_equal(wick_token_trie_build(&arena, &none, 0, &trie), WICK_OK);
    for (unsigned c = 0; c < 256; c++) {
        char text[2] = {(char)c, 0};
        assert_int_equal(wick_token_trie_longest(&trie, text, 2, &number), 0);
    }
    assert_int_equal(wick_token_trie_longest(&trie, "", 0, &number), 0);
    wick_arena_clear(&arena);
}

/* Every node has two children that are far apart, or many: the array stays within a few times the nodes. */
static void wasteful_keys_take_little_room(void **state)
{
    enum { N = 1 << 15, DEPTH = 15 };
    char(*texts)[DEPTH] = malloc(N * sizeof *texts);
    wick_trie_key *keys = malloc(N * sizeof *keys);
    assert_true(texts && keys);
    for (unsigned last = 1; last < 256; last += 127) {
        wick_arena arena = {0};
        wick_token_trie trie;
        uint32_t number;
        for (uint32_t i = 0; i < N; i++) {
            for (unsigned bit = 0; bit < DEPTH; bit++)
                texts[i][bit] = (char)(i >> bit & 1 ? last : 0);
            keys[i] = (wick_trie_key){texts[i], DEPTH, i};
        }
        assert_int_equal(wick_token_trie_build(&arena, keys, N, &trie), WICK_OK);
        assert_true(trie.n_slots < 3 * (2 * N));
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(wick_token_trie_longest(&trie, texts[i], DEPTH, &number), DEPTH);
            assert_int_equal(number, i);
        }
        wick_arena_clear(&arena);
    }
    free(texts);
    free(keys);
}

static void memory_runs_out(void **state)
{
    if (!SUPPORT_ALLOC)
        skip(); /* the sanitizers' allocators cannot be made to fail */
    int code = WICK_E_NO_MEMORY;
    size_t n_failed = 0;
    for (size_t n = 1; code != WICK_OK; n++) {
        wick_arena arena = {0};
        wick_token_trie trie;
        make_keys(2000, 26, 'a');
        long live = support_n_live;
        support_n_allocations = 0;
        support_fail_at = n;
        code = wick_token_trie_build(&arena, set.given, set.n, &trie);
        support_fail_at = 0;
        assert_true(code == WICK_OK || code == WICK_E_NO_MEMORY);
        n_failed += code != WICK_OK;
        wick_arena_clear(&arena);
        assert_int_equal(support_n_live, live);
    }
    assert_true(n_failed > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_longest_key),
        cmocka_unit_test(no_keys_find_nothing),
        cmocka_unit_test(wasteful_keys_take_little_room),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
