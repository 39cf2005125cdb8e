/* SPDX-License-Identifier: Apache-2.0
 * Tests of gemm and transpose in every tier, and of the choice of the tier. gemm is held to the rule of kernels.h bit for bit: one accumulator an output, k
 * upwards, fused in all tiers but generic; and to the exact product within the rounding of that many steps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick.h>

#include "support_files.h"
#include "support_kernels.h"

#define MAX_M 40
#define MAX_K 1536
#define MAX_GAP 9 /* the most that a row distance is longer than the row */

typedef struct buffers {
    support_guarded a, b, bias, c;
} buffers;

static void buffers_open(buffers *memory)
{
    support_guarded_open(&memory->a, MAX_M * (MAX_K + MAX_GAP));
    support_guarded_open(&memory->b, MAX_K * (WICK_MAX_PANEL_WIDTH + MAX_GAP));
    support_guarded_open(&memory->bias, WICK_MAX_PANEL_WIDTH);
    support_guarded_open(&memory->c, MAX_M * (WICK_MAX_PANEL_WIDTH + MAX_GAP));
}

static void buffers_close(buffers *memory)
{
    support_guarded_close(&memory->a);
    support_guarded_close(&memory->b);
    support_guarded_close(&memory->bias);
    support_guarded_close(&memory->c);
}

/* What c[i, j] must be, to the bit; fails if that itself is too far from the exact value. c: what stood there. */
static float expected_value(const wick_gemm *g, bool fused, size_t i, size_t j, float c)
{
    float sum = 0.0f;
    double exact = 0, magnitude = 0;
    for (size_t k = 0; k < g->k; k++) {
        float x = g->a[i * g->lda + k], y = g->b[k * g->ldb + j];
        sum = fused ? fmaf(x, y, sum) : sum + x * y;
        exact += (double)x * y;
        magnitude += fabs((double)x * y);
    }
    float bias = g->bias ? g->bias[j] : 0.0f;
    sum += bias;
    if (g->accumulate)
        sum = c + sum;
    exact += (double)bias + (g->accumulate ? c : 0.0);
    magnitude += fabs((double)bias) + (g->accumulate ? fabs((double)c) : 0.0);
    double limit = (double)(2 * g->k + 2) * magnitude * 0x1p-24;
    if (!(fabs(sum - exact) <= limit))
        fail_msg("k %zu: %.9g is not %.17g within %.3g", g->k, (double)sum, exact, limit);
    return sum;
}

/* One product of a random case; all the rest of it follows from random. */
static void check_gemm(const wick_kernels *kernels, buffers *memory, support_random *random, size_t m, size_t n,
                       size_t k)
{
    static float before[MAX_M * WICK_MAX_PANEL_WIDTH];
    uint32_t flags = support_random_bits(random);
    bool gaps = flags & 1, at_end = flags & 2, has_bias = flags & 4, accumulate = flags & 8;
    size_t width = kernels->panel_width;
    size_t lda = k + (gaps ? 1 + support_random_below(random, MAX_GAP) : 0);
    size_t ldb = width + (gaps ? support_random_below(random, MAX_GAP + 1) : 0);
    size_t ldc = n + (gaps ? 1 + support_random_below(random, MAX_GAP) : 0);
    support_matrix a = support_matrix_place(&memory->a, m, k, lda, at_end);
    support_matrix b = support_matrix_place(&memory->b, k, width, ldb, at_end);
    support_matrix bias = support_matrix_place(&memory->bias, 1, width, width, at_end);
    support_matrix c = support_matrix_place(&memory->c, m, n, ldc, at_end);
    support_matrix_fill(&a, k, random, 1.0f, 0.0f);
    support_matrix_fill(&b, n, random, 0.05f, 0.0f); /* NaN past n: it may be read, and must not be felt */
    support_matrix_fill(&bias, n, random, 1.0f, 0.0f);
    if (accumulate) /* otherwise c is NaN, and must not be felt either */
        support_matrix_fill(&c, n, random, 1.0f, 0.0f);
    for (size_t i = 0; i < m; i++)
        memcpy(before + i * n, c.x + i * ldc, n * sizeof *before);

    wick_gemm g = {m, n, k, a.x, lda, b.x, ldb, has_bias ? bias.x : NULL, c.x, ldc, accumulate};
    kernels->gemm(&g);

    bool fused = strcmp(kernels->tier, "generic") != 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float value = c.x[i * ldc + j], expected = expected_value(&g, fused, i, j, before[i * n + j]);
            if (support_bits_of(value) != support_bits_of(expected))
                fail_msg("m %zu, n %zu, k %zu, %s%s: c[%zu, %zu] is %.9g, not %.9g", m, n, k, has_bias ? "bias " : "",
                         accumulate ? "accumulate" : "", i, j, (double)value, (double)expected);
        }
    support_matrix_check_gaps(&c);
}

static void gemm_of_every_shape(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const size_t few[] = {0, 1, 2, 7, 32};
    buffers memory;
    buffers_open(&memory);
    support_random random = {1};
    assert_in_range(kernels->panel_width, 1, WICK_MAX_PANEL_WIDTH);
    for (size_t m = 0; m <= MAX_M; m++)
        for (size_t n = 1; n <= kernels->panel_width; n++)
            for (size_t i = 0; i < sizeof few / sizeof *few; i++)
                check_gemm(kernels, &memory, &random, m, n, few[i]);
    buffers_close(&memory);
}

static void gemm_of_long_rows(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    static const size_t many[] = {383, 384, 1535, 1536};
    buffers memory;
    buffers_open(&memory);
    support_random random = {2};
    for (size_t i = 0; i < 48; i++) {
        size_t m = support_random_below(&random, MAX_M + 1),
               n = 1 + support_random_below(&random, kernels->panel_width);
        check_gemm(kernels, &memory, &random, m, i % 2 ? n : kernels->panel_width, many[i % 4]);
    }
    buffers_close(&memory);
}

/* The same row gives the same bits in every product of m rows, at every place of it. */
static void gemm_rows_stand_alone(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    enum { N_INNER = 37 };
    static float alone[MAX_M * WICK_MAX_PANEL_WIDTH];
    size_t width = kernels->panel_width, n = width - 1;
    buffers memory;
    buffers_open(&memory);
    support_random random = {3};
    support_matrix a = support_matrix_place(&memory.a, MAX_M, N_INNER, N_INNER, true);
    support_matrix b = support_matrix_place(&memory.b, N_INNER, width, width, true);
    support_matrix_fill(&a, N_INNER, &random, 1.0f, 0.0f);
    support_matrix_fill(&b, width, &random, 1.0f, 0.0f);
    for (size_t i = 0; i < MAX_M; i++) {
        wick_gemm g = {1, n, N_INNER, a.x + i * N_INNER, N_INNER, b.x, width, NULL, alone + i * n, n, false};
        kernels->gemm(&g);
    }
    for (size_t first = 0; first < MAX_M; first++)
        for (size_t m = 1; first + m <= MAX_M; m++) {
            support_matrix c = support_matrix_place(&memory.c, m, n, n, true);
            wick_gemm g = {m, n, N_INNER, a.x + first * N_INNER, N_INNER, b.x, width, NULL, c.x, n, false};
            kernels->gemm(&g);
            assert_memory_equal(c.x, alone + first * n, m * n * sizeof *alone);
        }
    buffers_close(&memory);
}

/* What is not finite must reach its own row and column, and nothing else. */
static void gemm_passes_nan_on(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    enum { M = 13, K = 5 };
    size_t width = kernels->panel_width;
    buffers memory;
    buffers_open(&memory);
    support_random random = {4};
    for (int what = 0; what < 4; what++) {
        support_matrix a = support_matrix_place(&memory.a, M, K, K, true);
        support_matrix b = support_matrix_place(&memory.b, K, width, width, true);
        support_matrix c = support_matrix_place(&memory.c, M, width, width, true);
        support_matrix_fill(&a, K, &random, 1.0f, 0.0f);
        support_matrix_fill(&b, width, &random, 1.0f, 0.0f);
        float odd = what % 2 ? INFINITY : NAN;
        size_t row = what < 2 ? 7 : M, column = what < 2 ? width : width / 2;
        if (what < 2)
            a.x[row * K + K - 1] = odd;
        else
            b.x[(K - 1) * width + column] = odd;
        kernels->gemm(&(wick_gemm){M, width, K, a.x, K, b.x, width, NULL, c.x, width, false});
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < width; j++)
                assert_int_equal(isfinite(c.x[i * width + j]) != 0, i != row && j != column);
    }
    buffers_close(&memory);
}

static void transpose_is_exact(void **state)
{
    const wick_kernels *kernels = support_kernels(state);
    enum { MOST = 37 };
    support_guarded from, to;
    support_guarded_open(&from, MOST * (MOST + MAX_GAP));
    support_guarded_open(&to, MOST * (MOST + MAX_GAP));
    support_random random = {5};
    for (size_t m = 0; m <= MOST; m++)
        for (size_t n = 0; n <= MOST; n++) {
            bool at_end = (m + n) % 2, gaps = support_random_bits(&random) & 1;
            support_matrix x =
                support_matrix_place(&from, m, n, n + (gaps ? support_random_below(&random, MAX_GAP) : 0), at_end);
            support_matrix out =
                support_matrix_place(&to, n, m, m + (gaps ? support_random_below(&random, MAX_GAP) : 0), at_end);
            support_matrix_fill(&x, n, &random, 1.0f, 0.0f);
            kernels->transpose(x.x, x.ld, m, n, out.x, out.ld);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++)
                    if (support_bits_of(out.x[j * out.ld + i]) != support_bits_of(x.x[i * x.ld + j]))
                        fail_msg("[%zu, %zu]: element %zu, %zu is not what it was", m, n, i, j);
            support_matrix_check_gaps(&out);
        }
    support_guarded_close(&from);
    support_guarded_close(&to);
}

/* ---- the choice of the tier ---------------------------------------------------------------------------------------- */

static size_t n_warnings;

static void count_warning(void *user, wick_log_level level, const char *line)
{
    n_warnings += level == WICK_LOG_WARN && strstr(line, "WICK_CPU") != NULL;
}

static const char *selected(const char *wanted)
{
    support_env("WICK_CPU", wanted);
    return wick_kernels_select()->tier;
}

static void selection(void **state)
{
    const char *set = getenv("WICK_CPU");
    char *old = set ? strdup(set) : NULL;
    const char *best = "generic";
    wick_log_set(count_warning, NULL);
    wick_log_set_level(WICK_LOG_WARN);
    n_warnings = 0;
    for (size_t i = 0; i < SUPPORT_N_TIERS; i++) {
        const wick_kernels *kernels = wick_kernels_named(support_tiers[i]);
        print_message("tier %s: %s\n", support_tiers[i], kernels ? "here" : "not built in or not in this CPU");
        if (!kernels)
            continue;
        best = kernels->tier;
        assert_string_equal(kernels->tier, support_tiers[i]);
        assert_string_equal(selected(support_tiers[i]), support_tiers[i]);
        assert_true(kernels->gemm && kernels->gelu && kernels->layer_norm && kernels->softmax && kernels->transpose);
        assert_true(kernels->gemm_bf16 && kernels->gemm_i8 && kernels->to_bf16 && kernels->quantize);
    }
    assert_string_equal(selected(NULL), best);
    assert_string_equal(selected(""), best);
    assert_int_equal(n_warnings, 0);
    assert_string_equal(selected("AVX9000"), best);
    assert_int_equal(n_warnings, 1);
#if defined(__x86_64__)
    assert_string_equal(selected("neon"), best); /* a tier of another architecture */
#else
    assert_string_equal(selected("avx2"), best);
#endif
    assert_int_equal(n_warnings, 2);
    assert_null(wick_kernels_named("AVX9000"));
    assert_null(wick_kernels_named(""));
    wick_log_set(NULL, NULL);
    support_env("WICK_CPU", old);
    free(old);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(gemm_of_every_shape),   cmocka_unit_test(gemm_of_long_rows),
        cmocka_unit_test(gemm_rows_stand_alone), cmocka_unit_test(gemm_passes_nan_on),
        cmocka_unit_test(transpose_is_exact),
    };
    static const struct CMUnitTest once = cmocka_unit_test(selection);
    return support_tiers_run(each, sizeof each / sizeof *each, &once, 1);
}
