/* SPDX-License-Identifier: Apache-2.0
 * json_list.h: a long list of strings and numbers in a JSON text, read where it stands. base/json.h makes an object of every value, which takes a third of a second for the
 * 250,000 tokens of a large vocabulary; this takes a few milliseconds. It says no more than yes or no: where it says no, the text is malformed or unusual, and the caller
 * reads all of it through base/json.h, which has the words for it. As strict as that: UTF-8 only, no lone surrogates, the grammar's numbers. */
#ifndef WICK_BASE_JSON_LIST_H
#define WICK_BASE_JSON_LIST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left to read. */
typedef struct wick_json_cursor {
    const char *at, *end;
} wick_json_cursor;

/* Goes to the value of the member `key` of the object that is the member `outer` of the object text[0..n), which is UTF-8. What stands before it is passed over, not checked. */
bool wick_json_find(const char *text, size_t n, const char *outer, const char *key, wick_json_cursor *value);

/* From behind the value of one member to that of another which comes later in the same object. */
bool wick_json_find_next(wick_json_cursor *cursor, const char *key);

/* Each skips white space first and takes what follows, if that is what it should be; else the cursor is of no use any more, but for wick_json_take_mark. */
/* One of the marks { } [ ] , : */
bool wick_json_take_spaced_mark(wick_json_cursor *cursor, char mark);
static inline bool wick_json_take_mark(wick_json_cursor *cursor, char mark)
{
    if (cursor->at == cursor->end || *cursor->at != mark)
        return wick_json_take_spaced_mark(cursor, mark);
    cursor->at++;
    return true;
}
/* A string, without its escapes, into out, which has room for as many bytes as are left to read; no terminator; may hold U+0000. */
bool wick_json_take_string(wick_json_cursor *cursor, char *out, size_t *n);
/* A number as it is written, within the text. */
bool wick_json_take_number(wick_json_cursor *cursor, const char **text, size_t *n);
/* A whole number of at most 18 digits; a longer one is not taken. */
bool wick_json_take_integer(wick_json_cursor *cursor, int64_t *out);
/* Nothing but white space is left. */
bool wick_json_at_end(wick_json_cursor *cursor);

#endif
