/* SPDX-License-Identifier: Apache-2.0
 * score.h: a Unigram token's score, from its decimal to the f64 that the tokenizers package makes of it. That is not always the nearest one: serde_json, which reads the file there,
 * takes the digits as a whole number of 64 bits, rounds it to an f64 and divides by a power of ten, which rounds again. In one decimal of 17 digits out of ten the last bit
 * differs, and where two ways through a word have the same sum of scores, that bit decides. Used by token_list.c and unigram_load.c. */
#ifndef WICK_TEXT_SCORE_H
#define WICK_TEXT_SCORE_H
#include <stdbool.h>
#include <stddef.h>

/* text[0..n) is a number of JSON's grammar. False: out of range. */
bool wick_score_read(const char *text, size_t n, double *out);
#define WICK_SCORE_ROOM 34
/* The same of a number that begins at `at`, if it is written as most are: a point, no exponent, 19 digits at most, and WICK_SCORE_ROOM bytes left to read; returns its end. NULL: it may be one all the same. */
const char *wick_score_take(const char *at, const char *end, double *out);

#endif
