/* SPDX-License-Identifier: Apache-2.0
 * tensor.c: reads the elements of a mapped tensor as f32. In: an f32, f16 or bf16 view, little-endian, at any
 * alignment. Out: f32 in the caller's memory, exact. Called by the backends when they pack weights. */
#include <string.h>

#include "model/model_files.h"

static uint16_t load_u16(const uint8_t *data)
{
    return (uint16_t)(data[0] | (unsigned)data[1] << 8);
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. NaN keeps its payload and stays quiet or
 * signalling. */
static float float_of_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1Fu;
    uint32_t fraction = half & 0x3FFu;
    if (exponent == 0x1F)
        return float_of_bits(sign | 0x7F800000u | fraction << 13);
    if (exponent > 0)
        return float_of_bits(sign | (exponent + (127 - 15)) << 23 | fraction << 13);
    /* Zero or subnormal: fraction * 2^-24, which f32 holds as a normal number. */
    float magnitude = (float)fraction * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

static void f32_to_f32(const uint8_t *data, size_t n, float *out)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(out, data, n * sizeof *out);
#else
    for (size_t i = 0; i < n; i++)
        out[i] = float_of_bits(load_u16(data + 4 * i) | (uint32_t)load_u16(data + 4 * i + 2) << 16);
#endif
}

void wick_tensor_to_f32(const wick_tensor *tensor, size_t first, size_t n, float *out)
{
    if (n == 0)
        return;
    switch (tensor->dtype) {
    case WICK_DTYPE_F32:
        f32_to_f32(tensor->data + 4 * first, n, out);
        break;
    case WICK_DTYPE_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = float_of_f16(load_u16(tensor->data + 2 * (first + i)));
        break;
    case WICK_DTYPE_BF16:
        for (size_t i = 0; i < n; i++)
            out[i] = float_of_bits((uint32_t)load_u16(tensor->data + 2 * (first + i)) << 16);
        break;
    case WICK_DTYPE_OTHER: /* wick_model_files_open lets none through */
        memset(out, 0, n * sizeof *out);
        break;
    }
}
