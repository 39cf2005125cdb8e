/* SPDX-License-Identifier: Apache-2.0
 * Tests of the int8 and bf16 products in every tier. gemm_i8 is exact but for its last two steps, which all tiers take alike: its results are compared
 * bit by bit with one formula. gemm_bf16 is held to the exact product within the rounding of its steps, and to the rule that a row stands alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#define MAX_M 70    /* past two pairs of the tallest tile */
#define MAX_K 65536 /* what kernels.h promises of gemm_i8 */
#define MAX_SHORT_K 1536
#define MAX_GAP 9

typedef struct buffers {
    support_guarded a, b, rows, scales, sums, bias, c;
} buffers;

static void buffers_open(buffers *memory)
{
    support_guarded_open(&memory->a, (size_t)MAX_M * (MAX_K / 4 + MAX_GAP));
    support_guarded_open(&memory->b, (size_t)MAX_K / 4 * WICK_MAX_PANEL_WIDTH);
    support_guarded_open(&memory->rows, 2 * MAX_M);
    support_guarded_open(&memory->scales, WICK_MAX_PANEL_WIDTH);
    support_guarded_open(&memory->sums, WICK_MAX_PANEL_WIDTH);
    support_guarded_open(&memory->bias, WICK_MAX_PANEL_WIDTH);
    support_guarded_open(&memory->c, MAX_M * (WICK_MAX_PANEL_WIDTH + MAX_GAP));
}

static void buffers_close(buffers *memory)
{
    support_guarded *const all[] = {&memory->a,    &memory->b,    &memory->rows, &memory->scales,
                                    &memory->sums, &memory->bias, &memory->c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        support_guarded_close(all[i]);
}

/* What is common to both products: its size and where its operands stand. */
typedef struct shape {
    size_t m, n, k, gap_a, gap_c;
    bool at_end, accumulate;
} shape;

static shape random_shape(support_random *random, size_t m, size_t n, size_t k)
{
    uint32_t flags = support_random_bits(random);
    shape s = {m, n, k, 0, 0, flags & 1, flags & 2};
    if (flags & 4) {
        s.gap_a = support_random_below(random, MAX_GAP + 1);
        s.gap_c = 1 + support_random_below(random, MAX_GAP);
    }
    return s;
}

/* A row of a panel's width, of which only n values are numbers: the rest may be read, and must not be felt. */
static const float *place_row(support_guarded *memory, size_t width, size_t n, bool at_end, support_random *random,
                              float scale)
{
    support_matrix row = support_matrix_place(memory, 1, width, width, at_end);
    support_matrix_fill(&row, n, random, scale, 0.0f);
    return row.x;
}

static support_matrix place_c(support_guarded *memory, const shape *s, support_random *random, float *before)
{
    support_matrix c = support_matrix_place(memory, s->m, s->n, s->n + s->gap_c, s->at_end);
    if (s->accumulate) /* otherwise c is NaN, and must not be felt either */
        support_matrix_fill(&c, s->n, random, 1.0f, 0.0f);
    for (size_t i = 0; i < s->m; i++)
        memcpy(before + i * s->n, c.x + i * c.ld, s->n * sizeof *before);
    return c;
}

/* ---- int8 ------------------------------------------------------------------------------------------------------------- */

typedef enum extreme { RANDOM, LEAST, LARGEST, MIXED } extreme;

static wick_gemm_i8 make_i8(const wick_kernels *kernels, buffers *memory, support_random *random, const shape *s,
                            extreme what)
{
    size_t width = kernels->panel_width;
    support_bytes a = support_bytes_place(&memory->a, s->m, s->k, s->k + s->gap_a, s->at_end);
    support_bytes b = support_bytes_place(&memory->b, 1, s->k * width, s->k * width, s->at_end);
    support_bytes rows =
        support_bytes_place(&memory->rows, 1, s->m * sizeof(wick_row_scale), s->m * sizeof(wick_row_scale), s->at_end);
    for (size_t i = 0; i < s->m; i++)
        for (size_t k = 0; k < s->k; k++)
            a.x[i * a.ld + k] = what == RANDOM ? (uint8_t)support_random_bits(random) : 255;
    static const int8_t ends[] = {[LEAST] = -128, [LARGEST] = 127};
    for (size_t i = 0; i < b.n; i++) {
        extreme now = what == MIXED ? LEAST + (support_random_bits(random) & 1) : what;
        ((int8_t *)b.x)[i] = now == RANDOM ? (int8_t)support_random_bits(random) : ends[now];
    }
    wick_row_scale *scales = (wick_row_scale *)(void *)rows.x;
    for (size_t i = 0; i < s->m; i++)
        scales[i] = (wick_row_scale){fabsf(support_random_normal(random)) * 0.01f, support_random_normal(random)};
    return (wick_gemm_i8){.m = s->m,
                          .n = s->n,
                          .k = s->k,
                          .a = a.x,
                          .lda = a.ld,
                          .rows = scales,
                          .b = (int8_t *)b.x,
                          .panel_width = width,
                          .b_scales = place_row(&memory->scales, width, s->n, s->at_end, random, 0.001f),
                          .b_sums = place_row(&memory->sums, width, s->n, s->at_end, random, 1.0f),
                          .bias = place_row(&memory->bias, width, s->n, s->at_end, random, 1.0f),
                          .accumulate = s->accumulate};
}

/* What c[i, j] must be, to the bit, from a sum that is exact; fails if that itself is too far from the exact value. c: what stood there. */
static float expected_i8(const wick_gemm_i8 *g, size_t i, size_t j, float c)
{
    int64_t sum = 0;
    for (size_t k = 0; k < g->k; k++)
        sum += (int64_t)g->a[i * g->lda + k] * g->b[(k / 4 * g->panel_width + j) * 4 + k % 4];
    assert_in_range(sum + ((int64_t)1 << 31), 0, ((int64_t)1 << 32) - 1);
    wick_row_scale row = g->rows[i];
    float value = fmaf((float)sum * row.scale, g->b_scales[j], fmaf(row.offset, g->b_sums[j], g->bias[j]));
    double parts[] = {(double)sum * row.scale * g->b_scales[j], (double)row.offset * g->b_sums[j], g->bias[j],
                      g->accumulate ? c : 0.0};
    value = g->accumulate ? c + value : value;
    double exact = 0, magnitude = 0;
    for (size_t part = 0; part < 4; part++) {
        exact += parts[part];
        magnitude += fabs(parts[part]);
    }
    if (!(fabs(value - exact) <= 4 * 0x1p-24 * magnitude))
        fail_msg("k %zu: %.9g is not %.17g", g->k, (double)value, exact);
    return value;
}

static void check_i8(const wick_kernels *kernels, buffers *memory, support_random *random, const shape *s, extreme what)
{
    static float before[MAX_M * WICK_MAX_PANEL_WIDTH];
    wick_gemm_i8 g = make_i8(kernels, memory, random, s, what);
    support_matrix c = place_c(&memory->c, s, random, before);
    g.c = c.x;
    g.ldc = c.ld;
    kernels->gemm_i8(&g);
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            float value = c.x[i * c.ld + j], expected = expected_i8(&g, i, j, before[i * s->n + j]);
            if (support_bits_of(value) != support_bits_of(expected))
                fail_msg("m %zu, n %zu, k %zu%s: c[%zu, %zu] is %.9g, not %.9g", s->m, s->n, s->k,
                         s->accumulate ? ", accumulate" : "", i, j, (double)value, (double)expected);
        }
    support_matrix_check_gaps(&c);
}

static void i8_of_every_shape(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const size_t few[] = {0, 4, 8, 28, 64};
    buffers memory;
    buffers_open(&memory);
    support_random random = {1};
    for (size_t m = 0; m <= MAX_M; m++)
        for (size_t n = 1; n <= kernels->panel_width; n++) {
            shape s = random_shape(&random, m, n, few[(m + n) % 5]);
            check_i8(kernels, &memory, &random, &s, RANDOM);
        }
    for (size_t i = 0; i < 24; i++) {
        static const size_t many[] = {384, 1532, 1536};
        size_t m = support_random_below(&random, MAX_M + 1),
               n = 1 + support_random_below(&random, kernels->panel_width);
        shape s = random_shape(&random, m, i % 2 ? n : kernels->panel_width, many[i % 3]);
        check_i8(kernels, &memory, &random, &s, RANDOM);
    }
    buffers_close(&memory);
}

/* Sums as large as they can become, in pairs (2 * 255 * 127 is no s16), in fours, and in all: nothing saturates, nothing overflows. */
static void i8_of_extreme_values(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const size_t lengths[] = {4, 8, 512, 1024, 1536, 4096, MAX_K};
    buffers memory;
    buffers_open(&memory);
    support_random random = {2};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (extreme what = LEAST; what <= MIXED; what++)
            for (size_t m = 1; m <= (lengths[i] < MAX_K ? 7 : 2); m++) {
                shape s = random_shape(&random, m, kernels->panel_width, lengths[i]);
                check_i8(kernels, &memory, &random, &s, what);
            }
    buffers_close(&memory);
}

/* A scale or an offset that is no number reaches its own row or column, and nothing else. */
static void i8_passes_nan_on(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    enum { M = 15, K = 8 };
    buffers memory;
    buffers_open(&memory);
    support_random random = {3};
    size_t width = kernels->panel_width;
    static float before[M * WICK_MAX_PANEL_WIDTH];
    for (int what = 0; what < 6; what++) {
        shape s = {M, width, K, 0, 0, true, what & 1};
        wick_gemm_i8 g = make_i8(kernels, &memory, &random, &s, RANDOM);
        support_matrix c = place_c(&memory.c, &s, &random, before);
        g.c = c.x;
        g.ldc = c.ld;
        size_t row = what < 4 ? 7 : M, column = what < 4 ? width : width / 2;
        wick_row_scale *scales = (wick_row_scale *)(void *)memory.rows.pages;
        scales += memory.rows.size_bytes / sizeof *scales - M;
        assert_ptr_equal(scales, g.rows);
        if (what < 2)
            scales[row].scale = NAN;
        else if (what < 4)
            scales[row].offset = NAN;
        else
            *(float *)(uintptr_t)&g.b_scales[column] = NAN;
        memset((void *)(uintptr_t)g.a, 0, M * K); /* not even a sum of 0 hides it */
        kernels->gemm_i8(&g);
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < width; j++)
                assert_int_equal(isfinite(c.x[i * width + j]) != 0, i != row && j != column);
    }
    buffers_close(&memory);
}

/* ---- bf16 ------------------------------------------------------------------------------------------------------------- */

static double bf16_value(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The upper half of a normal number: any bf16 serves. */
static uint16_t random_bf16(support_random *random, float scale)
{
    return (uint16_t)(support_bits_of(support_random_normal(random) * scale) >> 16);
}

static wick_gemm_bf16 make_bf16(const wick_kernels *kernels, buffers *memory, support_random *random, const shape *s)
{
    size_t width = kernels->panel_width;
    support_bytes a = support_bytes_place(&memory->a, s->m, 2 * s->k, 2 * (s->k + s->gap_a), s->at_end);
    support_bytes b = support_bytes_place(&memory->b, 1, s->k * width * 2, s->k * width * 2, s->at_end);
    uint16_t *x = (uint16_t *)(void *)a.x, *y = (uint16_t *)(void *)b.x;
    for (size_t i = 0; i < s->m; i++)
        for (size_t k = 0; k < s->k; k++)
            x[i * (a.ld / 2) + k] = random_bf16(random, 1.0f);
    for (size_t k = 0; k < s->k; k++)
        for (size_t j = 0; j < width; j++) /* NaN past n: it may be read, and must not be felt */
            y[(k / 2 * width + j) * 2 + k % 2] = j < s->n ? random_bf16(random, 0.05f) : 0x7FC0;
    return (wick_gemm_bf16){.m = s->m,
                            .n = s->n,
                            .k = s->k,
                            .a = x,
                            .lda = a.ld / 2,
                            .b = y,
                            .panel_width = width,
                            .bias = place_row(&memory->bias, width, s->n, s->at_end, random, 1.0f),
                            .accumulate = s->accumulate};
}

static void check_bf16_value(const wick_gemm_bf16 *g, size_t i, size_t j, float before)
{
    double exact = g->bias[j] + (g->accumulate ? (double)before : 0.0);
    double magnitude = fabs((double)g->bias[j]) + (g->accumulate ? fabs((double)before) : 0.0);
    for (size_t k = 0; k < g->k; k++) {
        double product = bf16_value(g->a[i * g->lda + k]) * bf16_value(g->b[(k / 2 * g->panel_width + j) * 2 + k % 2]);
        exact += product;
        magnitude += fabs(product);
    }
    /* A product of two bf16 is exact; each sum rounds once. What the hardware takes as zero is below 2^-126. */
    double limit = (double)(g->k + 2) * (magnitude * 0x1p-24 + 0x1p-126), value = g->c[i * g->ldc + j];
    if (!(fabs(value - exact) <= limit))
        fail_msg("m %zu, n %zu, k %zu%s: c[%zu, %zu] is %.9g, not %.9g within %.3g", g->m, g->n, g->k,
                 g->accumulate ? ", accumulate" : "", i, j, value, exact, limit);
}

static void check_bf16(const wick_kernels *kernels, buffers *memory, support_random *random, const shape *s)
{
    static float before[MAX_M * WICK_MAX_PANEL_WIDTH];
    wick_gemm_bf16 g = make_bf16(kernels, memory, random, s);
    support_matrix c = place_c(&memory->c, s, random, before);
    g.c = c.x;
    g.ldc = c.ld;
    kernels->gemm_bf16(&g);
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++)
            check_bf16_value(&g, i, j, before[i * s->n + j]);
    support_matrix_check_gaps(&c);
}

static void bf16_of_every_shape(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const size_t few[] = {0, 2, 4, 6, 30}, many[] = {384, MAX_SHORT_K - 2, MAX_SHORT_K};
    buffers memory;
    buffers_open(&memory);
    support_random random = {4};
    for (size_t m = 0; m <= MAX_M; m++)
        for (size_t n = 1; n <= kernels->panel_width; n++) {
            shape s = random_shape(&random, m, n, few[(m + n) % 5]);
            check_bf16(kernels, &memory, &random, &s);
        }
    for (size_t i = 0; i < 24; i++) {
        size_t m = support_random_below(&random, MAX_M + 1),
               n = 1 + support_random_below(&random, kernels->panel_width);
        shape s = random_shape(&random, m, i % 2 ? n : kernels->panel_width, many[i % 3]);
        check_bf16(kernels, &memory, &random, &s);
    }
    buffers_close(&memory);
}

static void bf16_passes_nan_on(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    enum { M = 15, K = 6 };
    static const uint16_t odd[] = {0x7FC0, 0x7F80, 0xFF80}; /* NaN and both infinities */
    static float before[M * WICK_MAX_PANEL_WIDTH];
    buffers memory;
    buffers_open(&memory);
    support_random random = {5};
    size_t width = kernels->panel_width;
    for (size_t what = 0; what < 12; what++) {
        shape s = {M, width, K, 0, 0, true, false};
        wick_gemm_bf16 g = make_bf16(kernels, &memory, &random, &s);
        support_matrix c = place_c(&memory.c, &s, &random, before);
        g.c = c.x;
        g.ldc = c.ld;
        size_t row = what < 6 ? 7 : M, column = what < 6 ? width : width / 2, k = K - 1 - what % 2;
        if (what < 6)
            ((uint16_t *)(uintptr_t)g.a)[row * K + k] = odd[what / 2 % 3];
        else
            ((uint16_t *)(uintptr_t)g.b)[(k / 2 * width + column) * 2 + k % 2] = odd[what / 2 % 3];
        kernels->gemm_bf16(&g);
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < width; j++)
                assert_int_equal(isfinite(c.x[i * width + j]) != 0, i != row && j != column);
    }
    buffers_close(&memory);
}

/* ---- rows stand alone --------------------------------------------------------------------------------------------------- */

/* The same row gives the same bits in every product of m rows, at every place of it. */
static void bf16_rows_stand_alone(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static float alone[MAX_M * WICK_MAX_PANEL_WIDTH], before[MAX_M * WICK_MAX_PANEL_WIDTH];
    buffers memory;
    buffers_open(&memory);
    support_random random = {6};
    size_t n = kernels->panel_width - 1;
    shape s = {MAX_M, n, 74, 0, 0, true, false};
    const wick_gemm_bf16 whole = make_bf16(kernels, &memory, &random, &s);
    for (size_t first = 0; first < MAX_M; first++)
        for (size_t m = 1; first + m <= MAX_M; m++) {
            s.m = m;
            support_matrix c = place_c(&memory.c, &s, &random, before);
            wick_gemm_bf16 g = whole;
            g.m = m;
            g.a += first * g.lda;
            g.c = c.x;
            g.ldc = c.ld;
            kernels->gemm_bf16(&g);
            if (m == 1 && first == 0) { /* the others alone */
                for (size_t i = 0; i < MAX_M; i++) {
                    wick_gemm_bf16 one = g;
                    one.a = whole.a + i * whole.lda;
                    one.c = alone + i * n;
                    kernels->gemm_bf16(&one);
                }
            }
            assert_memory_equal(c.x, alone + first * n, m * n * sizeof *alone);
        }
    buffers_close(&memory);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(i8_of_every_shape),  cmocka_unit_test(i8_of_extreme_values),
        cmocka_unit_test(i8_passes_nan_on),   cmocka_unit_test(bf16_of_every_shape),
        cmocka_unit_test(bf16_passes_nan_on), cmocka_unit_test(bf16_rows_stand_alone),
    };
    return support_tiers_run(each, sizeof each / sizeof *each, NULL, 0);
}
