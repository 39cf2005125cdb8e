/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat.c: writing and checking the flat form of a tokenizer (tokenizer_flat.h). */
#include "text/tokenizer_flat.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"

#define ALIGNMENT 64
#define NO_TEXT UINT32_MAX
#define N_BYTES 256

/* An array within the block. */
typedef struct span {
    uint64_t begin, n; /* bytes from the block's beginning; elements */
} span;

typedef struct flat_trie {
    span nodes, numbers;
} flat_trie;

typedef struct flat_set {
    span tokens;
    flat_trie patterns;
} flat_set;

typedef struct flat_head {
    uint64_t n_bytes; /* of the block */
    uint64_t n_ids, n_entries, model_kind, max_word_chars, n_before;
    uint64_t max_tokens, is_left; /* of tokenizer.json's truncation */
    int64_t unknown_id;
    wick_normalizer normalizer;
    wick_pretokenizer pretokenizer;
    span texts, places, special, template_ids;
    flat_trie whole, tails;
    flat_set original, normalized;
} flat_head;

uint64_t wick_tokenizer_flat_layout(void)
{
    const uint64_t sizes[] = {sizeof(flat_head),          sizeof(wick_normalizer),
                              sizeof(wick_pretokenizer),  sizeof(wick_split_stage),
                              sizeof(wick_added_token),   sizeof(wick_trie_node),
                              offsetof(flat_head, texts), offsetof(wick_normalizer, ascii_to)};
    return wick_hash64(sizes, sizeof sizes, 0);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* The first pass (bytes NULL) measures, the second writes. */
typedef struct writer {
    uint8_t *bytes;
    size_t at;
    bool overflow;
} writer;

/* Room for an array. */
static span put_room(writer *w, size_t n, size_t size)
{
    size_t begin = (w->at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, n_bytes, end;
    if (!wick_mul_size(n, size, &n_bytes) || !wick_add_size(begin, n_bytes, &end) || end > UINT32_MAX) {
        w->overflow = true;
        return (span){0};
    }
    w->at = end;
    return (span){begin, n};
}

static span put(writer *w, const void *array, size_t n, size_t size)
{
    span s = put_room(w, n, size);
    if (w->bytes && n > 0)
        memcpy(w->bytes + s.begin, array, n * size);
    return s;
}

static flat_trie put_trie(writer *w, const wick_token_trie *trie)
{
    return (flat_trie){put(w, trie->nodes, trie->n_slots, sizeof *trie->nodes),
                       put(w, trie->numbers, trie->n_slots, sizeof *trie->numbers)};
}

static flat_set put_set(writer *w, const wick_added_set *set)
{
    return (flat_set){put(w, set->tokens, set->n_tokens, sizeof *set->tokens), put_trie(w, &set->patterns)};
}

static void put_texts(writer *w, const wick_vocabulary *vocabulary, flat_head *head)
{
    size_t n_bytes = 0, at = 0;
    for (size_t id = 0; id < vocabulary->n_ids; id++)
        n_bytes += vocabulary->texts[id] ? strlen(vocabulary->texts[id]) + 1 : 0;
    head->texts = put_room(w, n_bytes, 1);
    head->places = put_room(w, vocabulary->n_ids, sizeof(uint32_t));
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
    head->model_kind = (uint64_t)tk->model.kind;
    head->max_word_chars = tk->model.wordpiece.max_word_chars;
    head->unknown_id = tk->model.wordpiece.unknown_id;
    head->n_before = special->n_before;
    head->max_tokens = tk->truncation.max_tokens;
    head->is_left = tk->truncation.is_left;
    head->normalizer = tk->normalizer;
    head->normalizer.charsmap = (wick_charsmap){0};
    head->pretokenizer = tk->pretokenizer;
    put_texts(w, &tk->vocabulary, head);
    head->special = put(w, tk->added.is_special, tk->vocabulary.n_ids, sizeof *tk->added.is_special);
    head->whole = put_trie(w, &tk->vocabulary.whole);
    head->tails = put_trie(w, &tk->vocabulary.tails);
    head->original = put_set(w, &tk->added.original);
    head->normalized = put_set(w, &tk->added.normalized);
    /* `after` stands behind `before` (template.h) */
    head->template_ids = put(w, special->before, special->n_before + special->n_after, sizeof *special->before);
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

typedef struct reader {
    const uint8_t *bytes;
    size_t n_bytes;
    bool is_bad; /* sticky */
} reader;

static void expect(reader *r, bool holds)
{
    r->is_bad |= !holds;
}

/* The array, or NULL where it does not lie within the block. */
static const void *view(reader *r, span s, size_t size)
{
    size_t n_bytes, end;
    if (s.n > SIZE_MAX || s.begin > r->n_bytes || !wick_mul_size((size_t)s.n, size, &n_bytes) ||
        !wick_add_size((size_t)s.begin, n_bytes, &end) || end > r->n_bytes || s.begin % ALIGNMENT != 0) {
        r->is_bad = true;
        return NULL;
    }
    return r->bytes + s.begin;
}

/* A bool that came from a file holds 0 or 1, and so does nothing else. */
static bool is_bool(const void *value)
{
    uint8_t byte;
    memcpy(&byte, value, 1);
    return byte <= 1;
}

/* Every step of a walk stays within the array, and what keys stand for is below n_numbers. */
static void read_trie(reader *r, flat_trie flat, uint64_t n_numbers, wick_token_trie *out)
{
    const wick_trie_node *nodes = view(r, flat.nodes, sizeof *nodes);
    const uint32_t *numbers = view(r, flat.numbers, sizeof *numbers);
    const size_t n = (size_t)flat.nodes.n;
    expect(r, flat.nodes.n == flat.numbers.n && n >= N_BYTES);
    if (r->is_bad)
        return;
    bool holds = (nodes[0].first_last & 1) == 0; /* no key is empty */
    for (size_t i = 0; i < n; i++) {
        const bool is_node = i == 0 || nodes[i].parent != WICK_TRIE_FREE;
        const size_t last = (size_t)(nodes[i].first_last >> 1) + N_BYTES - 1;
        const bool ends_key = is_node && (nodes[i].first_last & 1);
        holds &= (!is_node || last < n) & (!ends_key || numbers[i] < n_numbers);
    }
    expect(r, holds);
    *out = (wick_token_trie){.nodes = nodes, .numbers = numbers, .n_slots = n};
}

/* What begins a pattern is told by the trie's first step. */
static void read_set(reader *r, flat_set flat, uint64_t n_ids, wick_added_set *out)
{
    const wick_added_token *tokens = view(r, flat.tokens, sizeof *tokens);
    *out = (wick_added_set){.tokens = tokens, .n_tokens = (size_t)flat.tokens.n, .only_first = -1};
    read_trie(r, flat.patterns, flat.tokens.n, &out->patterns);
    if (r->is_bad)
        return;
    for (size_t i = 0; i < out->n_tokens; i++)
        expect(r, tokens[i].id >= 0 && (uint64_t)tokens[i].id < n_ids && is_bool(&tokens[i].single_word) &&
                      is_bool(&tokens[i].lstrip) && is_bool(&tokens[i].rstrip));
    const wick_trie_node *nodes = out->patterns.nodes;
    size_t n_first = 0;
    for (size_t byte = 0; byte < N_BYTES; byte++) {
        const size_t slot = (nodes[0].first_last >> 1) + byte;
        out->begins[byte] = out->n_tokens > 0 && slot != 0 && nodes[slot].parent == 0;
        if (out->begins[byte])
            out->only_first = n_first++ == 0 ? (int)byte : -1;
    }
}

static void read_kinds(reader *r, const wick_char_kinds *kinds)
{
    expect(r, is_bool(&kinds->has_plain_words));
    for (size_t i = 0; i < 128; i++)
        expect(r, kinds->ascii[i] <= WICK_CHARS_SYMBOLS);
}

static void read_pretokenizer(reader *r, const wick_pretokenizer *pretokenizer)
{
    expect(r, is_bool(&pretokenizer->is_kinds) && pretokenizer->n_stages <= WICK_MAX_SPLIT_STAGES);
    read_kinds(r, &pretokenizer->kinds);
    for (size_t i = 0; i < pretokenizer->n_stages && !r->is_bad; i++) {
        const wick_split_stage *stage = &pretokenizer->stages[i];
        expect(r, (unsigned)stage->rewrite <= (unsigned)WICK_REWRITE_LAST &&
                      (unsigned)stage->pattern <= (unsigned)WICK_SPLIT_LAST_PATTERN &&
                      (unsigned)stage->behavior <= (unsigned)WICK_SPLIT_LAST_BEHAVIOR && is_bool(&stage->invert));
        expect(r, (unsigned)stage->prepend <= (unsigned)WICK_PREPEND_LAST);
        expect(r, (stage->pattern != WICK_SPLIT_STRING && stage->rewrite != WICK_REWRITE_METASPACE) ||
                      (stage->n_string >= 1 && stage->n_string <= WICK_MAX_SPLIT_STRING));
        read_kinds(r, &stage->kinds);
    }
}

static void read_small_parts(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const wick_normalizer *normalizer = &head->normalizer;
    expect(r, is_bool(&normalizer->ascii_is_plain) && normalizer->n_steps <= WICK_MAX_NORMALIZER_STEPS &&
                  (normalizer->ascii_case == 0 || normalizer->ascii_case == 0x20));
    for (size_t i = 0; i < normalizer->n_steps && !r->is_bad; i++)
        expect(r, (unsigned)normalizer->steps[i] <= (unsigned)WICK_STEP_LAST_OF_BERT);
    expect(r,
           r->is_bad || (is_bool(&normalizer->is_bert) && normalizer->is_bert && wick_normalizer_is_bert(normalizer)));
    for (size_t i = 0; i < 128; i++)
        expect(r, normalizer->ascii_to[i] < 128 && normalizer->ascii_n[i] <= 1);
    read_pretokenizer(r, &head->pretokenizer);
    expect(r, head->model_kind == WICK_TOKENS_WORDPIECE);
    expect(r, head->is_left <= 1 && head->max_tokens <= SIZE_MAX / 2);
    expect(r, head->unknown_id >= 0 && (uint64_t)head->unknown_id < head->n_ids && head->n_ids <= INT32_MAX);
    if (r->is_bad)
        return;
    tk->normalizer = head->normalizer;
    tk->normalizer.charsmap = (wick_charsmap){0};
    tk->pretokenizer = head->pretokenizer;
    tk->truncation = (wick_truncation){(size_t)head->max_tokens, head->is_left == 1};
    tk->model.kind = (wick_token_model_kind)head->model_kind;
    tk->model.wordpiece = (wick_wordpiece){&tk->vocabulary, (int32_t)head->unknown_id, (size_t)head->max_word_chars};
    wick_tokenizer_choose_loop(tk);
}

/* The table of texts by id is all that is built. */
static int read_vocabulary(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const char *texts = view(r, head->texts, 1);
    const uint32_t *places = view(r, head->places, sizeof *places);
    const size_t n = (size_t)head->n_ids;
    expect(r, head->places.n == head->n_ids && head->n_entries <= head->n_ids + 1);
    read_trie(r, head->whole, head->n_ids, &tk->vocabulary.whole);
    read_trie(r, head->tails, head->n_ids, &tk->vocabulary.tails);
    expect(r, !r->is_bad && (head->texts.n == 0 || texts[head->texts.n - 1] == '\0'));
    if (r->is_bad)
        return WICK_E_CORRUPT;
    tk->vocabulary.texts = wick_arena_take(&tk->arena, n, sizeof *tk->vocabulary.texts);
    if (!tk->vocabulary.texts)
        return WICK_E_NO_MEMORY;
    for (size_t id = 0; id < n; id++) {
        if (places[id] == NO_TEXT)
            continue;
        expect(r, places[id] < head->texts.n);
        tk->vocabulary.texts[id] = r->is_bad ? NULL : texts + places[id];
    }
    tk->vocabulary.n_ids = tk->vocabulary.capacity = n;
    tk->vocabulary.n_entries = (size_t)head->n_entries;
    return r->is_bad ? WICK_E_CORRUPT : WICK_OK;
}

static void read_special(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const bool *is_special = view(r, head->special, sizeof *is_special);
    expect(r, head->special.n == head->n_ids);
    for (size_t i = 0; i < head->n_ids && !r->is_bad; i++)
        expect(r, is_bool(&is_special[i]));
    tk->added.is_special = is_special;
}

static void read_template(reader *r, const flat_head *head, wick_tokenizer *tk)
{
    const int32_t *ids = view(r, head->template_ids, sizeof *ids);
    const size_t n = (size_t)head->template_ids.n;
    expect(r, head->n_before <= n);
    for (size_t i = 0; i < n && !r->is_bad; i++)
        expect(r, ids[i] >= 0 && (uint64_t)ids[i] < head->n_ids);
    if (!r->is_bad)
        tk->special = (wick_template){ids, ids + head->n_before, (size_t)head->n_before, n - (size_t)head->n_before};
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
    expect(&r, head.n_bytes == n);
    read_small_parts(&r, &head, tk);
    int code = r.is_bad ? WICK_E_CORRUPT : read_vocabulary(&r, &head, tk);
    if (code == WICK_OK) {
        read_set(&r, head.original, head.n_ids, &tk->added.original);
        read_set(&r, head.normalized, head.n_ids, &tk->added.normalized);
        read_special(&r, &head, tk);
        read_template(&r, &head, tk);
        code = r.is_bad ? WICK_E_CORRUPT : WICK_OK;
    }
    if (code == WICK_OK)
        *out = tk;
    else
        wick_tokenizer_free(tk);
    return code;
}
