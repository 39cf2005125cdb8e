/* SPDX-License-Identifier: Apache-2.0
 * nearest.h: the models, cached or well known, whose names are nearest to one that was not found. */
#ifndef WICK_HUB_NEAREST_H
#define WICK_HUB_NEAREST_H
#include "hub/cache.h"

/* "did you mean org/name or org/other?" into out, or "" where no name is near. At most three. and_known: those of the hub that many use too, not only what is in the cache. */
void wick_hub_nearest(const char *cache, const char *repo, bool and_known, char *out, size_t n_out);

#endif
