/* SPDX-License-Identifier: Apache-2.0
 * peak_amx.c: multiply-adds in AMX's tiles, for measuring (peak.h): 16 x 16 sums of 64 products of u8 by s8, or of 32 in bf16. Eight products of digits are one in f32
 * (gemm_i24_amx.c). The tiles hold zeros. */
#include "cpu/peak.h"
#include "cpu/x86/tiers_x86.h"
#include "cpu/x86/tiles_amx.h"

#define TILE_SUMS (WICK_AMX_ROWS * 16)

/* Four sums, as many as a product of a panel has at once. */
#define SPIN(name, dot, n_products)                                                                                    \
    static uint64_t name(size_t n_rounds)                                                                              \
    {                                                                                                                  \
        wick_tiles_shape(WICK_AMX_ROWS, WICK_AMX_FIRST_B);                                                             \
        for (size_t round = 0; round < n_rounds; round++) {                                                            \
            dot(0, 4, 6);                                                                                              \
            dot(1, 4, 7);                                                                                              \
            dot(2, 5, 6);                                                                                              \
            dot(3, 5, 7);                                                                                              \
        }                                                                                                              \
        wick_tiles_done();                                                                                             \
        return (uint64_t)n_rounds * 4 * TILE_SUMS * (n_products);                                                      \
    }

SPIN(spin_i8_amx, WICK_TILE_DOT_I8, 64)
SPIN(spin_bf16_amx, WICK_TILE_DOT_BF16, 32)
SPIN(spin_f32_amx, WICK_TILE_DOT_I8, 64 / 8)

void wick_peak_init_amx(wick_kernels *kernels)
{
    kernels->spin_f32 = spin_f32_amx;
    kernels->spin_i8 = spin_i8_amx;
    kernels->spin_bf16 = spin_bf16_amx;
}
