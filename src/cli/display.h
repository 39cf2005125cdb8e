/* SPDX-License-Identifier: Apache-2.0
 * display.h: texts of users and files on a terminal: harmless, and cut to a width. Used by similarity and tokenize.
 * */
#ifndef WICK_CLI_DISPLAY_H
#define WICK_CLI_DISPLAY_H
#include "cli/output.h"

/* Columns that text[0..n), valid UTF-8, takes, at most max_columns. */
size_t wick_display_columns(const char *text, size_t n, size_t max_columns);
/* Writes it so, control characters as blanks; what is longer than max_columns ends in "...". Returns the columns
 * taken. */
size_t wick_display_text(wick_output *output, const char *text, size_t n, size_t max_columns);

#endif
