// SPDX-License-Identifier: Apache-2.0
// number.cc: base/number.h over C++17 std::to_chars, which is locale-free and exact. In: a float. Out: its shortest decimal.
// Called by number_float.c, and by whoever writes JSON (server).
#include <charconv>

extern "C" {
#include "base/number.h"

size_t wick_float_to_text_any(float value, char out[WICK_FLOAT_TEXT_BYTES])
{
    // The longest shortest-round-trip f32 is "-1.1754944e-38" (14 bytes) or, in fixed form, no longer: to_chars picks the shorter.
    const std::to_chars_result result = std::to_chars(out, out + WICK_FLOAT_TEXT_BYTES, value);
    return result.ec == std::errc() ? (size_t)(result.ptr - out) : 0;
}

size_t wick_double_to_text(double value, char out[WICK_DOUBLE_TEXT_BYTES])
{
    // The longest is "-1.7976931348623157e+308" (24 bytes).
    const std::to_chars_result result = std::to_chars(out, out + WICK_DOUBLE_TEXT_BYTES, value);
    return result.ec == std::errc() ? (size_t)(result.ptr - out) : 0;
}
}
