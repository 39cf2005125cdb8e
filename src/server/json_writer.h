/* SPDX-License-Identifier: Apache-2.0
 * json_writer.h: a growing buffer, and JSON written into it: the replies' bodies. Floats in their shortest form that reads back as the same f32.
 * Out of memory is remembered (failed), so that callers check once, at the end. Used by the dialects and the metrics. */
#ifndef WICK_SERVER_JSON_WRITER_H
#define WICK_SERVER_JSON_WRITER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start with {0}. */
typedef struct wick_buffer {
    char *bytes; /* malloc'ed; the holder frees it or hands it on */
    size_t n_bytes, capacity;
    bool failed; /* out of memory: what came after is missing */
} wick_buffer;

bool wick_buffer_reserve(wick_buffer *buffer, size_t n_more);
void wick_buffer_put(wick_buffer *buffer, const void *bytes, size_t n);
void wick_buffer_text(wick_buffer *buffer, const char *text);
void wick_buffer_format(wick_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes; text is UTF-8 and may hold U+0000. */
void wick_json_put_string(wick_buffer *buffer, const char *text, size_t n);
/* The same of a terminated text; null where it is NULL. */
void wick_json_put_text(wick_buffer *buffer, const char *text);
void wick_json_put_number(wick_buffer *buffer, double value); /* finite */
void wick_json_put_integer(wick_buffer *buffer, int64_t value);
void wick_json_put_floats(wick_buffer *buffer, const float *values, size_t n);   /* [1.5,-2] ; all finite */
void wick_json_put_int8s(wick_buffer *buffer, const int8_t *values, size_t n);   /* [1,-2] */
void wick_json_put_uint8s(wick_buffer *buffer, const uint8_t *values, size_t n); /* [1,254] */
/* "..." base64 (RFC 4648, padded) of n bytes. */
void wick_json_put_base64(wick_buffer *buffer, const void *bytes, size_t n);

#endif
