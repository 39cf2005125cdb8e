/* SPDX-License-Identifier: Apache-2.0
 * template.h: what is done with a text's tokens: the special tokens before and after it ([CLS] ... [SEP]), those around a pair of texts, and white space that is taken out of offsets. It covers
 * TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, a Sequence of these with one template, and none. template_load.c reads it; called by encode.c and pair.c. */
#ifndef WICK_TEXT_TEMPLATE_H
#define WICK_TEXT_TEMPLATE_H
#include "text/encoding.h"
#include "text/vocabulary.h"

/* In place of an id, one of a pair's texts. */
#define WICK_PIECE_FIRST (-1)
#define WICK_PIECE_SECOND (-2)

#define WICK_MAX_TYPE_ID 255

/* A special token around a pair of texts, or one of the texts. */
typedef struct wick_template_piece {
    int32_t id;
    uint32_t type; /* type id of its tokens, at most WICK_MAX_TYPE_ID */
} wick_template_piece;

/* White space that a token's text begins and ends with, in characters. */
typedef struct wick_token_space {
    uint16_t leading, trailing;
} wick_token_space;

/* ByteLevel's trim_offsets: a token's offsets leave out the white space around it. */
typedef struct wick_trim {
    const wick_token_space *spaces; /* [n_ids of the vocabulary]; NULL: offsets stay as they are */
    bool add_prefix_space; /* a single space in front of a text is taken for one that was put there, and stays */
} wick_trim;

typedef struct wick_template {
    const int32_t *before, *after; /* [n_before], [n_after] ids; `after` stands behind `before` */
    size_t n_before, n_after;
    const wick_template_piece *pair; /* [n_pair]; both texts are there once */
    size_t n_pair;                   /* 0: there is no form for pairs */
    wick_trim trim;
} wick_template;

/* value: tokenizer.json's "post_processor" (NULL and null: none). Every id must be a token's. */
int wick_template_load(const wick_reading *reading, const wick_json *value, const wick_vocabulary *vocabulary,
                       wick_template *out);
/* The white space that text[0..n) begins and ends with. */
wick_added_space wick_template_space_of(const char *text, size_t n);
/* The newest token was found as text[0..n): the white space in it counts, not that of its name. */
void wick_template_note_space(wick_encoding_state *state, const char *text, size_t n);
/* Trims the offsets of a text's tokens, [first, end_of_all) of the state. */
void wick_template_trim(const wick_trim *trim, wick_encoding_state *state, size_t first, size_t end_of_all);

#endif
