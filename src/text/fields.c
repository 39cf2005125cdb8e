/* SPDX-License-Identifier: Apache-2.0
 * fields.c: typed access to tokenizer.json with errors that name the field (fields.h). */
#include "text/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define BROKEN_MEND "fetch the model's tokenizer.json again"

int wick_field_corrupt(const wick_reading *reading, const char *path, const char *format, ...)
{
    char what[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return wick_fail(reading->error, WICK_E_CORRUPT, reading->where, BROKEN_MEND, "%s %s", path, what);
}

int wick_field_unsupported(const wick_reading *reading, const char *path, const char *what, const char *supported)
{
    return wick_fail(reading->error, WICK_E_UNSUPPORTED, reading->where, "use a model with another tokenizer",
                     "%s: %.120s is not supported (supported: %s)", path, what, supported);
}

static int wrong_type(const wick_reading *reading, const wick_json *value, const char *path, const char *key,
                      const char *wanted)
{
    if (!value)
        return wick_field_corrupt(reading, path, "has no field \"%s\"", key);
    return wick_field_corrupt(reading, path, "has %s as \"%s\", not %s", wick_json_type_name(wick_json_type_of(value)),
                              key, wanted);
}

int wick_fields_check(const wick_reading *reading, const wick_json *value, const char *path, const char *const known[])
{
    if (wick_json_type_of(value) != WICK_JSON_OBJECT)
        return wick_field_corrupt(reading, path, "is %s, not an object", wick_json_type_name(wick_json_type_of(value)));
    for (const wick_json_member *it = wick_json_first(value); it; it = wick_json_next(value, it)) {
        const char *key = wick_json_key(it, NULL);
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i]) {
            char what[128];
            snprintf(what, sizeof what, "the field \"%.100s\"", key);
            char names[200] = "";
            for (i = 0; known[i]; i++) {
                size_t used = strlen(names);
                snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", known[i]);
            }
            return wick_field_unsupported(reading, path, what, names);
        }
    }
    return WICK_OK;
}

int wick_field_bool(const wick_reading *reading, const wick_json *object, const char *path, const char *key, bool *out)
{
    const wick_json *value = wick_json_get(object, key);
    if (wick_json_type_of(value) != WICK_JSON_BOOL)
        return wrong_type(reading, value, path, key, "a boolean");
    *out = wick_json_bool(value, false);
    return WICK_OK;
}

int wick_field_string(const wick_reading *reading, const wick_json *object, const char *path, const char *key,
                      const char **out, size_t *n)
{
    const wick_json *value = wick_json_get(object, key);
    *out = wick_json_string(value, n);
    return *out ? WICK_OK : wrong_type(reading, value, path, key, "a string");
}

int wick_field_integer(const wick_reading *reading, const wick_json *object, const char *path, const char *key,
                       int64_t *out)
{
    const wick_json *value = wick_json_get(object, key);
    return wick_json_integer(value, out) ? WICK_OK : wrong_type(reading, value, path, key, "an integer");
}

const char *wick_field_type(const wick_json *object)
{
    return wick_json_string(wick_json_get(object, "type"), NULL);
}
