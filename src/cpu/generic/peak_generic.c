/* SPDX-License-Identifier: Apache-2.0
 * peak_generic.c: the multiply-add loop of plain C: what the compiler makes of it for the ABI's floor. Narrower products gain nothing here. */
#include "cpu/kernels.h"

#define LANES 32

static uint64_t spin_generic(size_t n_rounds)
{
    float sums[LANES] = {0};
    volatile float factor = 0.5f, sink;
    float x = factor;
    for (size_t round = 0; round < n_rounds; round++)
        for (size_t i = 0; i < LANES; i++)
            sums[i] = sums[i] * x + x;
    for (size_t i = 0; i < LANES; i++)
        sink = sums[i];
    (void)sink;
    return (uint64_t)n_rounds * LANES;
}

void wick_peak_init_generic(wick_kernels *kernels)
{
    kernels->spin_f32 = kernels->spin_bf16 = kernels->spin_i8 = spin_generic;
}
