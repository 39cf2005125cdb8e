/* SPDX-License-Identifier: Apache-2.0
 * encoding.h: what stands behind wick_encoding: its growing arrays, and the scratch memory of the stages, so that a warm call allocates
 * nothing. Used by encode.c and the stages that write tokens. */
#ifndef WICK_TEXT_ENCODING_H
#define WICK_TEXT_ENCODING_H
#include <stdbool.h>
#include <wick.h>

#include "text/late_origins.h"
#include "text/word_cache.h"

#define WICK_MAX_NORMALIZER_STEPS 16
#define WICK_MAX_SPLIT_STAGES 8 /* pre-tokenizers in a Sequence */

/* So many bytes behind the normalised text may be read. */
#define WICK_NORMALIZED_PAD 16

/* Normalised text with, for every byte, the character of the original text that it comes from. */
typedef struct wick_normalized {
    char *bytes;       /* [n_bytes] UTF-8 */
    uint32_t *origins; /* [n_bytes] counted in code points from the beginning of the text */
    size_t n_bytes, capacity;
} wick_normalized;

/* Combining marks that wait for canonical ordering (normalizer_bert.c, step_forms.c). */
typedef struct wick_mark_run {
    uint32_t *marks;   /* [2 * capacity] packed marks, and as much room to sort them in */
    uint32_t *origins; /* [capacity] origins of the characters that the marks come from, in text order */
    size_t n_marks, n_origins, capacity;
    uint32_t last_origin; /* of the newest character whose decomposition was given out */
} wick_mark_run;

/* A step of a normaliser between two slices (normalizer.c). */
typedef struct wick_step_state {
    wick_normalized in;     /* what has come to it and was not taken yet */
    size_t wanted;          /* it is called again when so many bytes of that are there, or the end has come */
    bool begun;             /* of the steps that do something at the beginning of a text: it is past */
    wick_late_origins late; /* step_charsmap.c */
} wick_step_state;

/* The best way through a word to one of its bytes (unigram.c). */
typedef struct wick_path_node {
    double score;
    uint32_t start; /* the last token's first byte */
    uint32_t id;    /* and its id */
} wick_path_node;

typedef struct wick_path {
    wick_path_node *nodes; /* [capacity] */
    size_t capacity;
} wick_path;

/* White space that an added token was found with, in characters: that of its text, and what it took on both sides. */
typedef struct wick_added_space {
    uint32_t leading, trailing;
} wick_added_space;
#define WICK_HAS_SPACE 2

/* A symbol of a word that is being merged (bpe.c). */
typedef struct wick_bpe_symbol {
    uint32_t id, end; /* token; end in bytes of the word */
} wick_bpe_symbol;

/* Its neighbours, and the rank of its merge with the next. */
typedef struct wick_bpe_link {
    uint32_t previous, next, rank;
} wick_bpe_link;

typedef struct wick_bpe_scratch {
    wick_bpe_symbol *symbols; /* [n_symbols] */
    wick_bpe_link *links;     /* [n_links] */
    uint64_t *heap;           /* [3 * n_links] */
    size_t n_symbols, n_links;
    size_t n_merged; /* bytes of words that were merged (bpe_known.c) */
} wick_bpe_scratch;

typedef struct wick_encoding_state {
    wick_encoding shown; /* what the caller sees; first, so that the pointers convert */
    int32_t *ids;
    uint32_t *starts, *ends;
    uint8_t *is_special;      /* 0, 1, or WICK_HAS_SPACE before offsets are trimmed */
    wick_added_space *spaces; /* of tokens with WICK_HAS_SPACE */
    uint8_t *types;           /* pair.c: token types */
    size_t n_tokens, capacity;
    wick_normalized text;
    wick_normalized whole;                            /* encode_splits.c: text in which added tokens are looked for */
    wick_normalized rewritten[WICK_MAX_SPLIT_STAGES]; /* encode_splits.c: by stage, the piece that it has rewritten */
    wick_mark_run run;
    wick_step_state steps[WICK_MAX_NORMALIZER_STEPS]; /* normalizer.c: by step */
    wick_path path;
    wick_bpe_scratch bpe;
    wick_word_cache words;
    bool out_of_memory; /* sticky within a call: whatever did not fit was left out */
} wick_encoding_state;

/* Room for n_bytes in a text of the state, in the normalised one, and for one mark more. False: out of memory, which is remembered. */
bool wick_normalized_room(wick_encoding_state *state, wick_normalized *text, size_t n_bytes);
static inline bool wick_normalized_reserve(wick_encoding_state *state, size_t n_bytes)
{
    return wick_normalized_room(state, &state->text, n_bytes);
}
bool wick_mark_run_reserve(wick_encoding_state *state);
/* Room for n nodes; what they held is lost. */
bool wick_path_reserve(wick_encoding_state *state, size_t n);
/* Room for so many symbols, or links. The same. */
bool wick_bpe_reserve_symbols(wick_encoding_state *state, size_t n);
bool wick_bpe_reserve_links(wick_encoding_state *state, size_t n);
/* Room for n_more tokens, at most as many as the text has bytes. False: out of memory, which is remembered. */
bool wick_encoding_grow(wick_encoding_state *state, size_t n_more);
static inline bool wick_encoding_reserve(wick_encoding_state *state, size_t n_more)
{
    return state->capacity - state->n_tokens >= n_more || wick_encoding_grow(state, n_more);
}
/* Shows the caller what is there. */
void wick_encoding_show(wick_encoding_state *state);
/* Appends a token. Out of memory is remembered. */
void wick_encoding_push(wick_encoding_state *state, int32_t id, uint32_t start, uint32_t end, bool is_special);

/* Appends the tokens of a word of the cache; origins: the original character of each of its bytes. Out of memory is remembered. */
void wick_encoding_push_cached(wick_encoding_state *state, const wick_cached_word *cached, const uint32_t *origins);

#endif
