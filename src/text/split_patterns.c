/* SPDX-License-Identifier: Apache-2.0
 * split_patterns.c: the matchers of split_patterns.h. An expression's alternatives are told apart by what the next one or two characters are. */
#include "text/split_patterns.h"

#include "base/utf8.h"
#include "text/ascii.h"
#include "text/unicode.h"

/* U+017F is an "s" where case does not count. */
#define LONG_S "\xC5\xBF"

/* What the expressions tell apart. */
typedef enum char_class { OTHER, LETTER, NUMBER, SPACE } char_class;

#define O16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
static const uint8_t ascii_classes[128] = {
    0,      0,      0,      0,      0,      0,      0,      0,      0,      SPACE,  SPACE,  SPACE,  SPACE,  SPACE,
    0,      0,      O16,    SPACE,  0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
    0,      0,      0,      0,      0,      NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER,
    NUMBER, 0,      0,      0,      0,      0,      0,      0,      LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
    LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
    LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, 0,      0,      0,      0,      0,      0,      LETTER, LETTER,
    LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,
    LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, 0,      0,      0,      0};

/* The class of the character at text[at], and its length. */
static inline char_class class_at(const char *text, size_t at, unsigned *length)
{
    const uint8_t byte = (uint8_t)text[at];
    uint32_t c;
    *length = 1;
    if (byte < 0x80)
        return ascii_classes[byte];
    *length = wick_utf8_decode(text + at, &c);
    const uint32_t flags = wick_unicode_of(c)->flags;
    return flags & WICK_CHAR_LETTER   ? LETTER
           : flags & WICK_CHAR_NUMBER ? NUMBER
           : flags & WICK_CHAR_SPACE  ? SPACE
                                      : OTHER;
}

/* Where the characters of a class that begin at `at` end. */
static size_t run_of(char_class class, const char *text, size_t at, size_t end)
{
    unsigned length;
    if (class == LETTER) {
        unsigned n;
        do {
            n = wick_ascii_leading(wick_ascii_within(wick_ascii_load(text + at) | 0x20, 'a', 'z'));
            at += n;
        } while (n == WICK_ASCII_STEP && at < end);
        at = at < end ? at : end;
    }
    while (at < end && class_at(text, at, &length) == class)
        at += length;
    return at;
}

/* A match that goes as far as the characters do: it may go on behind the end. */
static size_t ends_at(size_t at, size_t end, bool is_last)
{
    return at < end || is_last ? at : 0;
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r';
}

/* \s*[\r\n]+ (where newlines count), \s+(?!\S), \s+: white space up to its last line break, or but for its last character, which belongs to what follows. */
static size_t match_space(const char *text, size_t at, size_t end, bool is_last, bool newlines)
{
    size_t last = at, behind_newline = 0, next = at;
    unsigned length;
    while (next < end && class_at(text, next, &length) == SPACE) {
        last = next;
        next += length;
        behind_newline = is_newline(text[last]) ? next : behind_newline;
    }
    if (next == end && !is_last)
        return 0;
    if (newlines && behind_newline > 0)
        return behind_newline;
    return next == end || last == at ? next : last;
}

/* 're and the like, whose first letter's lower case is c; its length, or 0. n bytes are there. fold: case does not count. */
static size_t match_contraction(const char *text, size_t n, bool fold)
{
    const uint8_t mask = fold ? 0x20 : 0;
    const char first = n > 1 ? (char)(text[1] | mask) : 0, second = n > 2 ? (char)(text[2] | mask) : 0;
    switch (first) {
    case 's':
    case 't':
    case 'm':
    case 'd':
        return 2;
    case 'r':
    case 'v':
        return second == 'e' ? 3 : 0;
    case 'l':
        return second == 'l' ? 3 : 0;
    default:
        return fold && n > 2 && memcmp(text + 1, LONG_S, 2) == 0 ? 3 : 0;
    }
}
/* So many bytes tell whether there is one. */
#define CONTRACTION_BYTES 3

size_t wick_match_gpt2(const char *text, size_t at, size_t end, bool is_last)
{
    unsigned length, next_length;
    if (text[at] == '\'') {
        if (end - at < CONTRACTION_BYTES && !is_last)
            return 0;
        const size_t n = match_contraction(text + at, end - at, false);
        if (n > 0)
            return at + n;
    }
    size_t from = at;
    char_class class = class_at(text, at, &length);
    if (text[at] == ' ') {
        if (at + 1 == end)
            return ends_at(end, end, is_last);
        const char_class next = class_at(text, at + 1, &next_length);
        from += next != SPACE;
        class = next;
    }
    if (class == SPACE)
        return match_space(text, at, end, is_last, false);
    return ends_at(run_of(class, text, from, end), end, is_last);
}

/* \p{N}{1,max} */
static size_t match_digits(const char *text, size_t at, size_t end, bool is_last, uint32_t max)
{
    unsigned length;
    for (uint32_t n = 0; n < max; n++) {
        if (at == end)
            return is_last ? end : 0;
        if (class_at(text, at, &length) != NUMBER)
            break;
        at += length;
    }
    return at;
}

size_t wick_match_qwen2(const char *text, size_t at, size_t end, bool is_last, uint32_t max_digits)
{
    unsigned length, next_length;
    if (text[at] == '\'') {
        if (end - at < CONTRACTION_BYTES && !is_last)
            return 0;
        const size_t n = match_contraction(text + at, end - at, true);
        if (n > 0)
            return at + n;
    }
    char_class class = class_at(text, at, &length);
    if (class == LETTER)
        return ends_at(run_of(LETTER, text, at, end), end, is_last);
    if (class == NUMBER)
        return match_digits(text, at, end, is_last, max_digits);
    size_t from = at;
    if (!is_newline(text[at])) {
        const size_t next = at + length;
        if (next == end)
            return ends_at(end, end, is_last);
        const char_class next_class = class_at(text, next, &next_length);
        if (next_class == LETTER)
            return ends_at(run_of(LETTER, text, next, end), end, is_last);
        if (text[at] == ' ' && next_class == OTHER) {
            from = next;
            class = OTHER;
        }
    }
    if (class == SPACE)
        return match_space(text, at, end, is_last, true);
    from = run_of(OTHER, text, from, end);
    while (from < end && is_newline(text[from]))
        from++;
    return ends_at(from, end, is_last);
}
