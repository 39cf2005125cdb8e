/* SPDX-License-Identifier: Apache-2.0
 * pretokenizer.c: tokenizer.json's "pre_tokenizer" -> the stages of pretokenizer.h. */
#include "text/pretokenizer.h"

#include <stdio.h>
#include <string.h>

#define PATH "pre_tokenizer"

static int too_many(const wick_reading *reading)
{
    return wick_field_unsupported(reading, PATH, "a sequence of so many pre-tokenizers", "8");
}

static int load_stage(const wick_reading *reading, const wick_json *value, const char *path, wick_pretokenizer *out)
{
    if (out->byte_level)
        return wick_field_unsupported(reading, path, "a pre-tokenizer behind ByteLevel", "ByteLevel as the last one");
    if (out->n_stages == WICK_MAX_SPLIT_STAGES)
        return too_many(reading);
    wick_split_stage *stage = &out->stages[out->n_stages];
    int code = wick_split_load(reading, value, path, stage);
    out->byte_level = stage->byte_level;
    out->n_stages += stage->rewrite != WICK_REWRITE_NONE || stage->pattern != WICK_SPLIT_NOTHING;
    return code;
}

static int load_sequence(const wick_reading *reading, const wick_json *value, wick_pretokenizer *out)
{
    static const char *const known[] = {"type", "pretokenizers", NULL};
    const wick_json *list = wick_json_get(value, "pretokenizers");
    int code = wick_fields_check(reading, value, PATH, known);
    if (code == WICK_OK && wick_json_type_of(list) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(reading, PATH, "has no list \"pretokenizers\"");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(list); i++) {
        char path[WICK_FIELD_PATH_BYTES];
        snprintf(path, sizeof path, PATH ".pretokenizers[%zu]", i);
        code = load_stage(reading, wick_json_at(list, i), path, out);
    }
    return code;
}

int wick_pretokenizer_load(const wick_reading *reading, const wick_json *value, wick_pretokenizer *out)
{
    *out = (wick_pretokenizer){0};
    int code = WICK_OK;
    const char *type = wick_field_type(value);
    if (type && strcmp(type, "Sequence") == 0)
        code = load_sequence(reading, value, out);
    else if (wick_json_type_of(value) != WICK_JSON_NULL)
        code = load_stage(reading, value, PATH, out);
    if (code != WICK_OK)
        return code;
    out->is_kinds = out->n_stages == 0 || (out->n_stages == 1 && out->stages[0].pattern == WICK_SPLIT_KINDS);
    if (out->n_stages == 1 && out->is_kinds)
        out->kinds = out->stages[0].kinds;
    else
        wick_char_kinds_prepare(&out->kinds);
    return WICK_OK;
}

int wick_pretokenizer_write_bytes(const wick_reading *reading, wick_pretokenizer *pretokenizer)
{
    if (pretokenizer->n_stages == WICK_MAX_SPLIT_STAGES)
        return too_many(reading);
    pretokenizer->stages[pretokenizer->n_stages++] =
        (wick_split_stage){.rewrite = WICK_REWRITE_BYTES, .pattern = WICK_SPLIT_NOTHING};
    pretokenizer->is_kinds = false;
    return WICK_OK;
}
