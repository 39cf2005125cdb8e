/* SPDX-License-Identifier: Apache-2.0
 * token_list.h: the vocabulary of a Unigram or BPE model and the merges read where they stand in the text of tokenizer.json, without an object for each token (base/json_list.h says why). The
 * rest of the document, without them, is read through base/json.h as always. Called by tokenizer.c. */
#ifndef WICK_TEXT_TOKEN_LIST_H
#define WICK_TEXT_TOKEN_LIST_H
#include "text/fields.h"
#include "text/token_trie.h"

/* Two tokens that merge; their texts stand in `merge_texts`. */
typedef struct wick_listed_merge {
    uint32_t begin, n_left, n_right; /* bytes: where the left one begins, behind which the right one stands */
} wick_listed_merge;

/* Who takes the texts or the scores puts NULL in their place, and frees them. */
typedef struct wick_token_list {
    wick_trie_key *keys;       /* [n] Unigram: by id; BPE: number is the id. Their texts stand in `texts` */
    double *scores;            /* [n] Unigram; else NULL */
    wick_listed_merge *merges; /* [n_merges] BPE */
    size_t n, n_merges;
    char *texts;       /* UTF-8, a terminator behind each */
    char *merge_texts; /* as they are written: whether they are tokens, which are UTF-8, is for the loader to see */
    char *rest;        /* [n_rest] the document with empty ones in their places */
    size_t n_rest;
} wick_token_list;

/* json[0..n): a tokenizer.json. WICK_OK with out->rest NULL: its model is another, or something about it is unusual or malformed; it is to be read through
 * base/json.h, and there is nothing to free. WICK_E_NO_MEMORY, nor is there then. WICK_TOKEN_MAP_PAD bytes behind each text may be read. */
int wick_token_list_read(const char *json, size_t n, wick_token_list *out);
void wick_token_list_free(wick_token_list *list);

#endif
