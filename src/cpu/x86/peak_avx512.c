/* SPDX-License-Identifier: Apache-2.0
 * peak_avx512.c: multiply-adds in registers with AVX-512, for measuring (peak.h).
 *
 *   f32, bf16   vfmadd231ps        16 multiply-adds (there is no bf16 product)
 *   int8        vpmaddwd, vpaddd   32 multiply-adds, exact; vpmaddubsw would saturate */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline __m512 step_f32(__m512 sum, __m512 x)
{
    return _mm512_fmadd_ps(x, x, sum);
}

static inline __m512i step_i8(__m512i sum, __m512i x)
{
    __m512i products;
    /* In assembler: the compiler would compute it once, before the loop. */
    __asm__ volatile("vpmaddwd %1, %1, %0" : "=v"(products) : "v"(x));
    return _mm512_add_epi32(sum, products);
}

WICK_SPIN(spin_f32_avx512, __m512, 16, "v", _mm512_set1_ps(0.5f), step_f32, 16)
WICK_SPIN(spin_i8_avx512, __m512i, 12, "v", _mm512_set1_epi16(63), step_i8, 32)

void wick_peak_init_avx512(wick_kernels *kernels)
{
    kernels->spin_f32 = kernels->spin_bf16 = spin_f32_avx512;
    kernels->spin_i8 = spin_i8_avx512;
}
