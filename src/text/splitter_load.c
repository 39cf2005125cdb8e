/* SPDX-License-Identifier: Apache-2.0
 * splitter_load.c: one pre-tokenizer of tokenizer.json -> a stage of splitter.h. */
#include "text/metaspace.h"

#include <string.h>

#include "base/utf8.h"
#include "text/split_patterns.h"

#define SUPPORTED                                                                                                      \
    "BertPreTokenizer, Whitespace, WhitespaceSplit, ByteLevel, Split, Digits, Punctuation, CharDelimiterSplit, "       \
    "Metaspace, a Sequence of these, or null"

void wick_char_kinds_prepare(wick_char_kinds *kinds)
{
    kinds->has_plain_words = true;
    for (uint32_t c = 0; c < 128; c++) {
        bool is_alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        kinds->ascii[c] = (uint8_t)wick_char_kind_of(kinds, c);
        kinds->has_plain_words &= !is_alphanumeric || kinds->ascii[c] == WICK_CHARS_WORD;
    }
}

static int load_behavior(const wick_reading *reading, const wick_json *value, const char *path,
                         wick_split_behavior *out)
{
    static const char *const names[] = {
        [WICK_SPLIT_REMOVED] = "Removed",
        [WICK_SPLIT_ISOLATED] = "Isolated",
        [WICK_SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [WICK_SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
        [WICK_SPLIT_CONTIGUOUS] = "Contiguous",
    };
    const char *name;
    int code = wick_field_string(reading, value, path, "behavior", &name, NULL);
    if (code != WICK_OK)
        return code;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (wick_split_behavior)i;
            return WICK_OK;
        }
    }
    return wick_field_corrupt(reading, path, "has \"%.40s\" as \"behavior\"", name);
}

/* One of the expressions that are matched by hand. */
static int load_regex(const wick_reading *reading, const char *regex, const char *path, wick_split_stage *out)
{
    static const struct {
        const char *regex;
        wick_split_pattern pattern;
        uint32_t max_digits;
    } known[] = {
        {WICK_REGEX_GPT2, WICK_SPLIT_GPT2, 0},
        {WICK_REGEX_QWEN2, WICK_SPLIT_QWEN2, 1},
        {WICK_REGEX_LLAMA3, WICK_SPLIT_QWEN2, 3},
        {WICK_REGEX_CL100K, WICK_SPLIT_QWEN2, 3},
    };
    if (!regex)
        return wick_field_corrupt(reading, path, "has no String or Regex as \"pattern\"");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(regex, known[i].regex) == 0) {
            out->pattern = known[i].pattern;
            out->max_digits = known[i].max_digits;
            return WICK_OK;
        }
    }
    return wick_field_unsupported(reading, path, regex, "the expressions of GPT-2, cl100k, Llama 3 and Qwen2");
}

/* {"String": TEXT} or {"Regex": TEXT} */
static int load_pattern(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"String", "Regex", NULL};
    const wick_json *pattern = wick_json_get(value, "pattern");
    int code = wick_fields_check(reading, pattern, path, known);
    if (code != WICK_OK)
        return code;
    size_t n;
    const char *text = wick_json_string(wick_json_get(pattern, "String"), &n);
    if (!text)
        return load_regex(reading, wick_json_string(wick_json_get(pattern, "Regex"), NULL), path, out);
    if (n == 0 || n > WICK_MAX_SPLIT_STRING)
        return wick_field_unsupported(reading, path, n == 0 ? "an empty pattern" : "a pattern of so many bytes",
                                      "1 to 64 bytes");
    out->pattern = WICK_SPLIT_STRING;
    out->n_string = (uint32_t)n;
    memcpy(out->string, text, n);
    return WICK_OK;
}

static int load_split(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"type", "pattern", "behavior", "invert", NULL};
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = load_behavior(reading, value, path, &out->behavior);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "invert", &out->invert);
    if (code == WICK_OK)
        code = load_pattern(reading, value, path, out);
    return code;
}

static int load_digits(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"type", "individual_digits", NULL};
    bool individual = false;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "individual_digits", &individual);
    out->pattern = WICK_SPLIT_CHARS;
    out->flags = WICK_CHAR_NUMERIC;
    out->behavior = individual ? WICK_SPLIT_ISOLATED : WICK_SPLIT_CONTIGUOUS;
    return code;
}

static int load_punctuation(const wick_reading *reading, const wick_json *value, const char *path,
                            wick_split_stage *out)
{
    static const char *const known[] = {"type", "behavior", NULL};
    int code = wick_fields_check(reading, value, path, known);
    out->pattern = WICK_SPLIT_CHARS;
    out->flags = WICK_CHAR_PUNCTUATION;
    out->behavior = WICK_SPLIT_ISOLATED;
    if (code == WICK_OK && wick_json_get(value, "behavior"))
        code = load_behavior(reading, value, path, &out->behavior);
    return code;
}

static int load_delimiter(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"type", "delimiter", NULL};
    const char *text;
    size_t n;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_string(reading, value, path, "delimiter", &text, &n);
    if (code != WICK_OK)
        return code;
    out->pattern = WICK_SPLIT_CHARS;
    out->behavior = WICK_SPLIT_REMOVED;
    if (n == 0 || wick_utf8_decode(text, &out->code_point) != n)
        return wick_field_corrupt(reading, path, "has a \"delimiter\" that is not one character");
    return WICK_OK;
}

static int load_byte_level(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"type", "add_prefix_space", "trim_offsets", "use_regex", NULL};
    bool add_space = false, trim = false, use_regex = true; /* trim_offsets is the post-processor's */
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "add_prefix_space", &add_space);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "trim_offsets", &trim);
    if (code == WICK_OK && wick_json_get(value, "use_regex"))
        code = wick_field_bool(reading, value, path, "use_regex", &use_regex);
    out->byte_level = true;
    out->rewrite = add_space ? WICK_REWRITE_SPACE : WICK_REWRITE_NONE;
    out->pattern = use_regex ? WICK_SPLIT_GPT2 : WICK_SPLIT_NOTHING;
    out->behavior = WICK_SPLIT_ISOLATED;
    return code;
}

static int load_kinds(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const char *const known[] = {"type", NULL};
    const char *type = wick_field_type(value);
    out->pattern = WICK_SPLIT_KINDS;
    out->kinds.gap = WICK_CHAR_SPACE;
    if (strcmp(type, "BertPreTokenizer") == 0)
        out->kinds.alone = WICK_CHAR_PUNCTUATION;
    else if (strcmp(type, "Whitespace") == 0)
        out->kinds.word = WICK_CHAR_WORD;
    wick_char_kinds_prepare(&out->kinds);
    return wick_fields_check(reading, value, path, known);
}

int wick_split_load(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out)
{
    static const struct {
        const char *type;
        int (*load)(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out);
    } kinds[] = {
        {"BertPreTokenizer", load_kinds},
        {"Whitespace", load_kinds},
        {"WhitespaceSplit", load_kinds},
        {"ByteLevel", load_byte_level},
        {"Split", load_split},
        {"Digits", load_digits},
        {"Punctuation", load_punctuation},
        {"CharDelimiterSplit", load_delimiter},
        {"Metaspace", wick_metaspace_load},
    };
    const char *type = wick_field_type(value);
    *out = (wick_split_stage){0};
    if (!type)
        return wick_field_corrupt(reading, path, "is not an object with a \"type\"");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].load(reading, value, path, out);
    return wick_field_unsupported(reading, path, type, SUPPORTED);
}
