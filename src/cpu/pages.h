/* SPDX-License-Identifier: Apache-2.0
 * pages.h: memory in whole pages of the system, for weights, activations and tables. */
#ifndef WICK_CPU_PAGES_H
#define WICK_CPU_PAGES_H
#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory in pages of its own. huge: in huge ones where the system has them; then what is near a used page is resident too. NULL: none
 * left. */
void *wick_pages_take(size_t size_bytes, bool huge);
void wick_pages_free(void *pages, size_t size_bytes);

#endif
