/* SPDX-License-Identifier: Apache-2.0
 * tiers_arm.h: what each Arm kernel file gives to its tier's table; called by tiers_arm.c alone. */
#ifndef WICK_CPU_ARM_TIERS_ARM_H
#define WICK_CPU_ARM_TIERS_ARM_H
#include "cpu/kernels.h"

void wick_gemm_init_neon(wick_kernels *kernels);
void wick_rows_init_neon(wick_kernels *kernels);
void wick_attention_init_neon(wick_kernels *kernels);
void wick_gates_init_neon(wick_kernels *kernels);
void wick_gemm_i8_init_neon(wick_kernels *kernels);
void wick_gemm_bf16_init_neon(wick_kernels *kernels); /* and to_bf16 */
void wick_quantize_init_neon(wick_kernels *kernels);
void wick_gemm_i8_init_dotprod(wick_kernels *kernels);
void wick_gemm_i8_init_i8mm(wick_kernels *kernels);
void wick_gemm_bf16_init_bf16(wick_kernels *kernels);
void wick_peak_init_neon(wick_kernels *kernels);
void wick_peak_init_dotprod(wick_kernels *kernels);
void wick_peak_init_bf16(wick_kernels *kernels);

#endif
