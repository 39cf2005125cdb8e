/* SPDX-License-Identifier: Apache-2.0
 * template.c: tokenizer.json's "post_processor" -> template.h. Only what happens to a single text is read: its type ids, and the template
 * for pairs, change nothing for an encoder of single texts. */
#include "text/template.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define PATH "post_processor"
#define SUPPORTED "TemplateProcessing, BertProcessing or null"
#define MAX_TEMPLATE_IDS 1024

typedef struct loading {
    const wick_reading *reading;
    const wick_vocabulary *vocabulary;
    int32_t ids[MAX_TEMPLATE_IDS]; /* those before the text, then those after it */
    size_t n, n_before;
    bool text_seen;
} loading;

static int add_id(loading *l, const char *path, const wick_json *value)
{
    int64_t id;
    if (!wick_json_integer(value, &id))
        return wick_field_corrupt(l->reading, path, "has an id that is not an integer");
    if (id < 0 || (uint64_t)id >= l->vocabulary->n_ids || !l->vocabulary->texts[id])
        return wick_field_corrupt(l->reading, path, "names the id %lld, which no token has", (long long)id);
    if (l->n == MAX_TEMPLATE_IDS)
        return wick_field_unsupported(l->reading, path, "a template of so many tokens", "1024");
    l->ids[l->n++] = (int32_t)id;
    return WICK_OK;
}

/* {"SpecialToken": {"id": NAME, "type_id": 0}}: the ids that special_tokens has under NAME. */
static int add_special(loading *l, const wick_json *special, const wick_json *special_tokens, const char *path)
{
    static const char *const known[] = {"id", "type_id", NULL}, *const known_special[] = {"id", "ids", "tokens", NULL};
    const char *name;
    int code = wick_fields_check(l->reading, special, path, known);
    if (code == WICK_OK)
        code = wick_field_string(l->reading, special, path, "id", &name, NULL);
    if (code != WICK_OK)
        return code;
    const wick_json *entry = wick_json_get(special_tokens, name);
    if (!entry)
        return wick_field_corrupt(l->reading, path, "names \"%.60s\", which special_tokens lacks", name);
    char entry_path[WICK_FIELD_PATH_BYTES];
    snprintf(entry_path, sizeof entry_path, PATH ".special_tokens.%.60s", name);
    code = wick_fields_check(l->reading, entry, entry_path, known_special);
    const wick_json *ids = wick_json_get(entry, "ids");
    if (code == WICK_OK && wick_json_type_of(ids) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(l->reading, entry_path, "has no list \"ids\"");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(ids); i++)
        code = add_id(l, entry_path, wick_json_at(ids, i));
    return code;
}

static int add_piece(loading *l, const wick_json *piece, const wick_json *special_tokens, const char *path)
{
    static const char *const known[] = {"SpecialToken", "Sequence", NULL}, *const known_sequence[] = {"id", "type_id",
                                                                                                      NULL};
    const wick_json *sequence = wick_json_get(piece, "Sequence"), *special = wick_json_get(piece, "SpecialToken");
    int code = wick_fields_check(l->reading, piece, path, known);
    if (code != WICK_OK)
        return code;
    if (!sequence == !special)
        return wick_field_corrupt(l->reading, path, "is not one SpecialToken or Sequence");
    if (special)
        return add_special(l, special, special_tokens, path);
    const char *name;
    code = wick_fields_check(l->reading, sequence, path, known_sequence);
    if (code == WICK_OK)
        code = wick_field_string(l->reading, sequence, path, "id", &name, NULL);
    if (code != WICK_OK)
        return code;
    if (strcmp(name, "A") != 0)
        return wick_field_corrupt(l->reading, path, "names the text \"%.20s\", but a single text is \"A\"", name);
    if (l->text_seen)
        return wick_field_unsupported(l->reading, path, "the text twice", "one Sequence A");
    l->text_seen = true;
    l->n_before = l->n;
    return WICK_OK;
}

static int load_template(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "single", "pair", "special_tokens", NULL};
    const wick_json *single = wick_json_get(value, "single");
    int code = wick_fields_check(l->reading, value, PATH, known);
    if (code == WICK_OK && wick_json_type_of(single) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(l->reading, PATH, "has no list \"single\"");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(single); i++) {
        char path[WICK_FIELD_PATH_BYTES];
        snprintf(path, sizeof path, PATH ".single[%zu]", i);
        code = add_piece(l, wick_json_at(single, i), wick_json_get(value, "special_tokens"), path);
    }
    if (code == WICK_OK && !l->text_seen)
        code = wick_field_unsupported(l->reading, PATH, "a template without the text", "one Sequence A");
    return code;
}

/* ["[CLS]", 101] */
static int add_pair(loading *l, const wick_json *value, const char *key)
{
    const wick_json *pair = wick_json_get(value, key);
    if (wick_json_type_of(pair) != WICK_JSON_ARRAY || wick_json_count(pair) != 2)
        return wick_field_corrupt(l->reading, PATH, "has no pair of token and id as \"%s\"", key);
    return add_id(l, PATH, wick_json_at(pair, 1));
}

static int load_bert(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "sep", "cls", NULL};
    int code = wick_fields_check(l->reading, value, PATH, known);
    if (code == WICK_OK)
        code = add_pair(l, value, "cls");
    l->n_before = l->n;
    if (code == WICK_OK)
        code = add_pair(l, value, "sep");
    return code;
}

int wick_template_load(const wick_reading *reading, const wick_json *value, const wick_vocabulary *vocabulary,
                       wick_template *out)
{
    loading l = {.reading = reading, .vocabulary = vocabulary};
    *out = (wick_template){0};
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    const char *type = wick_field_type(value);
    int code;
    if (!type)
        code = wick_field_corrupt(reading, PATH, "is not an object with a \"type\"");
    else if (strcmp(type, "TemplateProcessing") == 0)
        code = load_template(&l, value);
    else if (strcmp(type, "BertProcessing") == 0)
        code = load_bert(&l, value);
    else
        code = wick_field_unsupported(reading, PATH, type, SUPPORTED);
    if (code != WICK_OK)
        return code;
    int32_t *ids = wick_arena_take(reading->arena, l.n, sizeof *ids);
    if (!ids)
        return wick_fail_memory(reading->error, "the tokenizer's template");
    memcpy(ids, l.ids, l.n * sizeof *ids);
    *out =
        (wick_template){.before = ids, .n_before = l.n_before, .after = ids + l.n_before, .n_after = l.n - l.n_before};
    return WICK_OK;
}
