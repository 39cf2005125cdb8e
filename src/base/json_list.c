/* SPDX-License-Identifier: Apache-2.0
 * json_list.c: finding and reading a list in a JSON text (json_list.h; RFC 8259). */
#include "base/json_list.h"

#include <string.h>

#include "base/digits.h"
#include "base/utf8.h"

#define STEP 16
#define HIGHEST_CONTROL 0x1F

typedef uint8_t bytes16 __attribute__((vector_size(STEP)));

static void skip_space(wick_json_cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
        c->at++;
}

bool wick_json_at_end(wick_json_cursor *c)
{
    skip_space(c);
    return c->at == c->end;
}

bool wick_json_take_spaced_mark(wick_json_cursor *c, char mark)
{
    skip_space(c);
    if (c->at == c->end || *c->at != mark)
        return false;
    c->at++;
    return true;
}

/* ---- strings ------------------------------------------------------------------------------------------------------- */

typedef uint16_t words8 __attribute__((vector_size(STEP)));
typedef uint8_t bytes8 __attribute__((vector_size(STEP / 2)));

/* How many of sixteen bytes stand for themselves, before the first quote, backslash or control character. */
static inline unsigned n_plain(bytes16 v)
{
    const bytes16 special = (bytes16)(v == '"') | (bytes16)(v == '\\') | (bytes16)(v <= HIGHEST_CONTROL);
    /* four bits of each byte in one number: one branch, where two halves take one that nobody can foresee */
    const bytes8 narrow = __builtin_convertvector((words8)special >> 4, bytes8);
    uint64_t bits;
    memcpy(&bits, &narrow, sizeof bits);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return bits ? (unsigned)__builtin_ctzll(bits) / 4 : STEP;
#else
    return bits ? (unsigned)__builtin_clzll(bits) / 4 : STEP;
#endif
}

/* Copies characters that stand for themselves to out; returns how many bytes. */
static size_t copy_plain(wick_json_cursor *c, char *out)
{
    const char *begin = c->at;
    while (c->end - c->at >= STEP) { /* out has as much room */
        bytes16 v;
        memcpy(&v, c->at, sizeof v);
        memcpy(out + (c->at - begin), &v, sizeof v);
        const unsigned n = n_plain(v);
        c->at += n;
        if (n < STEP)
            return (size_t)(c->at - begin);
    }
    for (; c->at < c->end && *c->at != '"' && *c->at != '\\' && (uint8_t)*c->at > HIGHEST_CONTROL; c->at++)
        out[c->at - begin] = *c->at;
    return (size_t)(c->at - begin);
}

/* Four hexadecimal digits; UINT32_MAX: not so. */
static uint32_t take_hex(wick_json_cursor *c)
{
    uint32_t value = 0;
    if (c->end - c->at < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        const char digit = *c->at++;
        const char lower = (char)(digit | 0x20);
        if (digit >= '0' && digit <= '9')
            value = value << 4 | (uint32_t)(digit - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return value;
}

/* What follows "\u", a pair of surrogates as one; UINT32_MAX: not a character. */
static uint32_t take_code_point(wick_json_cursor *c)
{
    const uint32_t first = take_hex(c);
    if (first < 0xD800 || first > 0xDFFF)
        return first;
    if (first > 0xDBFF || c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u')
        return UINT32_MAX;
    c->at += 2;
    const uint32_t second = take_hex(c);
    return second < 0xDC00 || second > 0xDFFF ? UINT32_MAX : 0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00));
}

/* What follows a backslash, as UTF-8: never more bytes than it is written with. 0: not an escape. */
static unsigned take_escape(wick_json_cursor *c, char *out)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    if (c->at == c->end)
        return 0;
    const char name = *c->at++;
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (found) {
        *out = means[found - names];
        return 1;
    }
    const uint32_t code_point = name == 'u' ? take_code_point(c) : UINT32_MAX;
    return code_point == UINT32_MAX ? 0 : wick_utf8_encode(code_point, out);
}

/* A string without escapes of which the closing quote is among the next sixteen bytes: nearly all are. False: it may be another. */
static inline bool take_short_string(wick_json_cursor *c, char *out, size_t *n)
{
    bytes16 v;
    if (c->end - c->at < STEP)
        return false;
    memcpy(&v, c->at, sizeof v);
    const unsigned n_bytes = n_plain(v);
    if (n_bytes == STEP || c->at[n_bytes] != '"')
        return false;
    memcpy(out, &v, sizeof v);
    *n = n_bytes;
    c->at += n_bytes + 1;
    return true;
}

bool wick_json_take_string(wick_json_cursor *c, char *out, size_t *n)
{
    *n = 0;
    if (!wick_json_take_mark(c, '"'))
        return false;
    if (take_short_string(c, out, n))
        return true;
    while (true) {
        *n += copy_plain(c, out + *n);
        if (c->at == c->end || (uint8_t)*c->at <= HIGHEST_CONTROL)
            return false;
        if (*c->at++ == '"')
            return true;
        const unsigned n_escape = take_escape(c, out + *n);
        if (n_escape == 0)
            return false;
        *n += n_escape;
    }
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

static size_t n_digits(const char *at, const char *end)
{
    const char *from = at;
    while (end - at >= WICK_DIGITS_STEP && wick_digits_are(at))
        at += WICK_DIGITS_STEP;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return (size_t)(at - from);
}

/* The end of the number at `at`, NULL where there is none. */
static const char *number_end(const char *at, const char *end)
{
    at += at < end && *at == '-';
    size_t n = n_digits(at, end);
    if (n == 0 || (n > 1 && *at == '0'))
        return NULL;
    at += n;
    if (at < end && *at == '.') {
        n = n_digits(++at, end);
        if (n == 0)
            return NULL;
        at += n;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        n = n_digits(at, end);
        if (n == 0)
            return NULL;
        at += n;
    }
    return at;
}

/* A whole number of at most seven digits and no sign; false: it may be another. */
static inline bool take_small_integer(wick_json_cursor *c, int64_t *out)
{
    uint32_t value;
    if (c->end - c->at <= WICK_DIGITS_STEP)
        return false;
    const unsigned n = wick_digits_take(c->at, &value);
    const char behind = c->at[n];
    if (n == 0 || n == WICK_DIGITS_STEP || (n > 1 && *c->at == '0') || behind == '.' || behind == 'e' || behind == 'E')
        return false;
    *out = value;
    c->at += n;
    return true;
}

bool wick_json_take_integer(wick_json_cursor *c, int64_t *out)
{
    enum { SAFE_DIGITS = 18 }; /* no number of so many is beyond 64 bits; longer ones are left to json.h */
    skip_space(c);
    if (take_small_integer(c, out))
        return true;
    const bool is_negative = c->at < c->end && *c->at == '-';
    const char *first = c->at + is_negative, *at = first;
    int64_t value = 0;
    for (; at < c->end && *at >= '0' && *at <= '9' && at - first < SAFE_DIGITS; at++)
        value = 10 * value + (*at - '0');
    if (at == first || (at < c->end && *at >= '0' && *at <= '9') || (*first == '0' && at - first > 1))
        return false;
    if (at < c->end && (*at == '.' || *at == 'e' || *at == 'E'))
        return false;
    *out = is_negative ? -value : value;
    c->at = at;
    return true;
}

bool wick_json_take_number(wick_json_cursor *c, const char **text, size_t *n)
{
    skip_space(c);
    const char *end = number_end(c->at, c->end);
    if (!end)
        return false;
    *text = c->at;
    *n = (size_t)(end - c->at);
    c->at = end;
    return true;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

/* Passes over a string whose opening quote is taken. */
static bool skip_string(wick_json_cursor *c)
{
    while (c->at < c->end) {
        if (c->end - c->at >= STEP) {
            bytes16 v;
            memcpy(&v, c->at, sizeof v);
            const unsigned n = n_plain(v);
            c->at += n;
            if (n == STEP)
                continue;
        }
        const char byte = *c->at++;
        if (byte == '"')
            return true;
        c->at += byte == '\\' && c->at < c->end;
    }
    return false;
}

/* Passes over a value, whatever stands between its brackets. */
static bool skip_value(wick_json_cursor *c)
{
    size_t depth = 0;
    skip_space(c);
    while (c->at < c->end) {
        const char byte = *c->at;
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']'))
            return true; /* behind a number, true, false or null */
        c->at++;
        if (byte == '"' && !skip_string(c))
            return false;
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        if (depth == 0 && (byte == '"' || byte == '}' || byte == ']'))
            return true;
    }
    return false;
}

/* Goes to the value of a member of the object whose next member begins here. */
static bool find_member(wick_json_cursor *c, const char *key)
{
    const size_t n_key = strlen(key);
    do {
        if (!wick_json_take_mark(c, '"'))
            return false;
        const char *name = c->at;
        if (!skip_string(c))
            return false;
        const bool is_it = (size_t)(c->at - name) == n_key + 1 && memcmp(name, key, n_key) == 0;
        if (!wick_json_take_mark(c, ':'))
            return false;
        skip_space(c);
        if (is_it)
            return true;
    } while (skip_value(c) && wick_json_take_mark(c, ','));
    return false;
}

static bool enter_member(wick_json_cursor *c, const char *key)
{
    return wick_json_take_mark(c, '{') && find_member(c, key);
}

bool wick_json_find(const char *text, size_t n, const char *outer, const char *key, wick_json_cursor *value)
{
    *value = (wick_json_cursor){text, text + n};
    return enter_member(value, outer) && enter_member(value, key);
}

bool wick_json_find_next(wick_json_cursor *cursor, const char *key)
{
    return wick_json_take_mark(cursor, ',') && find_member(cursor, key);
}
