/* SPDX-License-Identifier: Apache-2.0
 * json_keys.h: what all JSON files of a model folder share: reading with bounds on bytes and structure, and typed
 * keys whose errors name the file and the key. Called by the parsers of this room. */
#ifndef WICK_MODEL_JSON_KEYS_H
#define WICK_MODEL_JSON_KEYS_H
#include "base/arena.h"
#include "base/json.h"

/* config.json, modules.json and the other small ones; the largest seen (id2label of 21,000 classes) has 1 MB. */
#define WICK_MAX_CONFIG_BYTES ((size_t)4 << 20)
/* tokenizer_config.json lists added tokens, and may hold a chat template. */
#define WICK_MAX_TOKENIZER_CONFIG_BYTES ((size_t)8 << 20)

/* Parses text[0..n) where it holds at most 262,144 values, which bounds time and memory whatever the bytes.
 * root_type is what the root must be. WICK_E_CORRUPT. */
int wick_bounded_json_parse(const char *text, size_t n, const char *where, wick_json_type root_type, wick_json **out,
                            wick_error *error);
/* The same for an object whose numbers may be beyond 64 bits; all are reals, to be read with wick_key_number. */
int wick_bounded_json_parse_reals(const char *text, size_t n, const char *where, wick_json **out, wick_error *error);
/* Reads a file of at most max_bytes. An absent one is WICK_E_IO, with the mend. Free *text with free(). */
int wick_model_file_read(const char *path, size_t max_bytes, char **text, size_t *n, wick_error *error);
/* True where something is there under that name, whatever it is. */
bool wick_model_path_exists(const char *path);
/* "folder/name" in the arena; the folder itself where name is empty. NULL: out of memory. */
char *wick_model_path(wick_arena *arena, const char *folder, const char *name);

/* A name from a file, cut to a size that leaves room in a message, at a character boundary. Returns buffer. */
#define WICK_SHOWN_BYTES 128
const char *wick_shown(const char *text, char buffer[WICK_SHOWN_BYTES]);

/* An object whose keys are being read; errors go to *error and name where and the key. */
typedef struct wick_keys {
    const wick_json *object;
    const char *where; /* the file */
    wick_error *error; /* may be NULL */
} wick_keys;

/* Each leaves *out alone where the key is absent, so that the caller sets the default beforehand. A wrong type or
 * an integer outside [low, high] is WICK_E_CORRUPT. wick_key_bool and wick_key_text take null for absent. */
int wick_key_size(const wick_keys *keys, const char *key, size_t low, size_t high, size_t *out);
int wick_key_number(const wick_keys *keys, const char *key, double *out);
int wick_key_bool(const wick_keys *keys, const char *key, bool *out);
/* *out lives as long as the document and holds no U+0000. */
int wick_key_text(const wick_keys *keys, const char *key, const char **out);

#endif
