/* SPDX-License-Identifier: Apache-2.0
 * metaspace.c: loading and running Metaspace (metaspace.h). The visible character is the stage's string. */
#include "text/metaspace.h"

#include <string.h>

#include "base/utf8.h"

static int load_prepend(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const names[] = {
        [WICK_PREPEND_NEVER] = "never", [WICK_PREPEND_FIRST] = "first", [WICK_PREPEND_ALWAYS] = "always"};
    const wick_json *old = wick_json_get(value, "add_prefix_space");
    const char *scheme;
    int code = WICK_OK;
    out->prepend = WICK_PREPEND_ALWAYS;
    if (wick_json_get(value, "prepend_scheme")) {
        code = wick_field_string(reading, value, path, "prepend_scheme", &scheme, NULL);
        size_t i = 0;
        while (code == WICK_OK && i < sizeof names / sizeof *names && strcmp(scheme, names[i]) != 0)
            i++;
        if (code == WICK_OK && i == sizeof names / sizeof *names)
            return wick_field_corrupt(reading, path, "has \"%.40s\" as \"prepend_scheme\"", scheme);
        out->prepend = (wick_metaspace_prepend)i;
    }
    if (code == WICK_OK && old && wick_json_type_of(old) != WICK_JSON_NULL) { /* what older files say in its place */
        bool add = true;
        code = wick_field_bool(reading, value, path, "add_prefix_space", &add);
        if (code == WICK_OK && !add && out->prepend != WICK_PREPEND_NEVER)
            return wick_field_corrupt(reading, path,
                                      "has an \"add_prefix_space\" that does not go with \"prepend_scheme\"");
    }
    return code;
}

int wick_metaspace_load(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"type",    "replacement", "prepend_scheme", "split", "add_prefix_space",
                                        "str_rep", NULL};
    const wick_json *split_value = wick_json_get(value, "split");
    const char *replacement = NULL;
    bool split = true;
    size_t n = 0;
    uint32_t c;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_string(reading, value, path, "replacement", &replacement, &n);
    if (code == WICK_OK && (n == 0 || wick_utf8_decode(replacement, &c) != n))
        return wick_field_corrupt(reading, path, "has a \"replacement\" that is not one character");
    if (code == WICK_OK && split_value && wick_json_type_of(split_value) != WICK_JSON_NULL)
        code = wick_field_bool(reading, value, path, "split", &split);
    if (code == WICK_OK)
        code = load_prepend(reading, value, path, out);
    if (code != WICK_OK)
        return code;
    out->rewrite = WICK_REWRITE_METASPACE;
    out->pattern = split ? WICK_SPLIT_STRING : WICK_SPLIT_NOTHING;
    out->behavior = WICK_SPLIT_MERGED_WITH_NEXT;
    out->n_string = (uint32_t)n;
    memcpy(out->string, replacement, n);
    return WICK_OK;
}

static size_t count_spaces(const char *bytes, size_t n)
{
    size_t n_spaces = 0;
    for (size_t i = 0; i < n; i++)
        n_spaces += bytes[i] == ' ';
    return n_spaces;
}

static void put_visible(const wick_split_stage *stage, wick_normalized *text, size_t at, uint32_t origin)
{
    memcpy(text->bytes + at, stage->string, stage->n_string);
    for (size_t i = 0; i < stage->n_string; i++)
        text->origins[at + i] = origin;
}

void wick_metaspace_rewrite(const wick_split_stage *stage, wick_normalized *text, size_t from, bool begins,
                            bool at_start, wick_encoding_state *state)
{
    const size_t n_visible = stage->n_string, n_new = text->n_bytes - from;
    size_t n_spaces = count_spaces(text->bytes + from, n_new); /* that are left */
    const bool has_one = n_new >= n_visible && memcmp(text->bytes + from, stage->string, n_visible) == 0;
    const bool wants_one =
        begins && (stage->prepend == WICK_PREPEND_ALWAYS || (stage->prepend == WICK_PREPEND_FIRST && at_start));
    const bool prepends = wants_one && !has_one && text->bytes[from] != ' ';
    const size_t n = text->n_bytes + n_spaces * (n_visible - 1) + (prepends ? n_visible : 0);
    if (!wick_normalized_room(state, text, n + WICK_NORMALIZED_PAD))
        return;
    size_t to = n; /* what is rewritten stands from here on: from the end on, so that nothing is written over unread */
    for (size_t at = text->n_bytes; at > from && (n_spaces > 0 || to != at);) {
        size_t begin = at; /* of the bytes behind the last space */
        while (begin > from && text->bytes[begin - 1] != ' ')
            begin--;
        to -= at - begin;
        memmove(text->bytes + to, text->bytes + begin, at - begin);
        memmove(text->origins + to, text->origins + begin, (at - begin) * sizeof *text->origins);
        at = begin;
        if (at > from) {
            to -= n_visible;
            put_visible(stage, text, to, text->origins[--at]);
            n_spaces--;
        }
    }
    if (prepends)
        put_visible(stage, text, from, text->origins[from + n_visible]);
    text->n_bytes = n;
    memset(text->bytes + n, 0, WICK_NORMALIZED_PAD);
}
