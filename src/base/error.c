/* SPDX-License-Identifier: Apache-2.0
 * error.c: fills wick_error; names the kinds of wick.h. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Makes text one printable line of UTF-8: file names and the like may hold any bytes. Where text fills the whole buffer it may have been
 * cut inside a character, whose beginning then goes. */
static void tidy(char *text, size_t capacity)
{
    size_t n = strlen(text), at = 0, bad = 0;
    while (!wick_utf8_valid(text + at, n - at, &bad)) {
        at += bad;
        if (n == capacity - 1 && n - at < 4 && (unsigned char)text[at] >= 0xC0) {
            text[at] = '\0';
            break;
        }
        text[at++] = '?';
    }
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
}

static bool code_is_retriable(int code)
{
    return code == WICK_E_TIMEOUT || code == WICK_E_UNAVAILABLE;
}

int wick_fail(wick_error *error, int code, const char *where, const char *mend, const char *format, ...)
{
    if (!error)
        return code;
    error->code = code;
    error->retriable = code_is_retriable(code);
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    snprintf(error->where, sizeof error->where, "%s", where ? where : "");
    snprintf(error->mend, sizeof error->mend, "%s", mend ? mend : "");
    tidy(error->message, sizeof error->message);
    tidy(error->where, sizeof error->where);
    tidy(error->mend, sizeof error->mend);
    return code;
}

int wick_fail_memory(wick_error *error, const char *what)
{
    return wick_fail(error, WICK_E_NO_MEMORY, what, "give the process more memory, or smaller batches",
                     "out of memory");
}

int wick_fail_null(wick_error *error, const char *argument)
{
    return wick_fail(error, WICK_E_INVALID_INPUT, argument, "pass one; wick.h says which pointers may be NULL",
                     "the pointer is NULL");
}

/* The GNU strerror_r returns the text, the POSIX one a code; the type tells which is here. */
__attribute__((unused)) static const char *text_of_gnu(const char *returned, const char *buffer)
{
    return returned ? returned : buffer;
}

__attribute__((unused)) static const char *text_of_posix(int returned, const char *buffer)
{
    return returned == 0 ? buffer : "unknown error";
}

int wick_fail_errno(wick_error *error, int code, const char *where, const char *mend, const char *what)
{
    int number = errno;
    char buffer[128] = "";
    const char *text = _Generic(strerror_r(0, buffer, 0), char *: text_of_gnu, default: text_of_posix)(
        strerror_r(number, buffer, sizeof buffer), buffer);
    return wick_fail(error, code, where, mend, "%s: %s", what, text);
}

wick_error_kind wick_error_kind_of(int code)
{
    switch (code) {
    case WICK_OK:
        return WICK_KIND_NONE;
    case WICK_E_MODEL_NOT_FOUND:
        return WICK_KIND_MODEL_NOT_FOUND;
    case WICK_E_INVALID_INPUT:
        return WICK_KIND_INVALID_INPUT;
    case WICK_E_UNAVAILABLE:
        return WICK_KIND_SERVICE_UNAVAILABLE;
    default:
        return WICK_KIND_INTERNAL;
    }
}

const char *wick_error_kind_name(wick_error_kind kind)
{
    switch (kind) {
    case WICK_KIND_NONE:
        return "Ok";
    case WICK_KIND_MODEL_NOT_FOUND:
        return "ModelNotFound";
    case WICK_KIND_INVALID_INPUT:
        return "InvalidInput";
    case WICK_KIND_SERVICE_UNAVAILABLE:
        return "ServiceUnavailable";
    case WICK_KIND_INTERNAL:
        break;
    }
    return "Internal";
}

const char *wick_version(void)
{
    return WICK_VERSION;
}
