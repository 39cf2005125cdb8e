/* SPDX-License-Identifier: Apache-2.0
 * bpe.h: the BPE model: a word -> a symbol for each of its characters (or bytes, behind ByteLevel), then again and again the two neighbours that merge first, by rank and then
 * from the left, until none do. Called by token_model.c. bpe_load.c reads it, bpe.c runs it.
 *
 * A character that the vocabulary lacks becomes the tokens of its bytes (byte_fallback), else the unknown token, else nothing. */
#ifndef WICK_TEXT_BPE_H
#define WICK_TEXT_BPE_H
#include "text/encoding.h"
#include "text/vocabulary.h"

#define WICK_NO_RANK UINT32_MAX
#define WICK_FILTER_BITS 8 /* for each slot of the table of merges */
#define WICK_BYTE_PAIRS ((size_t)256 * 256)

/* A slot of the table of merges. */
typedef struct wick_merge {
    uint32_t left, right;
    uint32_t rank; /* the lowest goes first; WICK_NO_RANK: an empty slot */
} wick_merge;

/* A slot of the table of characters. */
typedef struct wick_char_id {
    uint32_t code_point; /* 0: an empty slot */
    int32_t id;
} wick_char_id;

typedef struct wick_bpe {
    const wick_vocabulary *vocabulary; /* its `whole` has the bytes of all tokens where ignore_merges is on */
    struct wick_bpe_known *known;      /* tokens that texts were laid out of (bpe_known.h) */
    uint64_t serial;                   /* of the words that are kept in encodings (word_cache.h) */
    const wick_merge *merges; /* [merge_mask + 1], open addressing by left and right; one slot at least is empty */
    const uint32_t *merged;   /* [n_merged] by rank: what a merge gives */
    const uint64_t *filter;   /* [filter_mask / 64 + 1] bits: a bit of each merge's hash */
    const wick_char_id *characters; /* [character_mask + 1], the same by code point; those that are not ASCII */
    const uint64_t *
        joins; /* [join_mask / 64 + 1] bits: neighbours that stand next to each other in some token that merging gives */
    const uint32_t *
        byte_ranks; /* byte_level: [256 * 256] by two bytes: the rank of their tokens' merge, WICK_NO_RANK: none; else NULL */
    size_t merge_mask, filter_mask, character_mask, join_mask, n_merged;
    int32_t first_ids[256];    /* byte_level: by byte; else of ASCII characters; -1: none */
    int32_t fallback_ids[256]; /* by byte: the token <0xXX>; -1: none */
    int32_t unknown_id;        /* -1: none */
    bool byte_level;           /* symbols are bytes */
    bool byte_fallback;
    bool fuse_unknown;  /* unknown characters next to each other are one token */
    bool can_cut;       /* a word's parts between neighbours that no token joins may be merged one by one */
    bool marks_begin;   /* so may they before any U+2581 that stands behind another character */
    bool ignore_merges; /* a word that is a token stays one, whatever the merges say */
} wick_bpe;

/* As the functions of token_model.h. byte_level: the pre-tokenizer is ByteLevel. */
int wick_bpe_load(const wick_reading *reading, const wick_json *value, size_t n_added, bool byte_level,
                  wick_vocabulary *vocabulary, wick_bpe *out);
void wick_bpe_run(const wick_bpe *model, const char *word, const uint32_t *origins, size_t n,
                  wick_encoding_state *state);

static inline uint64_t wick_merge_hash(uint32_t left, uint32_t right)
{
    const uint64_t h = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static inline size_t wick_join_bit(bool byte_level, uint32_t left, uint32_t right)
{
    return byte_level ? (size_t)left << 8 | right : (size_t)wick_merge_hash(left, right);
}

static inline size_t wick_character_slot(uint32_t code_point)
{
    const uint32_t h = code_point * 0x9E3779B1u;
    return h ^ h >> 15;
}

/* The bit of two neighbours: exact for bytes; characters may share one, which only makes parts longer. */
static inline bool wick_bpe_joins(const wick_bpe *model, uint32_t left, uint32_t right)
{
    const size_t bit = wick_join_bit(model->byte_level, left, right) & model->join_mask;
    return model->joins[bit / 64] >> bit % 64 & 1;
}

/* The bit of a merge. */
static inline size_t wick_filter_bit(uint64_t hash)
{
    return (size_t)(hash >> 24 ^ hash);
}

/* The rank of two tokens' merge, or WICK_NO_RANK. Most pairs have none, which nearly always the filter tells, a twelfth of the table's size. */
static inline uint32_t wick_bpe_rank(const wick_bpe *model, uint32_t left, uint32_t right)
{
    const uint64_t hash = wick_merge_hash(left, right);
    const size_t bit = wick_filter_bit(hash) & model->filter_mask;
    if (!(model->filter[bit / 64] >> bit % 64 & 1))
        return WICK_NO_RANK;
    for (size_t at = (size_t)hash;; at++) {
        const wick_merge *merge = &model->merges[at & model->merge_mask];
        if ((merge->left == left && merge->right == right) || merge->rank == WICK_NO_RANK)
            return merge->rank;
    }
}

#endif
