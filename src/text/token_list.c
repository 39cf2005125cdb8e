/* SPDX-License-Identifier: Apache-2.0
 * token_list.c: reading a vocabulary out of a text (token_list.h). */
#include "text/token_list.h"

#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "base/json_list.h"
#include "base/large.h"
#include "base/utf8.h"
#include "text/score.h"

/* What is being read; a list of one place is empty. */
typedef struct building {
    wick_token_list *list;
    size_t capacity, merge_capacity, at; /* at: end of the texts */
    bool out_of_memory;
} building;

/* What the model says that it is, as it is written. */
typedef enum kind { OTHER, UNIGRAM, BPE } kind;

static kind kind_of(const char *json, size_t n)
{
    static const char *const types[] = {[UNIGRAM] = "\"Unigram\"", [BPE] = "\"BPE\""};
    wick_json_cursor c;
    if (!wick_json_find(json, n, "model", "type", &c))
        return OTHER;
    for (kind k = UNIGRAM; k <= BPE; k++)
        if ((size_t)(c.end - c.at) >= strlen(types[k]) && memcmp(c.at, types[k], strlen(types[k])) == 0)
            return k;
    return OTHER;
}

/* Room for one more of *array. */
static bool grow_array(building *b, void **array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    const size_t more = 4 * *capacity + 1024; /* far below SIZE_MAX: the file has more bytes than a quarter of that */
    void *grown = wick_large_take(more * size);
    b->out_of_memory |= !grown;
    if (!grown)
        return false;
    if (n > 0)
        memcpy(grown, *array, n * size);
    free(*array);
    *array = grown;
    *capacity = more;
    return true;
}

/* ---- Unigram: [[TOKEN, SCORE], ...] --------------------------------------------------------------------------------- */

/* Room for one more. */
static bool grow(building *b)
{
    wick_token_list *list = b->list;
    size_t of_scores = b->capacity;
    void *keys = list->keys, *scores = list->scores;
    const bool grown = grow_array(b, &keys, list->n, &b->capacity, sizeof *list->keys) &&
                       grow_array(b, &scores, list->n, &of_scores, sizeof *list->scores);
    list->keys = keys;
    list->scores = scores;
    return grown;
}

/* [TOKEN, SCORE] */
static bool read_entry(wick_json_cursor *c, char *text, size_t *n, double *score)
{
    const char *number;
    size_t n_number;
    return wick_json_take_mark(c, '[') && wick_json_take_string(c, text, n) && wick_json_take_mark(c, ',') &&
           wick_json_take_number(c, &number, &n_number) && wick_score_read(number, n_number, score) &&
           wick_json_take_mark(c, ']');
}

static bool read_scored(wick_json_cursor *c, building *b)
{
    wick_token_list *list = b->list;
    size_t n = 0;
    if (!wick_json_take_mark(c, '['))
        return false;
    do {
        if (!grow(b) || !read_entry(c, list->texts + b->at, &n, &list->scores[list->n]))
            return false;
        list->keys[list->n] = (wick_trie_key){list->texts + b->at, (uint32_t)n, (uint32_t)list->n};
        list->n++;
        list->n_text_bytes += n + 1;
        b->at += n;
    } while (wick_json_take_mark(c, ','));
    return wick_json_take_mark(c, ']');
}

/* ---- BPE: {TOKEN: ID, ...}, [[LEFT, RIGHT], ...] or ["LEFT RIGHT", ...] ---------------------------------------------- */

static bool read_numbered(wick_json_cursor *c, building *b)
{
    wick_token_list *list = b->list;
    if (!wick_json_take_mark(c, '{'))
        return false;
    do {
        size_t n = 0;
        int64_t id = -1;
        void *keys = list->keys;
        const bool has_room = grow_array(b, &keys, list->n, &b->capacity, sizeof *list->keys);
        list->keys = keys;
        if (!has_room || !wick_json_take_string(c, list->texts + b->at, &n) || !wick_json_take_mark(c, ':') ||
            !wick_json_take_integer(c, &id) || id < 0 || id > UINT32_MAX)
            return false;
        list->keys[list->n++] = (wick_trie_key){list->texts + b->at, (uint32_t)n, (uint32_t)id};
        list->n_text_bytes += n + 1;
        b->at += n;
    } while (wick_json_take_mark(c, ','));
    return wick_json_take_mark(c, '}');
}

/* "LEFT RIGHT", in text[0..n): the right one takes the space's place. */
static bool part_at_space(char *text, size_t n, size_t *n_left, size_t *n_right)
{
    char *space = memchr(text, ' ', n);
    if (!space)
        return false;
    *n_left = (size_t)(space - text);
    *n_right = n - *n_left - 1;
    memmove(space, space + 1, *n_right);
    return !memchr(space, ' ', *n_right);
}

static bool read_merge(wick_json_cursor *c, building *b, wick_listed_merge *out)
{
    char *text = b->list->texts + b->at;
    size_t n_left = 0, n_right = 0, n = 0;
    const bool is_pair = wick_json_take_mark(c, '[');
    const bool holds = is_pair ? wick_json_take_string(c, text, &n_left) && wick_json_take_mark(c, ',') &&
                                     wick_json_take_string(c, text + n_left, &n_right) && wick_json_take_mark(c, ']')
                               : wick_json_take_string(c, text, &n) && part_at_space(text, n, &n_left, &n_right);
    *out = (wick_listed_merge){(uint32_t)b->at, (uint32_t)n_left, (uint32_t)n_right};
    b->at += n_left + n_right;
    return holds;
}

static bool read_merges(wick_json_cursor *c, building *b)
{
    wick_token_list *list = b->list;
    if (!wick_json_take_mark(c, '['))
        return false;
    do {
        void *merges = list->merges;
        const bool has_room = grow_array(b, &merges, list->n_merges, &b->merge_capacity, sizeof *list->merges);
        list->merges = merges;
        if (!has_room || !read_merge(c, b, &list->merges[list->n_merges]))
            return false;
        list->n_merges++;
    } while (wick_json_take_mark(c, ','));
    return wick_json_take_mark(c, ']');
}

/* ---- the document --------------------------------------------------------------------------------------------------- */

/* A value that was read out of the text. */
typedef struct stretch {
    const char *begin, *end;
    const char *empty; /* what takes its place */
} stretch;

/* The document with empty values in place of the stretches, which are in order. */
static bool cut(const char *json, size_t n, const stretch *stretches, size_t n_stretches, building *b)
{
    wick_token_list *list = b->list;
    const char *from = json;
    list->rest = malloc(n + 1); /* what takes a place is no longer */
    if (!list->rest) {
        b->out_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < n_stretches; i++) {
        const stretch *s = &stretches[i];
        memcpy(list->rest + list->n_rest, from, (size_t)(s->begin - from));
        list->n_rest += (size_t)(s->begin - from);
        memcpy(list->rest + list->n_rest, s->empty, strlen(s->empty));
        list->n_rest += strlen(s->empty);
        from = s->end;
    }
    memcpy(list->rest + list->n_rest, from, (size_t)(json + n - from));
    list->n_rest += (size_t)(json + n - from);
    return true;
}

typedef bool reader(wick_json_cursor *c, building *b);

/* Reads the value that the cursor stands at. */
static bool take(wick_json_cursor *c, reader *read, building *b, stretch *out)
{
    out->begin = c->at;
    if (!read(c, b) || !wick_utf8_valid(out->begin, (size_t)(c->at - out->begin), NULL))
        return false;
    out->end = c->at;
    return true;
}

/* The merges most often follow the vocabulary. */
static bool find_merges(const char *json, size_t n, const char *behind_vocab, wick_json_cursor *c)
{
    *c = (wick_json_cursor){behind_vocab, json + n};
    return wick_json_find_next(c, "merges") || wick_json_find(json, n, "model", "merges", c);
}

static bool read_model(const char *json, size_t n, building *b)
{
    stretch vocab = {.empty = "[]"}, merges = {.empty = "[]"};
    wick_json_cursor c;
    const kind k = kind_of(json, n);
    if (k == OTHER || !wick_json_find(json, n, "model", "vocab", &c))
        return false;
    if (k == UNIGRAM)
        return take(&c, read_scored, b, &vocab) && cut(json, n, &vocab, 1, b);
    vocab.empty = "{}";
    if (!take(&c, read_numbered, b, &vocab) || !find_merges(json, n, vocab.end, &c) ||
        !take(&c, read_merges, b, &merges))
        return false;
    const bool in_order = vocab.begin < merges.begin;
    return cut(json, n, in_order ? (stretch[]){vocab, merges} : (stretch[]){merges, vocab}, 2, b);
}

int wick_token_list_read(const char *json, size_t n, wick_token_list *out)
{
    building b = {.list = out};
    *out = (wick_token_list){0};
    if (n > UINT32_MAX)
        return WICK_OK;
    out->texts = wick_large_take(n + 1); /* no string is longer without its quotes */
    b.out_of_memory = !out->texts;
    if (out->texts && read_model(json, n, &b))
        return WICK_OK;
    wick_token_list_free(out);
    return b.out_of_memory ? WICK_E_NO_MEMORY : WICK_OK;
}

void wick_token_list_free(wick_token_list *list)
{
    free(list->keys);
    free(list->scores);
    free(list->merges);
    free(list->texts);
    free(list->rest);
    *list = (wick_token_list){0};
}
