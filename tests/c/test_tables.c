/* SPDX-License-Identifier: Apache-2.0
 * test_tables.c: rows of embeddings in each form come back as near as the form is; int8 weights are the same bytes whichever tier with fused products packs them,
 * which is what lets a model packed on one machine serve on another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/table.h"
#include "support_kernels.h"
#include "support_model.h"

#define N_ROWS 7
#define MAX_WIDTH 33

static void check_table(wick_compute kind, size_t width, float tolerance)
{
    uint32_t rows[N_ROWS * MAX_WIDTH];
    float scales[N_ROWS], x[N_ROWS][MAX_WIDTH], back[MAX_WIDTH];
    const wick_cpu_table table = {kind, N_ROWS, width, rows, scales};
    support_random random = {17 + width};
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t k = 0; k < width; k++)
            x[i][k] = support_random_normal(&random);
        wick_table_set(&table, i, x[i]);
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        float largest = 0;
        for (size_t k = 0; k < width; k++)
            largest = fmaxf(largest, fabsf(x[i][k]));
        wick_table_get(&table, i, back);
        for (size_t k = 0; k < width; k++)
            assert_true(fabsf(back[k] - x[i][k]) <= largest * tolerance);
        memset(back, 0, sizeof back);
        for (size_t k = 0; k < width; k++)
            back[k] = 1.0f;
        wick_table_add(&table, i, back);
        for (size_t k = 0; k < width; k++)
            assert_true(fabsf(back[k] - (x[i][k] + 1.0f)) <= largest * tolerance + 1e-6f);
    }
}

static void rows_come_back(void **state)
{
    (void)state;
    for (size_t width = 1; width <= MAX_WIDTH; width++) {
        check_table(WICK_COMPUTE_F32, width, 0);
        check_table(WICK_COMPUTE_BF16, width, 1.0f / 256);
        check_table(WICK_COMPUTE_I8, width, 0.51f / 127);
    }
}

static void odd_values_show(void **state)
{
    (void)state;
    uint32_t rows[2];
    float scale, back[2];
    const float bad[2] = {1, INFINITY}, zero[2] = {0, 0}, tiny[2] = {1e-38f, -1e-38f}, nan_[2] = {NAN, 2};
    wick_cpu_table table = {WICK_COMPUTE_I8, 1, 2, rows, &scale};
    wick_table_set(&table, 0, bad);
    wick_table_get(&table, 0, back);
    assert_false(isfinite(back[0]) && isfinite(back[1]));
    wick_table_set(&table, 0, zero);
    wick_table_get(&table, 0, back);
    assert_true(back[0] == 0 && back[1] == 0);
    wick_table_set(&table, 0, tiny);
    wick_table_get(&table, 0, back);
    assert_true(fabsf(back[0]) < 1e-30f && fabsf(back[1]) < 1e-30f);
    table.kind = WICK_COMPUTE_BF16;
    wick_table_set(&table, 0, nan_);
    wick_table_get(&table, 0, back);
    assert_true(isnan(back[0]) && back[1] == 2);
}

/* Packs the tiny model in int8 with the tier's kernels; *n: bytes. The memory lives until the model is closed. */
static void pack(const wick_kernels *kernels, const wick_model_files *files, wick_pool *pool, wick_cpu_model *model)
{
    *model = (wick_cpu_model){.kernels = kernels,
                              .compute = WICK_COMPUTE_I8,
                              .layer_compute = WICK_COMPUTE_I8,
                              .panel_width = 32,
                              .files = files};
    wick_error error = {0};
    if (wick_cpu_model_open(model, NULL, pool, &error) != WICK_OK)
        fail_msg("%s: %s", kernels->tier, error.message);
}

static void tiers_pack_the_same_bytes(void **state)
{
    (void)state;
    wick_model_files *files = NULL;
    wick_pool *pool = NULL;
    wick_cpu_model first = {0};
    size_t n_tiers = 0;
    assert_int_equal(wick_model_files_open(WICK_FIXTURES "/tiny-bert", &files, NULL), WICK_OK);
    assert_int_equal(wick_pool_new(2, &pool, NULL), WICK_OK);
    for (size_t i = 0; i < SUPPORT_N_TIERS; i++) {
        const wick_kernels *kernels = wick_kernels_named(support_tiers[i]);
        if (!kernels || strcmp(support_tiers[i], "generic") == 0) /* its f32 products are rounded twice */
            continue;
        wick_cpu_model model;
        pack(kernels, files, pool, &model);
        if (n_tiers++ == 0) {
            first = model;
            continue;
        }
        assert_int_equal(model.memory_bytes, first.memory_bytes);
        assert_memory_equal(model.memory, first.memory, model.memory_bytes);
        wick_cpu_model_close(&model);
    }
    assert_true(n_tiers > 0 || !wick_kernels_named("avx2"));
    wick_cpu_model_close(&first);
    wick_pool_free(pool);
    wick_model_files_close(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(odd_values_show),
        cmocka_unit_test(tiers_pack_the_same_bytes),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
