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
#include "text/token_map.h"

/* What is being read; a list of one place is empty. */
typedef struct building {
    wick_token_list *list;
    size_t capacity, merge_capacity;
    char *text, *text_end; /* where the next one goes: within the list's texts or those of its merges */
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

/* An entry of a list seldom takes fewer bytes; and what is never touched costs nothing. */
#define BYTES_AN_ENTRY 16

/* Room for one more of *array, of an entry that stands at the cursor. */
static bool grow_array(building *b, const wick_json_cursor *c, void **array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    /* far below SIZE_MAX: the text has as many bytes */
    const size_t more = 2 * *capacity + (size_t)(c->end - c->at) / BYTES_AN_ENTRY + 1;
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

/* Room for the texts of what stands from the cursor on; NULL: out of memory. No string is longer than with its quotes, in whose place a terminator goes. */
static char *take_texts(const wick_json_cursor *c, building *b)
{
    const size_t n_bytes = (size_t)(c->end - c->at) + WICK_TOKEN_MAP_PAD;
    char *texts = wick_large_take(n_bytes);
    b->out_of_memory |= !texts;
    b->text = texts;
    b->text_end = texts ? texts + n_bytes : NULL;
    return texts;
}

/* Reads a token, and ends its text. */
static bool read_token(wick_json_cursor *c, building *b, uint32_t number)
{
    size_t n;
    if (!wick_json_take_string(c, b->text, &n))
        return false;
    b->text[n] = '\0';
    b->list->keys[b->list->n++] = (wick_trie_key){b->text, (uint32_t)n, number};
    b->text += n + 1;
    return true;
}

/* The texts stay as they are: what they left over goes. All that stands between the strings was taken as ASCII, and their terminators keep them apart: these are UTF-8 if the document's list is. */
static bool end_texts(const building *b)
{
    char *rest = b->text + WICK_TOKEN_MAP_PAD;
    if (rest < b->text_end)
        wick_large_give_back(rest, (size_t)(b->text_end - rest));
    return wick_utf8_valid(b->list->texts, (size_t)(b->text - b->list->texts), NULL);
}

/* ---- Unigram: [[TOKEN, SCORE], ...] --------------------------------------------------------------------------------- */

/* Room for one more. */
static bool grow(building *b, const wick_json_cursor *c)
{
    wick_token_list *list = b->list;
    size_t of_scores = b->capacity;
    void *keys = list->keys, *scores = list->scores;
    const bool grown = grow_array(b, c, &keys, list->n, &b->capacity, sizeof *list->keys) &&
                       grow_array(b, c, &scores, list->n, &of_scores, sizeof *list->scores);
    list->keys = keys;
    list->scores = scores;
    return grown;
}

static bool read_score(wick_json_cursor *c, double *out)
{
    const char *number = c->at + (c->at < c->end && *c->at == ' ');
    const char *end = wick_score_take(number, c->end, out);
    size_t n;
    if (!end)
        return wick_json_take_number(c, &number, &n) && wick_score_read(number, n, out);
    c->at = end;
    return true;
}

/* [TOKEN, SCORE] */
static bool read_entry(wick_json_cursor *c, building *b)
{
    const size_t id = b->list->n;
    return wick_json_take_mark(c, '[') && read_token(c, b, (uint32_t)id) && wick_json_take_mark(c, ',') &&
           read_score(c, &b->list->scores[id]) && wick_json_take_mark(c, ']');
}

static bool read_scored(wick_json_cursor *c, building *b)
{
    b->list->texts = take_texts(c, b);
    if (!b->list->texts || !wick_json_take_mark(c, '['))
        return false;
    do {
        if (!grow(b, c) || !read_entry(c, b))
            return false;
    } while (wick_json_take_mark(c, ','));
    wick_large_give_back(b->list->scores + b->list->n, (b->capacity - b->list->n) * sizeof *b->list->scores);
    return wick_json_take_mark(c, ']') && end_texts(b);
}

/* ---- BPE: {TOKEN: ID, ...}, [[LEFT, RIGHT], ...] or ["LEFT RIGHT", ...] ---------------------------------------------- */

static bool read_numbered(wick_json_cursor *c, building *b)
{
    wick_token_list *list = b->list;
    list->texts = take_texts(c, b);
    if (!list->texts || !wick_json_take_mark(c, '{'))
        return false;
    do {
        int64_t id = -1;
        void *keys = list->keys;
        const bool has_room = grow_array(b, c, &keys, list->n, &b->capacity, sizeof *list->keys);
        list->keys = keys;
        if (!has_room || !read_token(c, b, 0) || !wick_json_take_mark(c, ':') || !wick_json_take_integer(c, &id) ||
            id < 0 || id > UINT32_MAX)
            return false;
        list->keys[list->n - 1].number = (uint32_t)id;
    } while (wick_json_take_mark(c, ','));
    return wick_json_take_mark(c, '}') && end_texts(b);
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
    char *text = b->text;
    size_t n_left = 0, n_right = 0, n = 0;
    const bool is_pair = wick_json_take_mark(c, '[');
    const bool holds = is_pair ? wick_json_take_string(c, text, &n_left) && wick_json_take_mark(c, ',') &&
                                     wick_json_take_string(c, text + n_left, &n_right) && wick_json_take_mark(c, ']')
                               : wick_json_take_string(c, text, &n) && part_at_space(text, n, &n_left, &n_right);
    *out = (wick_listed_merge){(uint32_t)(text - b->list->merge_texts), (uint32_t)n_left, (uint32_t)n_right};
    b->text += n_left + n_right;
    return holds;
}

static bool read_merges(wick_json_cursor *c, building *b)
{
    wick_token_list *list = b->list;
    list->merge_texts = take_texts(c, b);
    if (!list->merge_texts || !wick_json_take_mark(c, '['))
        return false;
    do {
        void *merges = list->merges;
        const bool has_room = grow_array(b, c, &merges, list->n_merges, &b->merge_capacity, sizeof *list->merges);
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
    if (!read(c, b))
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
    if (read_model(json, n, &b))
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
    free(list->merge_texts);
    free(list->rest);
    *list = (wick_token_list){0};
}
