/* SPDX-License-Identifier: Apache-2.0
 * tiers_arm.c: the Arm tiers' tables, put together from one file per operation and tier. */
#include "cpu/arm/tiers_arm.h"

void wick_kernels_init_neon(wick_kernels *kernels)
{
    wick_gemm_init_neon(kernels);
    wick_rows_init_neon(kernels);
    wick_attention_init_neon(kernels);
    wick_gates_init_neon(kernels);
    wick_gemm_i8_init_neon(kernels);
    wick_gemm_bf16_init_neon(kernels);
    wick_quantize_init_neon(kernels);
    wick_peak_init_neon(kernels);
}

void wick_kernels_init_dotprod(wick_kernels *kernels)
{
    wick_gemm_i8_init_dotprod(kernels);
    wick_peak_init_dotprod(kernels);
}

void wick_kernels_init_i8mm(wick_kernels *kernels)
{
    wick_gemm_i8_init_i8mm(kernels);
}

void wick_kernels_init_bf16(wick_kernels *kernels)
{
    wick_gemm_bf16_init_bf16(kernels);
    wick_peak_init_bf16(kernels);
}
