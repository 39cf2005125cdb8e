/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_amx.c: bf16 products with f32 sums in AMX's tiles. Reference: gemm_bf16_generic; instructions: tiles_amx.h.
 *
 * tdpbf16ps sums the even and the odd places of its 32 products apart, adds the two, then adds that to the sum; it rounds to nearest even and takes subnormals as
 * zero, whatever MXCSR says (Intel SDM). */
#include "cpu/x86/tiers_x86.h"

#include "cpu/x86/columns_avx512.h"
#include "cpu/x86/tiles_amx.h"

WICK_AMX_PRODUCT(product_bf16, WICK_TILE_DOT_BF16)

static void store_rows(const wick_gemm_bf16 *g, size_t row, size_t n, uint32_t (*left)[16], uint32_t (*right)[16])
{
    for (size_t i = 0; i < n; i++) {
        wick_store16_bf16(g, row + i, 0, _mm512_load_ps(left[i]));
        wick_store16_bf16(g, row + i, 16, _mm512_load_ps(right[i]));
    }
}

WICK_AMX_GEMM(gemm_bf16_amx, wick_gemm_bf16, product_bf16, store_rows)

void wick_gemm_bf16_init_amx(wick_kernels *kernels)
{
    kernels->has_bf16 = true;
    kernels->gemm_bf16 = gemm_bf16_amx;
}
