/* SPDX-License-Identifier: Apache-2.0
 * json_keys.c: bounded reading of the JSON files of a model folder, and typed keys with errors that name file and
 * key. */
#include "model/json_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mapped.h"

/* Every value of a document but the first comes behind one of these bytes. A real file has a few thousand; jansson
 * takes about 100 ns and 100 bytes for each, so that the bound keeps a hostile file within a second. */
#define MAX_JSON_MARKS ((size_t)1 << 18)

/* How base/json.h is to read numbers. */
typedef int (*parse_fn)(const char *text, size_t n, const char *where, wick_json **out, wick_error *error);

static int parse_bounded(parse_fn parse, const char *text, size_t n, const char *where, wick_json **out,
                         wick_error *error)
{
    size_t n_marks = 0;
    for (size_t i = 0; i < n; i++)
        n_marks += (text[i] == ',') | (text[i] == '[') | (text[i] == '{');
    if (n_marks > MAX_JSON_MARKS)
        return wick_fail(error, WICK_E_CORRUPT, where, "download the model again",
                         "the JSON holds more than %zu values", MAX_JSON_MARKS);
    return parse(text, n, where, out, error);
}

static int check_root(wick_json *root, wick_json_type expected, const char *where, wick_json **out, wick_error *error)
{
    wick_json_type type = wick_json_type_of(root);
    if (type == expected) {
        *out = root;
        return WICK_OK;
    }
    wick_json_free(root);
    return wick_fail(error, WICK_E_CORRUPT, where, "download the model again", "the JSON is %s, expected %s",
                     wick_json_type_name(type), wick_json_type_name(expected));
}

int wick_bounded_json_parse(const char *text, size_t n, const char *where, wick_json_type root_type, wick_json **out,
                            wick_error *error)
{
    wick_json *root = NULL;
    int code = parse_bounded(wick_json_parse, text, n, where, &root, error);
    return code == WICK_OK ? check_root(root, root_type, where, out, error) : code;
}

int wick_bounded_json_parse_reals(const char *text, size_t n, const char *where, wick_json **out, wick_error *error)
{
    wick_json *root = NULL;
    int code = parse_bounded(wick_json_parse_reals, text, n, where, &root, error);
    return code == WICK_OK ? check_root(root, WICK_JSON_OBJECT, where, out, error) : code;
}

int wick_model_file_read(const char *path, size_t max_bytes, char **text, size_t *n, wick_error *error)
{
    if (!wick_model_path_exists(path)) {
        const char *slash = strrchr(path, '/');
        return wick_fail(error, WICK_E_IO, path,
                         "download the model again, or name the folder that holds all its files", "%.200s is not there",
                         slash ? slash + 1 : path);
    }
    return wick_file_read(path, max_bytes, text, n, error);
}

bool wick_model_path_exists(const char *path)
{
    struct stat status;
    /* A dangling link is there, and what lies in a folder that may not be read may be: opening it then says what is wrong. */
    return lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

char *wick_model_path(wick_arena *arena, const char *folder, const char *name)
{
    size_t n_folder = strlen(folder), n_name = strlen(name);
    if (n_name == 0)
        return wick_arena_copy_text(arena, folder, n_folder);
    bool has_slash = n_folder > 0 && folder[n_folder - 1] == '/';
    char *path = wick_arena_take(arena, n_folder + n_name + 2, 1);
    if (!path)
        return NULL;
    memcpy(path, folder, n_folder);
    if (!has_slash)
        path[n_folder++] = '/';
    memcpy(path + n_folder, name, n_name + 1);
    return path;
}

const char *wick_shown(const char *text, char buffer[WICK_SHOWN_BYTES])
{
    size_t n = strnlen(text, WICK_SHOWN_BYTES);
    if (n < WICK_SHOWN_BYTES) {
        memcpy(buffer, text, n + 1);
        return buffer;
    }
    n = WICK_SHOWN_BYTES - sizeof "...";
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) /* text[n] would begin in the middle of a character */
        n--;
    memcpy(buffer, text, n);
    memcpy(buffer + n, "...", sizeof "...");
    return buffer;
}

static int wrong_type(const wick_keys *keys, const char *key, const wick_json *value, wick_json_type expected)
{
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again", "%s is %s, expected %s", key,
                     wick_json_type_name(wick_json_type_of(value)), wick_json_type_name(expected));
}

int wick_key_size(const wick_keys *keys, const char *key, size_t low, size_t high, size_t *out)
{
    const wick_json *value = wick_json_get(keys->object, key);
    if (!value)
        return WICK_OK;
    int64_t integer;
    if (!wick_json_integer(value, &integer))
        return wrong_type(keys, key, value, WICK_JSON_INTEGER);
    if (integer < 0 || (uint64_t)integer < low || (uint64_t)integer > high)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "%s is %lld, expected %zu to %zu", key, (long long)integer, low, high);
    *out = (size_t)integer;
    return WICK_OK;
}

int wick_key_number(const wick_keys *keys, const char *key, double *out)
{
    const wick_json *value = wick_json_get(keys->object, key);
    if (value && !wick_json_number(value, out))
        return wrong_type(keys, key, value, WICK_JSON_REAL);
    return WICK_OK;
}

int wick_key_bool(const wick_keys *keys, const char *key, bool *out)
{
    const wick_json *value = wick_json_get(keys->object, key);
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    if (wick_json_type_of(value) != WICK_JSON_BOOL)
        return wrong_type(keys, key, value, WICK_JSON_BOOL);
    *out = wick_json_bool(value, *out);
    return WICK_OK;
}

int wick_key_text(const wick_keys *keys, const char *key, const char **out)
{
    const wick_json *value = wick_json_get(keys->object, key);
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    size_t n;
    const char *text = wick_json_string(value, &n);
    if (!text)
        return wrong_type(keys, key, value, WICK_JSON_STRING);
    if (strlen(text) != n)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "%s holds a NUL character", key);
    *out = text;
    return WICK_OK;
}
