/* SPDX-License-Identifier: Apache-2.0
 * embedded_model.h: the packed model that was linked into this program, if any: embedded_model.c holds FILE where CMake was given -DWICK_EMBED_MODEL=FILE. Called by main.c. */
#ifndef WICK_CLI_EMBEDDED_MODEL_H
#define WICK_CLI_EMBEDDED_MODEL_H
#include <stddef.h>
#include <stdint.h>

/* *data and how many bytes, 64-byte aligned; 0: none was linked in. */
size_t wick_embedded_model(const uint8_t **data);

#endif
