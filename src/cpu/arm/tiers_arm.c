/* SPDX-License-Identifier: Apache-2.0
 * tiers_arm.c: the Arm tiers' tables, put together from one file per operation and tier. */
#include "cpu/arm/tiers_arm.h"

void wick_kernels_init_neon(wick_kernels *kernels)
{
    wick_gemm_init_neon(kernels);
    wick_rows_init_neon(kernels);
    wick_peak_init_neon(kernels);
}
