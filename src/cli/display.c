/* SPDX-License-Identifier: Apache-2.0
 * display.c: see display.h. Widths are wcwidth's in a UTF-8 locale; where the machine has none, one column a
 * character. */
#include "cli/display.h"
#include "base/utf8.h"
#include <locale.h>
#include <wchar.h>

/* wcwidth asks the process's LC_CTYPE, which nothing else in the command depends on. */
static void want_utf8(void)
{
    static bool done;
    if (!done && !setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "en_US.UTF-8");
    done = true;
}

static size_t columns_of(uint32_t code_point)
{
    int width = wcwidth((wchar_t)code_point);
    return width < 0 ? 1 : (size_t)width;
}

static bool is_control(uint32_t c)
{
    /* C0, C1, and what turns or breaks the line: no text may move the cursor or reorder its neighbours. */
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the longest beginning that fits; *columns what it takes. */
static size_t fit(const char *text, size_t n, size_t max_columns, size_t *columns)
{
    size_t used = 0, i = 0;
    want_utf8();
    while (i < n) {
        uint32_t c;
        unsigned length = wick_utf8_decode(text + i, &c);
        size_t width = is_control(c) ? 1 : columns_of(c);
        if (used + width > max_columns)
            break;
        used += width;
        i += length;
    }
    *columns = used;
    return i;
}

size_t wick_display_columns(const char *text, size_t n, size_t max_columns)
{
    size_t columns;
    return fit(text, n, max_columns, &columns) < n ? max_columns : columns;
}

size_t wick_display_text(wick_output *output, const char *text, size_t n, size_t max_columns)
{
    size_t columns, bytes = fit(text, n, max_columns, &columns);
    bool is_cut = bytes < n;
    if (is_cut)
        bytes = fit(text, n, max_columns - 3, &columns);
    for (size_t i = 0; i < bytes;) {
        uint32_t c;
        unsigned length = wick_utf8_decode(text + i, &c);
        wick_output_write(output, is_control(c) ? " " : text + i, is_control(c) ? 1 : length);
        i += length;
    }
    if (is_cut)
        wick_output_text(output, "...");
    return is_cut ? columns + 3 : columns;
}
