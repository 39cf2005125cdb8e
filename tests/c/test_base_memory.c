/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/checked.h, base/large.h and base/arena.h: sizes at the edge of size_t; alignment, zeroing, stability of an arena's pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/large.h"

static void multiplication(void **state)
{
    size_t out = 7;
    assert_true(wick_mul_size(3, 5, &out) && out == 15);
    assert_true(wick_mul_size(0, SIZE_MAX, &out) && out == 0);
    assert_true(wick_mul_size(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    out = 7;
    assert_false(wick_mul_size(SIZE_MAX, 2, &out));
    assert_false(wick_mul_size((size_t)1 << 33, (size_t)1 << 33, &out));
    assert_int_equal(out, 7);
}

static void addition(void **state)
{
    size_t out = 7;
    assert_true(wick_add_size(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    out = 7;
    assert_false(wick_add_size(SIZE_MAX, 1, &out));
    assert_int_equal(out, 7);
}

static void rounding(void **state)
{
    size_t out = 7;
    assert_true(wick_round_up(0, 64, &out) && out == 0);
    assert_true(wick_round_up(1, 64, &out) && out == 64);
    assert_true(wick_round_up(64, 64, &out) && out == 64);
    assert_true(wick_round_up(SIZE_MAX - 63, 64, &out) && out == SIZE_MAX - 63);
    out = 7;
    assert_false(wick_round_up(SIZE_MAX - 62, 64, &out));
    assert_int_equal(out, 7);
}

/* Pieces of many sizes: each aligned and zeroed, none overlapping another, none moved by later ones. */
static void pieces(void **state)
{
    enum { n_pieces = 400 };
    wick_arena arena = {0};
    unsigned char *at[n_pieces];
    size_t sizes[n_pieces], total = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        sizes[i] = i % 50 == 49 ? ((size_t)1 << 20) + i : (i * 37) % 5000;
        at[i] = wick_arena_take(&arena, sizes[i], 1);
        assert_non_null(at[i]);
        assert_int_equal((uintptr_t)at[i] % 64, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(at[i][j], 0);
        memset(at[i], (int)(i % 251) + 1, sizes[i]);
        total += sizes[i];
    }
    assert_true(arena.used_bytes >= total);
    for (size_t i = 0; i < n_pieces; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(at[i][j], (int)(i % 251) + 1);
    wick_arena_clear(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.used_bytes, 0);
    wick_arena_clear(&arena); /* twice is fine */
}

/* Around the size from which on they are on huge pages: all of it can be written, grown and freed. */
static void large(void **state)
{
    for (size_t n = ((size_t)2 << 20) - 1; n < (size_t)5 << 20; n += ((size_t)1 << 20) + 1) {
        uint8_t *memory = wick_large_take(n);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % WICK_LARGE_ALIGNMENT, 0);
        memset(memory, 7, n);
        uint8_t *grown = realloc(memory, 2 * n);
        assert_non_null(grown);
        memset(grown + n, 7, n);
        for (size_t i = 0; i < 2 * n; i++)
            assert_true(grown[i] == 7);
        free(grown);
    }
    uint8_t *least = wick_large_take(1);
    assert_non_null(least);
    free(least);
    assert_null(wick_large_take(SIZE_MAX / 2));
}

/* What a large piece leaves of its last huge page the next pieces take, cleared. */
static void rest_of_large(void **state)
{
    wick_arena arena = {0};
    const size_t n_large = (size_t)3 << 20, n_next = (size_t)512 << 10;
    uint8_t *piece = wick_arena_take(&arena, n_large, 1), *next = wick_arena_take(&arena, n_next, 1);
    assert_non_null(piece);
    assert_ptr_equal(next, piece + n_large);
    memset(piece, 7, n_large);
    for (size_t i = 0; i < n_next; i++)
        assert_int_equal(next[i], 0);
    wick_arena_clear(&arena);
}

/* Memory of malloc goes with the pieces, and room that is left stays. Sanitizers tell what is not freed. */
static void adopted(void **state)
{
    wick_arena arena = {0};
    for (int i = 0; i < 3; i++) {
        char *memory = malloc(100);
        assert_non_null(memory);
        assert_true(wick_arena_adopt(&arena, memory));
        memset(memory, i, 100);
        const size_t before = arena.used_bytes;
        char *piece = wick_arena_take(&arena, 64, 1), *next = wick_arena_take(&arena, 64, 1);
        assert_ptr_equal(piece + 64, next);
        assert_int_equal(arena.used_bytes, before + 128);
        memset(piece, 7, 128);
        assert_int_equal(memory[99], i);
    }
    wick_arena_clear(&arena);
    assert_null(arena.blocks);
}

static void empty_pieces_differ(void **state)
{
    wick_arena arena = {0};
    void *a = wick_arena_take(&arena, 0, 8), *b = wick_arena_take(&arena, 8, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    wick_arena_clear(&arena);
}

static void impossible_sizes(void **state)
{
    wick_arena arena = {0};
    assert_null(wick_arena_take(&arena, SIZE_MAX, 2));
    assert_null(wick_arena_take(&arena, SIZE_MAX, 1));
    assert_null(wick_arena_take(&arena, SIZE_MAX - 70, 1));
    assert_null(wick_arena_copy_text(&arena, "x", SIZE_MAX));
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(wick_arena_take(&arena, 1, 1)); /* still good */
    wick_arena_clear(&arena);
}

static void texts(void **state)
{
    wick_arena arena = {0};
    assert_string_equal(wick_arena_copy_text(&arena, "wick and more", 4), "wick");
    assert_string_equal(wick_arena_copy_text(&arena, NULL, 0), "");
    const char *with_nul = wick_arena_copy_text(&arena, "a\0b", 3);
    assert_memory_equal(with_nul, "a\0b", 4);
    wick_arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplication),   cmocka_unit_test(addition), cmocka_unit_test(rounding),
        cmocka_unit_test(adopted),          cmocka_unit_test(pieces),   cmocka_unit_test(empty_pieces_differ),
        cmocka_unit_test(impossible_sizes), cmocka_unit_test(texts),    cmocka_unit_test(large),
        cmocka_unit_test(rest_of_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
