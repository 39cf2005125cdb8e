/* SPDX-License-Identifier: Apache-2.0
 * peak_avx2.c: multiply-adds in registers with AVX2 and FMA, for measuring (peak.h). 12 sums hide 4 or 5 cycles of latency at two
 * instructions a cycle; the tier has 16 registers.
 *
 *   f32, bf16   vfmadd231ps        8 multiply-adds (there is no bf16 product)
 *   int8        vpmaddwd, vpaddd   16 multiply-adds, exact; vpmaddubsw would saturate */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline __m256 step_f32(__m256 sum, __m256 x)
{
    return _mm256_fmadd_ps(x, x, sum);
}

static inline __m256i step_i8(__m256i sum, __m256i x)
{
    __m256i products;
    /* In assembler: the compiler would compute it once, before the loop. */
    __asm__ volatile("vpmaddwd %1, %1, %0" : "=x"(products) : "x"(x));
    return _mm256_add_epi32(sum, products);
}

WICK_SPIN(spin_f32_avx2, __m256, 12, "x", _mm256_set1_ps(0.5f), step_f32, 8)
WICK_SPIN(spin_i8_avx2, __m256i, 12, "x", _mm256_set1_epi16(63), step_i8, 16)

void wick_peak_init_avx2(wick_kernels *kernels)
{
    kernels->spin_f32 = kernels->spin_bf16 = spin_f32_avx2;
    kernels->spin_i8 = spin_i8_avx2;
}
