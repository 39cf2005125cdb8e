/* SPDX-License-Identifier: Apache-2.0
 * Tests of gelu, layer_norm and softmax in every tier, against the same formulas in double precision. layer_norm's limits are twice what was measured over
 * all tiers; constants.h says what the approximations alone cost. */
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
    return n + (support_random_bits(random) & 1 ? 1 + support_random_below(random, MAX_GAP) : 0);
}

static size_t random_n(support_random *random, size_t i)
{
    static const size_t usual[] = {384, 768, 1024, 1536, MAX_N};
    return i && i <= 70 ? i : i % 2 ? usual[i / 2 % 5] : 1 + support_random_below(random, MAX_N);
}

/* ---- gelu ---------------------------------------------------------------------------------------------------------- */

static double exact_gelu(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static void check_gelu(const wick_kernels *kernels, float first, float step, size_t n, double limit, double relative)
{
    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    assert_true(x && y);
    for (size_t i = 0; i < n; i++)
        x[i] = y[i] = first + (float)i * step;
    kernels->gelu(y, n, 1, n);
    for (size_t i = 0; i < n; i++) {
        double exact = exact_gelu(x[i]);
        if (!(fabs(y[i] - exact) <= limit + relative * fabs((double)x[i])))
            fail_msg("gelu(%.9g) is %.9g, not %.12g", (double)x[i], (double)y[i], exact);
    }
    free(x);
    free(y);
}

static void gelu_is_near(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    check_gelu(kernels, -12.0f, 1.0f / 32768, 24 * 32768 + 1, 1.5e-6, 0.0);
    check_gelu(kernels, -3.0f, 1.0f / 65536, 6 * 65536 + 1, 6e-7, 0.0);
    check_gelu(kernels, -0x1p-10f, 0x1p-24f, 32769, 1e-10, 3e-7); /* near 0: half of x */
}

/* Far from 0 the answer is x or 0: an error of Phi would be multiplied by x. */
static void gelu_of_large_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    float magnitude = 5.6f;
    for (size_t i = 0; i < 8600; i++, magnitude *= 1.01f) { /* up to 1e38 */
        float x[2] = {magnitude, -magnitude};
        kernels->gelu(x, 2, 1, 2);
        if (x[0] != magnitude || !(fabsf(x[1]) <= 1e-7f))
            fail_msg("gelu(+-%g) is %.9g and %.9g", (double)magnitude, (double)x[0], (double)x[1]);
    }
}

static void gelu_of_odd_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    for (size_t n = 1; n <= 40; n++) {
        float x[40];
        for (size_t odd = 0; odd < n; odd++) {
            const float values[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-42f};
            for (size_t i = 0; i < 6; i++) {
                for (size_t j = 0; j < n; j++)
                    x[j] = 1.0f;
                x[odd] = values[i];
                kernels->gelu(x, n, 1, n);
                assert_true(i == 0 ? x[odd] != x[odd] : i == 1 ? x[odd] == INFINITY : true);
                /* -inf times a Phi of 0 is NaN by the formula, 0 by the limit: not some other number */
                assert_true(i == 2 ? x[odd] != x[odd] || x[odd] == 0.0f : true);
                assert_true(i > 2 ? fabsf(x[odd]) <= 1e-42f : true);
                for (size_t j = 0; j < n; j++)
                    assert_true(j == odd || fabsf(x[j] - 0.84134475f) < 1e-6f);
            }
        }
    }
}

/* One value, one result: whatever the row's length and the place in it. Nothing but the rows is touched. */
static void gelu_of_every_shape(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    support_guarded memory;
    support_guarded_open(&memory, MAX_M * (MAX_N + MAX_GAP));
    support_random random = {11};
    for (size_t i = 0; i < 120; i++) {
        size_t m = support_random_below(&random, MAX_M + 1), n = random_n(&random, i);
        support_matrix x = support_matrix_place(&memory, m, n, random_ld(&random, n), i % 2);
        support_matrix_fill(&x, n, &random, 2.0f, 0.0f);
        float *before = malloc((m * n + 1) * sizeof *before);
        assert_non_null(before);
        for (size_t row = 0; row < m; row++)
            memcpy(before + row * n, x.x + row * x.ld, n * sizeof *before);
        kernels->gelu(x.x, x.ld, m, n);
        for (size_t row = 0; row < m; row++)
            for (size_t j = 0; j < n; j++) {
                float alone = before[row * n + j];
                kernels->gelu(&alone, 1, 1, 1);
                assert_int_equal(support_bits_of(alone), support_bits_of(x.x[row * x.ld + j]));
            }
        free(before);
        support_matrix_check_gaps(&x);
    }
    support_guarded_close(&memory);
}

/* ---- layer_norm ---------------------------------------------------------------------------------------------------- */

typedef struct norm_buffers {
    support_guarded x, weight, bias;
} norm_buffers;

static void norm_buffers_open(norm_buffers *memory)
{
    support_guarded_open(&memory->x, MAX_M * (MAX_N + MAX_GAP));
    support_guarded_open(&memory->weight, MAX_N);
    support_guarded_open(&memory->bias, MAX_N);
}

static void norm_buffers_close(norm_buffers *memory)
{
    support_guarded_close(&memory->x);
    support_guarded_close(&memory->weight);
    support_guarded_close(&memory->bias);
}

/* The largest error of a row, x before and y after. */
static double norm_error(const float *x, const float *y, size_t n, const float *weight, const float *bias, double eps)
{
    double sum = 0, squares = 0, worst = 0;
    for (size_t j = 0; j < n; j++)
        sum += x[j];
    double mean = sum / (double)n;
    for (size_t j = 0; j < n; j++)
        squares += (x[j] - mean) * (x[j] - mean);
    double scale = 1.0 / sqrt(squares / (double)n + eps);
    for (size_t j = 0; j < n; j++) {
        double error = fabs(y[j] - ((x[j] - mean) * scale * weight[j] + bias[j]));
        worst = error > worst || error != error ? error : worst;
    }
    return worst;
}

/* Random rows with that mean and deviation 1; returns the largest error. */
static double norm_case(const wick_kernels *kernels, norm_buffers *memory, support_random *random, size_t m, size_t n,
                        float mean)
{
    const float eps = 1e-12f;
    bool at_end = support_random_bits(random) & 1;
    support_matrix x = support_matrix_place(&memory->x, m, n, random_ld(random, n), at_end);
    support_matrix weight = support_matrix_place(&memory->weight, 1, n, n, at_end);
    support_matrix bias = support_matrix_place(&memory->bias, 1, n, n, at_end);
    support_matrix_fill(&x, n, random, 1.0f, mean);
    support_matrix_fill(&weight, n, random, 0.5f, 1.0f);
    support_matrix_fill(&bias, n, random, 0.5f, 0.0f);
    float *before = malloc((m * n + 1) * sizeof *before), *alone = malloc(n * sizeof *alone);
    assert_true(before && alone);
    for (size_t i = 0; i < m; i++)
        memcpy(before + i * n, x.x + i * x.ld, n * sizeof *before);
    kernels->layer_norm(x.x, x.ld, m, n, weight.x, bias.x, eps);
    double worst = 0;
    for (size_t i = 0; i < m; i++) {
        double error = norm_error(before + i * n, x.x + i * x.ld, n, weight.x, bias.x, eps);
        worst = error > worst || error != error ? error : worst;
        memcpy(alone, before + i * n, n * sizeof *alone);
        kernels->layer_norm(alone, n, 1, n, weight.x, bias.x, eps);
        assert_memory_equal(alone, x.x + i * x.ld, n * sizeof *alone); /* whatever m is, and wherever the row stands */
    }
    free(before);
    free(alone);
    support_matrix_check_gaps(&x);
    return worst;
}

static void norm_is_near(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const struct {
        float mean;
        double limit;
    } cases[] = {{0.0f, 2e-6}, {10.0f, 1.3e-5}, {1e4f, 1.3e-2}};
    norm_buffers memory;
    norm_buffers_open(&memory);
    for (size_t c = 0; c < 3; c++) {
        support_random random = {12 + c};
        double worst = 0;
        for (size_t i = 2; i < 120; i++) {
            size_t m = support_random_below(&random, MAX_M + 1);
            double error = norm_case(kernels, &memory, &random, m, i < 8 ? i + 6 : random_n(&random, i), cases[c].mean);
            worst = error > worst || error != error ? error : worst;
        }
        print_message("layer_norm, mean %g: error at most %.2g\n", (double)cases[c].mean, worst);
        assert_true(worst <= cases[c].limit);
    }
    norm_buffers_close(&memory);
}

/* Rows without any variance: eps alone keeps them finite. */
static void norm_of_constant_rows(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float values[] = {0.0f, 1.0f, -0.1f, 1e-20f, 12345.678f, 1e15f};
    float *x = malloc(MAX_N * sizeof *x), *ones = malloc(MAX_N * sizeof *ones);
    assert_true(x && ones);
    for (size_t j = 0; j < MAX_N; j++)
        ones[j] = 1.0f;
    for (size_t i = 0; i < 6; i++)
        for (size_t n = 1; n <= MAX_N; n += n < 70 ? 1 : 97) {
            for (size_t j = 0; j < n; j++)
                x[j] = values[i];
            kernels->layer_norm(x, n, 1, n, ones, ones, 1e-12f);
            for (size_t j = 0; j < n; j++) {
                if (!isfinite(x[j]) || fabsf(x[j]) > 2.0f + 1e-5f)
                    fail_msg("n %zu of %g: %g", n, (double)values[i], (double)x[j]);
                assert_true(values[i] != 0.0f || x[j] == 1.0f);
            }
        }
    free(x);
    free(ones);
}

static void norm_passes_nan_on(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    float x[3 * 20], ones[20];
    for (size_t n = 1; n <= 20; n++)
        for (size_t odd = 0; odd < n; odd++)
            for (int what = 0; what < 2; what++) {
                for (size_t j = 0; j < 3 * n; j++)
                    x[j] = (float)(j * j % 7);
                for (size_t j = 0; j < n; j++)
                    ones[j] = 1.0f;
                x[n + odd] = what ? INFINITY : NAN;
                kernels->layer_norm(x, n, 3, n, ones, ones, 1e-12f);
                assert_false(isfinite(x[n + odd]));
                for (size_t j = 0; j < n; j++)
                    assert_true(isfinite(x[j]) && isfinite(x[2 * n + j]));
            }
}

/* ---- softmax ------------------------------------------------------------------------------------------------------- */

static void check_softmax_row(const float *x, const float *y, size_t n, float scale, float inverse_sum)
{
    double largest = x[0], sum = 0;
    for (size_t j = 0; j < n; j++)
        largest = x[j] > largest ? x[j] : largest;
    for (size_t j = 0; j < n; j++) {
        double argument = (x[j] - largest) * scale, exact = exp(argument);
        sum += exact;
        /* the argument is rounded twice; below exp(-87) only smallness counts */
        double limit = argument < -86.9 ? 2e-38 : exact * (3e-7 + 1.2e-7 * -argument);
        if (!(fabs(y[j] - exact) <= limit))
            fail_msg("n %zu: exp(%.9g) is %.9g, not %.9g", n, argument, (double)y[j], exact);
        if (x[j] == largest && y[j] != 1.0f)
            fail_msg("n %zu: the largest gives %.9g, not 1", n, (double)y[j]);
    }
    if (!(fabs(inverse_sum * sum - 1.0) <= 2e-6))
        fail_msg("n %zu: 1 / sum is %.9g, not %.9g", n, (double)inverse_sum, 1.0 / sum);
}

static void softmax_case(const wick_kernels *kernels, support_guarded memory[2], support_random *random, size_t m,
                         size_t n, float deviation)
{
    const float scale = 0.17677669529663687f; /* 1 / sqrt(32) */
    bool at_end = support_random_bits(random) & 1;
    support_matrix x = support_matrix_place(&memory[0], m, n, random_ld(random, n), at_end);
    support_matrix sums = support_matrix_place(&memory[1], 1, m, m, at_end);
    support_matrix_fill(&x, n, random, deviation, support_random_normal(random) * deviation);
    float *before = malloc((m * n + 1) * sizeof *before), *alone = malloc(n * sizeof *alone);
    assert_true(before && alone);
    for (size_t i = 0; i < m; i++)
        memcpy(before + i * n, x.x + i * x.ld, n * sizeof *before);
    kernels->softmax(x.x, x.ld, m, n, scale, sums.x);
    for (size_t i = 0; i < m; i++) {
        float sum;
        check_softmax_row(before + i * n, x.x + i * x.ld, n, scale, sums.x[i]);
        memcpy(alone, before + i * n, n * sizeof *alone);
        kernels->softmax(alone, n, 1, n, scale, &sum);
        assert_memory_equal(alone, x.x + i * x.ld, n * sizeof *alone);
        assert_int_equal(support_bits_of(sum), support_bits_of(sums.x[i]));
    }
    free(before);
    free(alone);
    support_matrix_check_gaps(&x);
    support_matrix_check_gaps(&sums);
}

static void softmax_is_near(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float deviations[] = {0.0f, 1.0f, 20.0f, 150.0f, 1e6f, 1e30f};
    support_guarded memory[2];
    support_guarded_open(&memory[0], MAX_M * (MAX_N + MAX_GAP));
    support_guarded_open(&memory[1], MAX_M);
    support_random random = {15};
    for (size_t d = 0; d < 6; d++)
        for (size_t i = 1; i < 120; i++)
            softmax_case(kernels, memory, &random, support_random_below(&random, MAX_M + 1), random_n(&random, i),
                         deviations[d]);
    support_guarded_close(&memory[0]);
    support_guarded_close(&memory[1]);
}

/* A NaN or +inf anywhere makes the row's sum no number, so that it cannot pass for a vector; -inf counts as nothing; other rows are not touched. */
static void softmax_of_odd_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    const float odd_values[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t n = 1; n <= 50; n++)
        for (size_t odd = 0; odd < n; odd++)
            for (size_t what = 0; what < 4; what++) {
                float x[3 * 50], sums[3], plain[50], plain_sum;
                for (size_t j = 0; j < 3 * n; j++)
                    x[j] = (float)(j % n % 5);
                memcpy(plain, x, n * sizeof *x);
                kernels->softmax(plain, n, 1, n, 1.0f, &plain_sum);
                x[n + odd] = odd_values[what];
                kernels->softmax(x, n, 3, n, 1.0f, sums);
                assert_int_equal(isfinite(sums[1]) != 0, what == 3 && n > 1);
                if (what == 3 && n > 1)
                    assert_true(x[n + odd] >= 0.0f && x[n + odd] <= 2e-38f);
                assert_true(sums[0] == plain_sum && sums[2] == plain_sum);
                assert_memory_equal(x, plain, n * sizeof *x);
                assert_memory_equal(x + 2 * n, plain, n * sizeof *x);
            }
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(gelu_is_near),          cmocka_unit_test(gelu_of_large_values),
        cmocka_unit_test(gelu_of_odd_values),    cmocka_unit_test(gelu_of_every_shape),
        cmocka_unit_test(norm_is_near),          cmocka_unit_test(norm_of_constant_rows),
        cmocka_unit_test(norm_passes_nan_on),    cmocka_unit_test(softmax_is_near),
        cmocka_unit_test(softmax_of_odd_values),
    };
    return support_tiers_run(each, sizeof each / sizeof *each, NULL, 0);
}
