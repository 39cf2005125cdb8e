/* SPDX-License-Identifier: Apache-2.0
 * peak_avx512vnni.c: multiply-adds in registers with AVX512-VNNI, for measuring (peak.h): vpdpbusd, 64 of u8 by s8. In assembler for the
 * reason that gemm_i8_avx512vnni.c gives. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline __m512i step_i8(__m512i sum, __m512i x)
{
    __asm__("vpdpbusd %1, %1, %0" : "+v"(sum) : "v"(x));
    return sum;
}

WICK_SPIN(spin_i8_avx512vnni, __m512i, 16, "v", _mm512_set1_epi8(63), step_i8, 64)

void wick_peak_init_avx512vnni(wick_kernels *kernels)
{
    kernels->spin_i8 = spin_i8_avx512vnni;
}
