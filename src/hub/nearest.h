/* SPDX-License-Identifier: Apache-2.0
 * nearest.h: the cached models whose names are nearest to one that was not found. */
#ifndef WICK_HUB_NEAREST_H
#define WICK_HUB_NEAREST_H
#include "hub/cache.h"

/* "did you mean org/name or org/other?" into out, or "" where no cached name is near. At most three. */
void wick_hub_nearest(const char *cache, const char *repo, char *out, size_t n_out);
/* Insertions, deletions and replacements from a to b, upper and lower case the same; names of at most WICK_HUB_MAX_NAME bytes. */
size_t wick_hub_distance(const char *a, const char *b);

#endif
