/* SPDX-License-Identifier: Apache-2.0
 * Tests of wick_measure_peak and of the loops behind it: what they return is sane and grows with the work; never how fast this machine is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick.h>

#include "support_kernels.h"

static void test_every_tier_counts_its_products(void **state)
{
    (void)state;
    size_t n_tiers = 0;
    for (size_t i = 0; i < SUPPORT_N_TIERS; i++) {
        const wick_kernels *kernels = wick_kernels_named(support_tiers[i]);
        if (!kernels)
            continue;
        uint64_t (*const spins[])(size_t) = {kernels->spin_f32, kernels->spin_bf16, kernels->spin_i8};
        n_tiers++;
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(spins[j](0), 0);
            uint64_t one = spins[j](1);
            assert_true(one >= 32 && one <= 4 * 16 * 16 * 64); /* the most: four tiles of 16 x 16 sums */
            assert_true(spins[j](1000) == 1000 * one);
        }
    }
    assert_true(n_tiers >= 1);
}

static void test_every_dtype_has_a_peak(void **state)
{
    (void)state;
    static const char *const dtypes[] = {NULL, "f32", "bf16", "int8"};
    wick_model_options options;
    wick_model_options_init(&options);
    options.device = "cpu";
    options.n_threads = 2;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        double gflops = 0;
        options.dtype = dtypes[i];
        assert_int_equal(wick_measure_peak(&options, &gflops, NULL), WICK_OK);
        assert_true(isfinite(gflops) && gflops > 0);
    }
    double gflops = 0;
    assert_int_equal(wick_measure_peak(NULL, &gflops, NULL), WICK_OK);
    assert_true(gflops > 0);
}

static void test_wrong_options_are_told(void **state)
{
    (void)state;
    wick_model_options options;
    wick_error error = {0};
    double gflops = -1;
    wick_model_options_init(&options);
    options.dtype = "f64";
    assert_int_equal(wick_measure_peak(&options, &gflops, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "dtype");
    wick_model_options_init(&options);
    options.device = "cuda";
    options.strict_device = true;
    assert_int_equal(wick_measure_peak(&options, &gflops, &error), WICK_E_UNAVAILABLE);
    options.size = 0;
    assert_int_equal(wick_measure_peak(&options, &gflops, &error), WICK_E_INVALID_INPUT);
    assert_true(gflops == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tier_counts_its_products),
        cmocka_unit_test(test_every_dtype_has_a_peak),
        cmocka_unit_test(test_wrong_options_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
