/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_amx.c: u8 x s8 products with exact s32 sums in AMX's tiles, rescaled to f32 with AVX-512. Reference: gemm_i8_generic; instructions:
 * tiles_amx.h. tdpbusd does not saturate: 2^16 products of 255 * 127 stay below 2^31. */
#include "cpu/x86/tiers_x86.h"

#include "cpu/x86/columns_avx512.h"
#include "cpu/x86/tiles_amx.h"

WICK_AMX_PRODUCT(product_i8, WICK_TILE_DOT_I8)

static void store_rows(const wick_gemm_i8 *g, size_t row, size_t n, uint32_t (*left)[16], uint32_t (*right)[16])
{
    const wick_columns16 columns[2] = {wick_columns16_at(g, 0), wick_columns16_at(g, 16)};
    for (size_t i = 0; i < n; i++) {
        wick_store16_i8(g, row + i, columns[0], _mm512_load_si512(left[i]));
        wick_store16_i8(g, row + i, columns[1], _mm512_load_si512(right[i]));
    }
}

WICK_AMX_GEMM(gemm_i8_amx, wick_gemm_i8, product_i8, store_rows)

void wick_gemm_i8_init_amx(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_amx;
}
