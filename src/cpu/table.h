/* SPDX-License-Identifier: Apache-2.0
 * table.h: rows of embeddings, in f32, bf16 or int8 with a scale a row. Filled by model_cpu.c once, read by forward.c for every token. All machines read and
 * write the same bits. */
#ifndef WICK_CPU_TABLE_H
#define WICK_CPU_TABLE_H
#include "cpu/model_cpu.h"

/* Row `index` of the table = x[width]. Rows that are not finite get a scale of NaN in int8, and show in the vectors. */
void wick_table_set(const wick_cpu_table *table, size_t index, const float *x);
/* x[width] = row `index`; add: x += it. */
void wick_table_get(const wick_cpu_table *table, size_t index, float *x);
void wick_table_add(const wick_cpu_table *table, size_t index, float *x);

#endif
