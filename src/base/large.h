/* SPDX-License-Identifier: Apache-2.0
 * large.h: memory for arrays of megabytes, filled soon after they are taken. Where the system lends huge pages to who asks (Linux's "madvise"), the first touch of every 4 KiB, which takes longer than
 * writing them, becomes one of every 2 MiB. Called by the loaders of large files. */
#ifndef WICK_BASE_LARGE_H
#define WICK_BASE_LARGE_H
#include <stddef.h>

#define WICK_LARGE_ALIGNMENT ((size_t)64)

/* n_bytes >= 1, aligned, not cleared; to be freed or grown as memory of malloc is. What is never touched takes at most one huge page. The end of several is a whole one if half of it is there. NULL: out of memory. */
void *wick_large_take(size_t n_bytes);
/* Gives memory[0..n_bytes), the end of what was taken, back to the system as far as it is whole pages; it is written no more until it is freed. */
void wick_large_give_back(void *memory, size_t n_bytes);

#endif
