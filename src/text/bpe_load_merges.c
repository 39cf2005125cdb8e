/* SPDX-License-Identifier: Apache-2.0
 * bpe_load_merges.c: a BPE model's "merges" -> the table of bpe.h, its filter, and the neighbours that merging brings about (bpe_load.h). The tables of tokens and of merges are larger than the
 * caches, so that merges are taken by the dozen: what is looked for next is on its way while others are dealt with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/bpe_load.h"

#define PATH "model"
/* A probe this long never happens by chance at a load of three quarters. */
#define MAX_PROBES 4096
#define BATCH 24

typedef struct part {
    const char *text;
    size_t n;
} part;

/* A merge on its way into the table. */
typedef struct pending {
    part left, right;
    wick_token_probe of_left, of_right;
    size_t index; /* in the file's list */
    wick_merge merge;
} pending;

typedef struct merging {
    wick_bpe_loading *l;
    wick_merge *slots; /* [mask + 1] */
    uint32_t *merged;  /* by rank */
    uint64_t *filter;  /* [filter_mask / 64 + 1] */
    size_t mask, filter_mask;
    pending batch[BATCH];
    size_t n;      /* of the batch */
    uint32_t rank; /* of the next merge */
} merging;

/* The two as one text, behind which WICK_TOKEN_MAP_PAD bytes may be read. Those of a list stand next to each other. NULL: out of memory. */
static const char *join(wick_bpe_loading *l, part left, part right)
{
    const size_t n = left.n + right.n; /* of one document: no overflow */
    if (l->reading->tokens)
        return left.text;
    if (n + WICK_TOKEN_MAP_PAD > l->n_joined) {
        const size_t room = 2 * n + WICK_TOKEN_MAP_PAD;
        char *joined = realloc(l->joined, room);
        if (!joined)
            return NULL;
        l->joined = joined;
        l->n_joined = room;
    }
    memcpy(l->joined, left.text, left.n);
    memcpy(l->joined + left.n, right.text, right.n);
    return l->joined;
}

/* The id of the token whose text is that of the two together. */
static int64_t id_of_joined(wick_bpe_loading *l, part left, part right)
{
    const size_t n = left.n + right.n;
    const char *text = join(l, left, right);
    if (!text)
        return -1;
    if (l->guess < l->vocabulary->n_ids && l->vocabulary->lengths[l->guess] == n &&
        wick_token_map_same(l->vocabulary->texts[l->guess], text, n))
        return (int64_t)l->guess++;
    const int64_t id = wick_vocabulary_id(l->vocabulary, text, n);
    l->guess = (size_t)(id + 1);
    return id;
}

/* Of equal pairs the last counts. */
static bool put_merge(merging *m, wick_merge merge)
{
    const uint64_t hash = wick_merge_hash(merge.left, merge.right);
    const size_t bit = wick_filter_bit(hash) & m->filter_mask;
    size_t at = (size_t)hash;
    m->filter[bit / 64] |= (uint64_t)1 << bit % 64;
    for (size_t n_probes = 0; n_probes < MAX_PROBES; n_probes++, at++) {
        wick_merge *slot = &m->slots[at & m->mask];
        if (slot->rank == WICK_NO_RANK || (slot->left == merge.left && slot->right == merge.right)) {
            *slot = merge;
            return true;
        }
    }
    return false;
}

/* How many bytes of a text are shown in an error. */
static int shown(size_t n)
{
    return n < 40 ? (int)n : 40;
}

static int fail_at(const merging *m, const pending *p, bool has_parts, bool has_whole)
{
    char path[WICK_FIELD_PATH_BYTES];
    snprintf(path, sizeof path, PATH ".merges[%zu]", p->index);
    if (has_parts && has_whole)
        return wick_field_corrupt(m->l->reading, path, "is made to collide with others");
    return wick_field_corrupt(m->l->reading, path, "names \"%.*s%.*s\", of which the vocabulary lacks %s",
                              shown(p->left.n), p->left.text, shown(p->right.n), p->right.text,
                              has_parts ? "the whole" : "a part");
}

/* An empty text is no token. */
static int64_t id_of(const merging *m, part p, wick_token_probe probe)
{
    return p.n > 0 ? wick_token_map_find_at(&m->l->vocabulary->by_text, probe, p.text, p.n) : -1;
}

/* Puts the batch into the table. */
static int flush(merging *m)
{
    for (size_t i = 0; i < m->n; i++) {
        pending *p = &m->batch[i];
        const int64_t left = id_of(m, p->left, p->of_left), right = id_of(m, p->right, p->of_right);
        const bool has_parts = left >= 0 && right >= 0;
        const int64_t id = has_parts ? id_of_joined(m->l, p->left, p->right) : -1;
        if (id < 0)
            return fail_at(m, p, has_parts, false);
        p->merge = (wick_merge){(uint32_t)left, (uint32_t)right, m->rank};
        m->merged[m->rank++] = (uint32_t)id;
        __builtin_prefetch(&m->slots[wick_merge_hash((uint32_t)left, (uint32_t)right) & m->mask], 1);
        wick_bpe_mark_join(m->l, p->left.text, p->left.n, p->right.text);
    }
    for (size_t i = 0; i < m->n; i++)
        if (!put_merge(m, m->batch[i].merge))
            return fail_at(m, &m->batch[i], true, true);
    m->n = 0;
    return WICK_OK;
}

/* Behind the texts of a list some bytes may be read. */
static wick_token_probe probe_of(const merging *m, part p)
{
    const wick_token_map *tokens = &m->l->vocabulary->by_text;
    return m->l->reading->tokens ? wick_token_map_probe_padded(tokens, p.text, p.n)
                                 : wick_token_map_probe(tokens, p.text, p.n);
}

static int add_merge(merging *m, part left, part right, size_t index)
{
    pending *p = &m->batch[m->n++];
    p->left = left;
    p->right = right;
    p->of_left = probe_of(m, left);
    p->of_right = probe_of(m, right);
    p->index = index;
    return m->n == BATCH ? flush(m) : WICK_OK;
}

/* The first line of merges.txt, which some files have among the merges. */
static bool is_version(const char *text, size_t n)
{
    return n >= 8 && memcmp(text, "#version", 8) == 0;
}

/* ["a", "b"], or "a b" as files were written before 2024. */
static bool read_merge(const wick_json *value, part *left, part *right)
{
    if (wick_json_type_of(value) == WICK_JSON_ARRAY) {
        left->text = wick_json_string(wick_json_at(value, 0), &left->n);
        right->text = wick_json_string(wick_json_at(value, 1), &right->n);
        return wick_json_count(value) == 2 && left->text && right->text;
    }
    size_t n;
    const char *text = wick_json_string(value, &n);
    const char *space = text ? memchr(text, ' ', n) : NULL;
    if (!space)
        return false;
    *left = (part){text, (size_t)(space - text)};
    *right = (part){space + 1, n - left->n - 1};
    return !memchr(right->text, ' ', right->n);
}

/* Merges of the document. */
static int add_merges(merging *m, const wick_json *list)
{
    int code = WICK_OK;
    for (size_t i = 0; i < wick_json_count(list) && code == WICK_OK; i++) {
        const wick_json *value = wick_json_at(list, i);
        part left, right;
        char path[WICK_FIELD_PATH_BYTES];
        size_t n;
        const char *text = wick_json_string(value, &n);
        if (text && is_version(text, n))
            continue;
        snprintf(path, sizeof path, PATH ".merges[%zu]", i);
        code = read_merge(value, &left, &right) ? add_merge(m, left, right, i)
                                                : wick_field_corrupt(m->l->reading, path, "is not two tokens");
    }
    return code;
}

/* Those of a list that was read already. A version among them is no list's: it has the form of two tokens of which the vocabulary lacks one, so that the document is read. */
static int add_listed(merging *m, const wick_token_list *list)
{
    int code = WICK_OK;
    for (size_t i = 0; i < list->n_merges && code == WICK_OK; i++) {
        const wick_listed_merge *merge = &list->merges[i];
        const part left = {list->merge_texts + merge->begin, merge->n_left};
        const part right = {left.text + left.n, merge->n_right};
        code = is_version(left.text, left.n) ? wick_field_corrupt(m->l->reading, PATH, "has a version among its merges")
                                             : add_merge(m, left, right, i);
    }
    return code;
}

/* The tables, empty. */
static int make_room(merging *m, size_t n_merges)
{
    const wick_reading *reading = m->l->reading;
    size_t n_slots = 16;
    while (n_slots / 4 * 3 < n_merges)
        n_slots *= 2;
    m->mask = n_slots - 1;
    m->filter_mask = n_slots * WICK_FILTER_BITS - 1;
    m->slots = wick_arena_take_raw(reading->arena, n_slots, sizeof *m->slots);
    m->filter = wick_arena_take(reading->arena, n_slots * WICK_FILTER_BITS / 64, sizeof *m->filter);
    m->merged = wick_arena_take_raw(reading->arena, n_merges, sizeof *m->merged);
    if (!m->slots || !m->filter || !m->merged)
        return wick_fail_memory(reading->error, "the tokenizer's merges");
    memset(m->slots, 0xFF, n_slots * sizeof *m->slots); /* WICK_NO_RANK */
    return wick_bpe_begin_joins(m->l, n_merges);
}

int wick_bpe_load_merges(wick_bpe_loading *l, const wick_json *list)
{
    const wick_token_list *read = l->reading->tokens;
    merging m = {.l = l};
    if (wick_json_type_of(list) != WICK_JSON_ARRAY)
        return wick_field_corrupt(l->reading, PATH, "has no list \"merges\"");
    int code = make_room(&m, read ? read->n_merges : wick_json_count(list));
    if (code == WICK_OK)
        code = read ? add_listed(&m, read) : add_merges(&m, list);
    if (code == WICK_OK)
        code = flush(&m);
    l->out->merges = m.slots;
    l->out->merge_mask = m.mask;
    l->out->merged = m.merged;
    l->out->n_merged = m.rank;
    l->out->filter = m.filter;
    l->out->filter_mask = m.filter_mask;
    return code;
}
