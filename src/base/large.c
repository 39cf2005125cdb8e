/* SPDX-License-Identifier: Apache-2.0
 * large.c: memory on huge pages (large.h). The end of an array that has some is on one too if it fills half of it: what it then takes more is less than what its small pages cost in time. */
#include "base/large.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mapped.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

void *wick_large_take(size_t n_bytes)
{
    void *memory = NULL;
    size_t alignment = WICK_LARGE_ALIGNMENT, n_huge = 0;
#ifdef MADV_HUGEPAGE
    n_huge = n_bytes / HUGE_PAGE_BYTES;
    n_huge += n_huge > 0 && n_bytes % HUGE_PAGE_BYTES >= HUGE_PAGE_BYTES / 2;
    if (n_huge > 0 && n_huge <= SIZE_MAX / HUGE_PAGE_BYTES) {
        alignment = HUGE_PAGE_BYTES;
        n_bytes = n_bytes > n_huge * HUGE_PAGE_BYTES ? n_bytes : n_huge * HUGE_PAGE_BYTES;
    }
#endif
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
