/* SPDX-License-Identifier: Apache-2.0
 * fuzz_token_list.c: hostile documents with a Unigram or BPE vocabulary, read in the text and through the JSON reader: what the first takes is what the second
 * makes of it, where that takes the document at all. Seeds: tests/fuzz/token_list. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "text/token_list.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_entry(const wick_json *entry, const wick_trie_key *key, double score)
{
    size_t n;
    double wanted = 0;
    const char *text = wick_json_string(wick_json_at(entry, 0), &n);
    CHECK(wick_json_count(entry) == 2 && text && n == key->n_bytes && memcmp(text, key->text, n) == 0);
    CHECK(wick_json_number(wick_json_at(entry, 1), &wanted));
    CHECK(fabs(wanted - score) <= 1e-15 * fabs(wanted) + 1e-300); /* the last bit may differ (score.h) */
}

static void check_tokens(const wick_json *vocab, const wick_token_list *list)
{
    const wick_json_member *it = wick_json_first(vocab);
    CHECK(wick_json_count(vocab) == list->n);
    for (size_t i = 0; i < list->n; i++) {
        size_t n;
        double id = -1;
        if (list->scores) {
            check_entry(wick_json_at(vocab, i), &list->keys[i], list->scores[i]);
            continue;
        }
        const char *text = wick_json_key(it, &n);
        CHECK(n == list->keys[i].n_bytes && memcmp(text, list->keys[i].text, n) == 0);
        CHECK(wick_json_number(wick_json_value(it), &id) && id == (double)list->keys[i].number);
        it = wick_json_next(vocab, it);
    }
}

/* "LEFT RIGHT", or [LEFT, RIGHT] */
static void check_merge(const wick_json *value, const wick_listed_merge *merge, const char *texts)
{
    size_t n, n_right;
    const char *both = wick_json_string(value, &n), *left = both ? both : wick_json_string(wick_json_at(value, 0), &n);
    const char *right = both ? both + merge->n_left + 1 : wick_json_string(wick_json_at(value, 1), &n_right);
    CHECK(left && right && n == (both ? (size_t)merge->n_left + 1 + merge->n_right : merge->n_left));
    CHECK(both ? both[merge->n_left] == ' ' : n_right == merge->n_right);
    CHECK(memcmp(left, texts + merge->begin, merge->n_left) == 0 &&
          memcmp(right, texts + merge->begin + merge->n_left, merge->n_right) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    wick_token_list list;
    wick_json *whole = NULL, *rest = NULL;
    char *copy = malloc(n ? n : 1); /* of exactly its size */
    CHECK(copy);
    memcpy(copy, data, n);
    CHECK(wick_token_list_read(copy, n, &list) == WICK_OK);
    if (list.rest) {
        const bool is_rest = wick_json_parse_reals(list.rest, list.n_rest, "fuzz", &rest, NULL) == WICK_OK;
        const bool is_whole = wick_json_parse_reals(copy, n, "fuzz", &whole, NULL) == WICK_OK;
        const wick_json *model = wick_json_get(whole, "model"), *merges = wick_json_get(model, "merges");
        CHECK(is_rest || !is_whole);
        CHECK(is_whole || !is_rest || !list.scores); /* an object may have a key twice: the loader sees that */
        if (is_whole)
            check_tokens(wick_json_get(model, "vocab"), &list);
        CHECK(!is_whole || list.scores || wick_json_count(merges) == list.n_merges);
        for (size_t i = 0; is_whole && i < list.n_merges; i++)
            check_merge(wick_json_at(merges, i), &list.merges[i], list.merge_texts);
        CHECK(!is_rest || wick_json_count(wick_json_get(wick_json_get(rest, "model"), "vocab")) == 0);
        wick_json_free(rest);
        wick_json_free(whole);
        wick_token_list_free(&list);
    }
    free(copy);
    return 0;
}
