/* SPDX-License-Identifier: Apache-2.0
 * edit_distance.c: base/edit_distance.h, row by row; a swap looks two rows back, so three are kept (optimal string alignment). */
#include "base/edit_distance.h"

#include <stdbool.h>

static char folded(char c, unsigned flags)
{
    return (flags & WICK_EDIT_ANY_CASE) && c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(char a, char b, unsigned flags)
{
    return folded(a, flags) == folded(b, flags);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t wick_edit_distance(const char *a, size_t n_a, const char *b, size_t n_b, unsigned flags)
{
    size_t rows[3][WICK_EDIT_MAX_BYTES + 1]; /* row i % 3: from a's first i bytes to each beginning of b */
    n_a = smaller(n_a, WICK_EDIT_MAX_BYTES);
    n_b = smaller(n_b, WICK_EDIT_MAX_BYTES);
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = smaller(above[j - 1] + !same(a[i - 1], b[j - 1], flags), smaller(above[j], row[j - 1]) + 1);
            if ((flags & WICK_EDIT_SWAPS) && i > 1 && j > 1 && same(a[i - 1], b[j - 2], flags) &&
                same(a[i - 2], b[j - 1], flags))
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}
