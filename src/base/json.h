/* SPDX-License-Identifier: Apache-2.0
 * json.h: the one JSON reader (jansson behind it). Strict: UTF-8 only, no duplicate keys, no lone surrogates, nothing behind the
 * value. Values are borrowed from their document and live until wick_json_free. */
#ifndef WICK_BASE_JSON_H
#define WICK_BASE_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wick.h>

typedef struct wick_json wick_json; /* a value; the root stands for its document */

typedef enum wick_json_type {
    WICK_JSON_NULL,
    WICK_JSON_BOOL,
    WICK_JSON_INTEGER,
    WICK_JSON_REAL,
    WICK_JSON_STRING,
    WICK_JSON_ARRAY,
    WICK_JSON_OBJECT
} wick_json_type;

/* Parses text[0..n). where names the source in errors (WICK_E_CORRUPT, with line and column). The caller caps n beforehand. */
int wick_json_parse(const char *text, size_t n, const char *where, wick_json **out, wick_error *error);
/* The same; after WICK_E_CORRUPT *bad_offset is the byte behind what was at fault. */
int wick_json_parse_at(const char *text, size_t n, const char *where, wick_json **out, size_t *bad_offset,
                       wick_error *error);
/* As wick_json_parse; text is one line of a file, which where names: errors tell the column alone. */
int wick_json_parse_line(const char *line, size_t n, const char *where, wick_json **out, wick_error *error);
/* The same as wick_json_parse, but every number becomes a real: Python writes integers beyond 64 bits (10^30 for "no limit"), which are errors otherwise. */
int wick_json_parse_reals(const char *text, size_t n, const char *where, wick_json **out, wick_error *error);
/* Reads and parses a file of at most max_bytes. WICK_E_IO or WICK_E_CORRUPT. */
int wick_json_read(const char *path, size_t max_bytes, wick_json **out, wick_error *error);
void wick_json_free(wick_json *root);

/* The text of root, but for the member key of its object outer, which becomes an empty object. *text is malloc'ed, terminated, of n bytes. False: out of memory. */
bool wick_json_text_without(const wick_json *root, const char *outer, const char *key, char **text, size_t *n);

/* All of these accept NULL (an absent value) and then say null, 0, false or NULL. */
wick_json_type wick_json_type_of(const wick_json *value);
const char *wick_json_type_name(wick_json_type type);                     /* "an object", "a string"... */
const wick_json *wick_json_get(const wick_json *object, const char *key); /* NULL: absent or not an object */
size_t wick_json_count(const wick_json *array_or_object);
const wick_json *wick_json_at(const wick_json *array, size_t index);
/* NULL unless a string; n may be NULL; may hold U+0000. */
const char *wick_json_string(const wick_json *value, size_t *n);
bool wick_json_bool(const wick_json *value, bool otherwise);
bool wick_json_integer(const wick_json *value, int64_t *out); /* false unless an integer */
bool wick_json_number(const wick_json *value, double *out);   /* false unless an integer or a real */

/* Walks an object's members in file order: for (it = wick_json_first(o); it; it = wick_json_next(o, it)). */
typedef struct wick_json_member wick_json_member;
const wick_json_member *wick_json_first(const wick_json *object);
const wick_json_member *wick_json_next(const wick_json *object, const wick_json_member *member);
const char *wick_json_key(const wick_json_member *member, size_t *n);
const wick_json *wick_json_value(const wick_json_member *member);

#endif
