/* SPDX-License-Identifier: Apache-2.0
 * template_load.c: tokenizer.json's "post_processor" -> template.h. The type ids of a single text change nothing for an encoder and are not kept. */
#include "text/template.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define PATH "post_processor"
#define SPECIAL_TOKENS PATH ".special_tokens"
#define SUPPORTED "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, a Sequence of these, or null"
#define MAX_TEMPLATE_IDS 1024

/* A list of pieces as it is read; texts are WICK_PIECE_*. */
typedef struct form {
    wick_template_piece pieces[MAX_TEMPLATE_IDS];
    size_t n;
    size_t n_first, n_second; /* how often each text stands in it */
} form;

typedef struct loading {
    const wick_reading *reading;
    const wick_vocabulary *vocabulary;
    form single, pair;
    bool has_template; /* single and pair are set */
    wick_trim trim;
    bool trims;
} loading;

static int add_piece_of(loading *l, form *f, const char *path, int32_t id, uint32_t type)
{
    if (f->n == MAX_TEMPLATE_IDS)
        return wick_field_unsupported(l->reading, path, "a template of so many tokens", "1024");
    f->pieces[f->n++] = (wick_template_piece){id, type};
    f->n_first += id == WICK_PIECE_FIRST;
    f->n_second += id == WICK_PIECE_SECOND;
    return WICK_OK;
}

static int add_id(loading *l, form *f, const char *path, const wick_json *value, uint32_t type)
{
    int64_t id;
    if (!wick_json_integer(value, &id))
        return wick_field_corrupt(l->reading, path, "has an id that is not an integer");
    if (id < 0 || (uint64_t)id >= l->vocabulary->n_ids || !l->vocabulary->texts[id])
        return wick_field_corrupt(l->reading, path, "names the id %lld, which no token has", (long long)id);
    return add_piece_of(l, f, path, (int32_t)id, type);
}

/* A piece's "id" and "type_id". */
static int read_piece(const wick_reading *reading, const wick_json *value, const char *path, const char **name,
                      uint32_t *type)
{
    static const char *const known[] = {"id", "type_id", NULL};
    int64_t number = 0;
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_string(reading, value, path, "id", name, NULL);
    if (code == WICK_OK)
        code = wick_field_integer(reading, value, path, "type_id", &number);
    if (code == WICK_OK && (number < 0 || number > WICK_MAX_TYPE_ID))
        code = wick_field_corrupt(reading, path, "has the \"type_id\" %lld", (long long)number);
    *type = (uint32_t)number;
    return code;
}

/* {"SpecialToken": {"id": NAME, "type_id": 0}}: the ids that special_tokens has under NAME. */
static int add_special(loading *l, form *f, const wick_json *special, const wick_json *special_tokens, const char *path)
{
    const char *name;
    uint32_t type;
    int code = read_piece(l->reading, special, path, &name, &type);
    if (code != WICK_OK)
        return code;
    const wick_json *entry = wick_json_get(special_tokens, name);
    if (!entry)
        return wick_field_corrupt(l->reading, path, "names \"%.60s\", which special_tokens lacks", name);
    char entry_path[WICK_FIELD_PATH_BYTES];
    snprintf(entry_path, sizeof entry_path, SPECIAL_TOKENS ".%.60s", name);
    const wick_json *ids = wick_json_get(entry, "ids");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(ids); i++)
        code = add_id(l, f, entry_path, wick_json_at(ids, i), type);
    return code;
}

static int add_piece(loading *l, form *f, const wick_json *piece, const wick_json *special_tokens, const char *path)
{
    static const char *const known[] = {"SpecialToken", "Sequence", NULL};
    const wick_json *sequence = wick_json_get(piece, "Sequence"), *special = wick_json_get(piece, "SpecialToken");
    int code = wick_fields_check(l->reading, piece, path, known);
    if (code != WICK_OK)
        return code;
    if (!sequence == !special)
        return wick_field_corrupt(l->reading, path, "is not one SpecialToken or Sequence");
    if (special)
        return add_special(l, f, special, special_tokens, path);
    const char *name;
    uint32_t type;
    code = read_piece(l->reading, sequence, path, &name, &type);
    if (code != WICK_OK)
        return code;
    const bool is_second = f == &l->pair && strcmp(name, "B") == 0;
    if (!is_second && strcmp(name, "A") != 0)
        return wick_field_corrupt(l->reading, path, "names the text \"%.20s\", but %s", name,
                                  f == &l->pair ? "those of a pair are \"A\" and \"B\"" : "a single text is \"A\"");
    if (is_second ? f->n_second > 0 : f->n_first > 0)
        return wick_field_unsupported(l->reading, path, "the text twice", "one Sequence A");
    return add_piece_of(l, f, path, is_second ? WICK_PIECE_SECOND : WICK_PIECE_FIRST, type);
}

static int load_form(loading *l, form *f, const wick_json *value, const char *key)
{
    const wick_json *pieces = wick_json_get(value, key);
    int code = WICK_OK;
    if (wick_json_type_of(pieces) != WICK_JSON_ARRAY)
        return wick_field_corrupt(l->reading, PATH, "has no list \"%s\"", key);
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(pieces); i++) {
        char path[WICK_FIELD_PATH_BYTES];
        snprintf(path, sizeof path, PATH ".%s[%zu]", key, i);
        code = add_piece(l, f, wick_json_at(pieces, i), wick_json_get(value, "special_tokens"), path);
    }
    return code;
}

/* Of an entry that no piece names too. */
static int check_special_token(const wick_reading *reading, const wick_json *entry, const char *name)
{
    static const char *const known[] = {"id", "ids", "tokens", NULL};
    char path[WICK_FIELD_PATH_BYTES];
    const char *id;
    int64_t number;
    snprintf(path, sizeof path, SPECIAL_TOKENS ".%.60s", name);
    const wick_json *ids = wick_json_get(entry, "ids"), *tokens = wick_json_get(entry, "tokens");
    int code = wick_fields_check(reading, entry, path, known);
    if (code == WICK_OK)
        code = wick_field_string(reading, entry, path, "id", &id, NULL);
    if (code == WICK_OK && wick_json_type_of(ids) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(reading, path, "has no list \"ids\"");
    if (code == WICK_OK && wick_json_type_of(tokens) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(reading, path, "has no list \"tokens\"");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(ids); i++)
        if (!wick_json_integer(wick_json_at(ids, i), &number))
            code = wick_field_corrupt(reading, path, "has an id that is not an integer");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(tokens); i++)
        if (!wick_json_string(wick_json_at(tokens, i), NULL))
            code = wick_field_corrupt(reading, path, "has a token that is not a string");
    return code;
}

static int check_special_tokens(const wick_reading *reading, const wick_json *value)
{
    int code = WICK_OK;
    if (wick_json_type_of(value) != WICK_JSON_OBJECT)
        return wick_field_corrupt(reading, SPECIAL_TOKENS, "is %s, not an object",
                                  wick_json_type_name(wick_json_type_of(value)));
    for (const wick_json_member *it = wick_json_first(value); it && code == WICK_OK; it = wick_json_next(value, it))
        code = check_special_token(reading, wick_json_value(it), wick_json_key(it, NULL));
    return code;
}

static int load_template(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "single", "pair", "special_tokens", NULL};
    int code = wick_fields_check(l->reading, value, PATH, known);
    if (code == WICK_OK)
        code = check_special_tokens(l->reading, wick_json_get(value, "special_tokens"));
    if (code == WICK_OK)
        code = load_form(l, &l->single, value, "single");
    if (code == WICK_OK)
        code = load_form(l, &l->pair, value, "pair");
    if (code == WICK_OK && l->single.n_first == 0)
        code = wick_field_unsupported(l->reading, PATH, "a template without the text", "one Sequence A");
    return code;
}

/* ["[CLS]", 101] */
static int add_named(loading *l, form *f, const wick_json *value, const char *key, uint32_t type)
{
    const wick_json *pair = wick_json_get(value, key);
    if (wick_json_type_of(pair) != WICK_JSON_ARRAY || wick_json_count(pair) != 2)
        return wick_field_corrupt(l->reading, PATH, "has no pair of token and id as \"%s\"", key);
    return add_id(l, f, PATH, wick_json_at(pair, 1), type);
}

/* BERT: cls A sep, cls A sep B sep, the second text and its sep of type 1. RoBERTa: the same, but for a second sep before B and type 0 everywhere. */
static int load_around(loading *l, const wick_json *value, bool is_roberta)
{
    form *forms[2] = {&l->single, &l->pair};
    const uint32_t second_type = is_roberta ? 0 : 1;
    int code = WICK_OK;
    for (size_t i = 0; i < 2 && code == WICK_OK; i++) {
        code = add_named(l, forms[i], value, "cls", 0);
        if (code == WICK_OK)
            code = add_piece_of(l, forms[i], PATH, WICK_PIECE_FIRST, 0);
        if (code == WICK_OK)
            code = add_named(l, forms[i], value, "sep", 0);
    }
    if (code == WICK_OK && is_roberta)
        code = add_named(l, &l->pair, value, "sep", 0);
    if (code == WICK_OK)
        code = add_piece_of(l, &l->pair, PATH, WICK_PIECE_SECOND, second_type);
    if (code == WICK_OK)
        code = add_named(l, &l->pair, value, "sep", second_type);
    return code;
}

static int load_bert(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "sep", "cls", NULL};
    int code = wick_fields_check(l->reading, value, PATH, known);
    return code == WICK_OK ? load_around(l, value, false) : code;
}

/* trim_offsets and add_prefix_space. */
static int load_trim(loading *l, const wick_json *value)
{
    bool trim = true, add_space = true;
    int code = wick_field_bool(l->reading, value, PATH, "trim_offsets", &trim);
    if (code == WICK_OK)
        code = wick_field_bool(l->reading, value, PATH, "add_prefix_space", &add_space);
    if (code == WICK_OK && trim && l->trims)
        code = wick_field_unsupported(l->reading, PATH, "trimming offsets twice", "one trim_offsets");
    if (code != WICK_OK || !trim)
        return code;
    l->trims = true;
    l->trim = (wick_trim){.add_prefix_space = add_space};
    return WICK_OK;
}

/* Without both fields of its own the package takes it for BertProcessing. */
static int load_roberta(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "sep", "cls", "trim_offsets", "add_prefix_space", NULL};
    const bool is_roberta = wick_json_get(value, "trim_offsets") && wick_json_get(value, "add_prefix_space");
    int code = wick_fields_check(l->reading, value, PATH, known);
    if (code == WICK_OK && is_roberta)
        code = load_trim(l, value);
    return code == WICK_OK ? load_around(l, value, is_roberta) : code;
}

static int load_byte_level(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "add_prefix_space", "trim_offsets", "use_regex", NULL};
    int code = wick_fields_check(l->reading, value, PATH, known);
    return code == WICK_OK ? load_trim(l, value) : code;
}

/* One processor that is not a Sequence. */
static int load_one(loading *l, const wick_json *value, const char *path)
{
    static const struct {
        const char *type;
        int (*load)(loading *l, const wick_json *value);
        bool is_template;
    } kinds[] = {{"TemplateProcessing", load_template, true},
                 {"BertProcessing", load_bert, true},
                 {"RobertaProcessing", load_roberta, true},
                 {"ByteLevel", load_byte_level, false}};
    const char *type = wick_field_type(value);
    if (!type)
        return wick_field_corrupt(l->reading, path, "is not an object with a \"type\"");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        if (kinds[i].is_template && l->has_template)
            return wick_field_unsupported(l->reading, path, "a second template", "one");
        int code = kinds[i].load(l, value);
        l->has_template |= kinds[i].is_template;
        return code;
    }
    return wick_field_unsupported(l->reading, path, type, SUPPORTED);
}

static int load_sequence(loading *l, const wick_json *value)
{
    static const char *const known[] = {"type", "processors", NULL};
    const wick_json *list = wick_json_get(value, "processors");
    int code = wick_fields_check(l->reading, value, PATH, known);
    if (code == WICK_OK && wick_json_type_of(list) != WICK_JSON_ARRAY)
        code = wick_field_corrupt(l->reading, PATH, "has no list \"processors\"");
    for (size_t i = 0; code == WICK_OK && i < wick_json_count(list); i++) {
        char path[WICK_FIELD_PATH_BYTES];
        snprintf(path, sizeof path, PATH ".processors[%zu]", i);
        code = load_one(l, wick_json_at(list, i), path);
    }
    return code;
}

/* ---- from what was read to template.h -------------------------------------------------------------------------------- */

static int list_spaces(loading *l)
{
    const wick_vocabulary *vocabulary = l->vocabulary;
    wick_token_space *spaces = wick_arena_take(l->reading->arena, vocabulary->n_ids, sizeof *spaces);
    if (!spaces)
        return wick_fail_memory(l->reading->error, "the tokenizer's white space");
    for (size_t id = 0; id < vocabulary->n_ids; id++) {
        const char *text = vocabulary->texts[id] ? vocabulary->texts[id] : "";
        const wick_added_space space = wick_template_space_of(text, strlen(text));
        if (space.leading > UINT16_MAX || space.trailing > UINT16_MAX)
            return wick_field_unsupported(l->reading, PATH, "a token of so much white space", "65535 characters");
        spaces[id] = (wick_token_space){(uint16_t)space.leading, (uint16_t)space.trailing};
    }
    l->trim.spaces = spaces;
    return WICK_OK;
}

static int finish(loading *l, wick_template *out)
{
    const size_t n = l->single.n - l->single.n_first, n_pair = l->pair.n_first && l->pair.n_second ? l->pair.n : 0;
    int32_t *ids = wick_arena_take(l->reading->arena, n, sizeof *ids);
    wick_template_piece *pair = wick_arena_take(l->reading->arena, n_pair, sizeof *pair);
    if (!ids || !pair)
        return wick_fail_memory(l->reading->error, "the tokenizer's template");
    memcpy(pair, l->pair.pieces, n_pair * sizeof *pair);
    *out = (wick_template){.before = ids, .pair = pair, .n_pair = n_pair, .trim = l->trim};
    for (size_t i = 0, to = 0; i < l->single.n; i++) {
        if (l->single.pieces[i].id == WICK_PIECE_FIRST)
            out->n_before = to;
        else
            ids[to++] = l->single.pieces[i].id;
    }
    out->n_after = n - out->n_before;
    out->after = ids + out->n_before;
    return WICK_OK;
}

int wick_template_load(const wick_reading *reading, const wick_json *value, const wick_vocabulary *vocabulary,
                       wick_template *out)
{
    loading l = {.reading = reading, .vocabulary = vocabulary};
    const char *type = wick_field_type(value);
    int code = WICK_OK;
    *out = (wick_template){0};
    if (type && strcmp(type, "Sequence") == 0)
        code = load_sequence(&l, value);
    else if (wick_json_type_of(value) != WICK_JSON_NULL)
        code = load_one(&l, value, PATH);
    if (code == WICK_OK && !l.has_template) {
        add_piece_of(&l, &l.single, PATH, WICK_PIECE_FIRST, 0);
        add_piece_of(&l, &l.pair, PATH, WICK_PIECE_FIRST, 0);
        add_piece_of(&l, &l.pair, PATH, WICK_PIECE_SECOND, 1);
    }
    if (code == WICK_OK && l.trims)
        code = list_spaces(&l);
    return code == WICK_OK ? finish(&l, out) : code;
}
