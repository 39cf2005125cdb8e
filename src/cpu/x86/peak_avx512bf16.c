/* SPDX-License-Identifier: Apache-2.0
 * peak_avx512bf16.c: multiply-adds in registers with AVX512-BF16, for measuring (peak.h): vdpbf16ps, 32 of bf16, sums in f32. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline __m512 step_bf16(__m512 sum, __m512 x)
{
    __asm__("vdpbf16ps %1, %1, %0" : "+v"(sum) : "v"(x));
    return sum;
}

/* 0x3F00 is 0.5 in bf16. */
WICK_SPIN(spin_bf16_avx512bf16, __m512, 16, "v", _mm512_castsi512_ps(_mm512_set1_epi16(0x3F00)), step_bf16, 32)

void wick_peak_init_avx512bf16(wick_kernels *kernels)
{
    kernels->spin_bf16 = spin_bf16_avx512bf16;
}
