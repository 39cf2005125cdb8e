/* SPDX-License-Identifier: Apache-2.0
 * precision.h: `precision` and `ranges` of Wick's dialect: vectors in fewer bytes, as sentence-transformers' quantize_embeddings makes them. Used by dialect_wick.c. */
#ifndef WICK_SERVER_PRECISION_H
#define WICK_SERVER_PRECISION_H
#include "server/call.h"

/* Reads both fields, after the texts and encoding_format. False: *error says what is wrong. */
bool wick_precision_read(wick_call *call, wick_api_error *error);
/* Holds them against the model's vectors, whose dimension the call has by now. False: as above. */
bool wick_precision_bind(const wick_call *call, wick_api_error *error);
/* Appends the vectors, with commas: lists of integers, or where the format is base64 the bytes. The precision is not f32. */
void wick_precision_put(const wick_call *call, wick_buffer *out);

#endif
