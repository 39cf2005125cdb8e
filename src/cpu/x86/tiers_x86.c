/* SPDX-License-Identifier: Apache-2.0
 * tiers_x86.c: the x86 tiers' tables, put together from one file per operation and tier. Compiled for the ABI's floor. */
#include "cpu/x86/tiers_x86.h"

void wick_kernels_init_avx2(wick_kernels *kernels)
{
    wick_gemm_init_avx2(kernels);
    wick_rows_init_avx2(kernels);
    wick_attention_init_avx2(kernels);
    wick_gates_init_avx2(kernels);
    wick_gemm_i8_init_avx2(kernels);
    wick_gemm_bf16_init_avx2(kernels);
    wick_quantize_init_avx2(kernels);
    wick_peak_init_avx2(kernels);
}

void wick_kernels_init_avxvnni(wick_kernels *kernels)
{
    wick_gemm_i8_init_avxvnni(kernels);
    wick_peak_init_avxvnni(kernels);
}

void wick_kernels_init_avx512(wick_kernels *kernels)
{
    wick_gemm_init_avx512(kernels);
    wick_rows_init_avx512(kernels);
    wick_attention_init_avx512(kernels);
    wick_gates_init_avx512(kernels);
    wick_gemm_i8_init_avx512(kernels);
    wick_gemm_bf16_init_avx512(kernels);
    wick_quantize_init_avx512(kernels);
    wick_split_init_avx512(kernels);
    wick_peak_init_avx512(kernels);
}

void wick_kernels_init_avx512vnni(wick_kernels *kernels)
{
    wick_gemm_i8_init_avx512vnni(kernels);
    wick_peak_init_avx512vnni(kernels);
}

void wick_kernels_init_avx512bf16(wick_kernels *kernels)
{
    wick_gemm_bf16_init_avx512bf16(kernels);
    wick_peak_init_avx512bf16(kernels);
}

void wick_kernels_init_amx(wick_kernels *kernels)
{
    wick_tiles_init_amx(kernels);
    wick_gemm_i8_init_amx(kernels);
    wick_gemm_bf16_init_amx(kernels);
    wick_gemm_i24_init_amx(kernels);
    wick_peak_init_amx(kernels);
}
