/* SPDX-License-Identifier: Apache-2.0
 * added_tokens_load.c: tokenizer.json's "added_tokens" -> added_tokens.h. Ids are given as the tokenizers package gives them: a token
 * of the model keeps its id, any other gets the next one; the file's own id is only compared. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "text/added_tokens.h"
#include "text/token_map.h"

#define PATH "added_tokens"

/* One entry of the file; of entries with equal contents the last counts. */
typedef struct entry {
    const char *content;
    size_t n_bytes;
    bool normalized, special;
    wick_added_token token;
} entry;

typedef struct loading {
    const wick_reading *reading;
    wick_vocabulary *vocabulary;
    entry *entries;        /* [n] */
    const char **contents; /* [n] for by_content */
    size_t n, next_id;
    wick_token_map by_content;
} loading;

static int load_entry(loading *l, const wick_json *value, size_t index)
{
    static const char *const known[] = {"id",     "content",    "single_word", "lstrip",
                                        "rstrip", "normalized", "special",     NULL};
    const wick_reading *reading = l->reading;
    char path[WICK_FIELD_PATH_BYTES];
    const char *content;
    entry read = {0};
    int64_t id, said;
    snprintf(path, sizeof path, PATH "[%zu]", index);
    int code = wick_fields_check(reading, value, path, known);
    if (code == WICK_OK)
        code = wick_field_integer(reading, value, path, "id", &said);
    if (code == WICK_OK)
        code = wick_field_string(reading, value, path, "content", &content, &read.n_bytes);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "single_word", &read.token.single_word);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "lstrip", &read.token.lstrip);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "rstrip", &read.token.rstrip);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "normalized", &read.normalized);
    if (code == WICK_OK)
        code = wick_field_bool(reading, value, path, "special", &read.special);
    if (code != WICK_OK)
        return code;
    if (said < 0 || said > INT32_MAX)
        return wick_field_corrupt(reading, path, "has the id %lld", (long long)said);
    if (read.n_bytes == 0)
        return WICK_OK; /* never found in a text */
    if (read.n_bytes > WICK_MAX_KEY_BYTES)
        return wick_field_corrupt(reading, path, "is a token of %zu bytes, over %d", read.n_bytes, WICK_MAX_KEY_BYTES);
    int64_t seen = wick_token_map_find(&l->by_content, content, read.n_bytes);
    if (seen >= 0) {
        read.content = l->entries[seen].content;
        read.token.id = l->entries[seen].token.id;
        l->entries[seen] = read;
        return WICK_OK;
    }
    read.content = wick_arena_copy_text(reading->arena, content, read.n_bytes);
    if (!read.content)
        return wick_fail_memory(reading->error, "an added token");
    id = wick_vocabulary_id(l->vocabulary, content, read.n_bytes);
    if (id < 0) {
        id = (int64_t)l->next_id++;
        code = wick_vocabulary_name(reading, l->vocabulary, path, read.content, (size_t)id);
        if (code != WICK_OK)
            return code;
    }
    if (id != said)
        wick_log(WICK_LOG_WARN, "%s: %s is said to have the id %lld and gets %lld", reading->where, path,
                 (long long)said, (long long)id);
    read.token.id = (int32_t)id;
    l->contents[l->n] = read.content;
    l->entries[l->n] = read;
    if (!wick_token_map_put(&l->by_content, read.content, read.n_bytes, (uint32_t)l->n))
        return wick_field_corrupt(reading, path, "is made to collide with other tokens");
    l->n++;
    return WICK_OK;
}

/* What is looked for: the content, normalised where the token says so, in the arena. */
static int pattern_of(const wick_reading *reading, const wick_normalizer *normalizer, const entry *from,
                      const char **pattern, size_t *n)
{
    *pattern = from->content;
    *n = from->n_bytes;
    if (!from->normalized)
        return WICK_OK;
    wick_encoding *encoding = wick_encoding_new();
    wick_encoding_state *state = (wick_encoding_state *)(void *)encoding;
    if (!encoding)
        return wick_fail_memory(reading->error, "an added token");
    wick_source source = {.at = from->content, .end = from->content + from->n_bytes};
    wick_normalizer_begin(normalizer, state);
    wick_normalizer_run(normalizer, &source, SIZE_MAX, state);
    *n = state->text.n_bytes;
    *pattern = wick_arena_copy_text(reading->arena, state->text.bytes ? state->text.bytes : "", *n);
    bool failed = state->out_of_memory || !*pattern;
    wick_encoding_free(encoding);
    return failed ? wick_fail_memory(reading->error, "an added token") : WICK_OK;
}

static int build_set(const loading *l, const wick_normalizer *normalizer, bool normalized, wick_added_set *out)
{
    wick_added_token *tokens = wick_arena_take(l->reading->arena, l->n, sizeof *tokens);
    wick_trie_key *patterns = wick_arena_take(l->reading->arena, l->n, sizeof *patterns);
    if (!tokens || !patterns)
        return wick_fail_memory(l->reading->error, "the added tokens");
    out->only_first = -1;
    for (size_t i = 0; i < l->n; i++) {
        size_t n_bytes;
        const char *pattern;
        if (l->entries[i].normalized != normalized)
            continue;
        int code = pattern_of(l->reading, normalizer, &l->entries[i], &pattern, &n_bytes);
        if (code != WICK_OK)
            return code;
        if (n_bytes == 0) /* the tokenizers package would find it everywhere, or never come to an end */
            return wick_field_unsupported(l->reading, PATH, "a token that is normalised to nothing",
                                          "tokens that leave something");
        if (n_bytes > WICK_MAX_KEY_BYTES)
            return wick_field_corrupt(l->reading, PATH, "has a token that is normalised to %zu bytes (id %d), over %d",
                                      n_bytes, l->entries[i].token.id, WICK_MAX_KEY_BYTES);
        uint8_t first = (uint8_t)pattern[0];
        patterns[out->n_tokens] = (wick_trie_key){pattern, (uint32_t)n_bytes, (uint32_t)out->n_tokens};
        out->only_first = out->n_tokens == 0 || out->only_first == first ? first : -1;
        out->begins[first] = true;
        tokens[out->n_tokens++] = l->entries[i].token;
    }
    out->tokens = tokens;
    int code = wick_token_trie_build(l->reading->arena, patterns, out->n_tokens, &out->patterns);
    if (code == WICK_E_CORRUPT)
        return wick_field_corrupt(l->reading, PATH, "has tokens that are made to take up room");
    return code == WICK_OK ? WICK_OK : wick_fail_memory(l->reading->error, "the added tokens");
}

static int mark_special(const loading *l, wick_added_tokens *out)
{
    bool *is_special = wick_arena_take(l->reading->arena, l->vocabulary->n_ids, sizeof *is_special);
    if (!is_special)
        return wick_fail_memory(l->reading->error, "the added tokens");
    for (size_t i = 0; i < l->n; i++)
        is_special[l->entries[i].token.id] = l->entries[i].special;
    out->is_special = is_special;
    return WICK_OK;
}

int wick_added_tokens_load(const wick_reading *reading, const wick_json *value, const wick_normalizer *normalizer,
                           wick_vocabulary *vocabulary, wick_added_tokens *out)
{
    size_t n = wick_json_count(value);
    loading l = {.reading = reading, .vocabulary = vocabulary, .next_id = vocabulary->n_entries};
    *out = (wick_added_tokens){0};
    if (value && wick_json_type_of(value) != WICK_JSON_ARRAY)
        return wick_field_corrupt(reading, PATH, "is %s, not an array", wick_json_type_name(wick_json_type_of(value)));
    l.entries = wick_arena_take(reading->arena, n, sizeof *l.entries);
    l.contents = wick_arena_take(reading->arena, n, sizeof *l.contents);
    if (!l.entries || !l.contents || !wick_token_map_init(&l.by_content, reading->arena, n, l.contents))
        return wick_fail_memory(reading->error, "the added tokens");
    int code = WICK_OK;
    for (size_t i = 0; i < n && code == WICK_OK; i++)
        code = load_entry(&l, wick_json_at(value, i), i);
    if (code == WICK_OK)
        code = build_set(&l, normalizer, false, &out->original);
    if (code == WICK_OK)
        code = build_set(&l, normalizer, true, &out->normalized);
    if (code == WICK_OK)
        code = mark_special(&l, out);
    return code;
}
