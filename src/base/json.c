/* SPDX-License-Identifier: Apache-2.0
 * json.c: jansson behind base/json.h. A wick_json is a json_t under another name; members are jansson's object iterators. */
#include "base/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"

static const json_t *from(const wick_json *value)
{
    return (const json_t *)(const void *)value;
}

/* *out stays as it is where the text is no JSON; *problem says why then. */
static bool parse(const char *text, size_t n, size_t flags, wick_json **out, json_error_t *problem)
{
    /* Duplicate keys are refused: two readers would see two documents. U+0000 in strings is legal JSON and comes with a length. */
    json_t *root = json_loadb(text, n, flags | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, problem);
    if (root)
        *out = (wick_json *)(void *)root;
    return root != NULL;
}

/* place: where in the text, such as "line 1, column 7". */
static int malformed(const json_error_t *problem, const char *where, const char *place, wick_error *error)
{
    /* jansson often fails to get memory without a word; what is wrong with a document it always says. */
    if (json_error_code(problem) == json_error_out_of_memory || problem->text[0] == '\0')
        return wick_fail_memory(error, where);
    return wick_fail(error, WICK_E_CORRUPT, where, "correct the file, or get it again", "malformed JSON at %s: %s",
                     place, problem->text);
}

static int malformed_text(const json_error_t *problem, const char *where, wick_error *error)
{
    char place[64];
    snprintf(place, sizeof place, "line %d, column %d", problem->line, problem->column);
    return malformed(problem, where, place, error);
}

int wick_json_parse(const char *text, size_t n, const char *where, wick_json **out, wick_error *error)
{
    json_error_t problem;
    return parse(text, n, 0, out, &problem) ? WICK_OK : malformed_text(&problem, where, error);
}

int wick_json_parse_at(const char *text, size_t n, const char *where, wick_json **out, size_t *bad_offset,
                       wick_error *error)
{
    json_error_t problem;
    if (parse(text, n, 0, out, &problem))
        return WICK_OK;
    const int rc = malformed_text(&problem, where, error);
    if (rc == WICK_E_CORRUPT)
        *bad_offset = problem.position < 0 ? 0 : (size_t)problem.position < n ? (size_t)problem.position : n;
    return rc;
}

int wick_json_parse_line(const char *line, size_t n, const char *where, wick_json **out, wick_error *error)
{
    json_error_t problem;
    char place[32];
    if (parse(line, n, 0, out, &problem))
        return WICK_OK;
    snprintf(place, sizeof place, "column %d", problem.column);
    return malformed(&problem, where, place, error);
}

int wick_json_parse_reals(const char *text, size_t n, const char *where, wick_json **out, wick_error *error)
{
    json_error_t problem;
    return parse(text, n, JSON_DECODE_INT_AS_REAL, out, &problem) ? WICK_OK : malformed_text(&problem, where, error);
}

int wick_json_read(const char *path, size_t max_bytes, wick_json **out, wick_error *error)
{
    char *text;
    size_t n;
    int code = wick_file_read(path, max_bytes, &text, &n, error);
    if (code != WICK_OK)
        return code;
    code = wick_json_parse(text, n, path, out, error);
    free(text);
    return code;
}

void wick_json_free(wick_json *root)
{
    if (root)
        json_decref((json_t *)(void *)root);
}

wick_json_type wick_json_type_of(const wick_json *value)
{
    if (!value)
        return WICK_JSON_NULL;
    switch (json_typeof(from(value))) {
    case JSON_OBJECT:
        return WICK_JSON_OBJECT;
    case JSON_ARRAY:
        return WICK_JSON_ARRAY;
    case JSON_STRING:
        return WICK_JSON_STRING;
    case JSON_INTEGER:
        return WICK_JSON_INTEGER;
    case JSON_REAL:
        return WICK_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return WICK_JSON_BOOL;
    case JSON_NULL:
        break;
    }
    return WICK_JSON_NULL;
}

const char *wick_json_type_name(wick_json_type type)
{
    static const char *const names[] = {"null",     "a boolean", "an integer", "a number",
                                        "a string", "an array",  "an object"};
    return names[type];
}

const wick_json *wick_json_get(const wick_json *object, const char *key)
{
    return (const wick_json *)(const void *)json_object_get(from(object), key);
}

size_t wick_json_count(const wick_json *array_or_object)
{
    const json_t *value = from(array_or_object);
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

const wick_json *wick_json_at(const wick_json *array, size_t index)
{
    return (const wick_json *)(const void *)json_array_get(from(array), index);
}

const char *wick_json_string(const wick_json *value, size_t *n)
{
    if (!json_is_string(from(value)))
        return NULL;
    if (n)
        *n = json_string_length(from(value));
    return json_string_value(from(value));
}

bool wick_json_bool(const wick_json *value, bool otherwise)
{
    return json_is_boolean(from(value)) ? json_is_true(from(value)) : otherwise;
}

bool wick_json_integer(const wick_json *value, int64_t *out)
{
    if (!json_is_integer(from(value)))
        return false;
    *out = (int64_t)json_integer_value(from(value));
    return true;
}

bool wick_json_number(const wick_json *value, double *out)
{
    if (!json_is_number(from(value)))
        return false;
    *out = json_number_value(from(value));
    return true;
}

/* jansson's iterators take the object without const though they only read it. */
static json_t *mutable(const wick_json *value)
{
    return (json_t *)(uintptr_t)value;
}

const wick_json_member *wick_json_first(const wick_json *object)
{
    return json_is_object(from(object)) ? json_object_iter(mutable(object)) : NULL;
}

const wick_json_member *wick_json_next(const wick_json *object, const wick_json_member *member)
{
    return json_object_iter_next(mutable(object), (void *)(uintptr_t)member);
}

const char *wick_json_key(const wick_json_member *member, size_t *n)
{
    const char *key = json_object_iter_key((void *)(uintptr_t)member);
    if (n)
        *n = strlen(key); /* jansson refuses U+0000 in keys */
    return key;
}

const wick_json *wick_json_value(const wick_json_member *member)
{
    return (const wick_json *)(const void *)json_object_iter_value((void *)(uintptr_t)member);
}

bool wick_json_text_without(const wick_json *root, const char *outer, const char *key, char **text, size_t *n)
{
    json_t *copy = json_copy(mutable(root)), *inner = json_copy(json_object_get(copy, outer));
    char *dumped = NULL;
    if (copy && inner && json_object_set_new(inner, key, json_object()) == 0 &&
        json_object_set(copy, outer, inner) == 0)
        dumped = json_dumps(copy, JSON_COMPACT);
    json_decref(inner);
    json_decref(copy);
    *text = dumped; /* jansson allocates with malloc */
    *n = dumped ? strlen(dumped) : 0;
    return dumped != NULL;
}
