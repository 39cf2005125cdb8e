/* SPDX-License-Identifier: Apache-2.0
 * peak.h: the most that this CPU can multiply and add, measured: what the kernels' speed is a share of. Called by backend_cpu.c; the loops
 * are one file a tier (peak_avx2.c...), put into the table of kernels.h. */
#ifndef WICK_CPU_PEAK_H
#define WICK_CPU_PEAK_H
#include "base/pool.h"
#include "cpu/model_cpu.h"

/* 10^9 operations a second, a multiply-add counting two, of all the pool's threads together; takes about 0.15 s. Not to be called from
 * inside wick_pool_run of the same pool. */
double wick_cpu_measure_peak(const wick_kernels *kernels, wick_compute compute, wick_pool *pool);

/* Defines `static uint64_t name(size_t n_rounds)` for the table: n_sums independent sums (as many as hide the instruction's latency and fit
 * the registers, at most 16), in each round sum = step(sum, x), which is n_products multiply-adds. reg: the register class for assembler. */
#define WICK_SPIN(name, vector, n_sums, reg, first_x, step, n_products)                                                \
    static uint64_t name(size_t n_rounds)                                                                              \
    {                                                                                                                  \
        vector x = (first_x), sums[n_sums];                                                                            \
        WICK_UNROLL                                                                                                    \
        for (int i = 0; i < (n_sums); i++) {                                                                           \
            sums[i] = x;                                                                                               \
            __asm__ volatile("" : "+" reg(sums[i])); /* else the compiler would see that all sums are the same */      \
        }                                                                                                              \
        for (size_t round = 0; round < n_rounds; round++) {                                                            \
            WICK_UNROLL                                                                                                \
            for (int i = 0; i < (n_sums); i++)                                                                         \
                sums[i] = step(sums[i], x);                                                                            \
        }                                                                                                              \
        WICK_UNROLL                                                                                                    \
        for (int i = 0; i < (n_sums); i++)                                                                             \
            __asm__ volatile("" : : reg(sums[i])); /* else the loop would be dropped */                                \
        return (uint64_t)n_rounds * (n_sums) * (n_products);                                                           \
    }

#endif
