/* SPDX-License-Identifier: Apache-2.0
 * unroll.h: WICK_UNROLL, before a loop of at most 16 turns whose number the compiler knows. Kernels keep their sums in a small array; it becomes
 * registers only if its loops are unrolled before the array is laid out, and gcc 12 unrolls them after (a store for every product) unless told. */
#ifndef WICK_CPU_UNROLL_H
#define WICK_CPU_UNROLL_H

#if defined(__clang__)
#define WICK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WICK_UNROLL _Pragma("GCC unroll 16")
#endif

#endif
