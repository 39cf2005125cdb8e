/* SPDX-License-Identifier: Apache-2.0
 * token_list.c: reading a Unigram vocabulary out of a text (token_list.h). */
#include "text/token_list.h"

#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "base/json_list.h"
#include "base/utf8.h"
#include "text/score.h"

#define UNIGRAM "\"Unigram\""
#define EMPTY "[]"

static bool is_unigram(const char *json, size_t n)
{
    wick_json_cursor type;
    return wick_json_find(json, n, "model", "type", &type) && (size_t)(type.end - type.at) >= strlen(UNIGRAM) &&
           memcmp(type.at, UNIGRAM, strlen(UNIGRAM)) == 0;
}

/* Room for one more. */
static bool grow(wick_token_list *list, size_t *capacity, bool *out_of_memory)
{
    if (list->n < *capacity)
        return true;
    const size_t n = 2 * *capacity + 1024; /* far below SIZE_MAX: the file has more bytes than that */
    void *keys = realloc(list->keys, n * sizeof *list->keys);
    list->keys = keys ? keys : list->keys;
    void *scores = realloc(list->scores, n * sizeof *list->scores);
    list->scores = scores ? scores : list->scores;
    *capacity = keys && scores ? n : *capacity;
    *out_of_memory = !keys || !scores;
    return !*out_of_memory;
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

static bool read_entries(wick_json_cursor *c, wick_token_list *list, bool *out_of_memory)
{
    size_t capacity = 0, at = 0, n = 0;
    if (!wick_json_take_mark(c, '['))
        return false;
    do {
        if (!grow(list, &capacity, out_of_memory) || !read_entry(c, list->texts + at, &n, &list->scores[list->n]))
            return false;
        list->keys[list->n] = (wick_trie_key){list->texts + at, (uint32_t)n, (uint32_t)list->n};
        list->n++;
        list->n_text_bytes += n + 1;
        at += n;
    } while (wick_json_take_mark(c, ','));
    return wick_json_take_mark(c, ']');
}

/* The document with an empty list in place of [begin, end). */
static bool cut(const char *json, size_t n, const char *begin, const char *end, wick_token_list *list)
{
    const size_t n_before = (size_t)(begin - json), n_after = (size_t)(json + n - end);
    list->n_rest = n_before + strlen(EMPTY) + n_after;
    list->rest = malloc(list->n_rest);
    if (!list->rest)
        return false;
    memcpy(list->rest, json, n_before);
    memcpy(list->rest + n_before, EMPTY, strlen(EMPTY));
    memcpy(list->rest + n_before + strlen(EMPTY), end, n_after);
    return true;
}

int wick_token_list_read(const char *json, size_t n, wick_token_list *out)
{
    wick_json_cursor c;
    bool out_of_memory = false;
    *out = (wick_token_list){0};
    if (n > UINT32_MAX || !is_unigram(json, n) || !wick_json_find(json, n, "model", "vocab", &c))
        return WICK_OK;
    const char *begin = c.at;
    out->texts = malloc((size_t)(c.end - c.at) + 1); /* no string is longer without its quotes */
    out_of_memory = !out->texts;
    if (!out_of_memory && read_entries(&c, out, &out_of_memory) &&
        wick_utf8_valid(begin, (size_t)(c.at - begin), NULL)) {
        if (cut(json, n, begin, c.at, out))
            return WICK_OK;
        out_of_memory = true;
    }
    wick_token_list_free(out);
    return out_of_memory ? WICK_E_NO_MEMORY : WICK_OK;
}

void wick_token_list_free(wick_token_list *list)
{
    free(list->keys);
    free(list->scores);
    free(list->texts);
    free(list->rest);
    *list = (wick_token_list){0};
}
