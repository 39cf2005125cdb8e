/* SPDX-License-Identifier: Apache-2.0
 * test_model_tensor.c: f16, bf16 and f32 elements as f32, every bit pattern of the 16-bit types against arithmetic
 * on their fields. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/model_files.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* All 65,536 values at an odd address. */
static uint8_t patterns[2 * 65536 + 1];

static wick_tensor pattern_tensor(wick_dtype dtype)
{
    for (size_t i = 0; i < 65536; i++) {
        patterns[1 + 2 * i] = (uint8_t)i;
        patterns[2 + 2 * i] = (uint8_t)(i >> 8);
    }
    return (wick_tensor){.name = "x",
                         .dtype = dtype,
                         .n_dims = 1,
                         .shape = {65536},
                         .data = patterns + 1,
                         .size_bytes = sizeof patterns - 1};
}

static float values[65536];

static void test_f16(void **state)
{
    wick_tensor tensor = pattern_tensor(WICK_DTYPE_F16);
    wick_tensor_to_f32(&tensor, 0, 65536, values);
    for (unsigned i = 0; i < 65536; i++) {
        unsigned sign = i >> 15, exponent = i >> 10 & 31, fraction = i & 1023;
        if (exponent == 31 && fraction) {
            assert_true(isnan(values[i]));
            assert_int_equal(bits_of(values[i]), sign << 31 | 0x7F800000u | fraction << 13);
            continue;
        }
        double expected = exponent == 31  ? INFINITY
                          : exponent == 0 ? ldexp(fraction, -24)
                                          : ldexp(1024 + fraction, (int)exponent - 25);
        assert_true(values[i] == (float)(sign ? -expected : expected));
        assert_int_equal(signbit(values[i]) != 0, sign); /* -0 stays -0 */
    }
}

static void test_bf16(void **state)
{
    wick_tensor tensor = pattern_tensor(WICK_DTYPE_BF16);
    wick_tensor_to_f32(&tensor, 0, 65536, values);
    for (unsigned i = 0; i < 65536; i++)
        assert_int_equal(bits_of(values[i]), i << 16);
    assert_true(values[0x3F80] == 1.0f && values[0xC000] == -2.0f && isinf(values[0x7F80]));
    assert_true(values[0x0001] == 0x1p-133f); /* a subnormal */
}

static void test_f32(void **state)
{
    static const float numbers[] = {0.0f, -0.0f, 1.5f, 0x1p-149f, -0x1.fffffep127f, INFINITY, -INFINITY, 3.0f};
    uint8_t bytes[sizeof numbers + 1];
    memcpy(bytes + 1, numbers, sizeof numbers);
    wick_tensor tensor = {.name = "x",
                          .dtype = WICK_DTYPE_F32,
                          .n_dims = 1,
                          .shape = {8},
                          .data = bytes + 1,
                          .size_bytes = sizeof numbers};
    wick_tensor_to_f32(&tensor, 0, 8, values);
    assert_memory_equal(values, numbers, sizeof numbers);
}

static void test_parts(void **state)
{
    wick_tensor tensor = pattern_tensor(WICK_DTYPE_BF16);
    float part[3] = {7, 7, 7};
    wick_tensor_to_f32(&tensor, 0x3F80, 2, part);
    assert_true(part[0] == 1.0f && part[1] == 1.0078125f && part[2] == 7.0f);
    wick_tensor_to_f32(&tensor, 65536, 0, part);
    assert_true(part[0] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
