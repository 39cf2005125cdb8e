/* SPDX-License-Identifier: Apache-2.0
 * passed_over.c: whether padding and decoder are of the form that the tokenizers package reads (passed_over.h). Fields that it does not know it passes over. */
#include "text/passed_over.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define DECODERS                                                                                                       \
    "BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece, or null"
/* Sequences within sequences. */
#define MAX_DEPTH 8

int wick_field_count(const wick_reading *reading, const wick_json *object, const char *path, const char *key,
                     int64_t limit)
{
    int64_t n = 0;
    int code = wick_field_integer(reading, object, path, key, &n);
    if (code == WICK_OK && (n < 0 || n > limit))
        code = wick_field_corrupt(reading, path, "has %lld as \"%s\"", (long long)n, key);
    return code;
}

/* ---- padding -------------------------------------------------------------------------------------------------------- */

static int check_strategy(const wick_reading *reading, const wick_json *value)
{
    const char *name = wick_json_string(value, NULL);
    if (wick_json_get(value, "Fixed"))
        return wick_field_count(reading, value, "padding.strategy", "Fixed", INT64_MAX);
    return name && strcmp(name, "BatchLongest") == 0
               ? WICK_OK
               : wick_field_corrupt(reading, "padding.strategy", "is neither \"BatchLongest\" nor {\"Fixed\": n}");
}

int wick_padding_check(const wick_reading *reading, const wick_json *value)
{
    static const char path[] = "padding";
    const char *direction, *token;
    const wick_json *multiple = wick_json_get(value, "pad_to_multiple_of");
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    if (wick_json_type_of(value) != WICK_JSON_OBJECT)
        return wick_field_corrupt(reading, path, "is %s, not an object", wick_json_type_name(wick_json_type_of(value)));
    int code = check_strategy(reading, wick_json_get(value, "strategy"));
    if (code == WICK_OK)
        code = wick_field_string(reading, value, path, "direction", &direction, NULL);
    if (code == WICK_OK && strcmp(direction, "Left") != 0 && strcmp(direction, "Right") != 0)
        code = wick_field_corrupt(reading, path, "has the \"direction\" \"%.20s\"", direction);
    if (code == WICK_OK && wick_json_type_of(multiple) != WICK_JSON_NULL)
        code = wick_field_count(reading, value, path, "pad_to_multiple_of", INT64_MAX);
    if (code == WICK_OK)
        code = wick_field_count(reading, value, path, "pad_id", UINT32_MAX);
    if (code == WICK_OK)
        code = wick_field_count(reading, value, path, "pad_type_id", UINT32_MAX);
    return code == WICK_OK ? wick_field_string(reading, value, path, "pad_token", &token, NULL) : code;
}

/* ---- decoder -------------------------------------------------------------------------------------------------------- */

typedef struct rule {
    const char *key; /* NULL: no more */
    enum rule_type { TEXT, CHARACTER, BOOL, COUNT, SCHEME, PATTERN, LIST } type;
    bool is_optional;
} rule;

/* The fields that a decoder needs. */
static const struct decoder {
    const char *type;
    bool may_be_untyped; /* as files were written once */
    rule rules[4];
} decoders[] = {
    {"BPEDecoder", true, {{"suffix", TEXT, false}}},
    {"ByteFallback", false, {{NULL, TEXT, false}}},
    {"ByteLevel", false, {{"add_prefix_space", BOOL, false}, {"trim_offsets", BOOL, false}, {"use_regex", BOOL, true}}},
    {"CTC", true, {{"pad_token", TEXT, false}, {"word_delimiter_token", TEXT, false}, {"cleanup", BOOL, false}}},
    {"Fuse", false, {{NULL, TEXT, false}}},
    {"Metaspace",
     false,
     {{"replacement", CHARACTER, false},
      {"add_prefix_space", BOOL, true},
      {"prepend_scheme", SCHEME, true},
      {"split", BOOL, true}}},
    {"Replace", true, {{"pattern", PATTERN, false}, {"content", TEXT, false}}},
    {"Sequence", false, {{"decoders", LIST, false}}},
    {"Strip", true, {{"content", CHARACTER, false}, {"start", COUNT, false}, {"stop", COUNT, false}}},
    {"WordPiece", true, {{"prefix", TEXT, false}, {"cleanup", BOOL, false}}},
};
#define N_DECODERS (sizeof decoders / sizeof *decoders)

static bool is_pattern(const wick_json *value)
{
    const char *text = wick_json_string(wick_json_get(value, "String"), NULL);
    const char *regex = wick_json_string(wick_json_get(value, "Regex"), NULL);
    return wick_json_count(value) == 1 && (text || regex);
}

static bool is_scheme(const wick_json *value)
{
    const char *text = wick_json_string(value, NULL);
    return text && (strcmp(text, "always") == 0 || strcmp(text, "never") == 0 || strcmp(text, "first") == 0);
}

static bool is_character(const wick_json *value)
{
    size_t n;
    uint32_t c;
    const char *text = wick_json_string(value, &n);
    return text && n > 0 && wick_utf8_decode(text, &c) == n;
}

static bool fits(const wick_json *value, rule r)
{
    int64_t n;
    switch (r.type) {
    case TEXT:
        return wick_json_string(value, NULL);
    case CHARACTER:
        return is_character(value);
    case BOOL:
        return wick_json_type_of(value) == WICK_JSON_BOOL;
    case COUNT:
        return wick_json_integer(value, &n) && n >= 0;
    case SCHEME:
        return is_scheme(value);
    case PATTERN:
        return is_pattern(value);
    case LIST:
        return wick_json_type_of(value) == WICK_JSON_ARRAY;
    }
    return false;
}

/* The key of a field that the decoder lacks or has in another form; NULL: none. */
static const char *wrong_field(const struct decoder *d, const wick_json *value)
{
    for (size_t i = 0; i < sizeof d->rules / sizeof *d->rules && d->rules[i].key; i++) {
        const wick_json *field = wick_json_get(value, d->rules[i].key);
        if (field ? !fits(field, d->rules[i]) : !d->rules[i].is_optional)
            return d->rules[i].key;
    }
    return NULL;
}

static int check_decoder(const wick_reading *reading, const wick_json *value, const char *path)
{
    const char *type = wick_field_type(value);
    for (size_t i = 0; i < N_DECODERS; i++) {
        const struct decoder *d = &decoders[i];
        const char *wrong = type && strcmp(type, d->type) != 0 ? "" : wrong_field(d, value);
        if (!wrong && (type || d->may_be_untyped))
            return WICK_OK;
        if (type && strcmp(type, d->type) == 0)
            return wick_field_corrupt(reading, path, "is a %s whose \"%s\" is missing or wrong", type, wrong);
    }
    if (!type)
        return wick_field_corrupt(reading, path, "is not an object with a \"type\"");
    return wick_field_unsupported(reading, path, type, DECODERS);
}

int wick_decoder_check(const wick_reading *reading, const wick_json *value)
{
    struct {
        const wick_json *list;
        size_t at;
    } open[MAX_DEPTH];
    size_t depth = 0;
    char path[WICK_FIELD_PATH_BYTES] = "decoder";
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    for (;;) {
        const int code = check_decoder(reading, value, path);
        const wick_json *list = wick_json_get(value, "decoders");
        if (code != WICK_OK)
            return code;
        if (strcmp(wick_field_type(value) ? wick_field_type(value) : "", "Sequence") == 0) {
            if (depth == MAX_DEPTH)
                return wick_field_unsupported(reading, path, "a Sequence within so many others", "8");
            open[depth].list = list;
            open[depth++].at = 0;
        }
        while (depth > 0 && open[depth - 1].at == wick_json_count(open[depth - 1].list))
            depth--;
        if (depth == 0)
            return WICK_OK;
        value = wick_json_at(open[depth - 1].list, open[depth - 1].at++);
        if (depth == 1)
            snprintf(path, sizeof path, "decoder.decoders[%zu]", open[0].at - 1);
    }
}
