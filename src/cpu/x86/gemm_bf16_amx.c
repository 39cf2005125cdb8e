/* SPDX-License-Identifier: Apache-2.0
 * gemm_bf16_amx.c: bf16 products with f32 sums in AMX's tiles. Reference: gemm_bf16_generic; instructions: tiles_amx.h.
 *
 * tdpbf16ps sums the even and the odd places of its 32 products apart, adds the two, then adds that to the sum; it rounds to nearest even and takes
 * subnormals as zero, whatever MXCSR says (Intel SDM). */
#include "cpu/x86/tiers_x86.h"

#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"
#include "cpu/x86/gelu_avx512.h"
#include "cpu/x86/tiles_amx.h"

static inline __attribute__((always_inline)) void finish_rows(const wick_gemm_bf16 *g, size_t row, size_t n,
                                                              size_t column, const uint32_t (*sums)[WICK_AMX_PANEL],
                                                              const bool gelu, const bool whole)
{
    const size_t ldc = g->ldc, first = row * ldc + column;
    const bool accumulate = g->accumulate;
    __m512 bias[2];
    __mmask16 lanes[2];
    WICK_UNROLL
    for (size_t j = 0; j < 2; j++) {
        bias[j] = g->bias ? _mm512_loadu_ps(g->bias + column + 16 * j) : _mm512_setzero_ps();
        lanes[j] = whole ? 0xFFFF : wick_lanes16(g->n, column + 16 * j);
    }
    uint16_t *narrow = g->narrow ? g->narrow + first : NULL;
    float *c = g->narrow ? NULL : g->c + first;
    for (size_t i = 0; i < n; i++) {
        WICK_UNROLL
        for (size_t j = 0; j < 2; j++) {
            __m512 x = _mm512_add_ps(_mm512_load_ps(sums[i] + 16 * j), bias[j]);
            x = gelu ? wick_gelu16_narrow(x) : x;
            if (narrow)
                _mm256_mask_storeu_epi16(narrow + i * ldc + 16 * j, lanes[j], (__m256i)_mm512_cvtneps_pbh(x));
            else
                wick_store16(c + i * ldc + 16 * j, lanes[j], accumulate, x);
        }
    }
}

WICK_AMX_GEMM(gemm_bf16_amx, wick_gemm_bf16, WICK_TILE_DOT_BF16, finish_rows)

void wick_gemm_bf16_init_amx(wick_kernels *kernels)
{
    kernels->has_bf16 = true;
    kernels->attention_rows = 2 * WICK_AMX_ROWS;
    kernels->takes_panels = true; /* gemm_i8_amx.c too */
    kernels->gemm_bf16 = gemm_bf16_amx;
}
