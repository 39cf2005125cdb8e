/* SPDX-License-Identifier: Apache-2.0
 * normalizer_load_texts.c: Strip, Prepend, Replace and Precompiled of tokenizer.json -> steps of a normaliser (normalizer_load.h). Of regular expressions
 * those are read that published tokenizers have: a longest run of one character or of white space (" {2,}", "\s+"), or plain text. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/normalizer_load.h"

#define META "\\.^$|?*+()[]{}"
#define MAX_RUN 1000

int wick_normalizer_load_strip(const wick_reading *reading, const wick_json *value, const char *path,
                               wick_normalizer *nz)
{
    static const char *const known[] = {"type", "strip_left", "strip_right", NULL};
    bool left = false, right = false;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "strip_left", &left);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "strip_right", &right);
    if (code == WICK_OK && left)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_STRIP_LEFT);
    if (code == WICK_OK && right)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_STRIP_RIGHT);
    return code;
}

/* Copies a text of at most WICK_MAX_STEP_TEXT bytes. */
static int keep_text(const wick_reading *reading, const char *path, const char *text, size_t n, char *out,
                     uint32_t *n_out)
{
    if (n > WICK_MAX_STEP_TEXT)
        return wick_field_unsupported(reading, path, "a text of so many bytes", "64 bytes");
    memcpy(out, text, n);
    *n_out = (uint32_t)n;
    return WICK_OK;
}

/* Reads the string `key` into the content of the step that comes next. */
static int load_content(const wick_reading *reading, const wick_json *value, const char *path, const char *key,
                        wick_step_texts *texts)
{
    const char *text;
    size_t n;
    int code = wick_field_string(reading, value, path, key, &text, &n);
    return code == WICK_OK ? keep_text(reading, path, text, n, texts->content, &texts->n_content) : code;
}

static int add_step_with(const wick_reading *reading, wick_normalizer *nz, wick_normalizer_step step,
                         const wick_step_texts *texts)
{
    int code = wick_normalizer_add_step(reading, nz, step);
    if (code == WICK_OK)
        nz->texts[nz->n_steps - 1] = *texts;
    return code;
}

int wick_normalizer_load_prepend(const wick_reading *reading, const wick_json *value, const char *path,
                                 wick_normalizer *nz)
{
    static const char *const known[] = {"type", "prepend", NULL};
    wick_step_texts texts = {.min_run = 1};
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = load_content(reading, value, path, "prepend", &texts);
    return code == WICK_OK ? add_step_with(reading, nz, WICK_STEP_PREPEND, &texts) : code;
}

/* The atom that a run is made of: a plain character, \s, \n, \r or \t. Returns its length in the expression, 0 where it is another; *n_out is 0 for \s. */
static size_t read_atom(const char *regex, char out[4], uint32_t *n_out)
{
    static const char escapes[] = "snrt", means[] = "\0\n\r\t";
    uint32_t c;
    *n_out = 1;
    if (regex[0] == '\\') {
        const char *escape = regex[1] != '\0' ? strchr(escapes, regex[1]) : NULL;
        if (!escape)
            return 0;
        out[0] = means[escape - escapes];
        *n_out = out[0] != '\0';
        return 2;
    }
    if (regex[0] == '\0' || strchr(META, regex[0]))
        return 0;
    const unsigned n = wick_utf8_decode(regex, &c);
    memcpy(out, regex, n);
    *n_out = n;
    return n;
}

/* "+" or "{N,}": at least *min_run of an atom. */
static bool read_repetition(const char *regex, uint32_t *min_run)
{
    *min_run = 1;
    if (strcmp(regex, "+") == 0)
        return true;
    if (regex[0] != '{' || regex[1] < '1' || regex[1] > '9')
        return false;
    char *end;
    const unsigned long n = strtoul(regex + 1, &end, 10);
    *min_run = (uint32_t)n;
    return n <= MAX_RUN && strcmp(end, ",}") == 0;
}

static int load_regex(const wick_reading *reading, const char *path, const char *regex, size_t n,
                      wick_step_texts *texts, wick_normalizer_step *step)
{
    char atom[4];
    uint32_t n_atom;
    const bool is_text = strlen(regex) == n;
    if (is_text && n > 0 && strcspn(regex, META) == n) {
        *step = WICK_STEP_REPLACE;
        return keep_text(reading, path, regex, n, texts->pattern, &texts->n_pattern);
    }
    const size_t n_read = is_text ? read_atom(regex, atom, &n_atom) : 0;
    if (n_read == 0 || !read_repetition(regex + n_read, &texts->min_run))
        return wick_field_unsupported(reading, path, regex,
                                      "a run of one character or of \\s, as \" {2,}\"; plain text");
    *step = WICK_STEP_REPLACE_RUN;
    return keep_text(reading, path, atom, n_atom, texts->pattern, &texts->n_pattern);
}

int wick_normalizer_load_replace(const wick_reading *reading, const wick_json *value, const char *path,
                                 wick_normalizer *nz)
{
    static const char *const known[] = {"type", "pattern", "content", NULL};
    static const char *const known_patterns[] = {"String", "Regex", NULL};
    const wick_json *pattern = wick_json_get(value, "pattern");
    wick_step_texts texts = {.min_run = 1};
    wick_normalizer_step step = WICK_STEP_REPLACE;
    size_t n = 0, n_regex = 0;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = load_content(reading, value, path, "content", &texts);
    if (code == WICK_OK)
        code = wick_fields_check(reading, pattern, path, known_patterns);
    const char *text = wick_json_string(wick_json_get(pattern, "String"), &n);
    const char *regex = wick_json_string(wick_json_get(pattern, "Regex"), &n_regex);
    if (code == WICK_OK && !text == !regex)
        code = wick_field_corrupt(reading, path, "has no String or Regex as \"pattern\"");
    if (code == WICK_OK && text && n == 0)
        code = wick_field_unsupported(reading, path, "an empty pattern", "1 to 64 bytes");
    if (code == WICK_OK)
        code = text ? keep_text(reading, path, text, n, texts.pattern, &texts.n_pattern)
                    : load_regex(reading, path, regex, n_regex, &texts, &step);
    return code == WICK_OK ? add_step_with(reading, nz, step, &texts) : code;
}

int wick_normalizer_load_charsmap(const wick_reading *reading, const wick_json *value, const char *path,
                                  wick_normalizer *nz)
{
    static const char *const known[] = {"type", "precompiled_charsmap", NULL};
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK && nz->charsmap.n_units > 0)
        code = wick_field_unsupported(reading, path, "a second Precompiled", "one");
    if (code == WICK_OK)
        code = wick_charsmap_load(reading, wick_json_get(value, "precompiled_charsmap"), path, &nz->charsmap);
    return code == WICK_OK ? wick_normalizer_add_step(reading, nz, WICK_STEP_CHARSMAP) : code;
}
