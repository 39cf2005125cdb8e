/* SPDX-License-Identifier: Apache-2.0
 * encode_internal.h: one text's way through the stages, as encode.c begins it and encode_kinds.c or encode_splits.c goes on with the pieces
 * between added tokens. Two loops, chosen at load, because the first is what most texts take and is kept as fast as it is:
 *
 *     encode_kinds     WordPiece behind one pre-tokenizer that parts kinds of characters (BERT)
 *     encode_splits    any model behind any sequence of pre-tokenizers (splitter.h)
 *
 * Both normalise in slices and give words to the model as soon as they are complete. */
#ifndef WICK_TEXT_ENCODE_INTERNAL_H
#define WICK_TEXT_ENCODE_INTERNAL_H
#include "text/tokenizer_parts.h"

/* Of the source, at a time; what it becomes stays in the first-level cache. */
#define WICK_SLICE_BYTES 2048
#define WICK_SIZE_UNLIMITED SIZE_MAX
/* With truncation on the left, so many tokens more than are kept may gather before the oldest are dropped. */
#define WICK_LEFT_SLACK 4096

typedef struct wick_tokenizing {
    const wick_tokenizer *tk;
    wick_encoding_state *state;
    size_t n_before; /* template tokens in front */
    size_t limit;    /* tokens of the text to keep; WICK_SIZE_UNLIMITED: all */
    bool left;       /* keep the last ones */
    bool full;       /* the first `limit` tokens are there */
} wick_tokenizing;

/* A piece of text between added tokens of the original text. */
void wick_encode_kinds(wick_tokenizing *t, wick_source *source);
void wick_encode_splits(wick_tokenizing *t, wick_source *source);

/* Adds a token of added_tokens that was found as text[0..n), with the white space that it takes. */
void wick_tokenizing_add_found(wick_tokenizing *t, int32_t id, const char *text, size_t n, uint32_t start,
                               uint32_t end);
/* Keeps the last `limit` tokens of the text. */
void wick_tokenizing_drop_oldest(wick_tokenizing *t);

/* After tokens were added: stops at the limit, or drops the oldest from time to time; at the end (slack 0) for good. */
static inline void wick_tokenizing_keep_limit(wick_tokenizing *t, size_t slack)
{
    if (t->limit == WICK_SIZE_UNLIMITED || t->state->out_of_memory)
        return;
    size_t n = t->state->n_tokens - t->n_before;
    if (!t->left && n >= t->limit) {
        t->state->n_tokens = t->n_before + t->limit;
        t->full = true;
    } else if (n > t->limit && n - t->limit >= slack) {
        wick_tokenizing_drop_oldest(t);
    }
}

static inline void wick_tokenizing_add(wick_tokenizing *t, int32_t id, uint32_t start, uint32_t end)
{
    wick_encoding_push(t->state, id, start, end, false);
    wick_tokenizing_keep_limit(t, WICK_LEFT_SLACK);
}

#endif
