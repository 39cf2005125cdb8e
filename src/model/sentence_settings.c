/* SPDX-License-Identifier: Apache-2.0
 * sentence_settings.c: config_sentence_transformers.json as sentence-transformers 6 takes it (sentence_settings.h). The file may be anybody's: what it can make us keep
 * is bounded. */
#include "model/sentence_settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/json_keys.h"

#define SECTION "sentence"
/* Of the section: every byte of a prompt, and of the default's name, may need six ("\u001f"). */
#define MAX_SECTION_BYTES (2 * 6 * WICK_MAX_PROMPT_BYTES + ((size_t)16 << 10))
#define MAX_DIMENSION 65536

/* What every model of sentence-transformers has, before its own. */
static const wick_prompt known_prompts[] = {{"query", ""}, {"document", ""}};
#define N_KNOWN (sizeof known_prompts / sizeof *known_prompts)

static const char *const similarities[] = {"cosine", "dot", "euclidean", "manhattan"};
#define N_SIMILARITIES (sizeof similarities / sizeof *similarities)

void wick_sentence_settings_init(wick_sentence_settings *out)
{
    *out = (wick_sentence_settings){
        .prompts = known_prompts, .n_prompts = N_KNOWN, .similarity = similarities[0], .pools_prompt = true};
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int fail_prompt(const wick_keys *keys, const char *name, const char *what)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again", "prompts.%s %s",
                     wick_shown(name, shown), what);
}

/* The prompt of that name among the n first, else a new one. */
static wick_prompt *prompt_named(wick_prompt *prompts, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(prompts[i].name, name) == 0)
            return &prompts[i];
    return &prompts[(*n)++];
}

/* null is a prompt without a text. */
static int read_prompt(const wick_keys *keys, const wick_json_member *member, wick_arena *arena, wick_prompt *prompts,
                       size_t *n_prompts, size_t *n_bytes)
{
    size_t n_name, n_text = 0;
    const char *name = wick_json_key(member, &n_name), *text = "";
    const wick_json *value = wick_json_value(member);
    if (strlen(name) != n_name)
        return fail_prompt(keys, name, "holds a NUL character in its name");
    if (wick_json_type_of(value) != WICK_JSON_NULL && !(text = wick_json_string(value, &n_text)))
        return fail_prompt(keys, name, "is not a string");
    if (strlen(text) != n_text)
        return fail_prompt(keys, name, "holds a NUL character");
    *n_bytes += n_name + n_text;
    if (*n_bytes > WICK_MAX_PROMPT_BYTES)
        return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model with shorter prompts",
                         "prompts: more than %zu bytes in all", WICK_MAX_PROMPT_BYTES);
    wick_prompt *prompt = prompt_named(prompts, n_prompts, name);
    *prompt = (wick_prompt){wick_arena_copy_text(arena, name, n_name), wick_arena_copy_text(arena, text, n_text)};
    return prompt->name && prompt->text ? WICK_OK : wick_fail_memory(keys->error, keys->where);
}

static int read_prompts(const wick_keys *keys, wick_arena *arena, wick_sentence_settings *out)
{
    const wick_json *list = wick_json_get(keys->object, "prompts");
    const size_t n_listed = wick_json_count(list);
    size_t n_bytes = 0, n = N_KNOWN;
    if (wick_json_type_of(list) == WICK_JSON_NULL)
        return WICK_OK;
    if (wick_json_type_of(list) != WICK_JSON_OBJECT)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "prompts is %s, expected an object", wick_json_type_name(wick_json_type_of(list)));
    if (n_listed > WICK_MAX_PROMPTS)
        return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model with fewer prompts",
                         "prompts: %zu of them, at most %d are kept", n_listed, WICK_MAX_PROMPTS);
    wick_prompt *prompts = wick_arena_take(arena, N_KNOWN + n_listed, sizeof *prompts);
    if (!prompts)
        return wick_fail_memory(keys->error, keys->where);
    memcpy(prompts, known_prompts, sizeof known_prompts);
    int code = WICK_OK;
    for (const wick_json_member *it = wick_json_first(list); it && code == WICK_OK; it = wick_json_next(list, it))
        code = read_prompt(keys, it, arena, prompts, &n, &n_bytes);
    out->prompts = prompts;
    out->n_prompts = n;
    return code;
}

static int read_default(const wick_keys *keys, wick_sentence_settings *out)
{
    const char *name = NULL;
    char shown[WICK_SHOWN_BYTES];
    int code = wick_key_text(keys, "default_prompt_name", &name);
    if (code != WICK_OK || !name || !name[0])
        return code;
    for (size_t i = 0; i < out->n_prompts; i++)
        if (strcmp(out->prompts[i].name, name) == 0) {
            out->default_prompt_name = out->prompts[i].name;
            return WICK_OK;
        }
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                     "default_prompt_name %s is not one of prompts", wick_shown(name, shown));
}

/* Names of other kinds of models ("maxsim") are passed over, as sentence-transformers does. */
static int read_similarity(const wick_keys *keys, wick_sentence_settings *out)
{
    const char *name = NULL;
    int code = wick_key_text(keys, "similarity_fn_name", &name);
    for (size_t i = 0; i < N_SIMILARITIES && code == WICK_OK && name; i++)
        if (strcmp(similarities[i], name) == 0)
            out->similarity = similarities[i];
    return code;
}

static int read_cut(const wick_keys *keys, wick_sentence_settings *out)
{
    double n = 0;
    if (wick_json_type_of(wick_json_get(keys->object, "truncate_dim")) == WICK_JSON_NULL)
        return WICK_OK;
    int code = wick_key_number(keys, "truncate_dim", &n);
    if (code == WICK_OK && !(n >= 1 && n <= MAX_DIMENSION && floor(n) == n))
        code = wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "truncate_dim is %g, expected a whole number from 1 to %d", n, MAX_DIMENSION);
    out->truncate_dim = code == WICK_OK ? (size_t)n : 0;
    return code;
}

static int read_all(const wick_keys *keys, wick_arena *arena, wick_sentence_settings *out)
{
    int code = read_prompts(keys, arena, out);
    if (code == WICK_OK)
        code = read_default(keys, out);
    if (code == WICK_OK)
        code = read_similarity(keys, out);
    return code == WICK_OK ? read_cut(keys, out) : code;
}

/* The class that saved the folder; what its modules make, modules.json says. */
static int check_model_type(const wick_keys *keys)
{
    static const char *const types[] = {"SentenceTransformer", "CrossEncoder", "SparseEncoder", "MultiVectorEncoder"};
    const char *type = types[0];
    char shown[WICK_SHOWN_BYTES];
    const int code = wick_key_text(keys, "model_type", &type);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return code;
    if (code != WICK_OK)
        return code;
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model without this setting",
                     "model_type %s is not supported", wick_shown(type, shown));
}

int wick_sentence_settings_parse(const char *text, size_t n, const char *where, wick_arena *arena,
                                 wick_sentence_settings *out, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse_reals(text, n, where, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    code = check_model_type(&keys);
    if (code == WICK_OK)
        code = read_all(&keys, arena, out);
    wick_json_free(root);
    return code;
}

/* ---- packed files -------------------------------------------------------------------------------------------------- */

typedef struct section {
    char *bytes; /* [MAX_SECTION_BYTES] */
    size_t n;
} section;

static void say(section *s, const char *text)
{
    const size_t n = strlen(text);
    memcpy(s->bytes + s->n, text, n); /* it fits: MAX_SECTION_BYTES */
    s->n += n;
}

/* As a JSON string. */
static void say_string(section *s, const char *text)
{
    say(s, "\"");
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        char escaped[8] = {(char)c};
        if (c < 0x20 || c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        say(s, escaped);
    }
    say(s, "\"");
}

int wick_sentence_settings_pack(const wick_sentence_settings *settings, wick_pack_writer *writer, wick_error *error)
{
    section s = {.bytes = malloc(MAX_SECTION_BYTES)};
    char number[64];
    if (!s.bytes)
        return wick_fail_memory(error, "the packed model's prompts");
    say(&s, "{\"prompts\":{");
    for (size_t i = 0; i < settings->n_prompts; i++) {
        say(&s, i ? "," : "");
        say_string(&s, settings->prompts[i].name);
        say(&s, ":");
        say_string(&s, settings->prompts[i].text);
    }
    say(&s, "},\"default_prompt_name\":");
    if (settings->default_prompt_name)
        say_string(&s, settings->default_prompt_name);
    else
        say(&s, "null");
    say(&s, ",\"similarity_fn_name\":");
    say_string(&s, settings->similarity);
    snprintf(number, sizeof number, settings->truncate_dim ? ",\"truncate_dim\":%zu" : ",\"truncate_dim\":null",
             settings->truncate_dim);
    say(&s, number);
    say(&s, settings->pools_prompt ? ",\"include_prompt\":true}" : ",\"include_prompt\":false}");
    return wick_pack_give(writer, SECTION, s.bytes, s.n, error);
}

int wick_sentence_settings_unpack(const wick_pack *pack, wick_arena *arena, wick_sentence_settings *out,
                                  wick_error *error)
{
    const void *json;
    size_t n;
    wick_json *root = NULL;
    wick_sentence_settings_init(out);
    int code = wick_pack_take(pack, SECTION, &json, &n, error);
    if (code == WICK_OK && n > MAX_SECTION_BYTES)
        code = wick_pack_fail(pack, SECTION, "is too long", error);
    if (code != WICK_OK)
        return code;
    code = wick_bounded_json_parse_reals(json, n, wick_pack_where(pack), &root, error);
    if (code == WICK_E_CORRUPT) /* whatever is wrong with it, the file is */
        code = wick_pack_fail(pack, SECTION, "is damaged", error);
    if (code == WICK_OK) {
        const wick_keys keys = {root, wick_pack_where(pack), error};
        code = read_all(&keys, arena, out);
        if (code == WICK_OK)
            code = wick_key_bool(&keys, "include_prompt", &out->pools_prompt);
    }
    wick_json_free(root);
    return code;
}
