/* SPDX-License-Identifier: Apache-2.0
 * calibrate.h: what calibrate.c and calibrate_rows.c share. */
#ifndef WICK_CPU_CALIBRATE_H
#define WICK_CPU_CALIBRATE_H
#include "cpu/kernels.h"

/* *out = the tier's table with row operations that give the same bits on every machine. */
void wick_calibration_kernels(const wick_kernels *tier, wick_kernels *out);

#endif
