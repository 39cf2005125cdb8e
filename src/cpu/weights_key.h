/* SPDX-License-Identifier: Apache-2.0
 * weights_key.h: what packed weights are made of, as the key of their prepared file (base/prepared.h). Called by model_cpu.c. */
#ifndef WICK_CPU_WEIGHTS_KEY_H
#define WICK_CPU_WEIGHTS_KEY_H
#include "base/prepared.h"
#include "cpu/model_cpu.h"

typedef struct wick_weights_key {
    char kind[32]; /* "weights avx512vnni int8" */
    wick_prepared_key key;
} wick_weights_key;

/* model: kernels, compute and files are set. out->key points into out and into the model's files. */
void wick_weights_key_of(const wick_cpu_model *model, wick_weights_key *out);

#endif
