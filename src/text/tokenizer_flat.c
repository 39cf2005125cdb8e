/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat.c: writing and checking the flat form of a tokenizer (tokenizer_flat.h). */
#include "text/tokenizer_flat.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "text/flat.h"
#include "text/tokenizer_flat_model.h"
#include "text/tokenizer_flat_parts.h"

#define NO_TEXT UINT32_MAX
#define N_BYTES 256

typedef wick_flat_span span;
typedef wick_flat_writer writer;
typedef wick_flat_reader reader;

typedef struct flat_set {
    span tokens;
    wick_flat_trie patterns;
} flat_set;

typedef struct flat_head {
    uint64_t n_bytes; /* of the block */
    uint64_t n_ids, n_entries, n_before;
    uint64_t max_tokens, is_left; /* of tokenizer.json's truncation */
    uint64_t add_prefix_space;    /* of the template's trim */
    wick_normalizer normalizer;
    wick_pretokenizer pretokenizer;
    span units, replacements; /* of the normalizer's charsmap */
    span texts, places, special, template_ids;
    wick_flat_model model;
    span pair, spaces; /* of the template */
    flat_set original, normalized;
} flat_head;

uint64_t wick_tokenizer_flat_layout(void)
{
    const uint64_t sizes[] = {
        sizeof(flat_head),        sizeof(wick_normalizer),    sizeof(wick_pretokenizer),
        sizeof(wick_split_stage), sizeof(wick_added_token),   sizeof(wick_trie_node),
        sizeof(wick_merge),       sizeof(wick_char_id),       sizeof(wick_template_piece),
        sizeof(wick_token_space), offsetof(flat_head, texts), offsetof(wick_normalizer, ascii_to)};
    return wick_hash64(sizes, sizeof sizes, 0);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static flat_set put_set(writer *w, const wick_added_set *set)
{
    return (flat_set){wick_flat_put(w, set->tokens, set->n_tokens, sizeof *set->tokens),
                      wick_flat_put_trie(w, &set->patterns)};
}

static void put_texts(writer *w, const wick_vocabulary *vocabulary, flat_head *head)
{
    size_t n_bytes = 0, at = 0;
    for (size_t id = 0; id < vocabulary->n_ids; id++)
        n_bytes += vocabulary->texts[id] ? strlen(vocabulary->texts[id]) + 1 : 0;
    head->texts = wick_flat_room(w, n_bytes, 1);
    head->places = wick_flat_room(w, vocabulary->n_ids, sizeof(uint32_t));
    if (!w->bytes)
        return;
    char *texts = (char *)w->bytes + head->texts.begin;
    uint32_t *places = (uint32_t *)(void *)(w->bytes + head->places.begin);
    for (size_t id = 0; id < vocabulary->n_ids; id++) {
        const char *text = vocabulary->texts[id];
        places[id] = text ? (uint32_t)at : NO_TEXT;
        if (!text)
            continue;
        memcpy(texts + at, text, strlen(text) + 1);
        at += strlen(text) + 1;
    }
}

static void put_all(writer *w, const wick_tokenizer *tk, flat_head *head)
{
    const wick_template *special = &tk->special;
    w->at = sizeof *head;
    head->n_ids = tk->vocabulary.n_ids;
    head->n_entries = tk->vocabulary.n_entries;
    head->n_before = special->n_before;
    head->max_tokens = tk->truncation.max_tokens;
    head->is_left = tk->truncation.is_left;
    head->normalizer = tk->normalizer;
    head->units = wick_flat_put(w, tk->normalizer.charsmap.units, tk->normalizer.charsmap.n_units, sizeof(uint32_t));
    head->replacements = wick_flat_put(w, tk->normalizer.charsmap.texts, tk->normalizer.charsmap.n_texts, 1);
    head->normalizer.charsmap = (wick_charsmap){0};
    head->pretokenizer = tk->pretokenizer;
    put_texts(w, &tk->vocabulary, head);
    head->special = wick_flat_put(w, tk->added.is_special, tk->vocabulary.n_ids, sizeof *tk->added.is_special);
    wick_flat_put_model(w, tk, &head->model);
    head->original = put_set(w, &tk->added.original);
    head->normalized = put_set(w, &tk->added.normalized);
    /* `after` stands behind `before` (template.h) */
    head->template_ids =
        wick_flat_put(w, special->before, special->n_before + special->n_after, sizeof *special->before);
    head->pair = wick_flat_put(w, special->pair, special->n_pair, sizeof *special->pair);
    head->spaces = wick_flat_put(w, special->trim.spaces, special->trim.spaces ? tk->vocabulary.n_ids : 0,
                                 sizeof *special->trim.spaces);
    head->add_prefix_space = special->trim.add_prefix_space;
    head->n_bytes = w->at;
}

int wick_tokenizer_flatten(const wick_tokenizer *tokenizer, uint8_t **out, size_t *n_bytes)
{
    flat_head head;
    writer w = {0};
    memset(&head, 0, sizeof head); /* padding too: the same tokenizer is the same bytes */
    put_all(&w, tokenizer, &head);
    w.bytes = w.overflow ? NULL : calloc(w.at, 1);
    if (!w.bytes)
        return WICK_E_NO_MEMORY;
    put_all(&w, tokenizer, &head);
    memcpy(w.bytes, &head, sizeof head);
    *out = w.bytes;
    *n_bytes = w.at;
    return WICK_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* What begins a pattern is told by the trie's first step. */
static void read_set(reader *r, flat_set flat, uint64_t n_ids, wick_added_set *out)
{
    const wick_added_token *tokens = wick_flat_view(r, flat.tokens, sizeof *tokens);
    *out = (wick_added_set){.tokens = tokens, .n_tokens = (size_t)flat.tokens.n, .only_first = -1};
    wick_flat_read_trie(r, flat.patterns, flat.tokens.n, true, &out->patterns);
    if (r->is_bad)
        return;
    for (size_t i = 0; i < out->n_tokens; i++)
        wick_flat_expect(r, tokens[i].id >= 0 && (uint64_t)tokens[i].id < n_ids &&
                                wick_flat_is_bool(&tokens[i].single_word) && wick_flat_is_bool(&tokens[i].lstrip) &&
                                wick_flat_is_bool(&tokens[i].rstrip));
    const wick_trie_node *nodes = out->patterns.nodes;
    size_t n_first = 0;
    for (size_t byte = 0; byte < N_BYTES; byte++) {
        const size_t slot = (nodes[0].first_last >> 1) + byte;
        out->begins[byte] = out->n_tokens > 0 && slot != 0 && nodes[slot].parent == 0;
        if (out->begins[byte])
            out->only_first = n_first++ == 0 ? (int)byte : -1;
    }
}

static void read_small_parts(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    wick_charsmap map = {.units = wick_flat_view(r, head->units, sizeof(uint32_t)),
                         .texts = wick_flat_view(r, head->replacements, 1),
                         .n_units = (size_t)head->units.n,
                         .n_texts = (size_t)head->replacements.n};
    wick_flat_expect(r, r->is_bad || map.n_units == 0 || wick_charsmap_prepare(&map));
    tk->normalizer = head->normalizer;
    tk->normalizer.charsmap = map;
    wick_flat_expect(r, wick_normalizer_is_sound(&tk->normalizer) && wick_pretokenizer_is_sound(&head->pretokenizer));
    wick_flat_expect(r, head->is_left <= 1 && head->max_tokens <= SIZE_MAX / 2 && head->n_ids <= INT32_MAX);
    if (r->is_bad)
        return;
    tk->pretokenizer = head->pretokenizer;
    tk->truncation = (wick_truncation){(size_t)head->max_tokens, head->is_left == 1};
}

/* The table of texts by id is all that is built. */
static int read_vocabulary(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const char *texts = wick_flat_view(r, head->texts, 1);
    const uint32_t *places = wick_flat_view(r, head->places, sizeof *places);
    const size_t n = (size_t)head->n_ids;
    wick_flat_expect(r, head->places.n == head->n_ids && head->n_entries <= head->n_ids + 1);
    wick_flat_expect(r, !r->is_bad && (head->texts.n == 0 || texts[head->texts.n - 1] == '\0'));
    if (r->is_bad)
        return WICK_E_CORRUPT;
    tk->vocabulary.texts = wick_arena_take(&tk->arena, n, sizeof *tk->vocabulary.texts);
    if (!tk->vocabulary.texts)
        return WICK_E_NO_MEMORY;
    bool holds = true;
    for (size_t id = 0; id < n; id++) {
        const uint32_t place = places[id];
        holds &= (place < head->texts.n) | (place == NO_TEXT);
        tk->vocabulary.texts[id] = place < head->texts.n ? texts + place : NULL;
    }
    wick_flat_expect(r, holds);
    tk->vocabulary.n_ids = tk->vocabulary.capacity = n;
    tk->vocabulary.n_entries = (size_t)head->n_entries;
    return r->is_bad ? WICK_E_CORRUPT : WICK_OK;
}

static void read_special(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const bool *is_special = wick_flat_view(r, head->special, sizeof *is_special);
    wick_flat_expect(r, head->special.n == head->n_ids);
    const uint8_t *flags = (const uint8_t *)is_special;
    unsigned all = 0;
    for (size_t i = 0; i < head->n_ids && !r->is_bad; i++)
        all |= flags[i];
    wick_flat_expect(r, all <= 1);
    tk->added.is_special = is_special;
}

/* Of a pair's form: both texts once, and tokens. */
static bool is_pair(const wick_template_piece *pair, size_t n, uint64_t n_ids)
{
    size_t n_first = 0, n_second = 0;
    bool holds = true;
    for (size_t i = 0; i < n; i++) {
        n_first += pair[i].id == WICK_PIECE_FIRST;
        n_second += pair[i].id == WICK_PIECE_SECOND;
        holds &= pair[i].id >= WICK_PIECE_SECOND && pair[i].type <= WICK_MAX_TYPE_ID &&
                 (pair[i].id < 0 || (uint64_t)pair[i].id < n_ids);
    }
    return holds && (n == 0 || (n_first == 1 && n_second == 1));
}

static void read_template(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const int32_t *ids = wick_flat_view(r, head->template_ids, sizeof *ids);
    const wick_template_piece *pair = wick_flat_view(r, head->pair, sizeof *pair);
    const wick_token_space *spaces = wick_flat_view(r, head->spaces, sizeof *spaces);
    const size_t n = (size_t)head->template_ids.n;
    wick_flat_expect(r, head->n_before <= n && (head->spaces.n == 0 || head->spaces.n == head->n_ids) &&
                            head->add_prefix_space <= 1);
    for (size_t i = 0; i < n && !r->is_bad; i++)
        wick_flat_expect(r, ids[i] >= 0 && (uint64_t)ids[i] < head->n_ids);
    wick_flat_expect(r, !r->is_bad && is_pair(pair, (size_t)head->pair.n, head->n_ids));
    if (r->is_bad)
        return;
    tk->special = (wick_template){.before = ids,
                                  .n_before = (size_t)head->n_before,
                                  .after = ids + head->n_before,
                                  .n_after = n - (size_t)head->n_before,
                                  .pair = pair,
                                  .n_pair = (size_t)head->pair.n};
    tk->special.trim =
        (wick_trim){.spaces = head->spaces.n > 0 ? spaces : NULL, .add_prefix_space = head->add_prefix_space == 1};
}

int wick_tokenizer_unflatten(const uint8_t *bytes, size_t n, wick_tokenizer **out)
{
    flat_head head;
    reader r = {.bytes = bytes, .n_bytes = n};
    *out = NULL;
    if (n < sizeof head)
        return WICK_E_CORRUPT;
    memcpy(&head, bytes, sizeof head);
    wick_tokenizer *tk = calloc(1, sizeof *tk);
    if (!tk)
        return WICK_E_NO_MEMORY;
    wick_flat_expect(&r, head.n_bytes == n);
    read_small_parts(&r, &head, tk);
    int code = r.is_bad ? WICK_E_CORRUPT : read_vocabulary(&r, &head, tk);
    if (code == WICK_OK) {
        read_set(&r, head.original, head.n_ids, &tk->added.original);
        read_set(&r, head.normalized, head.n_ids, &tk->added.normalized);
        read_special(&r, &head, tk);
        read_template(&r, &head, tk);
        wick_flat_read_model(&r, &head.model, tk);
        wick_tokenizer_choose_loop(tk);
        code = r.is_bad ? WICK_E_CORRUPT : WICK_OK;
    }
    if (code == WICK_OK)
        *out = tk;
    else
        wick_tokenizer_free(tk);
    return code;
}
