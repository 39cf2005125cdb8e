/* SPDX-License-Identifier: Apache-2.0
 * peak_avxvnni.c: multiply-adds in registers with AVX-VNNI, for measuring (peak.h): vpdpbusd, 32 of u8 by s8. In assembler for the
 * reason that gemm_i8_avx512vnni.c gives. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>

#include "cpu/peak.h"
#include "cpu/unroll.h"

static inline __m256i step_i8(__m256i sum, __m256i x)
{
    __asm__("%{vex%} vpdpbusd %1, %1, %0" : "+x"(sum) : "x"(x));
    return sum;
}

WICK_SPIN(spin_i8_avxvnni, __m256i, 12, "x", _mm256_set1_epi8(63), step_i8, 32)

void wick_peak_init_avxvnni(wick_kernels *kernels)
{
    kernels->spin_i8 = spin_i8_avxvnni;
}
