/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_amx.c: u8 x s8 products with exact s32 sums in AMX's tiles, rescaled to f32 with AVX-512. Reference: gemm_i8_generic; instructions:
 * tiles_amx.h. tdpbusd does not saturate: 2^16 products of 255 * 127 stay below 2^31. */
#include "cpu/x86/tiers_x86.h"

#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"
#include "cpu/x86/gelu_avx512.h"
#include "cpu/x86/tiles_amx.h"

static inline __attribute__((always_inline)) void finish_rows(const wick_gemm_i8 *g, size_t row, size_t n,
                                                              size_t column, const uint32_t (*sums)[WICK_AMX_PANEL],
                                                              const bool gelu, const bool whole)
{
    wick_columns16 at[2] = {wick_columns16_at(g, column), wick_columns16_at(g, column + 16)};
    const bool accumulate = g->accumulate;
    const wick_row_scale *scale = g->rows + row;
    float *c = g->c + row * g->ldc + column;
    at[0].lanes = whole ? 0xFFFF : at[0].lanes;
    at[1].lanes = whole ? 0xFFFF : at[1].lanes;
    for (size_t i = 0; i < n; i++, c += g->ldc) {
        WICK_UNROLL
        for (size_t j = 0; j < 2; j++) {
            __m512 x = wick_rescale16_i8(scale[i], at[j], _mm512_load_si512(sums[i] + 16 * j));
            wick_store16(c + 16 * j, at[j].lanes, accumulate, gelu ? wick_gelu16_narrow(x) : x);
        }
    }
}

WICK_AMX_GEMM(gemm_i8_amx, wick_gemm_i8, WICK_TILE_DOT_I8, finish_rows)

void wick_gemm_i8_init_amx(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_amx;
}
