/* SPDX-License-Identifier: Apache-2.0
 * number.h: numbers as text, independent of the locale. */
#ifndef WICK_BASE_NUMBER_H
#define WICK_BASE_NUMBER_H
#include <stddef.h>
#include <stdint.h>

#define WICK_FLOAT_TEXT_BYTES 24

/* Writes the shortest decimal that reads back as the same f32 (C++17 std::to_chars); valid JSON for finite values. Returns the number of
 * bytes, no terminator; what stands behind them in out is undefined. */
size_t wick_float_to_text(float value, char out[WICK_FLOAT_TEXT_BYTES]);
/* The same, by std::to_chars itself: what the other hands on where it has no quicker way. */
size_t wick_float_to_text_any(float value, char out[WICK_FLOAT_TEXT_BYTES]);

#define WICK_WHOLE_TEXT_BYTES 20

/* Writes a whole number in decimal, with zeros in front up to n_least digits (20 at the most; 0 is as 1). Returns the number of bytes, no terminator. */
size_t wick_whole_to_text(uint64_t value, size_t n_least, char out[WICK_WHOLE_TEXT_BYTES]);

#define WICK_DOUBLE_TEXT_BYTES 32

/* The same for an f64. */
size_t wick_double_to_text(double value, char out[WICK_DOUBLE_TEXT_BYTES]);

#endif
