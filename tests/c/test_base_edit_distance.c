/* SPDX-License-Identifier: Apache-2.0
 * test_base_edit_distance.c: known distances, what holds of every distance, and names that are too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/edit_distance.h"

static size_t between(const char *a, const char *b, unsigned flags)
{
    return wick_edit_distance(a, strlen(a), b, strlen(b), flags);
}

static void known_distances(void **state)
{
    assert_int_equal(between("", "", 0), 0);
    assert_int_equal(between("abc", "", 0), 3);
    assert_int_equal(between("", "abc", 0), 3);
    assert_int_equal(between("same", "same", 0), 0);
    assert_int_equal(between("kitten", "sitting", 0), 3);
    assert_int_equal(between("saturday", "sunday", 0), 3);
    assert_int_equal(between("output", "ouput", 0), 1);
}

static void upper_and_lower_case(void **state)
{
    assert_int_equal(between("Org/Name", "org/name", 0), 2);
    assert_int_equal(between("Org/Name", "org/name", WICK_EDIT_ANY_CASE), 0);
    assert_int_equal(between("@[`{", "`{@[", WICK_EDIT_ANY_CASE), 4); /* what stands beside the letters is none */
}

static void neighbours_that_changed_places(void **state)
{
    assert_int_equal(between("fromat", "format", 0), 2);
    assert_int_equal(between("fromat", "format", WICK_EDIT_SWAPS), 1);
    assert_int_equal(between("badc", "abcd", WICK_EDIT_SWAPS), 2);
    assert_int_equal(between("ca", "abc", WICK_EDIT_SWAPS), 3); /* nothing is put between two that were swapped */
    assert_int_equal(between("BA", "ab", WICK_EDIT_SWAPS | WICK_EDIT_ANY_CASE), 1);
    assert_int_equal(between("BA", "ab", WICK_EDIT_SWAPS), 2);
}

/* Words of three letters of all lengths up to 5: the same both ways, 0 only for equal ones, never more than the longer one, and swaps never further. */
static void what_holds_of_all(void **state)
{
    enum { N = 364 };
    static char words[N][6];
    size_t n = 1;
    for (size_t i = 0; n < N; i++)
        for (char c = 'a'; c <= 'c'; c++, n++) {
            memcpy(words[n], words[i], strlen(words[i]));
            words[n][strlen(words[i])] = c;
        }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            const size_t d = between(words[i], words[j], 0), swapping = between(words[i], words[j], WICK_EDIT_SWAPS);
            const size_t n_i = strlen(words[i]), n_j = strlen(words[j]), longer = n_i > n_j ? n_i : n_j;
            assert_int_equal(d, between(words[j], words[i], 0));
            assert_int_equal(swapping, between(words[j], words[i], WICK_EDIT_SWAPS));
            assert_true((d == 0) == (i == j) && (swapping == 0) == (i == j));
            assert_true(d >= longer - (n_i < n_j ? n_i : n_j) && d <= longer);
            assert_true(swapping <= d && d <= 2 * swapping);
        }
}

/* Only the first bytes count; lengths are given, not looked for. */
static void long_names(void **state)
{
    static char a[WICK_EDIT_MAX_BYTES + 50], b[WICK_EDIT_MAX_BYTES + 50];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    memset(b + WICK_EDIT_MAX_BYTES, 'y', 50);
    assert_int_equal(wick_edit_distance(a, sizeof a, b, sizeof b, 0), 0);
    assert_int_equal(wick_edit_distance(a, SIZE_MAX, b, SIZE_MAX, WICK_EDIT_SWAPS), 0);
    memset(b, 'y', WICK_EDIT_MAX_BYTES);
    assert_int_equal(wick_edit_distance(a, sizeof a, b, sizeof b, WICK_EDIT_SWAPS), WICK_EDIT_MAX_BYTES);
    assert_int_equal(wick_edit_distance(a, 0, b, sizeof b, 0), WICK_EDIT_MAX_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_distances),
        cmocka_unit_test(upper_and_lower_case),
        cmocka_unit_test(neighbours_that_changed_places),
        cmocka_unit_test(what_holds_of_all),
        cmocka_unit_test(long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
