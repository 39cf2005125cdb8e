/* SPDX-License-Identifier: Apache-2.0
 * error.h: filling the caller's wick_error. Fallible functions return 0 or a negative WICK_E_*; cold paths also say what, where
 * and the mend. Used by every room. */
#ifndef WICK_BASE_ERROR_H
#define WICK_BASE_ERROR_H
#include <wick.h>

/* Fills *error (may be NULL) and returns code, so that callers can `return wick_fail(...)`. where and mend may be NULL.
 * Overlong text is cut at a character boundary; line breaks and control characters become spaces. */
int wick_fail(wick_error *error, int code, const char *where, const char *mend, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* As wick_fail with WICK_E_NO_MEMORY. what names the thing that did not fit. */
int wick_fail_memory(wick_error *error, const char *what);
/* As wick_fail with WICK_E_INVALID_INPUT: the argument of that name is NULL and must not be. */
int wick_fail_null(wick_error *error, const char *argument);
/* As wick_fail with errno's text behind the message: "cannot open: No such file or directory". */
int wick_fail_errno(wick_error *error, int code, const char *where, const char *mend, const char *what);

#endif
