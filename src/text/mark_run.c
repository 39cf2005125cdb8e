/* SPDX-License-Identifier: Apache-2.0
 * mark_run.c: canonical ordering (mark_run.h). */
#include "text/mark_run.h"

#include <string.h>

#define INSERTION_SORT_MAX 24

/* Insertion for the usual two or three marks, counting for a hostile 100,000. */
void wick_mark_run_sort(wick_mark_run *run)
{
    uint32_t *marks = run->marks;
    size_t n = run->n_marks;
    if (n <= INSERTION_SORT_MAX) {
        for (size_t i = 1; i < n; i++) {
            uint32_t mark = marks[i];
            size_t j = i;
            for (; j > 0 && WICK_MARK_CLASS(marks[j - 1]) > WICK_MARK_CLASS(mark); j--)
                marks[j] = marks[j - 1];
            marks[j] = mark;
        }
        return;
    }
    size_t place[257] = {0};
    uint32_t *sorted = marks + run->capacity;
    for (size_t i = 0; i < n; i++)
        place[WICK_MARK_CLASS(marks[i]) + 1]++;
    for (size_t k = 1; k <= 256; k++)
        place[k] += place[k - 1];
    for (size_t i = 0; i < n; i++)
        sorted[place[WICK_MARK_CLASS(marks[i])]++] = marks[i];
    memcpy(marks, sorted, n * sizeof *marks);
}
