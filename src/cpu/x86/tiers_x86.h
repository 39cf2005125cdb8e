/* SPDX-License-Identifier: Apache-2.0
 * tiers_x86.h: what each x86 kernel file gives to its tier's table; called by tiers_x86.c alone. */
#ifndef WICK_CPU_X86_TIERS_X86_H
#define WICK_CPU_X86_TIERS_X86_H
#include "cpu/kernels.h"

void wick_gemm_init_avx2(wick_kernels *kernels);
void wick_rows_init_avx2(wick_kernels *kernels);
void wick_attention_init_avx2(wick_kernels *kernels);
void wick_gates_init_avx2(wick_kernels *kernels);
void wick_gemm_i8_init_avx2(wick_kernels *kernels);
void wick_gemm_bf16_init_avx2(wick_kernels *kernels); /* and to_bf16 */
void wick_quantize_init_avx2(wick_kernels *kernels);
void wick_gemm_i8_init_avxvnni(wick_kernels *kernels);
void wick_gemm_init_avx512(wick_kernels *kernels);
void wick_rows_init_avx512(wick_kernels *kernels);
void wick_attention_init_avx512(wick_kernels *kernels);
void wick_gates_init_avx512(wick_kernels *kernels);
void wick_gemm_i8_init_avx512(wick_kernels *kernels);
void wick_gemm_bf16_init_avx512(wick_kernels *kernels); /* and to_bf16 */
void wick_quantize_init_avx512(wick_kernels *kernels);
void wick_split_init_avx512(wick_kernels *kernels);
void wick_gemm_i8_init_avx512vnni(wick_kernels *kernels);
void wick_gemm_bf16_init_avx512bf16(wick_kernels *kernels);
void wick_gemm_i8_init_amx(wick_kernels *kernels);
void wick_gemm_bf16_init_amx(wick_kernels *kernels);
void wick_gemm_i24_init_amx(wick_kernels *kernels);
void wick_tiles_init_amx(wick_kernels *kernels);

void wick_peak_init_avx2(wick_kernels *kernels);
void wick_peak_init_avxvnni(wick_kernels *kernels);
void wick_peak_init_avx512(wick_kernels *kernels);
void wick_peak_init_avx512vnni(wick_kernels *kernels);
void wick_peak_init_avx512bf16(wick_kernels *kernels);
void wick_peak_init_amx(wick_kernels *kernels);

#endif
