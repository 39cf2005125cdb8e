/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/checked.h and base/arena.h: sizes at the edge of size_t; alignment, zeroing, stability of an arena's pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/checked.h"

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
        cmocka_unit_test(impossible_sizes), cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
