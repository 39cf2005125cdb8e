/* SPDX-License-Identifier: Apache-2.0
 * supports.h: which descriptions the CPU carries out. Called at open and when packing, so that nothing is ever run wrongly, and by `wick info`. */
#ifndef WICK_CPU_SUPPORTS_H
#define WICK_CPU_SUPPORTS_H
#include "model/encoder.h"
#include <wick.h>

/* WICK_E_UNSUPPORTED names what is not carried out. where: the model's folder or file. */
int wick_cpu_supports(const wick_encoder *encoder, const char *where, wick_error *error);

#endif
