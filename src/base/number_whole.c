/* SPDX-License-Identifier: Apache-2.0
 * number_whole.c: wick_whole_to_text (number.h). In: a whole number. Out: its decimal. Called several times for every reply's head and log line, of which printf took a tenth. */
#include <string.h>

#include "base/number.h"

size_t wick_whole_to_text(uint64_t value, size_t n_least, char out[WICK_WHOLE_TEXT_BYTES])
{
    char digits[WICK_WHOLE_TEXT_BYTES];
    size_t first = sizeof digits;
    n_least = n_least < sizeof digits ? n_least : sizeof digits;
    do
        digits[--first] = (char)('0' + value % 10);
    while ((value /= 10) > 0 || sizeof digits - first < n_least);
    memcpy(out, digits + first, sizeof digits - first);
    return sizeof digits - first;
}
