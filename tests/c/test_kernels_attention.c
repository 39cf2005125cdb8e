/* SPDX-License-Identifier: Apache-2.0
 * Tests of rms_norm, rotate and add_biases in every tier, against the same formulas in double precision; limits are twice what was measured over all tiers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#define MAX_M 17
#define MAX_N 1537
#define MAX_GAP 9

static size_t random_ld(support_random *random, size_t n)
{
    return n + support_random_below(random, MAX_GAP);
}

/* A copy of the rows without what stands between them; to be freed. */
static float *copy_rows(const support_matrix *x)
{
    float *rows = malloc((x->m * x->n + 1) * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < x->m; i++)
        memcpy(rows + i * x->n, x->x + i * x->ld, x->n * sizeof *rows);
    return rows;
}

/* ---- rms_norm ------------------------------------------------------------------------------------------------------ */

static void norm_case(const wick_kernels *kernels, support_guarded memory[2], support_random *random, size_t m,
                      size_t n, float scale)
{
    const float eps = 1e-6f;
    const bool at_end = support_random_bits(random) & 1;
    support_matrix x = support_matrix_place(&memory[0], m, n, random_ld(random, n), at_end);
    support_matrix weight = support_matrix_place(&memory[1], 1, n, n, at_end);
    support_matrix_fill(&x, n, random, scale, 0.0f);
    support_matrix_fill(&weight, n, random, 0.5f, 1.0f);
    float *before = copy_rows(&x);
    kernels->rms_norm(x.x, x.ld, m, n, weight.x, eps);
    for (size_t i = 0; i < m; i++) {
        double squares = 0;
        for (size_t j = 0; j < n; j++)
            squares += (double)before[i * n + j] * before[i * n + j];
        const double factor = 1.0 / sqrt(squares / (double)n + eps);
        for (size_t j = 0; j < n; j++) {
            const double exact = before[i * n + j] * factor * weight.x[j];
            if (!(fabs(x.x[i * x.ld + j] - exact) <= 1e-6 * fabs(exact) + 1e-37))
                fail_msg("rms_norm of %zu values, scale %g: %.9g, not %.12g", n, (double)scale,
                         (double)x.x[i * x.ld + j], exact);
        }
        kernels->rms_norm(before + i * n, n, 1, n, weight.x, eps);
        assert_memory_equal(before + i * n, x.x + i * x.ld,
                            n * sizeof *before); /* whatever m is, and wherever it stands */
    }
    free(before);
    support_matrix_check_gaps(&x);
    support_matrix_check_gaps(&weight);
}

static void rms_norm_is_near(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const size_t usual[] = {64, 80, 96, 128, 256, 384, 768, 1024, 1536, MAX_N};
    support_guarded memory[2];
    support_guarded_open(&memory[0], MAX_M * (MAX_N + MAX_GAP));
    support_guarded_open(&memory[1], MAX_N);
    support_random random = {41};
    for (size_t n = 1; n <= 70; n++)
        norm_case(kernels, memory, &random, support_random_below(&random, MAX_M + 1), n, 1.0f);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        for (float scale = 1e-12f; scale < 1e13f; scale *= 1e6f) /* a row of nearly nothing is divided by sqrt(eps) */
            norm_case(kernels, memory, &random, 1 + support_random_below(&random, MAX_M), usual[i], scale);
    support_guarded_close(&memory[0]);
    support_guarded_close(&memory[1]);
}

static void rms_norm_passes_nan_on(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    float x[3 * 40], weight[40];
    for (size_t n = 1; n <= 40; n++)
        for (size_t odd = 0; odd < n; odd++) {
            for (size_t j = 0; j < 3 * n; j++) {
                x[j] = 1.0f;
                weight[j % n] = 1.0f;
            }
            x[n + odd] = odd % 2 ? NAN : INFINITY;
            kernels->rms_norm(x, n, 3, n, weight, 1e-6f);
            assert_true(!isfinite(x[n + odd]));
            for (size_t j = 0; j < n; j++)
                assert_true(isfinite(x[j]) && isfinite(x[2 * n + j]));
        }
}

/* ---- rotate -------------------------------------------------------------------------------------------------------- */

static void rotate_case(const wick_kernels *kernels, support_guarded memory[3], support_random *random, size_t m,
                        size_t half)
{
    const size_t n = 2 * half;
    const bool at_end = support_random_bits(random) & 1;
    support_matrix x = support_matrix_place(&memory[0], m, n, random_ld(random, n), at_end);
    support_matrix cosines = support_matrix_place(&memory[1], 1, half, half, at_end),
                   sines = support_matrix_place(&memory[2], 1, half, half, at_end);
    support_matrix_fill(&x, n, random, 1.0f, 0.0f);
    for (size_t j = 0; j < half; j++) {
        const double angle = support_random_normal(random);
        cosines.x[j] = (float)cos(angle);
        sines.x[j] = (float)sin(angle);
    }
    float *before = copy_rows(&x);
    kernels->rotate(x.x, x.ld, m, n, cosines.x, sines.x);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < half; j++) {
            const double a = before[i * n + j], b = before[i * n + half + j], c = cosines.x[j], s = sines.x[j];
            assert_true(fabs(x.x[i * x.ld + j] - (a * c - b * s)) <= 2.5e-7 * (fabs(a) + fabs(b)));
            assert_true(fabs(x.x[i * x.ld + half + j] - (b * c + a * s)) <= 2.5e-7 * (fabs(a) + fabs(b)));
        }
    for (size_t i = 0; i < m; i++) {
        kernels->rotate(before + i * n, n, 1, n, cosines.x, sines.x);
        assert_memory_equal(before + i * n, x.x + i * x.ld, n * sizeof *before);
    }
    free(before);
    for (size_t i = 0; i < 3; i++)
        support_matrix_check_gaps(i == 0 ? &x : i == 1 ? &cosines : &sines);
}

static void rotations_are_near(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    support_guarded memory[3];
    for (size_t i = 0; i < 3; i++)
        support_guarded_open(&memory[i], MAX_M * (256 + MAX_GAP));
    support_random random = {42};
    for (size_t half = 1; half <= 70; half++)
        rotate_case(kernels, memory, &random, support_random_below(&random, MAX_M + 1), half);
    rotate_case(kernels, memory, &random, MAX_M, 128);
    for (size_t i = 0; i < 3; i++)
        support_guarded_close(&memory[i]);
}

/* ---- add_biases ---------------------------------------------------------------------------------------------------- */

static void biases_case(const wick_kernels *kernels, support_guarded memory[2], support_random *random, size_t m,
                        size_t n)
{
    const float scale = 0.125f;
    const bool at_end = support_random_bits(random) & 1;
    support_matrix x = support_matrix_place(&memory[0], m, n, random_ld(random, n), at_end);
    support_matrix biases =
        support_matrix_place(&memory[1], 1, m + n - 1, m + n - 1, at_end); /* all that may be read */
    support_matrix_fill(&x, n, random, 8.0f, 0.0f);
    support_matrix_fill(&biases, m + n - 1, random, 1.0f, 0.0f);
    float *before = copy_rows(&x);
    kernels->add_biases(x.x, x.ld, m, n, scale, biases.x + m - 1);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const double exact = (double)before[i * n + j] * scale + biases.x[m - 1 + j - i];
            if (!(fabs(x.x[i * x.ld + j] - exact) <= 5e-7))
                fail_msg("%zu x %zu: [%zu, %zu] is %.9g, not %.12g", m, n, i, j, (double)x.x[i * x.ld + j], exact);
        }
    free(before);
    support_matrix_check_gaps(&x);
    support_matrix_check_gaps(&biases);
}

static void biases_go_by_distance(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    support_guarded memory[2];
    for (size_t i = 0; i < 2; i++)
        support_guarded_open(&memory[i], WICK_ATTENTION_ROWS * (600 + MAX_GAP));
    support_random random = {43};
    for (size_t n = 1; n <= 70; n++)
        biases_case(kernels, memory, &random, 1 + support_random_below(&random, WICK_ATTENTION_ROWS), n);
    biases_case(kernels, memory, &random, WICK_ATTENTION_ROWS, 600);
    for (size_t i = 0; i < 2; i++)
        support_guarded_close(&memory[i]);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(rms_norm_is_near),
        cmocka_unit_test(rms_norm_passes_nan_on),
        cmocka_unit_test(rotations_are_near),
        cmocka_unit_test(biases_go_by_distance),
    };
    return support_tiers_run(each, sizeof each / sizeof *each, NULL, 0);
}
