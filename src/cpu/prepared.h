/* SPDX-License-Identifier: Apache-2.0
 * prepared.h: packed weights kept in a file from one start to the next: written once per (model, tier, dtype), mapped read-only after that,
 * so that opening takes milliseconds and processes on one host share the pages. Called by model_cpu.c.
 *
 * A file is only used if its header says what this process would build (library version, tier, dtype, shapes and settings, and device, inode, size and times of
 * the weights it was made from), it belongs to this user, nobody else may write it, and its checksum holds. Anything else is built anew. */
#ifndef WICK_CPU_PREPARED_H
#define WICK_CPU_PREPARED_H
#include "cpu/model_cpu.h"

/* The mapped file's payload, size_bytes long, or NULL where there is none that may be used. model: kernels, compute and files are set. The pages are
 * checked on the pool's threads. Free with wick_prepared_close. */
void *wick_prepared_open(const char *folder, const wick_cpu_model *model, size_t size_bytes, wick_pool *pool);
void wick_prepared_close(void *payload, size_t size_bytes);

/* Writes payload[size_bytes] under the model's name, all at once or not at all. A folder that cannot be written to is logged and is no error. */
void wick_prepared_save(const char *folder, const wick_cpu_model *model, const void *payload, size_t size_bytes,
                        wick_pool *pool);

#endif
