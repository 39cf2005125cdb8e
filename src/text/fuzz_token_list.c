/* SPDX-License-Identifier: Apache-2.0
 * fuzz_token_list.c: hostile documents with a Unigram vocabulary, read in the text and through the JSON reader: what the first takes is what the second makes
 * of it, where that takes the document at all. Seeds: tests/fuzz/token_list. */
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
        CHECK(is_rest == is_whole); /* the list is as it should be: only the rest may be at fault */
        const wick_json *vocab = wick_json_get(wick_json_get(whole, "model"), "vocab");
        CHECK(!is_whole || wick_json_count(vocab) == list.n);
        for (size_t i = 0; is_whole && i < list.n; i++)
            check_entry(wick_json_at(vocab, i), &list.keys[i], list.scores[i]);
        CHECK(!is_rest || wick_json_count(wick_json_get(wick_json_get(rest, "model"), "vocab")) == 0);
        wick_json_free(rest);
        wick_json_free(whole);
        wick_token_list_free(&list);
    }
    free(copy);
    return 0;
}
