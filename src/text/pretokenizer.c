/* SPDX-License-Identifier: Apache-2.0
 * pretokenizer.c: tokenizer.json's "pre_tokenizer" -> the kinds of characters of pretokenizer.h. */
#include "text/pretokenizer.h"

#include <string.h>

#define PATH "pre_tokenizer"
#define SUPPORTED "BertPreTokenizer, Whitespace, WhitespaceSplit or null"

int wick_pretokenizer_load(const wick_reading *reading, const wick_json *value, wick_pretokenizer *out)
{
    static const char *const known[] = {"type", NULL};
    *out = (wick_pretokenizer){0};
    if (wick_json_type_of(value) != WICK_JSON_NULL) {
        const char *type = wick_field_type(value);
        if (!type)
            return wick_field_corrupt(reading, PATH, "is not an object with a \"type\"");
        out->gap = WICK_CHAR_SPACE;
        if (strcmp(type, "BertPreTokenizer") == 0)
            out->alone = WICK_CHAR_PUNCTUATION;
        else if (strcmp(type, "Whitespace") == 0)
            out->word = WICK_CHAR_WORD;
        else if (strcmp(type, "WhitespaceSplit") != 0)
            return wick_field_unsupported(reading, PATH, type, SUPPORTED);
        int code = wick_fields_check(reading, value, PATH, known);
        if (code != WICK_OK)
            return code;
    }
    out->has_plain_words = true;
    for (uint32_t c = 0; c < 128; c++) {
        bool is_alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        out->ascii[c] = (uint8_t)wick_pretokenizer_kind(out, c);
        out->has_plain_words &= !is_alphanumeric || out->ascii[c] == WICK_CHARS_WORD;
    }
    return WICK_OK;
}
