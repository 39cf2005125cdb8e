/* SPDX-License-Identifier: Apache-2.0
 * fields.h: reading tokenizer.json's fields with errors that name the file and the field. Used by the loaders of this room.
 * Paths are written as "model.unk_token", "added_tokens[3].content". */
#ifndef WICK_TEXT_FIELDS_H
#define WICK_TEXT_FIELDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"

/* A vocabulary that does not stand in the document (vocabulary_packed.h). */
typedef struct wick_vocabulary_list {
    const uint8_t *bytes; /* [n] */
    size_t n;
} wick_vocabulary_list;

/* What every loader is given: the file's name, memory that lives as long as the tokenizer, and where errors go. */
typedef struct wick_reading {
    const char *where;
    wick_arena *arena;
    wick_arena *scratch; /* until it is loaded */
    wick_error *error;
    const wick_vocabulary_list *vocabulary; /* NULL: it stands in the document */
    struct wick_token_list *tokens;         /* the same (token_list.h); what stays is taken out of it */
} wick_reading;

#define WICK_FIELD_PATH_BYTES 128

/* "malformed tokenizer: PATH ...", WICK_E_CORRUPT. */
int wick_field_corrupt(const wick_reading *reading, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* WICK_E_UNSUPPORTED; supported says what Wick runs instead ("BertNormalizer, Lowercase or null"). */
int wick_field_unsupported(const wick_reading *reading, const char *path, const char *what, const char *supported);

/* Fails unless value is an object all of whose keys are in known (ends with NULL). */
int wick_fields_check(const wick_reading *reading, const wick_json *value, const char *path, const char *const known[]);
/* Each fails unless object has the field and it is of that type; path is the object's. */
int wick_field_bool(const wick_reading *reading, const wick_json *object, const char *path, const char *key, bool *out);
int wick_field_string(const wick_reading *reading, const wick_json *object, const char *path, const char *key,
                      const char **out, size_t *n);
int wick_field_integer(const wick_reading *reading, const wick_json *object, const char *path, const char *key,
                       int64_t *out);
/* The string under "type"; NULL where there is none. */
const char *wick_field_type(const wick_json *object);

#endif
