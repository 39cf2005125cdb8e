/* SPDX-License-Identifier: Apache-2.0
 * bpe_load.c: tokenizer.json's "model" of type BPE -> the tables of bpe.h. */
#include "text/bpe_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/bpe_known.h"
#include "text/byte_level.h"
#include "text/vocabulary_packed.h"

#define PATH "model"

/* ---- options -------------------------------------------------------------------------------------------------------- */

static int check_absent(const wick_reading *reading, const wick_json *value, const char *key)
{
    size_t n = 0;
    const wick_json *found = wick_json_get(value, key);
    const char *text = wick_json_string(found, &n);
    if (!text && wick_json_type_of(found) != WICK_JSON_NULL)
        return wick_field_corrupt(reading, PATH, "has %s as \"%s\", not a string",
                                  wick_json_type_name(wick_json_type_of(found)), key);
    return n == 0 ? WICK_OK : wick_field_unsupported(reading, PATH, key, "none");
}

/* Tokens that change from call to call are no use to anybody who compares vectors. */
static int check_dropout(const wick_reading *reading, const wick_json *value)
{
    double dropout = 0;
    const wick_json *found = wick_json_get(value, "dropout");
    if (wick_json_type_of(found) != WICK_JSON_NULL && !wick_json_number(found, &dropout))
        return wick_field_corrupt(reading, PATH, "has a \"dropout\" that is not a number");
    return dropout == 0 ? WICK_OK : wick_field_unsupported(reading, PATH, "dropout", "null, 0");
}

static int load_flag(const wick_reading *reading, const wick_json *value, const char *key, bool *out)
{
    *out = false;
    return wick_json_get(value, key) ? wick_field_bool(reading, value, PATH, key, out) : WICK_OK;
}

static int load_options(const wick_reading *reading, const wick_json *value, wick_bpe *out)
{
    static const char *const known[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "ignore_merges",
                                        "vocab",
                                        "merges",
                                        NULL};
    int code = wick_fields_check(reading, value, PATH, known);
    if (code == WICK_OK)
        code = check_dropout(reading, value);
    if (code == WICK_OK)
        code = check_absent(reading, value, "continuing_subword_prefix");
    if (code == WICK_OK)
        code = check_absent(reading, value, "end_of_word_suffix");
    if (code == WICK_OK)
        code = load_flag(reading, value, "fuse_unk", &out->fuse_unknown);
    if (code == WICK_OK)
        code = load_flag(reading, value, "byte_fallback", &out->byte_fallback);
    if (code == WICK_OK)
        code = load_flag(reading, value, "ignore_merges", &out->ignore_merges);
    return code;
}

/* ---- characters ----------------------------------------------------------------------------------------------------- */

static void find_bytes(const wick_vocabulary *vocabulary, wick_bpe *out)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        unsigned n = (unsigned)snprintf(text, sizeof text, "<0x%02X>", byte);
        out->fallback_ids[byte] = (int32_t)wick_vocabulary_id(vocabulary, text, n);
        n = wick_utf8_encode(out->byte_level ? wick_byte_level_character((uint8_t)byte) : byte, text);
        out->first_ids[byte] = out->byte_level || byte < 0x80 ? (int32_t)wick_vocabulary_id(vocabulary, text, n) : -1;
    }
}

static int find_unknown(wick_bpe_loading *l, const wick_json *value)
{
    size_t n;
    const wick_json *found = wick_json_get(value, "unk_token");
    const char *text = wick_json_string(found, &n);
    l->out->unknown_id = -1;
    if (!text && wick_json_type_of(found) != WICK_JSON_NULL)
        return wick_field_corrupt(l->reading, PATH, "has %s as \"unk_token\", not a string",
                                  wick_json_type_name(wick_json_type_of(found)));
    if (!text)
        return WICK_OK;
    l->out->unknown_id = (int32_t)wick_vocabulary_id(l->vocabulary, text, n);
    bool needed = !l->out->byte_level; /* where all bytes are there nothing is unknown */
    for (unsigned byte = 0; byte < 256; byte++)
        needed |= l->out->first_ids[byte] < 0;
    if (l->out->unknown_id < 0 && needed)
        return wick_field_corrupt(l->reading, PATH, "has no token \"%.60s\" (\"unk_token\") in its vocabulary", text);
    return WICK_OK;
}

int wick_bpe_load(const wick_reading *reading, const wick_json *value, size_t n_added, bool byte_level,
                  wick_vocabulary *vocabulary, wick_bpe *out)
{
    const wick_vocabulary_index index = {.kind = WICK_INDEX_TABLE};
    wick_bpe_loading l = {.reading = reading, .vocabulary = vocabulary, .out = out};
    *out = (wick_bpe){.vocabulary = vocabulary, .byte_level = byte_level, .serial = wick_word_cache_serial()};
    int code = load_options(reading, value, out);
    if (code == WICK_OK)
        code = wick_vocabulary_read(reading, wick_json_get(value, "vocab"), n_added, &index, vocabulary);
    if (code == WICK_OK) {
        find_bytes(vocabulary, out);
        code = find_unknown(&l, value);
    }
    if (code == WICK_OK)
        code = wick_bpe_load_merges(&l, wick_json_get(value, "merges"));
    if (code == WICK_OK)
        code = wick_bpe_load_tables(&l);
    if (code == WICK_OK && !(out->known = wick_bpe_known_new(reading->arena)))
        code = wick_fail_memory(reading->error, "the tokenizer's tokens");
    free(l.joined);
    return code;
}
