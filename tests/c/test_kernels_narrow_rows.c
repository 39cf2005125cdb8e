/* SPDX-License-Identifier: Apache-2.0
 * Tests of to_bf16 and quantize in every tier. Both are compared bit by bit with formulas written here in another way than in the kernels; only
 * subnormal numbers may become zeros in to_bf16, as kernels.h says. */
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

#define MAX_M 3
#define MAX_N 1537
#define MAX_GAP 9
#define MAX_PAD 3

typedef struct buffers {
    support_guarded x, factors, out, rows;
} buffers;

static void buffers_open(buffers *memory)
{
    support_guarded_open(&memory->x, MAX_M * (MAX_N + MAX_GAP));
    support_guarded_open(&memory->factors, MAX_N);
    support_guarded_open(&memory->out, MAX_M * (MAX_N + MAX_PAD));
    support_guarded_open(&memory->rows, 2 * MAX_M);
}

static void buffers_close(buffers *memory)
{
    support_guarded_close(&memory->x);
    support_guarded_close(&memory->factors);
    support_guarded_close(&memory->out);
    support_guarded_close(&memory->rows);
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static size_t some_n(support_random *random, size_t i)
{
    static const size_t usual[] = {384, 768, 1024, 1536, MAX_N};
    return i < 70 ? i + 1 : i % 2 ? usual[i / 2 % 5] : 1 + support_random_below(random, MAX_N);
}

/* ---- to_bf16 ------------------------------------------------------------------------------------------------------------ */

static bool is_right_bf16(float x, uint16_t got)
{
    uint32_t bits = support_bits_of(x), below = bits & 0xFFFF0000u, magnitude = bits & 0x7FFFFFFFu;
    if (isnan(x))
        return isnan(float_of((uint32_t)got << 16)) && (got & 0x8000u) == bits >> 31 << 15 &&
               (got & 0x3Fu) == (bits >> 16 & 0x3Fu);
    if (magnitude < 0x00800000u && got == bits >> 31 << 15)
        return true; /* a subnormal number may become a zero of its sign */
    /* The nearer of the two neighbours, the even one of two as near. 2^128 stands for the neighbour that would be an infinity. */
    double value = fabs((double)x), low = fabs((double)float_of(below));
    double high = (below & 0x7FFFFFFFu) == 0x7F7F0000u ? 0x1p128 : fabs((double)float_of(below + 0x10000u));
    if (isinf(x))
        return (uint32_t)got << 16 == bits;
    bool up = value - low > high - value || (value - low == high - value && (below >> 16 & 1));
    return got == (below >> 16) + up;
}

/* x.x[m, n] is filled; the rest of the case follows from random. */
static void check_bf16(const wick_kernels *kernels, buffers *memory, const support_matrix *x, size_t pad, bool at_end)
{
    size_t ldo = x->n + pad;
    support_bytes out = support_bytes_place(&memory->out, x->m, 2 * ldo, 2 * ldo, at_end);
    kernels->to_bf16(x->x, x->ld, x->m, x->n, (uint16_t *)(void *)out.x, ldo);
    for (size_t i = 0; i < x->m; i++)
        for (size_t j = 0; j < ldo; j++) {
            uint16_t got = ((uint16_t *)(void *)out.x)[i * ldo + j];
            float value = j < x->n ? x->x[i * x->ld + j] : 0.0f;
            if (j < x->n ? !is_right_bf16(value, got) : got != 0)
                fail_msg("n %zu, ldo %zu: %a (%08x) became %04x at %zu", x->n, ldo, (double)value,
                         (unsigned)support_bits_of(value), (unsigned)got, j);
        }
    support_bytes_check_gaps(&out);
}

static void bf16_of_any_bits(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    buffers memory;
    buffers_open(&memory);
    support_random random = {1};
    for (size_t i = 0; i < 400; i++) {
        size_t n = some_n(&random, i), m = support_random_below(&random, MAX_M + 1);
        size_t gap = support_random_below(&random, 2) * support_random_below(&random, MAX_GAP);
        support_matrix x = support_matrix_place(&memory.x, m, n, n + gap, i % 2);
        for (size_t row = 0; row < m; row++)
            for (size_t j = 0; j < n; j++) {
                uint32_t bits = support_random_bits(&random);
                if (i % 3 == 0) /* near a tie */
                    bits = (bits & 0xFFFF0000u) + 0x7FFEu + bits % 5;
                x.x[row * x.ld + j] = float_of(bits);
            }
        check_bf16(kernels, &memory, &x, support_random_below(&random, MAX_PAD + 1), i % 4 < 2);
    }
    buffers_close(&memory);
}

static void bf16_of_odd_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const uint32_t odd[] = {
        0x00000000, 0x80000000, 0x7F800000, 0xFF800000, /* zeros, infinities */
        0x7F800001, 0xFF800001, 0x7FBFFFFF, 0x7FFFFFFF, 0xFFFFFFFF,
        0x7FC00000,                                     /* NaNs, of which rounding would make infinities or zeros */
        0x7F7FFFFF, 0xFF7FFFFF, 0x7F7F8000, 0x7F7F7FFF, /* near the largest: rounds to infinity, or just not */
        0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, /* ties and what stands beside them */
        0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x00808000, /* subnormals and the least normal */
    };
    enum { N = sizeof odd / sizeof *odd };
    buffers memory;
    buffers_open(&memory);
    for (size_t turn = 0; turn < N; turn++) { /* each in every lane */
        support_matrix x = support_matrix_place(&memory.x, 2, N, N, true);
        for (size_t i = 0; i < 2 * N; i++)
            x.x[i] = float_of(odd[(i + turn) % N]);
        check_bf16(kernels, &memory, &x, turn % 4, true);
    }
    buffers_close(&memory);
}

/* ---- quantize ----------------------------------------------------------------------------------------------------------- */

typedef struct quantized {
    support_matrix x;
    float *factors;
    support_bytes out;
    wick_row_scale *rows;
    wick_quantize q;
} quantized;

static quantized place_quantize(buffers *memory, support_random *random, size_t m, size_t n)
{
    uint32_t flags = support_random_bits(random);
    bool at_end = flags & 1;
    size_t gap = flags & 2 ? 1 + support_random_below(random, MAX_GAP) : 0, ldo = n + (flags >> 2) % (MAX_PAD + 1);
    quantized t = {.x = support_matrix_place(&memory->x, m, n, n + gap, at_end)};
    support_matrix factors = support_matrix_place(&memory->factors, 1, n, n, at_end);
    support_bytes rows = support_bytes_place(&memory->rows, 1, m * sizeof *t.rows, m * sizeof *t.rows, at_end);
    t.factors = factors.x;
    t.rows = (wick_row_scale *)(void *)rows.x;
    t.out = support_bytes_place(&memory->out, m, ldo, ldo, at_end);
    for (size_t j = 0; j < n; j++)
        t.factors[j] = 1.0f;
    t.q = (wick_quantize){m, n, t.x.x, t.x.ld, t.factors, t.out.x, ldo, t.rows};
    return t;
}

/* One row, to the bit where it can be said: the offset, the scale, each value rounded once from the formula in f32. */
static void check_row(const quantized *t, size_t i)
{
    const float *x = t->x.x + i * t->x.ld;
    const uint8_t *out = t->out.x + i * t->out.ld;
    float least = INFINITY, largest = -INFINITY;
    for (size_t j = 0; j < t->q.n; j++) {
        least = fminf(least, x[j] * t->factors[j]);
        largest = fmaxf(largest, x[j] * t->factors[j]);
    }
    float range = largest - least;
    bool constant = range <= WICK_LEAST_RANGE;
    if (t->rows[i].offset != least || !(fabsf(t->rows[i].scale - range / 255.0f) <= range / 255.0f * 0x1p-22f))
        fail_msg("n %zu: scale %a, offset %a of a row %a .. %a", t->q.n, (double)t->rows[i].scale,
                 (double)t->rows[i].offset, (double)least, (double)largest);
    for (size_t j = 0; j < t->q.ldo; j++) {
        float y = j < t->q.n ? x[j] * t->factors[j] : 0.0f;
        long expected = j >= t->q.n || constant ? 0 : lrintf((y - least) * (255.0f / range));
        if (out[j] != expected)
            fail_msg("n %zu, ldo %zu: %a became %d at %zu, not %ld", t->q.n, t->q.ldo, (double)y, out[j], j, expected);
        if (j >= t->q.n)
            continue;
        double read = (double)t->rows[i].scale * out[j] + t->rows[i].offset;
        double limit =
            constant ? WICK_LEAST_RANGE : 0.50002 * range / 255.0; /* half a step, and the rounding of the formula */
        if (!(fabs(read - (double)y) <= limit))
            fail_msg("n %zu: %a reads %a", t->q.n, (double)y, read);
        if (!constant && ((y == least && out[j] != 0) || (y == largest && out[j] != 255)))
            fail_msg("n %zu: the ends do not become 0 and 255: %d", t->q.n, out[j]);
    }
}

static void check_quantize(const wick_kernels *kernels, const quantized *t)
{
    kernels->quantize(&t->q);
    for (size_t i = 0; i < t->q.m; i++)
        check_row(t, i);
    support_bytes_check_gaps(&t->out);
}

static void quantize_of_any_rows(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float scales[] = {1.0f, 1e-3f, 1e3f, 1e-25f, 1e36f};
    buffers memory;
    buffers_open(&memory);
    support_random random = {2};
    for (size_t i = 0; i < 600; i++) {
        quantized t =
            place_quantize(&memory, &random, support_random_below(&random, MAX_M + 1), some_n(&random, i % 200));
        float scale = scales[i % 5];
        support_matrix_fill(&t.x, t.q.n, &random, scale, i % 2 ? 3 * scale : 0.0f);
        for (size_t j = 0; i % 3 == 0 && j < t.q.n; j++)
            t.factors[j] = expf(support_random_normal(&random)) * 0.2f;
        check_quantize(kernels, &t);
    }
    buffers_close(&memory);
}

static void quantize_of_constant_rows(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 3e38f, -3e38f, 1e-42f};
    buffers memory;
    buffers_open(&memory);
    support_random random = {3};
    for (size_t i = 0; i < 280; i++)
        for (size_t tiny = 0; tiny < 2; tiny++) {
            quantized t = place_quantize(&memory, &random, 2, i / 7 + 1);
            for (size_t row = 0; row < 2; row++)
                for (size_t j = 0; j < t.q.n; j++)
                    t.x.x[row * t.x.ld + j] = tiny ? (float)(j % 3) * 0.4e-30f : values[i % 7];
            check_quantize(kernels, &t);
            for (size_t j = 0; j < t.q.n; j++)
                assert_int_equal(t.out.x[j], 0);
        }
    buffers_close(&memory);
}

/* A range just above what counts as none, and the widest that is finite. */
static void quantize_of_extreme_ranges(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const float ends[][2] = {{0.0f, 1.01e-30f}, {-1e-30f, 1e-30f}, {-1.7e38f, 1.7e38f},   {0.0f, 3.4e38f},
                                    {-3.4e38f, 1.0f},  {-1e-38f, 1.0f},   {0x1p24f, 0x1p24f + 2}};
    buffers memory;
    buffers_open(&memory);
    support_random random = {4};
    for (size_t i = 0; i < 7 * 40; i++) {
        quantized t = place_quantize(&memory, &random, 1, i / 7 + 2);
        float low = ends[i % 7][0], high = ends[i % 7][1];
        for (size_t j = 0; j < t.q.n; j++) {
            float part = (float)support_random_below(&random, 1025) / 1024.0f;
            t.x.x[j] = low * (1.0f - part) + high * part;
        }
        size_t at = support_random_below(&random, t.q.n);
        t.x.x[at] = low;
        t.x.x[(at + 1) % t.q.n] = high;
        check_quantize(kernels, &t);
    }
    buffers_close(&memory);
}

/* What is not finite, or whose range is not, gives its row a scale that is no number, wherever it stands; the rows beside it are as ever. */
static void quantize_of_what_is_not_finite(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    enum { N_KINDS = 5 };
    buffers memory;
    buffers_open(&memory);
    support_random random = {5};
    for (size_t n = 1; n <= 40; n++)
        for (size_t at = 0; at < n; at++)
            for (size_t kind = n > 1 ? 0 : 1; kind < N_KINDS; kind++) {
                static const float odd[N_KINDS] = {-3e38f, NAN, INFINITY, -INFINITY, 1e38f};
                quantized t = place_quantize(&memory, &random, 3, n);
                support_matrix_fill(&t.x, n, &random, 1.0f, 0.0f);
                float *row = t.x.x + t.x.ld;
                row[at] = odd[kind];
                if (kind == 0)
                    row[(at + 1) % n] = 3e38f; /* both are finite, their range is not */
                if (kind == 4) {               /* is infinite only times its factor, and finite in the other rows */
                    t.factors[at] = 10.0f;
                }
                kernels->quantize(&t.q);
                assert_true(isnan(t.rows[1].scale));
                for (size_t j = n; j < t.q.ldo; j++)
                    assert_int_equal(t.out.x[t.out.ld + j], 0);
                check_row(&t, 0);
                check_row(&t, 2);
                support_bytes_check_gaps(&t.out);
            }
    buffers_close(&memory);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(bf16_of_any_bits),           cmocka_unit_test(bf16_of_odd_values),
        cmocka_unit_test(quantize_of_any_rows),       cmocka_unit_test(quantize_of_constant_rows),
        cmocka_unit_test(quantize_of_extreme_ranges), cmocka_unit_test(quantize_of_what_is_not_finite),
    };
    return support_tiers_run(each, sizeof each / sizeof *each, NULL, 0);
}
