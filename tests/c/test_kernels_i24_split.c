/* SPDX-License-Identifier: Apache-2.0
 * Tests of split, f32 rows to 24-bit integers in three digits (kernels.h), in every tier: bit by bit a formula that divides where the kernels shift; how far from a value its
 * integer may be; rows that are no numbers or next to nothing; no byte outside. Digits 0 are the highest. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/constants.h"
#include "support_kernels.h"

#define MAX_M 5
#define MAX_N 4100
#define MAX_GAP 9
#define STEP_BYTES ((size_t)WICK_I24_STEP * WICK_I24_DIGITS)
#define MAX_ROW_BYTES ((MAX_N + WICK_I24_STEP - 1) / WICK_I24_STEP * STEP_BYTES)

typedef struct places {
    support_guarded x, out, rows;
} places;

static places at;

static int open_places(void **state)
{
    (void)state;
    support_guarded_open(&at.x, (size_t)MAX_M * (MAX_N + MAX_GAP));
    support_guarded_open(&at.out, MAX_M * (MAX_ROW_BYTES + MAX_GAP) / sizeof(float) + 1);
    support_guarded_open(&at.rows, 2 * MAX_M);
    return 0;
}

static int close_places(void **state)
{
    (void)state;
    support_guarded_close(&at.x);
    support_guarded_close(&at.out);
    support_guarded_close(&at.rows);
    return 0;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- what must come out -------------------------------------------------------------------------------------------- */

/* The nearest integer, the even one of two as near. */
static int32_t nearest(float scaled)
{
    const double below = floor((double)scaled), rest = (double)scaled - below;
    return (int32_t)below + (rest > 0.5 || (rest == 0.5 && fmod(below, 2) != 0));
}

/* The digit of -128 to 127 that is left when all of higher weight are taken away. */
static int32_t take_lowest(int32_t *integer)
{
    const int32_t rest = *integer % 256, digit = rest < -128 ? rest + 256 : rest > 127 ? rest - 256 : rest;
    *integer = (*integer - digit) / 256;
    return digit;
}

static int8_t digit_at(const unsigned char *row, size_t j, size_t d)
{
    return (int8_t)row[j / WICK_I24_STEP * STEP_BYTES + d * WICK_I24_STEP + j % WICK_I24_STEP];
}

/* largest: of the row's magnitudes; NaN where one is not finite. */
static float largest_of(const float *x, size_t n)
{
    float largest = 0;
    for (size_t j = 0; j < n; j++)
        if (!isfinite(x[j]))
            return NAN;
        else if (fabsf(x[j]) > largest)
            largest = fabsf(x[j]);
    return largest;
}

static void check_scale(float largest, wick_row_scale got)
{
    const float want = isnan(largest) ? NAN : largest <= WICK_LEAST_RANGE ? 0.0f : 1.0f / ((float)0x7F0000 / largest);
    assert_true(got.offset == 0);
    if (isnan(want) ? !isnan(got.scale) : support_bits_of(got.scale) != support_bits_of(want))
        fail_msg("largest %a: the scale is %a, not %a", (double)largest, (double)got.scale, (double)want);
}

/* One value: its integer's digits, and how far that integer is from it: half of one, and the roundings of product and scale. */
static void check_value(float x, float largest, float scale, const unsigned char *row, size_t j)
{
    const int32_t integer = scale > 0 ? nearest(x * ((float)0x7F0000 / largest)) : 0;
    int32_t left = integer, digits[3];
    for (size_t d = 3; d-- > 0;)
        digits[d] = take_lowest(&left);
    assert_int_equal(left, 0);
    for (size_t d = 0; d < 3; d++)
        if (digit_at(row, j, d) != digits[d])
            fail_msg("%a of %a at %zu: digit %zu is %d, not %d", (double)x, (double)largest, j, d, digit_at(row, j, d),
                     (int)digits[d]);
    if (!(scale > 0))
        return;
    const double back = (double)scale * integer, step = (double)largest / 0x7F0000,
                 limit = 0.5 * step * (1 + 0x1p-20) + 0x1p-23 * fabs((double)x) * (1 + 0x1p-20);
    if (!(fabs((double)x - back) <= limit))
        fail_msg("%a of %a became %a", (double)x, (double)largest, back);
}

/* x is filled, [m, n] */
static void check(const wick_kernels *kernels, const support_matrix *x, size_t gap, bool at_end)
{
    const size_t n = x->n, row_bytes = (n + WICK_I24_STEP - 1) / WICK_I24_STEP * STEP_BYTES,
                 scales_bytes = x->m * sizeof(wick_row_scale);
    support_bytes out = support_bytes_place(&at.out, x->m, row_bytes, row_bytes + gap, at_end),
                  rows = support_bytes_place(&at.rows, 1, scales_bytes, scales_bytes, at_end);
    const wick_row_scale *scales = (const wick_row_scale *)(const void *)rows.x;
    kernels->split(&(wick_split){x->m, n, x->x, x->ld, (int8_t *)out.x, out.ld, (wick_row_scale *)(void *)rows.x});
    for (size_t i = 0; i < x->m; i++) {
        const float *row = x->x + i * x->ld, largest = largest_of(row, n);
        check_scale(largest, scales[i]);
        for (size_t j = 0; j < n; j++)
            check_value(row[j], largest, scales[i].scale, out.x + i * out.ld, j);
        for (size_t j = n; j < row_bytes / WICK_I24_DIGITS; j++)
            for (size_t d = 0; d < WICK_I24_DIGITS; d++)
                assert_int_equal(digit_at(out.x + i * out.ld, j, d), 0);
    }
    support_bytes_check_gaps(&out);
    support_bytes_check_gaps(&rows);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

/* A row of one kind. */
typedef enum kind { NORMAL, HEAVY, OUTLIER, TINY, HUGE_, ANY_SIZE, HALVES, EQUAL, SUBNORMAL, ZEROS, N_KINDS } kind;

static float value_of(support_random *random, kind what, size_t j)
{
    const float x = support_random_normal(random);
    const uint32_t bits = support_random_bits(random);
    switch (what) {
    case HEAVY:
        return x * x * x * x * x;
    case OUTLIER:
        return j == 0 ? 1e6f : x;
    case TINY:
        return x * 1e-30f;
    case HUGE_:
        return x > 3 || x < -3 ? FLT_MAX : x * 1e38f;
    case ANY_SIZE: /* all that is finite */
        return float_of((bits & 0x80000000u) | bits % 0x7F800000u);
    case HALVES: /* with a largest of 2^23 - 2^16 the factor is 1: whole numbers, halves, and beside them */
        return j == 0 ? 0x7F0000 : copysignf((float)(bits >> 16) + 0.5f * (float)(bits & 3), x);
    case EQUAL:
        return copysignf(1.7f, x);
    case SUBNORMAL:
        return float_of(bits & 0x807FFFFFu);
    case ZEROS:
        return bits & 1 ? 0.0f : -0.0f;
    default:
        return x;
    }
}

static void check_kind(const wick_kernels *kernels, support_random *random, size_t n, kind what)
{
    const uint32_t flags = support_random_bits(random);
    const size_t m = support_random_below(random, MAX_M + 1),
                 gap = flags & 1 ? 1 + support_random_below(random, MAX_GAP) : 0;
    support_matrix x = support_matrix_place(&at.x, m, n, n + (flags & 2 ? gap : 0), flags & 4);
    for (size_t i = 0; i < m; i++) {
        const size_t swapped = support_random_below(random, n); /* what comes first may stand anywhere */
        float *row = x.x + i * x.ld;
        for (size_t j = 0; j < n; j++)
            row[j] = value_of(random, what, j);
        const float first = row[0];
        row[0] = row[swapped];
        row[swapped] = first;
    }
    check(kernels, &x, gap, flags & 8);
}

static void every_width(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    support_random random = {41};
    for (size_t n = 1; n <= 200; n++)
        for (kind what = NORMAL; what < N_KINDS; what++)
            check_kind(kernels, &random, n, what);
    for (kind what = NORMAL; what < N_KINDS; what++)
        for (size_t i = 0; i < 3; i++)
            check_kind(kernels, &random, i == 0 ? 1536 : i == 1 ? 4096 : MAX_N, what);
}

static void halves_become_even(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float x[] = {0x7F0000, 0.5f,   -0.5f,  1.5f,    -1.5f,    2.5f,
                              -2.5f,    127.5f, 128.5f, -128.5f, 32767.5f, -0x7F0000};
    static const int32_t want[] = {0x7F0000, 0, 0, 2, -2, 2, -2, 128, 128, -128, 32768, -0x7F0000};
    enum { N = sizeof x / sizeof *x };
    int8_t out[STEP_BYTES];
    wick_row_scale row;
    kernels->split(&(wick_split){1, N, x, N, out, STEP_BYTES, &row});
    assert_true(row.scale == 1.0f);
    for (size_t j = 0; j < N; j++) {
        const unsigned char *digits = (const unsigned char *)out;
        assert_int_equal(digit_at(digits, j, 0) * 65536 + digit_at(digits, j, 1) * 256 + digit_at(digits, j, 2),
                         want[j]);
    }
}

/* Around the least row that is not taken as zeros, and the largest there is: scales and what is made of them stay finite. */
static void least_and_largest_rows(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    const float edge = WICK_LEAST_RANGE;
    const float largest[] = {edge,  nextafterf(edge, 0), nextafterf(edge, 1), FLT_MAX, nextafterf(FLT_MAX, 0), FLT_MIN,
                             1e-44f};
    for (size_t i = 0; i < sizeof largest / sizeof *largest; i++)
        for (size_t n = 1; n < 70; n += 17) {
            support_matrix x = support_matrix_place(&at.x, 1, n, n, true);
            for (size_t j = 0; j < n; j++)
                x.x[j] = (j % 2 ? -1.0f : 1.0f) * largest[i] / (float)(j / 2 + 1);
            check(kernels, &x, 0, true);
        }
}

/* At any place of a row; the rows beside it are as ever. */
static void rows_that_are_no_numbers(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float values[] = {NAN, -NAN, INFINITY, -INFINITY};
    support_random random = {42};
    for (size_t n = 1; n <= 200; n += n < 20 ? 1 : 13)
        for (size_t j = 0; j < n; j++)
            for (size_t v = 0; v < 4; v++) {
                support_matrix x = support_matrix_place(&at.x, 3, n, n, true);
                support_matrix_fill(&x, n, &random, 1.0f, 0.0f);
                x.x[n + j] = values[v];
                check(kernels, &x, 0, true);
            }
}

/* What one tier has split, another multiplies. */
static void all_tiers_give_the_bits_of_generic(void **state)
{
    const wick_kernels *kernels = support_kernels(state), *plain = wick_kernels_named("generic");
    static int8_t got[2][MAX_ROW_BYTES];
    static float x[MAX_N];
    support_random random = {43};
    for (size_t n = 1; n <= 400; n++) {
        wick_row_scale rows[2];
        for (size_t j = 0; j < n; j++)
            x[j] = value_of(&random, (kind)(n % N_KINDS), j);
        if (n % 7 == 0)
            x[n / 2] = n % 2 ? NAN : INFINITY;
        memset(got, 0x5A, sizeof got);
        kernels->split(&(wick_split){1, n, x, n, got[0], MAX_ROW_BYTES, &rows[0]});
        plain->split(&(wick_split){1, n, x, n, got[1], MAX_ROW_BYTES, &rows[1]});
        assert_memory_equal(got[0], got[1], MAX_ROW_BYTES);
        assert_true(isnan(rows[1].scale) ? isnan(rows[0].scale) : memcmp(&rows[0], &rows[1], sizeof *rows) == 0);
    }
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(every_width),
        cmocka_unit_test(halves_become_even),
        cmocka_unit_test(least_and_largest_rows),
        cmocka_unit_test(rows_that_are_no_numbers),
        cmocka_unit_test(all_tiers_give_the_bits_of_generic),
    };
    enum { N_EACH = sizeof each / sizeof *each };
    static char names[SUPPORT_N_TIERS * N_EACH][64];
    struct CMUnitTest tests[SUPPORT_N_TIERS * N_EACH];
    for (size_t i = 0; i < SUPPORT_N_TIERS * N_EACH; i++)
        support_tier_test(&tests[i], &each[i % N_EACH], support_tiers[i / N_EACH], names[i]);
    return cmocka_run_group_tests(tests, open_places, close_places);
}
