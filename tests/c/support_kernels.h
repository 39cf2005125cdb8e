/* SPDX-License-Identifier: Apache-2.0
 * support_kernels.h: for tests of the kernels: seeded random numbers, matrices that stand right at a page which faults, with canaries in every gap
 * and around them, and one test a tier. */
#ifndef WICK_TESTS_SUPPORT_KERNELS_H
#define WICK_TESTS_SUPPORT_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/kernels.h"

/* ---- random numbers: the same ones in every run ---- */

typedef struct support_random {
    uint64_t state; /* the seed; any value */
} support_random;

uint32_t support_random_bits(support_random *random);
/* 0 .. n - 1 */
size_t support_random_below(support_random *random, size_t n);
/* Normally distributed, mean 0, variance 1. */
float support_random_normal(support_random *random);

/* ---- memory between two pages that fault ---- */

typedef struct support_guarded {
    unsigned char *pages;
    size_t size_bytes; /* usable, between the two */
} support_guarded;

void support_guarded_open(support_guarded *memory, size_t n_floats);
void support_guarded_close(support_guarded *memory);

typedef struct support_matrix {
    float *x; /* [m, n], rows ld apart */
    size_t m, n, ld;
    support_guarded *memory;
} support_matrix;

/* A matrix that ends right before the page that faults (at_end), or begins right after one. All of it is canaries (a NaN), as is what stands around. */
support_matrix support_matrix_place(support_guarded *memory, size_t m, size_t n, size_t ld, bool at_end);
/* Normal numbers times scale, plus offset, into the first n columns. */
void support_matrix_fill(const support_matrix *matrix, size_t n, support_random *random, float scale, float offset);
/* Fails the test if anything between the rows or around the matrix is no canary. */
void support_matrix_check_gaps(const support_matrix *matrix);

/* The same for operands that are no f32: n, ld and what is random are bytes; the canaries are bytes as well. */
typedef struct support_bytes {
    unsigned char *x; /* [m, n], rows ld apart */
    size_t m, n, ld;
    support_guarded *memory;
} support_bytes;

support_bytes support_bytes_place(support_guarded *memory, size_t m, size_t n, size_t ld, bool at_end);
void support_bytes_check_gaps(const support_bytes *bytes);

uint32_t support_bits_of(float x);

/* ---- tiers ---- */

#define SUPPORT_N_TIERS 11
extern const char *const support_tiers[SUPPORT_N_TIERS];
/* Makes of test one for that tier alone, "NAME, tier TIER"; name keeps its text. */
struct CMUnitTest;
void support_tier_test(struct CMUnitTest *out, const struct CMUnitTest *test, const char *tier, char name[64]);
/* Runs the tests once[0..n_once), then each[0..n_each) in every tier as "NAME, tier TIER". Returns what main does: how many failed. */
int support_tiers_run(const struct CMUnitTest *each, size_t n_each, const struct CMUnitTest *once, size_t n_once);
/* The table for a test whose initial state is the tier's name; skips the test, by name, where this machine lacks the tier. */
const wick_kernels *support_kernels(void **state);

#endif
