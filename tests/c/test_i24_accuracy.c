/* SPDX-License-Identifier: Apache-2.0
 * How exact f32 products made of 24-bit integers are (kernels.h: split, gemm_i24), against double precision, on values that are alike, on heavy tails and where one value is far larger
 * than the rest of its row: never off by more than all roundings together, and on average by no more than roundings that do not know of each other. Where values are alike, that is less than
 * a sum in f32 is off by; where a row has one that is far larger, it is some times as much, because all values of the row are rounded as that one is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#define M 19
#define N 32
#define MAX_K 4096
#define ROW_UNITS ((size_t)MAX_K / WICK_I24_STEP * WICK_I24_STEP * WICK_I24_DIGITS / 4) /* of 32 bits */
#define U 0x1p-24                                                                       /* a rounding in f32 */
#define STEPS_OF_LARGEST 0x7F0000                                                       /* of integers */

typedef enum kind { NORMAL, HEAVY, OUTLIERS, OUTLIER_ROWS, N_KINDS } kind;
static const struct {
    const char *name;
    double most_of_f32; /* times the root of the mean square by which sums in f32 are off */
} kinds[] = {{"normal", 1.1}, {"heavy-tailed", 3}, {"outliers", 8}, {"outliers in rows alone", 3}};

static float a[M * MAX_K], b[N * MAX_K]; /* both by rows of k values */
static float f32[M * N], i24[M * N];

static void fill(float *x, size_t n_rows, size_t k, support_random *random, bool is_heavy, bool has_outliers)
{
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < k; j++) {
            const float y = support_random_normal(random);
            x[i * k + j] = is_heavy ? y * y * y : y;
        }
        if (has_outliers)
            x[i * k + support_random_below(random, k)] = 300.0f;
    }
}

static void fill_kind(kind what, size_t k, support_random *random)
{
    fill(a, M, k, random, what == HEAVY, what >= OUTLIERS);
    fill(b, N, k, random, what == HEAVY, what == OUTLIERS);
}

/* i24 = a b^T by split and gemm_i24 */
static void multiply_i24(const wick_kernels *kernels, size_t k)
{
    static uint32_t digits[M * ROW_UNITS], columns[N * ROW_UNITS], panels[N * ROW_UNITS];
    static const float bias[N];
    const size_t n_steps = (k + WICK_I24_STEP - 1) / WICK_I24_STEP,
                 row_units = n_steps * WICK_I24_STEP * WICK_I24_DIGITS / 4;
    wick_row_scale rows[M], of_columns[N];
    float scales[N];
    kernels->split(&(wick_split){M, k, a, k, (int8_t *)digits, row_units * 4, rows});
    kernels->split(&(wick_split){N, k, b, k, (int8_t *)columns, row_units * 4, of_columns});
    for (size_t j = 0; j < N; j++) {
        scales[j] = 65536 * of_columns[j].scale;
        for (size_t unit = 0; unit < row_units; unit++)
            panels[(j / WICK_I24_PANEL * row_units + unit) * WICK_I24_PANEL + j % WICK_I24_PANEL] =
                columns[j * row_units + unit];
    }
    kernels->gemm_i24(&(wick_gemm_i24){M, N, n_steps, (const int8_t *)digits, row_units * 4, rows,
                                       (const int8_t *)panels, scales, bias, i24, N, false, false});
}

/* f32 = a b^T, one sum from k 0 upwards, as the f32 tiers have it */
static void multiply_f32(size_t k)
{
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum = fmaf(a[i * k + l], b[j * k + l], sum);
            f32[i * N + j] = sum;
        }
}

/* Of one value of the result. */
typedef struct sums {
    double exact, magnitude; /* of a b, of |a b| */
    double a, b, aa, bb;     /* of |a|, |b| and of their squares */
    double largest_a, largest_b;
} sums;

static sums sums_of(const float *x, const float *y, size_t k)
{
    sums s = {0};
    for (size_t l = 0; l < k; l++) {
        const double p = fabs((double)x[l]), q = fabs((double)y[l]);
        s.exact += (double)x[l] * (double)y[l];
        s.magnitude += p * q;
        s.a += p;
        s.b += q;
        s.aa += p * p;
        s.bb += q * q;
        s.largest_a = fmax(s.largest_a, p);
        s.largest_b = fmax(s.largest_b, q);
    }
    return s;
}

/* Every rounding at its worst: half a step of each value, its product's and its scale's (2 U); the sums' conversion and what they are added and multiplied by, at most 12 U of sums of magnitudes;
 * and the products of the lowest digits, 128 by 128 of steps at most, which are left out. */
static double most(const sums *s, size_t k)
{
    const double step_a = s->largest_a / STEPS_OF_LARGEST, step_b = s->largest_b / STEPS_OF_LARGEST;
    return 1.001 * (0.5 * step_a * s->b + 0.5 * step_b * s->a) + 16 * U * s->magnitude +
           (double)k * 128 * 128 * step_a * step_b;
}

/* The square of what is to be expected of halves of steps that do not know of each other, and of a few roundings of the result. */
static double usual(const sums *s)
{
    const double step_a = s->largest_a / STEPS_OF_LARGEST, step_b = s->largest_b / STEPS_OF_LARGEST;
    return (step_a * step_a * s->bb + step_b * step_b * s->aa) / 12 + 4 * U * U * s->exact * s->exact;
}

static void check(const wick_kernels *kernels, kind what, size_t k)
{
    double of_i24 = 0, of_f32 = 0, expected = 0;
    support_random random = {60 + k};
    fill_kind(what, k, &random);
    multiply_i24(kernels, k);
    multiply_f32(k);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            const sums s = sums_of(a + i * k, b + j * k, k);
            const double off = i24[i * N + j] - s.exact, off_f32 = f32[i * N + j] - s.exact;
            if (!(fabs(off) <= most(&s, k)))
                fail_msg("%s, k %zu: c[%zu, %zu] is off by %g, %g at most", kinds[what].name, k, i, j, off,
                         most(&s, k));
            of_i24 += off * off;
            of_f32 += off_f32 * off_f32;
            expected += usual(&s);
        }
    if (!(sqrt(of_i24 / expected) <= 1.1))
        fail_msg("%s, k %zu: %.3f times as far off as is to be expected", kinds[what].name, k, sqrt(of_i24 / expected));
    if (!(sqrt(of_i24 / of_f32) <= kinds[what].most_of_f32))
        fail_msg("%s, k %zu: %.3f times as far off as f32", kinds[what].name, k, sqrt(of_i24 / of_f32));
}

static void errors_are_those_of_roundings(void **state)
{
    static const size_t widths[] = {64, 100, 384, 1536, MAX_K};
    const wick_kernels *kernels = support_kernels(state), *plain = wick_kernels_named("generic");
    if (kernels != plain && kernels->gemm_i24 == plain->gemm_i24)
        skip();
    for (kind what = NORMAL; what < N_KINDS; what++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
            check(kernels, what, widths[i]);
}

int main(void)
{
    static const struct CMUnitTest each = cmocka_unit_test(errors_are_those_of_roundings);
    static char names[SUPPORT_N_TIERS][64];
    struct CMUnitTest tests[SUPPORT_N_TIERS];
    for (size_t i = 0; i < SUPPORT_N_TIERS; i++)
        support_tier_test(&tests[i], &each, support_tiers[i], names[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
