/* SPDX-License-Identifier: Apache-2.0
 * added_tokens.h: the tokens that are cut out of a text before the model sees it. Those that are not normalised are looked for in the
 * original text, the others in the normalised text between them; of several at one place the longest wins. Called by encode.c. */
#ifndef WICK_TEXT_ADDED_TOKENS_H
#define WICK_TEXT_ADDED_TOKENS_H
#include "text/normalizer.h"
#include "text/token_trie.h"
#include "text/vocabulary.h"

typedef struct wick_added_token {
    int32_t id;
    bool single_word;    /* only where no word character stands on either side */
    bool lstrip, rstrip; /* takes the white space on that side with it */
} wick_added_token;

/* The tokens that are looked for in one of the two passes. */
typedef struct wick_added_set {
    const wick_added_token *tokens; /* [n_tokens] */
    size_t n_tokens;
    wick_token_trie patterns; /* what is looked for -> index into tokens */
    bool begins[256];         /* bytes that a pattern begins with */
    int only_first;           /* the byte that all patterns begin with, or -1 */
} wick_added_set;

typedef struct wick_added_tokens {
    wick_added_set original, normalized;
    const bool *is_special; /* [n_ids of the vocabulary] */
} wick_added_tokens;

/* Where the search in a text stands: start with {0}. */
typedef struct wick_added_search {
    size_t at;        /* the next byte that a match may begin with */
    size_t done;      /* end of the match given out last */
    size_t white_end; /* end of the white space looked at last, so that it is not walked twice */
    size_t white_begin;
} wick_added_search;

/* value: tokenizer.json's "added_tokens". Tokens that the vocabulary lacks are added to it. */
int wick_added_tokens_load(const wick_reading *reading, const wick_json *value, const wick_normalizer *normalizer,
                           wick_vocabulary *vocabulary, wick_added_tokens *out);
/* Finds the next match in text[0..n): bytes *start to *stop. start may lie before search->done where two tokens claim the same white
 * space, as in the tokenizers package. False: none left. */
bool wick_added_tokens_next(const wick_added_set *set, const char *text, size_t n, wick_added_search *search,
                            size_t *start, size_t *stop, int32_t *id);

#endif
