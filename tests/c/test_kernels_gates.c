/* SPDX-License-Identifier: Apache-2.0
 * Tests of silu, gelu_tanh and the gates in every tier, against the same formulas in double precision. The limits are twice what was measured over all tiers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#define MAX_M 9
#define MAX_N 770
#define MAX_GAP 9
#define N_ACTIVATIONS 3

static double exact_gelu(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double exact_silu(double x)
{
    return x / (1.0 + exp(-x));
}

static double exact_gelu_tanh(double x)
{
    return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

typedef struct activation {
    const char *name;
    double (*exact)(double);
    void (*alone)(float *x, size_t ldx, size_t m, size_t n);
    void (*gate)(const wick_gate *g);
} activation;

static activation activation_of(const wick_kernels *kernels, size_t i)
{
    const activation all[N_ACTIVATIONS] = {{"gelu", exact_gelu, kernels->gelu, kernels->gate_gelu},
                                           {"silu", exact_silu, kernels->silu, kernels->gate_silu},
                                           {"gelu_tanh", exact_gelu_tanh, kernels->gelu_tanh, kernels->gate_gelu_tanh}};
    return all[i];
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static void check_values(const activation *a, float first, float step, size_t n)
{
    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    assert_true(x && y);
    for (size_t i = 0; i < n; i++)
        x[i] = y[i] = first + (float)i * step;
    a->alone(y, n, 1, n);
    for (size_t i = 0; i < n; i++) {
        const double exact = a->exact(x[i]);
        if (!(fabs(y[i] - exact) <= 1.5e-6 + 4e-7 * fabs(exact)))
            fail_msg("%s(%.9g) is %.9g, not %.12g", a->name, (double)x[i], (double)y[i], exact);
    }
    free(x);
    free(y);
}

static void values_are_near(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    for (size_t i = 1; i < N_ACTIVATIONS; i++) { /* gelu: test_kernels_rows.c */
        const activation a = activation_of(kernels, i);
        check_values(&a, -12.0f, 1.0f / 8192, 24 * 8192 + 1);
        check_values(&a, -120.0f, 1.0f / 64, 240 * 64 + 1);
        check_values(&a, -0x1p-10f, 0x1p-20f, 2049);
    }
}

/* Far from 0 the answer is x or 0, however large the other factor is. */
static void large_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    for (size_t i = 1; i < N_ACTIVATIONS; i++) {
        const activation a = activation_of(kernels, i);
        for (float magnitude = 100.0f; magnitude < 1e38f; magnitude *= 1.01f) {
            float x[2] = {magnitude, -magnitude};
            a.alone(x, 2, 1, 2);
            if (x[0] != magnitude || !(fabsf(x[1]) <= 1e-30f))
                fail_msg("%s(+-%g) is %.9g and %.9g", a.name, (double)magnitude, (double)x[0], (double)x[1]);
        }
    }
}

/* What is no number does not pass for one, and its neighbours are not touched. */
static void odd_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    for (size_t i = 1; i < N_ACTIVATIONS; i++) {
        const activation a = activation_of(kernels, i);
        for (size_t n = 1; n <= 40; n++)
            for (size_t odd = 0; odd < n; odd++) {
                float x[40], plain = 1.0f;
                for (size_t j = 0; j < n; j++)
                    x[j] = 1.0f;
                x[odd] = odd % 2 ? NAN : -NAN;
                a.alone(&plain, 1, 1, 1);
                a.alone(x, n, 1, n);
                for (size_t j = 0; j < n; j++)
                    assert_true(j == odd ? x[j] != x[j] : x[j] == plain);
            }
    }
}

/* ---- gates --------------------------------------------------------------------------------------------------------- */

static float reference(const activation *a, float gate, float up)
{
    a->alone(&gate, 1, 1, 1);
    return gate * up;
}

static void gate_case(const activation *a, support_guarded memory[2], support_random *random, size_t m, size_t n,
                      bool at_end)
{
    const size_t turns = (n + WICK_GATE_TURN - 1) / WICK_GATE_TURN * 2 * WICK_GATE_TURN;
    support_matrix x =
        support_matrix_place(&memory[0], m, turns, turns + support_random_below(random, MAX_GAP), at_end);
    support_matrix out = support_matrix_place(&memory[1], m, n, n + support_random_below(random, MAX_GAP), at_end);
    support_matrix_fill(&x, turns, random, 2.0f, 0.0f);
    a->gate(&(wick_gate){m, n, x.x, x.ld, out.x, out.ld});
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const float *gate = x.x + i * x.ld + j / WICK_GATE_TURN * 2 * WICK_GATE_TURN + j % WICK_GATE_TURN;
            const float expected = reference(a, gate[0], gate[WICK_GATE_TURN]);
            if (support_bits_of(expected) != support_bits_of(out.x[i * out.ld + j]))
                fail_msg("gate_%s, %zu x %zu: [%zu, %zu] is %.9g, not %.9g", a->name, m, n, i, j,
                         (double)out.x[i * out.ld + j], (double)expected);
        }
    support_matrix_check_gaps(&x);
    support_matrix_check_gaps(&out);
}

/* One gate, one result, the same as the activation alone gives: whatever the shape. Nothing past a row's columns is touched. */
static void gates_of_every_shape(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    support_guarded memory[2];
    support_guarded_open(&memory[0], MAX_M * (2 * MAX_N + 2 * WICK_GATE_TURN + MAX_GAP));
    support_guarded_open(&memory[1], MAX_M * (MAX_N + MAX_GAP));
    support_random random = {31};
    for (size_t i = 0; i < N_ACTIVATIONS; i++) {
        const activation a = activation_of(kernels, i);
        for (size_t n = 1; n <= 100; n++)
            gate_case(&a, memory, &random, support_random_below(&random, MAX_M + 1), n, n % 2);
        gate_case(&a, memory, &random, MAX_M, MAX_N, true);
    }
    support_guarded_close(&memory[0]);
    support_guarded_close(&memory[1]);
}

/* One value, one result: whatever the row's length and the place in it. */
static void activations_of_every_shape(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    support_guarded memory;
    support_guarded_open(&memory, MAX_M * (MAX_N + MAX_GAP));
    support_random random = {32};
    for (size_t i = 1; i < N_ACTIVATIONS; i++) {
        const activation a = activation_of(kernels, i);
        for (size_t n = 1; n <= 70; n++) {
            const size_t m = support_random_below(&random, MAX_M + 1);
            support_matrix x = support_matrix_place(&memory, m, n, n + support_random_below(&random, MAX_GAP), n % 2);
            float before[MAX_M * 70];
            support_matrix_fill(&x, n, &random, 2.0f, 0.0f);
            for (size_t row = 0; row < m; row++)
                memcpy(before + row * n, x.x + row * x.ld, n * sizeof *before);
            a.alone(x.x, x.ld, m, n);
            for (size_t k = 0; k < m * n; k++) {
                float one = before[k];
                a.alone(&one, 1, 1, 1);
                assert_int_equal(support_bits_of(one), support_bits_of(x.x[k / n * x.ld + k % n]));
            }
            support_matrix_check_gaps(&x);
        }
    }
    support_guarded_close(&memory);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(values_are_near),
        cmocka_unit_test(large_values),
        cmocka_unit_test(odd_values),
        cmocka_unit_test(gates_of_every_shape),
        cmocka_unit_test(activations_of_every_shape),
    };
    return support_tiers_run(each, sizeof each / sizeof *each, NULL, 0);
}
