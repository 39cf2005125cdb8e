/* SPDX-License-Identifier: Apache-2.0
 * normalizer_load.c: tokenizer.json's "normalizer" -> the steps of normalizer.h. */
#include <stdio.h>
#include <string.h>

#include "text/ascii.h"
#include "text/normalizer_load.h"
#include "text/unicode.h"

#define SUPPORTED                                                                                                      \
    "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, StripAccents, Strip, Replace, Prepend, ByteLevel, "         \
    "Precompiled, a Sequence of these, or null"
#define PATH "normalizer"
/* A file may ask for steps that lengthen a text. All together at most so many times: more is made to take up memory. */
#define MAX_GROWTH ((size_t)1 << 14)

int wick_normalizer_add_step(const wick_reading *reading, wick_normalizer *nz, wick_normalizer_step step)
{
    if (nz->n_steps == WICK_MAX_NORMALIZER_STEPS)
        return wick_field_unsupported(reading, PATH, "a sequence of so many normalizers", "16 steps");
    nz->steps[nz->n_steps++] = step;
    return WICK_OK;
}

static int load_bert(const wick_reading *reading, const wick_json *value, const char *path, wick_normalizer *nz)
{
    static const char *const known[] = {"type",          "clean_text", "handle_chinese_chars",
                                        "strip_accents", "lowercase",  NULL};
    bool clean = false, chinese = false, lower = false, strip = false;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "clean_text", &clean);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "handle_chinese_chars", &chinese);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "lowercase", &lower);
    strip = lower; /* strip_accents: null follows lowercase */
    if (code == WICK_OK && wick_json_type_of(wick_json_get(value, "strip_accents")) != WICK_JSON_NULL)
        code = wick_field_bool(reading, value, path, "strip_accents", &strip);
    if (code == WICK_OK && clean)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_CLEAN);
    if (code == WICK_OK && chinese)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_CHINESE);
    if (code == WICK_OK && strip)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_NFD);
    if (code == WICK_OK && strip)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_ACCENTS);
    if (code == WICK_OK && lower)
        code = wick_normalizer_add_step(reading, nz, WICK_STEP_LOWER);
    return code;
}

/* One normaliser that is not a Sequence. */
static int load_one(const wick_reading *reading, const wick_json *value, const char *path, wick_normalizer *nz)
{
    static const char *const only_type[] = {"type", NULL};
    static const struct {
        const char *type;
        wick_normalizer_step step;
    } simple[] = {{"Lowercase", WICK_STEP_LOWER}, {"NFC", WICK_STEP_NFC},        {"NFD", WICK_STEP_NFD},
                  {"NFKC", WICK_STEP_NFKC},       {"NFKD", WICK_STEP_NFKD},      {"StripAccents", WICK_STEP_MARKS},
                  {"Nmt", WICK_STEP_NMT},         {"ByteLevel", WICK_STEP_BYTES}};
    static const struct {
        const char *type;
        int (*load)(const wick_reading *reading, const wick_json *value, const char *path, wick_normalizer *nz);
    } told[] = {{"BertNormalizer", load_bert},
                {"Strip", wick_normalizer_load_strip},
                {"Prepend", wick_normalizer_load_prepend},
                {"Replace", wick_normalizer_load_replace},
                {"Precompiled", wick_normalizer_load_charsmap}};
    const char *type = wick_field_type(value);
    if (wick_json_type_of(value) != WICK_JSON_OBJECT || !type)
        return wick_field_corrupt(reading, path, "is not an object with a \"type\"");
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(type, told[i].type) == 0)
            return told[i].load(reading, value, path, nz);
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (strcmp(type, simple[i].type) != 0)
            continue;
        int code = wick_fields_check(reading, value, path, only_type);
        return code == WICK_OK ? wick_normalizer_add_step(reading, nz, simple[i].step) : code;
    }
    return wick_field_unsupported(reading, path, type, SUPPORTED);
}

static int load_sequence(const wick_reading *reading, const wick_json *value, wick_normalizer *nz)
{
    static const char *const known[] = {"type", "normalizers", NULL};
    const wick_json *list = wick_json_get(value, "normalizers");
    int code = wick_fields_check(reading, value, PATH, known);
    if (code == WICK_OK && wick_json_type_of(list) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(reading, PATH, "has no list \"normalizers\"");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(list); i++) {
        char path[WICK_FIELD_PATH_BYTES];
        snprintf(path, sizeof path, PATH ".normalizers[%zu]", i);
        code = load_one(reading, wick_json_at(list, i), path, nz);
    }
    return code;
}

/* Fills the short cuts from the steps. */
static void prepare(wick_normalizer *nz)
{
    static const uint32_t touches[] = {
        [WICK_STEP_CLEAN] = WICK_CHAR_DROP | WICK_CHAR_SPACE,
        [WICK_STEP_CHINESE] = WICK_CHAR_CHINESE,
        [WICK_STEP_NFD] = WICK_CHAR_DECOMPOSES | WICK_CHAR_HANGUL | WICK_CHAR_NONSTARTER,
        [WICK_STEP_ACCENTS] = WICK_CHAR_ACCENT,
        [WICK_STEP_LOWER] = WICK_CHAR_LOWERS,
        [WICK_STEP_MARKS] = WICK_CHAR_MARK,
    };
    for (unsigned c = 0; c < 128; c++) {
        nz->ascii_to[c] = (uint8_t)c;
        nz->ascii_n[c] = 1;
    }
    for (size_t i = 0; i < nz->n_steps; i++) {
        nz->touched |= touches[nz->steps[i]];
        for (unsigned c = 0; c < 128; c++) {
            /* Only these two steps touch ASCII. */
            const wick_unicode_record *record = wick_unicode_of(nz->ascii_to[c]);
            if (nz->steps[i] == WICK_STEP_CLEAN && (record->flags & WICK_CHAR_DROP))
                nz->ascii_n[c] = 0;
            else if (nz->steps[i] == WICK_STEP_CLEAN && (record->flags & WICK_CHAR_SPACE))
                nz->ascii_to[c] = ' ';
            else if (nz->steps[i] == WICK_STEP_LOWER)
                nz->ascii_to[c] = (uint8_t)(nz->ascii_to[c] + record->lower_delta);
        }
    }
}

/* What normalizer_bert.c may do to printable ASCII sixteen bytes at a time. */
static void prepare_plain(wick_normalizer *nz)
{
    nz->ascii_case = (uint8_t)(nz->ascii_to['A'] - 'A');
    nz->ascii_is_plain = true;
    for (unsigned c = WICK_ASCII_FIRST_PLAIN; c <= WICK_ASCII_LAST_PLAIN; c++) {
        unsigned becomes = c >= 'A' && c <= 'Z' ? c + nz->ascii_case : c;
        nz->ascii_is_plain &= nz->ascii_to[c] == becomes && nz->ascii_n[c] == 1;
    }
}

bool wick_normalizer_is_bert(const wick_normalizer *nz)
{
    size_t n_decomposing = 0; /* the marks of all wait in one place */
    for (size_t i = 0; i < nz->n_steps; i++) {
        if (nz->steps[i] > WICK_STEP_LAST_OF_BERT)
            return false;
        n_decomposing += nz->steps[i] == WICK_STEP_NFD;
    }
    return n_decomposing <= 1;
}

/* How many times longer a step may make a text, in bytes and at most. */
static size_t growth(const wick_normalizer *nz, size_t i)
{
    enum { LIGATURE = 11, SYLLABLE = 3, SPACED_OUT = 2, LOWERED = 2, TWO_BYTES_EACH = 2 }; /* the worst characters */
    const wick_step_texts *texts = &nz->texts[i];
    const size_t n_replaced = texts->n_pattern > 0 ? texts->n_pattern : 1;
    switch (nz->steps[i]) {
    case WICK_STEP_NFKC:
    case WICK_STEP_NFKD:
        return LIGATURE;
    case WICK_STEP_NFC:
    case WICK_STEP_NFD:
        return SYLLABLE;
    case WICK_STEP_CHINESE:
        return SPACED_OUT;
    case WICK_STEP_LOWER:
        return LOWERED;
    case WICK_STEP_BYTES:
        return TWO_BYTES_EACH;
    case WICK_STEP_CHARSMAP:
        return nz->charsmap.longest > 0 ? nz->charsmap.longest : 1;
    case WICK_STEP_REPLACE:
    case WICK_STEP_REPLACE_RUN:
        return texts->n_content / n_replaced + 1;
    default:
        return 1;
    }
}

bool wick_normalizer_is_bounded(const wick_normalizer *nz)
{
    size_t all = 1;
    for (size_t i = 0; i < nz->n_steps && all <= MAX_GROWTH; i++)
        all *= growth(nz, i); /* a factor is below 256 */
    return all <= MAX_GROWTH;
}

int wick_normalizer_load(const wick_reading *reading, const wick_json *value, wick_normalizer *out)
{
    *out = (wick_normalizer){0};
    int code = WICK_OK;
    const char *type = wick_field_type(value);
    if (type && strcmp(type, "Sequence") == 0)
        code = load_sequence(reading, value, out);
    else if (wick_json_type_of(value) != WICK_JSON_NULL)
        code = load_one(reading, value, PATH, out);
    if (code == WICK_OK && !wick_normalizer_is_bounded(out))
        code = wick_field_unsupported(reading, PATH, "a sequence that lengthens texts so much", "16384 times");
    out->is_bert = wick_normalizer_is_bert(out);
    if (code == WICK_OK && out->is_bert)
        prepare(out);
    prepare_plain(out);
    return code;
}
