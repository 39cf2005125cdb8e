/* SPDX-License-Identifier: Apache-2.0
 * edit_distance.h: how far a mistyped name is from one that there is. For what is suggested: options of the command, keys of config.toml, models of the hub. */
#ifndef WICK_BASE_EDIT_DISTANCE_H
#define WICK_BASE_EDIT_DISTANCE_H
#include <stddef.h>

#define WICK_EDIT_MAX_BYTES 96 /* the longest name of a model; no more of a name is looked at */

enum {
    WICK_EDIT_ANY_CASE = 1, /* upper and lower case of ASCII are the same */
    WICK_EDIT_SWAPS = 2     /* two neighbours that changed places are one edit, not two */
};

/* The least number of bytes to insert, delete or replace (Levenshtein) that makes a[0..n_a) of b[0..n_b). flags: of the two above, or 0. */
size_t wick_edit_distance(const char *a, size_t n_a, const char *b, size_t n_b, unsigned flags);

#endif
