/* SPDX-License-Identifier: Apache-2.0
 * Tests of gemm_i24, f32 products made of 24-bit integers (kernels.h), in every tier that has its own: bit by bit the formula written here over again, which knows nothing of
 * tiles; gelu against double precision; a row is on its own; nothing is read or written outside. test_kernels_i24_split.c has where the digits come from. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#define MAX_M 100
#define MAX_N 80 /* whole panels */
#define MAX_STEPS (WICK_I24_LARGEST_K / WICK_I24_STEP)
#define MAX_GAP 9
#define STEP_BYTES ((size_t)WICK_I24_STEP * WICK_I24_DIGITS)
/* Of operands: many rows of 24 steps, or few of as many as there can be. */
#define MAX_A_BYTES ((size_t)MAX_M * (24 * STEP_BYTES + MAX_GAP))
#define MAX_B_BYTES ((size_t)2 * WICK_I24_PANEL * MAX_STEPS * STEP_BYTES)

/* The tier's own product; skips those that have the one of plain C. */
static const wick_kernels *kernels_with_i24(void **state)
{
    const wick_kernels *kernels = support_kernels(state), *plain = wick_kernels_named("generic");
    if (kernels != plain && kernels->gemm_i24 == plain->gemm_i24)
        skip();
    return kernels;
}

/* ---- operands ------------------------------------------------------------------------------------------------------ */

typedef struct places {
    support_guarded a, b, rows, scales, bias, c;
} places;

static places at;

static int open_places(void **state)
{
    (void)state;
    support_guarded_open(&at.a, MAX_A_BYTES / sizeof(float) + 1);
    support_guarded_open(&at.b, MAX_B_BYTES / sizeof(float));
    support_guarded_open(&at.rows, 2 * MAX_M);
    support_guarded_open(&at.scales, MAX_N);
    support_guarded_open(&at.bias, MAX_N);
    support_guarded_open(&at.c, (size_t)MAX_M * (MAX_N + MAX_GAP));
    return 0;
}

static int close_places(void **state)
{
    (void)state;
    support_guarded *const all[] = {&at.a, &at.b, &at.rows, &at.scales, &at.bias, &at.c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        support_guarded_close(all[i]);
    return 0;
}

typedef struct shape {
    size_t m, n, n_steps, gap_a, gap_c;
    bool at_end, accumulate, gelu;
} shape;

static shape random_shape(support_random *random, size_t m, size_t n, size_t n_steps)
{
    const uint32_t flags = support_random_bits(random);
    shape s = {.m = m, .n = n, .n_steps = n_steps, .at_end = flags & 1, .accumulate = flags & 2};
    if (flags & 4) {
        s.gap_a = support_random_below(random, MAX_GAP + 1);
        s.gap_c = 1 + support_random_below(random, MAX_GAP);
    }
    return s;
}

typedef enum digits { RANDOM, LEAST, LARGEST, MIXED } digits;

static int8_t some_digit(support_random *random, digits what)
{
    const uint32_t bits = support_random_bits(random);
    const digits now = what == MIXED ? LEAST + (bits & 1) : what;
    return now == RANDOM ? (int8_t)(bits >> 8) : now == LEAST ? -128 : 127;
}

/* Whole panels, of which n values are numbers: the rest may be read, and must not be felt. */
static const float *place_columns(support_guarded *memory, const shape *s, support_random *random, float scale)
{
    const size_t width = (s->n + WICK_I24_PANEL - 1) / WICK_I24_PANEL * WICK_I24_PANEL;
    support_matrix row = support_matrix_place(memory, 1, width, width, s->at_end);
    support_matrix_fill(&row, s->n, random, scale, 0.0f);
    return row.x;
}

/* c is still to be placed. */
static wick_gemm_i24 make(const shape *s, support_random *random, digits of_a, digits of_b)
{
    const size_t row_bytes = s->n_steps * STEP_BYTES, n_panels = (s->n + WICK_I24_PANEL - 1) / WICK_I24_PANEL,
                 b_bytes = n_panels * WICK_I24_PANEL * row_bytes, scales_bytes = s->m * sizeof(wick_row_scale);
    support_bytes a = support_bytes_place(&at.a, s->m, row_bytes, row_bytes + s->gap_a, s->at_end),
                  b = support_bytes_place(&at.b, 1, b_bytes, b_bytes, s->at_end),
                  rows = support_bytes_place(&at.rows, 1, scales_bytes, scales_bytes, s->at_end);
    for (size_t i = 0; i < s->m; i++)
        for (size_t k = 0; k < row_bytes; k++)
            a.x[i * a.ld + k] = (uint8_t)some_digit(random, of_a);
    for (size_t i = 0; i < b_bytes; i++)
        b.x[i] = (uint8_t)some_digit(random, of_b);
    wick_row_scale *scales = (wick_row_scale *)(void *)rows.x;
    for (size_t i = 0; i < s->m; i++)
        scales[i] = (wick_row_scale){support_random_normal(random) * 1e-6f, NAN};
    return (wick_gemm_i24){.m = s->m,
                           .n = s->n,
                           .n_steps = s->n_steps,
                           .a = (const int8_t *)a.x,
                           .lda = a.ld,
                           .rows = scales,
                           .b = (const int8_t *)b.x,
                           .b_scales = place_columns(&at.scales, s, random, 1e-3f),
                           .bias = place_columns(&at.bias, s, random, 1.0f),
                           .accumulate = s->accumulate,
                           .gelu = s->gelu};
}

/* ---- the formula --------------------------------------------------------------------------------------------------- */

/* Products of row i's digits d with column j's digits e, summed over all places. Digit 0 is the highest. */
static int64_t products(const wick_gemm_i24 *g, size_t i, size_t j, size_t d, size_t e)
{
    int64_t sum = 0;
    const int8_t *a = g->a + i * g->lda + d * WICK_I24_STEP;
    const int8_t *b = g->b + j / WICK_I24_PANEL * g->n_steps * STEP_BYTES * WICK_I24_PANEL + j % WICK_I24_PANEL * 4 +
                      e * WICK_I24_STEP * WICK_I24_PANEL;
    for (size_t step = 0; step < g->n_steps; step++, a += STEP_BYTES, b += STEP_BYTES * WICK_I24_PANEL) {
        int32_t of_step = 0;
        for (size_t k = 0; k < WICK_I24_STEP; k++)
            of_step += a[k] * b[k / 4 * 4 * WICK_I24_PANEL + k % 4];
        sum += of_step;
    }
    return sum;
}

static float to_f32(int64_t sum)
{
    assert_true(sum == (int32_t)sum); /* kernels.h promises it */
    return (float)sum;
}

/* c[i, j] before gelu and without what stood there. */
static float expected(const wick_gemm_i24 *g, size_t i, size_t j)
{
    const float high = to_f32(products(g, i, j, 0, 0)),
                upper = to_f32(products(g, i, j, 0, 1) + products(g, i, j, 1, 0)),
                middle = to_f32(products(g, i, j, 0, 2) + products(g, i, j, 1, 1) + products(g, i, j, 2, 0)),
                lower = to_f32(products(g, i, j, 1, 2) + products(g, i, j, 2, 1));
    const float t = fmaf(fmaf(high, 256.0f, upper), 256.0f, fmaf(lower, 1.0f / 256, middle));
    return fmaf(t * g->rows[i].scale, g->b_scales[j], g->bias[j]);
}

/* Runs the product and compares all of c. */
static void check(const wick_kernels *kernels, support_random *random, wick_gemm_i24 *g, const shape *s)
{
    static float before[MAX_M * MAX_N];
    support_matrix c = support_matrix_place(&at.c, s->m, s->n, s->n + s->gap_c, s->at_end);
    if (s->accumulate) /* otherwise c is NaN, and must not be felt either */
        support_matrix_fill(&c, s->n, random, 1.0f, 0.0f);
    for (size_t i = 0; i < s->m; i++)
        memcpy(before + i * s->n, c.x + i * c.ld, s->n * sizeof *before);
    g->c = c.x;
    g->ldc = c.ld;
    kernels->gemm_i24(g);
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            const float x = expected(g, i, j), want = s->accumulate ? before[i * s->n + j] + x : x,
                        got = c.x[i * c.ld + j];
            if (support_bits_of(got) != support_bits_of(want))
                fail_msg("m %zu, n %zu, %zu steps%s: c[%zu, %zu] is %a, not %a", s->m, s->n, s->n_steps,
                         s->accumulate ? ", accumulated" : "", i, j, (double)got, (double)want);
        }
    support_matrix_check_gaps(&c);
}

static void check_random(const wick_kernels *kernels, support_random *random, size_t m, size_t n, size_t n_steps)
{
    const shape s = random_shape(random, m, n, n_steps);
    wick_gemm_i24 g = make(&s, random, RANDOM, RANDOM);
    check(kernels, random, &g, &s);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void every_shape(void **state)
{
    const wick_kernels *kernels = kernels_with_i24(state);
    static const size_t steps[] = {1, 2, 6, 24};
    support_random random = {31};
    for (size_t m = 0; m <= 40; m++)
        for (size_t i = 0; i < 4; i++)
            check_random(kernels, &random, m, 1 + support_random_below(&random, 70), steps[i]);
    for (size_t i = 0; i < 4; i++) {
        check_random(kernels, &random, 64, 48, steps[i]);
        check_random(kernels, &random, 100, 33, steps[i]);
    }
    for (size_t n = 1; n <= 70; n++)
        for (size_t i = 0; i < 3; i++)
            check_random(kernels, &random, 1 + support_random_below(&random, 40), n, steps[i]);
    for (size_t n_steps = 1; n_steps <= 24; n_steps++) /* rows are finished some with each step */
        check_random(kernels, &random, 33, 17, n_steps);
}

/* All sums as far from 0 as they come, and as many steps as there may be. */
static void extreme_digits(void **state)
{
    const wick_kernels *kernels = kernels_with_i24(state);
    static const size_t steps[] = {1, 6, MAX_STEPS};
    support_random random = {32};
    for (digits a = LEAST; a <= MIXED; a++)
        for (digits b = LEAST; b <= MIXED; b++)
            for (size_t i = 0; i < 3; i++) {
                const shape s = random_shape(&random, i < 2 ? 18 : 3, 17, steps[i]);
                wick_gemm_i24 g = make(&s, &random, a, b);
                check(kernels, &random, &g, &s);
            }
}

/* One digit of a and one of b alone, the others 0: a sum by itself is exact, and shows by what it counts. The lowest by the lowest does not count. */
static void every_pair_of_digits(void **state)
{
    const wick_kernels *kernels = kernels_with_i24(state);
    support_random random = {33};
    for (size_t d = 0; d < WICK_I24_DIGITS; d++)
        for (size_t e = 0; e < WICK_I24_DIGITS; e++) {
            const shape s = {.m = 1, .n = 1, .n_steps = 1};
            float c = 7;
            wick_gemm_i24 g = make(&s, &random, RANDOM, RANDOM);
            for (size_t i = 0; i < STEP_BYTES; i++) /* a[k] = k + 1, b[k] = 100 - k */
                ((int8_t *)(uintptr_t)g.a)[i] = i / WICK_I24_STEP == d ? (int8_t)(i % WICK_I24_STEP + 1) : 0;
            for (size_t i = 0; i < STEP_BYTES; i++)
                ((int8_t *)(uintptr_t)g.b)[i / 4 * 4 * WICK_I24_PANEL + i % 4] =
                    i / WICK_I24_STEP == e ? (int8_t)(100 - i % WICK_I24_STEP) : 0;
            const wick_row_scale row = {1.0f, 0.0f};
            float scales[WICK_I24_PANEL] = {0x1p16f}, bias[WICK_I24_PANEL] = {0};
            g.rows = &row;
            g.b_scales = scales;
            g.bias = bias;
            g.c = &c;
            g.ldc = 1;
            kernels->gemm_i24(&g);
            const float sum = 120640; /* of (k + 1)(100 - k), k from 0 to 63 */
            assert_true(c == (d + e == 4 ? 0.0f : ldexpf(sum, 8 * (4 - (int)(d + e)))));
        }
}

static void rows_stand_alone(void **state)
{
    const wick_kernels *kernels = kernels_with_i24(state);
    static float whole[MAX_M * MAX_N], pieces[MAX_M * MAX_N];
    static const size_t rows[] = {2, 15, 16, 17, 31, 33, 40, 64, 100};
    support_random random = {34};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const shape s = {.m = rows[i / 2], .n = 1 + support_random_below(&random, 70), .n_steps = 6, .gelu = i % 2};
        wick_gemm_i24 g = make(&s, &random, RANDOM, RANDOM);
        g.c = whole;
        g.ldc = s.n;
        kernels->gemm_i24(&g);
        for (size_t row = 0, n; row < s.m; row += n) { /* other numbers of rows, from other places on */
            n = 1 + support_random_below(&random, s.m - row < 20 ? s.m - row : 20);
            wick_gemm_i24 some = g;
            some.m = n;
            some.a += row * g.lda;
            some.rows += row;
            some.c = pieces + row * s.n;
            kernels->gemm_i24(&some);
        }
        assert_memory_equal(whole, pieces, s.m * s.n * sizeof *whole);
        for (size_t column = 0; column < s.n; column += WICK_I24_PANEL) { /* and a panel at a time */
            wick_gemm_i24 some = g;
            some.n = s.n - column < WICK_I24_PANEL ? s.n - column : WICK_I24_PANEL;
            some.b += column * s.n_steps * STEP_BYTES;
            some.b_scales += column;
            some.bias += column;
            some.c = pieces + column;
            kernels->gemm_i24(&some);
        }
        assert_memory_equal(whole, pieces, s.m * s.n * sizeof *whole);
    }
}

/* As near as test_kernels_rows.c asks of gelu in f32. */
static void check_gelu(const wick_kernels *kernels, support_random *random, const shape *s)
{
    wick_gemm_i24 g = make(s, random, RANDOM, RANDOM);
    support_matrix c = support_matrix_place(&at.c, s->m, s->n, s->n + s->gap_c, s->at_end);
    g.c = c.x;
    g.ldc = c.ld;
    kernels->gemm_i24(&g);
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            const double x = expected(&g, i, j), exact = 0.5 * x * erfc(-x / sqrt(2.0)), got = c.x[i * c.ld + j];
            if (!(fabs(got - exact) <= (fabs(x) <= 12 ? 1.5e-6 : 1.5e-7 * fabs(x))))
                fail_msg("m %zu, n %zu: gelu(%.9g) is %.9g, not %.12g", s->m, s->n, x, got, exact);
        }
    support_matrix_check_gaps(&c);
}

static void gelu_comes_with_the_product(void **state)
{
    const wick_kernels *kernels = kernels_with_i24(state);
    static const size_t steps[] = {1, 2, 6, 24};
    support_random random = {35};
    for (size_t m = 1; m <= 40; m++)
        for (size_t i = 0; i < 4; i++) {
            shape s = random_shape(&random, m, 1 + support_random_below(&random, 70), steps[i]);
            s.accumulate = false;
            s.gelu = true;
            check_gelu(kernels, &random, &s);
        }
}

/* Rows and columns that are no numbers spoil what is made of them, with digits of 0 as well, and nothing else. */
static void scales_that_are_no_numbers(void **state)
{
    const wick_kernels *kernels = kernels_with_i24(state);
    support_random random = {36};
    for (size_t turn = 0; turn < 4; turn++) {
        const shape s = {.m = 35, .n = 40, .n_steps = 2, .gelu = turn % 2};
        static float c[35 * 40];
        wick_gemm_i24 g = make(&s, &random, RANDOM, RANDOM);
        const size_t row = turn < 2 ? 17 : 34, column = turn < 2 ? 16 : 39;
        ((wick_row_scale *)(uintptr_t)g.rows)[row].scale = NAN;
        ((float *)(uintptr_t)g.b_scales)[column] = NAN;
        memset((int8_t *)(uintptr_t)g.a + row * g.lda, 0, s.n_steps * STEP_BYTES);
        g.c = c;
        g.ldc = s.n;
        kernels->gemm_i24(&g);
        for (size_t i = 0; i < s.m; i++)
            for (size_t j = 0; j < s.n; j++)
                assert_true((isnan(c[i * s.n + j]) != 0) == (i == row || j == column));
    }
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(every_shape),
        cmocka_unit_test(extreme_digits),
        cmocka_unit_test(every_pair_of_digits),
        cmocka_unit_test(rows_stand_alone),
        cmocka_unit_test(gelu_comes_with_the_product),
        cmocka_unit_test(scales_that_are_no_numbers),
    };
    enum { N_EACH = sizeof each / sizeof *each };
    static char names[SUPPORT_N_TIERS * N_EACH][64];
    struct CMUnitTest tests[SUPPORT_N_TIERS * N_EACH];
    for (size_t i = 0; i < SUPPORT_N_TIERS * N_EACH; i++)
        support_tier_test(&tests[i], &each[i % N_EACH], support_tiers[i / N_EACH], names[i]);
    return cmocka_run_group_tests(tests, open_places, close_places);
}
