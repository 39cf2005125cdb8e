/* SPDX-License-Identifier: Apache-2.0
 * large.c: memory on huge pages (large.h). The end of an array that has some is on one too if it fills half of it: what it then takes more is less than what its small pages cost in time. */
#include "base/large.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mapped.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* Huge pages worth having: a last one of which half is used counts. */
static size_t count_huge_pages(size_t n_bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t n = n_bytes / HUGE_PAGE_BYTES;
    return n + (n > 0 && n_bytes % HUGE_PAGE_BYTES >= HUGE_PAGE_BYTES / 2);
#else
    (void)n_bytes;
    return 0;
#endif
}

void *wick_large_take(size_t n_bytes)
{
    void *memory = NULL;
    size_t alignment = WICK_LARGE_ALIGNMENT;
    const size_t n_huge = count_huge_pages(n_bytes);
    if (n_huge > 0 && n_huge <= SIZE_MAX / HUGE_PAGE_BYTES) {
        alignment = HUGE_PAGE_BYTES;
        n_bytes = n_bytes > n_huge * HUGE_PAGE_BYTES ? n_bytes : n_huge * HUGE_PAGE_BYTES;
    }
    if (posix_memalign(&memory, alignment, n_bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (n_huge > 0) /* refused: it is memory as any other */
        madvise(memory, n_huge * HUGE_PAGE_BYTES, MADV_HUGEPAGE);
#endif
    return memory;
}

void wick_large_give_back(void *memory, size_t n_bytes)
{
    wick_mapped_release_pages(memory, n_bytes);
}
