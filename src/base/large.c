/* SPDX-License-Identifier: Apache-2.0
 * large.c: memory on huge pages (large.h). Only whole ones that lie within are asked for, so that no array takes more memory than it has. */
#include "base/large.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

void *wick_large_take(size_t n_bytes)
{
    void *memory = NULL;
    size_t alignment = WICK_LARGE_ALIGNMENT;
#ifdef MADV_HUGEPAGE
    alignment = n_bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : alignment;
#endif
    if (posix_memalign(&memory, alignment, n_bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (n_bytes >= HUGE_PAGE_BYTES) /* refused: it is memory as any other */
        madvise(memory, n_bytes / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES, MADV_HUGEPAGE);
#endif
    return memory;
}
