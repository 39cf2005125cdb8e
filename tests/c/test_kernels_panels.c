/* SPDX-License-Identifier: Apache-2.0
 * Tests of the tiers whose bf16 and int8 products take many panels at once, with gelu and bf16 at the end (kernels.h, takes_panels): the same bits as panel by
 * panel, which test_kernels_narrow.c compares with the reference; gelu against double precision; bf16 as to_bf16 rounds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#define MAX_M 70
#define MAX_PANELS 4
#define MAX_K 200
#define MAX_N ((size_t)MAX_PANELS * WICK_MAX_PANEL_WIDTH)
/* Twice what constants.h says of the polynomial. */
#define GELU_LIMIT 9e-5

static const wick_kernels *kernels_with_panels(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    if (!kernels->takes_panels)
        skip();
    return kernels;
}

/* Operands of a product of m rows, k values, n columns in whole panels, and where its result goes. */
typedef struct operands {
    size_t m, n, k, padded;
    uint8_t a8[MAX_M * MAX_K];
    uint16_t a16[MAX_M * MAX_K];
    int8_t b8[MAX_K * MAX_N];
    uint16_t b16[MAX_K * MAX_N];
    wick_row_scale rows[MAX_M];
    float scales[MAX_N], sums[MAX_N], bias[MAX_N];
    float whole[MAX_M * MAX_N], pieces[MAX_M * MAX_N];
} operands;

static operands o;

static uint16_t random_bf16(support_random *random)
{
    float x = support_random_normal(random) * 0.2f;
    return (uint16_t)(support_bits_of(x) >> 16);
}

static void fill(const wick_kernels *kernels, support_random *random, size_t m, size_t n, size_t k)
{
    size_t width = kernels->panel_width;
    o.m = m;
    o.n = n;
    o.k = k;
    o.padded = (n + width - 1) / width * width;
    for (size_t i = 0; i < m * k; i++) {
        o.a8[i] = (uint8_t)support_random_bits(random);
        o.a16[i] = random_bf16(random);
    }
    for (size_t i = 0; i < k * o.padded; i++) {
        o.b8[i] = (int8_t)support_random_bits(random);
        o.b16[i] = random_bf16(random);
    }
    for (size_t i = 0; i < m; i++)
        o.rows[i] = (wick_row_scale){0.01f, support_random_normal(random)};
    for (size_t j = 0; j < o.padded; j++) {
        o.scales[j] = 0.002f;
        o.sums[j] = support_random_normal(random);
        o.bias[j] = support_random_normal(random);
    }
    for (size_t i = 0; i < m * n; i++)
        o.whole[i] = o.pieces[i] = support_random_normal(random);
}

static wick_gemm_i8 job_i8(const wick_kernels *kernels, float *c)
{
    return (wick_gemm_i8){.m = o.m,
                          .n = o.n,
                          .k = o.k,
                          .a = o.a8,
                          .lda = o.k,
                          .rows = o.rows,
                          .b = o.b8,
                          .panel_width = kernels->panel_width,
                          .b_scales = o.scales,
                          .b_sums = o.sums,
                          .bias = o.bias,
                          .c = c,
                          .ldc = o.n};
}

static wick_gemm_bf16 job_bf16(const wick_kernels *kernels, float *c)
{
    return (wick_gemm_bf16){.m = o.m,
                            .n = o.n,
                            .k = o.k,
                            .a = o.a16,
                            .lda = o.k,
                            .b = o.b16,
                            .panel_width = kernels->panel_width,
                            .bias = o.bias,
                            .c = c,
                            .ldc = o.n};
}

/* The same products into o.pieces, a panel at a time, plain. */
static void panel_by_panel(const wick_kernels *kernels, bool int8, bool accumulate)
{
    size_t width = kernels->panel_width;
    for (size_t column = 0; column < o.n; column += width) {
        size_t n = o.n - column < width ? o.n - column : width;
        wick_gemm_i8 g8 = job_i8(kernels, o.pieces + column);
        wick_gemm_bf16 g16 = job_bf16(kernels, o.pieces + column);
        g8.n = g16.n = n;
        g8.accumulate = g16.accumulate = accumulate;
        g8.b += column * o.k;
        g16.b += column * o.k;
        g8.b_scales += column;
        g8.b_sums += column;
        g8.bias += column;
        g16.bias += column;
        if (int8)
            kernels->gemm_i8(&g8);
        else
            kernels->gemm_bf16(&g16);
    }
}

static void for_shapes(const wick_kernels *kernels, void (*check)(const wick_kernels *kernels, bool accumulate))
{
    static const size_t rows[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65, MAX_M},
                        values[] = {4, 64, 68, MAX_K};
    support_random random = {11};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < 4 * sizeof values / sizeof *values; j++) {
            fill(kernels, &random, rows[i], 1 + support_random_below(&random, MAX_N), values[j % 4]);
            check(kernels, j % 2);
        }
}

static void check_same_bits(const wick_kernels *kernels, bool accumulate)
{
    wick_gemm_i8 g8 = job_i8(kernels, o.whole);
    g8.accumulate = accumulate;
    kernels->gemm_i8(&g8);
    panel_by_panel(kernels, true, accumulate);
    assert_memory_equal(o.whole, o.pieces, o.m * o.n * sizeof *o.whole);
    wick_gemm_bf16 g16 = job_bf16(kernels, o.whole); /* both still hold the same */
    g16.accumulate = accumulate;
    kernels->gemm_bf16(&g16);
    panel_by_panel(kernels, false, accumulate);
    assert_memory_equal(o.whole, o.pieces, o.m * o.n * sizeof *o.whole);
}

static void panels_are_as_one_by_one(void **state)
{
    for_shapes(kernels_with_panels(state), check_same_bits);
}

static void check_near_gelu(const char *what)
{
    for (size_t i = 0; i < o.m * o.n; i++) {
        double x = o.pieces[i], exact = 0.5 * x * erfc(-x / sqrt(2.0));
        if (!(fabs(o.whole[i] - exact) <= GELU_LIMIT))
            fail_msg("%s, m %zu, n %zu, k %zu: gelu(%.9g) is %.9g, not %.9g", what, o.m, o.n, o.k, x,
                     (double)o.whole[i], exact);
    }
}

static void check_gelu(const wick_kernels *kernels, bool accumulate)
{
    (void)accumulate;
    wick_gemm_i8 g8 = job_i8(kernels, o.whole);
    g8.gelu = true;
    kernels->gemm_i8(&g8);
    panel_by_panel(kernels, true, false);
    check_near_gelu("int8");
    wick_gemm_bf16 g16 = job_bf16(kernels, o.whole);
    g16.gelu = true;
    kernels->gemm_bf16(&g16);
    panel_by_panel(kernels, false, false);
    check_near_gelu("bf16");
}

static void gelu_comes_with_the_product(void **state)
{
    for_shapes(kernels_with_panels(state), check_gelu);
}

/* Sums of no products are the bias: gelu of chosen values, however far from 0. */
static void gelu_of_chosen_values(void **state)
{
    const wick_kernels *kernels = kernels_with_panels(state);
    static const float values[] = {0.0f, -0.0f, 4.0f, -4.0f, 4.4f, -4.4f, 5.0f, -5.0f, 1e4f, -1e4f, 3e38f, -3e38f};
    enum { N = sizeof values / sizeof *values };
    support_random random = {12};
    fill(kernels, &random, 1, kernels->panel_width, 0);
    memcpy(o.bias, values, sizeof values);
    o.bias[N] = NAN;
    wick_gemm_bf16 g = job_bf16(kernels, o.whole);
    g.gelu = true;
    kernels->gemm_bf16(&g);
    for (size_t i = 0; i < N; i++) {
        float x = values[i], limit = fabsf(x) > 4.4f ? 0.0f : (float)GELU_LIMIT;
        double exact = fabsf(x) > 4.4f ? (x > 0 ? x : 0.0) : 0.5 * x * erfc(-x / sqrt(2.0));
        if (!(fabs(o.whole[i] - exact) <= limit))
            fail_msg("gelu(%g) is %.9g", (double)x, (double)o.whole[i]);
    }
    assert_true(isnan(o.whole[N]));
}

static void check_narrow(const wick_kernels *kernels, bool gelu)
{
    static uint16_t narrow[MAX_M * MAX_N], expected[MAX_M * MAX_N];
    wick_gemm_bf16 g = job_bf16(kernels, o.whole);
    g.gelu = gelu;
    kernels->gemm_bf16(&g);
    for (size_t i = 0; i < o.m; i++)
        kernels->to_bf16(o.whole + i * o.n, o.n, 1, o.n, expected + i * o.n, o.n);
    memset(narrow, 0xA5, sizeof narrow);
    g.narrow = narrow;
    g.c = NULL;
    kernels->gemm_bf16(&g);
    assert_memory_equal(narrow, expected, o.m * o.n * sizeof *narrow);
    for (size_t i = o.m * o.n; i < MAX_M * MAX_N; i++)
        assert_int_equal(narrow[i], 0xA5A5);
}

static void results_in_bf16_are_rounded_alike(void **state)
{
    for_shapes(kernels_with_panels(state), check_narrow);
}

/* ---- where operands stand ------------------------------------------------------------------------------------------ */

enum { GAP = 6 }; /* values between rows */

typedef struct places {
    support_guarded a, b, c;
} places;

static places at;

/* m rows of n values of value_bytes each, from an array without gaps to right before a page that faults, further apart. */
static support_bytes move_apart(support_guarded *memory, const void *from, size_t m, size_t n, size_t value_bytes,
                                size_t gap)
{
    const size_t row_bytes = n * value_bytes;
    support_bytes to = support_bytes_place(memory, m, row_bytes, row_bytes + gap * value_bytes, true);
    for (size_t i = 0; i < m; i++)
        memcpy(to.x + i * to.ld, (const char *)from + i * row_bytes, row_bytes);
    return to;
}

static void check_rows(const support_bytes *c, const void *want)
{
    for (size_t i = 0; i < c->m; i++)
        assert_memory_equal(c->x + i * c->ld, (const char *)want + i * c->n, c->n);
    support_bytes_check_gaps(c);
}

static void check_apart_i8(const wick_kernels *kernels, bool accumulate)
{
    wick_gemm_i8 g = job_i8(kernels, o.whole);
    g.accumulate = accumulate;
    kernels->gemm_i8(&g);
    support_bytes a = move_apart(&at.a, o.a8, o.m, o.k, 1, GAP), b = move_apart(&at.b, o.b8, 1, o.k * o.padded, 1, 0),
                  c = move_apart(&at.c, o.pieces, o.m, o.n, sizeof(float), GAP);
    g.a = a.x;
    g.lda = a.ld;
    g.b = (const int8_t *)b.x;
    g.c = (float *)(void *)c.x;
    g.ldc = o.n + GAP;
    kernels->gemm_i8(&g);
    check_rows(&c, o.whole);
}

static void check_apart_bf16(const wick_kernels *kernels, bool narrow)
{
    static uint16_t want[MAX_M * MAX_N];
    wick_gemm_bf16 g = job_bf16(kernels, o.whole);
    g.narrow = narrow ? want : NULL;
    kernels->gemm_bf16(&g);
    const size_t bytes = narrow ? sizeof *want : sizeof(float);
    support_bytes a = move_apart(&at.a, o.a16, o.m, o.k, 2, GAP), b = move_apart(&at.b, o.b16, 1, o.k * o.padded, 2, 0),
                  c = move_apart(&at.c, o.pieces, o.m, o.n, bytes, GAP);
    g.a = (const uint16_t *)(void *)a.x;
    g.lda = o.k + GAP;
    g.b = (const uint16_t *)(void *)b.x;
    g.c = narrow ? NULL : (float *)(void *)c.x;
    g.narrow = narrow ? (uint16_t *)(void *)c.x : NULL;
    g.ldc = o.n + GAP;
    kernels->gemm_bf16(&g);
    check_rows(&c, narrow ? (const void *)want : o.whole);
}

static void check_apart(const wick_kernels *kernels, bool flag)
{
    check_apart_i8(kernels, flag);
    check_apart_bf16(kernels, flag);
}

static void operands_are_read_to_their_ends(void **state)
{
    const wick_kernels *kernels = kernels_with_panels(state);
    support_guarded_open(&at.a, MAX_M * (MAX_K + GAP));
    support_guarded_open(&at.b, MAX_K * MAX_N);
    support_guarded_open(&at.c, MAX_M * (MAX_N + GAP));
    for_shapes(kernels, check_apart);
    support_guarded_close(&at.a);
    support_guarded_close(&at.b);
    support_guarded_close(&at.c);
}

static void check_no_bias(const wick_kernels *kernels, bool accumulate)
{
    wick_gemm_bf16 g = job_bf16(kernels, o.whole), h = job_bf16(kernels, o.pieces);
    memset(o.bias, 0, sizeof o.bias);
    g.accumulate = h.accumulate = accumulate;
    h.bias = NULL;
    kernels->gemm_bf16(&g);
    kernels->gemm_bf16(&h);
    assert_memory_equal(o.whole, o.pieces, o.m * o.n * sizeof *o.whole);
}

static void no_bias_is_zeros(void **state)
{
    for_shapes(kernels_with_panels(state), check_no_bias);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(panels_are_as_one_by_one),        cmocka_unit_test(gelu_comes_with_the_product),
        cmocka_unit_test(gelu_of_chosen_values),           cmocka_unit_test(results_in_bf16_are_rounded_alike),
        cmocka_unit_test(operands_are_read_to_their_ends), cmocka_unit_test(no_bias_is_zeros),
    };
    return support_tiers_run(each, sizeof each / sizeof *each, NULL, 0);
}
