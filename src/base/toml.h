/* SPDX-License-Identifier: Apache-2.0
 * toml.h: reading a TOML file (toml++ behind an extern "C" shim) as a flat list of keys with their lines.
 * In: the bytes of a TOML document. Out: its leaves in file order. Called by src/provider/config.c. */
#ifndef WICK_BASE_TOML_H
#define WICK_BASE_TOML_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wick.h>

#define WICK_MAX_TOML_BYTES ((size_t)1 << 20)

typedef enum wick_toml_type {
    WICK_TOML_STRING,
    WICK_TOML_INTEGER,
    WICK_TOML_REAL,
    WICK_TOML_BOOL,
    WICK_TOML_STRINGS, /* an array of strings; an empty array too */
    WICK_TOML_TABLE,   /* an empty one; one with members is told by its members */
    WICK_TOML_ARRAY,   /* other arrays (tables in them included) */
    WICK_TOML_OTHER    /* dates, times */
} wick_toml_type;

typedef struct wick_toml_entry {
    const char
        *key; /* dotted: "embedding.model"; parts that are no bare keys stand in quotes, escaped: embedding."a.b" */
    unsigned line; /* counted from 1 */
    wick_toml_type type;
    const char *string; /* WICK_TOML_STRING: terminated, never holding U+0000 */
    int64_t integer;
    double real;
    bool boolean;
    const char *const *strings; /* WICK_TOML_STRINGS: [n_strings], as string */
    size_t n_strings;
} wick_toml_entry;

typedef struct wick_toml wick_toml;

/* Parses text[0..n), at most WICK_MAX_TOML_BYTES. where names the source in errors (WICK_E_INVALID_INPUT, "file:line"). */
int wick_toml_parse(const char *text, size_t n, const char *where, wick_toml **out, wick_error *error);
void wick_toml_free(wick_toml *toml);
size_t wick_toml_count(const wick_toml *toml);
const wick_toml_entry *wick_toml_at(const wick_toml *toml,
                                    size_t index);    /* leaves only, in file order; NULL beyond the last */
const char *wick_toml_type_name(wick_toml_type type); /* "a string", "an integer"... */

#endif
