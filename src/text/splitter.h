/* SPDX-License-Identifier: Apache-2.0
 * splitter.h: one stage of a pre-tokenizer: a piece of text -> smaller pieces, one after the other. It has no memory of its own: where a piece ends depends
 * on nothing but the text from its beginning on, so that a text may come in parts. A stage may also rewrite its text first (Metaspace). Called by encode_splits.c.
 *
 * As in the tokenizers package a stage is a pattern, which parts the text into matches and the gaps between them, and a behaviour, which makes pieces of these. */
#ifndef WICK_TEXT_SPLITTER_H
#define WICK_TEXT_SPLITTER_H
#include "text/char_kinds.h"
#include "text/encoding.h"
#include "text/fields.h"

#define WICK_MAX_SPLIT_STRING 64

typedef enum wick_split_pattern {
    WICK_SPLIT_NOTHING, /* the piece stays whole */
    WICK_SPLIT_KINDS,  /* matches: kinds of characters (char_kinds.h); gaps are dropped, the behaviour does not count */
    WICK_SPLIT_CHARS,  /* matches: each character with one of the flags, or the one character */
    WICK_SPLIT_STRING, /* matches: the string */
    WICK_SPLIT_GPT2,   /* matches: those of a regular expression (split_patterns.h) */
    WICK_SPLIT_QWEN2   /* the same */
} wick_split_pattern;
#define WICK_SPLIT_LAST_PATTERN WICK_SPLIT_QWEN2

typedef enum wick_split_behavior {
    WICK_SPLIT_REMOVED,              /* the gaps */
    WICK_SPLIT_ISOLATED,             /* every match, every gap */
    WICK_SPLIT_MERGED_WITH_PREVIOUS, /* a gap with the match behind it */
    WICK_SPLIT_MERGED_WITH_NEXT,     /* a match with the gap behind it */
    WICK_SPLIT_CONTIGUOUS            /* matches with no gap between them are one piece */
} wick_split_behavior;
#define WICK_SPLIT_LAST_BEHAVIOR WICK_SPLIT_CONTIGUOUS

/* What happens to the text before it is split. */
typedef enum wick_split_rewrite {
    WICK_REWRITE_NONE,
    WICK_REWRITE_METASPACE,
    WICK_REWRITE_SPACE, /* ByteLevel: a space in front, unless there is one */
    WICK_REWRITE_BYTES  /* ByteLevel: bytes as characters that stand for them */
} wick_split_rewrite;
#define WICK_REWRITE_LAST WICK_REWRITE_BYTES

/* METASPACE: to which pieces one more visible space is prepended. */
typedef enum wick_metaspace_prepend {
    WICK_PREPEND_NEVER,
    WICK_PREPEND_FIRST,
    WICK_PREPEND_ALWAYS
} wick_metaspace_prepend;
#define WICK_PREPEND_LAST WICK_PREPEND_ALWAYS

/* Plain data: it is kept in a file as it is (tokenizer_flat.c, which checks every field). */
typedef struct wick_split_stage {
    wick_split_rewrite rewrite;
    wick_metaspace_prepend prepend; /* METASPACE */
    wick_split_pattern pattern;
    wick_split_behavior behavior;
    bool byte_level;     /* ByteLevel: the model's symbols are bytes */
    bool invert;         /* matches are gaps, gaps are matches */
    uint32_t flags;      /* CHARS: WICK_CHAR_*; 0: code_point */
    uint32_t code_point; /* CHARS */
    uint32_t max_digits; /* QWEN2: so many in one match */
    uint32_t n_string;   /* STRING: 1 to WICK_MAX_SPLIT_STRING bytes of UTF-8 */
    char string
        [WICK_MAX_SPLIT_STRING]; /* STRING; METASPACE: the visible space, whether the text is split at it or not */
    wick_char_kinds kinds;       /* KINDS */
} wick_split_stage;

/* A piece that ends at `end`. */
typedef struct wick_split_piece {
    size_t end;
    bool is_dropped; /* no word */
} wick_split_piece;

/* The next piece of text[at, end), at < end, which begins at `at`. False: where it ends depends on what follows `end`; never where is_last says that nothing follows. */
bool wick_split_next(const wick_split_stage *stage, const char *text, size_t at, size_t end, bool is_last,
                     wick_split_piece *piece);

/* Rewrites what has come of a stage's piece, text[from, n_bytes), in place; origins follow. begins: it is the piece's first part (of at least one byte); at_start: and the piece
 * is the first of the whole text. Out of memory is remembered in state. */
void wick_split_rewrite_text(const wick_split_stage *stage, wick_normalized *text, size_t from, bool begins,
                             bool at_start, wick_encoding_state *state);

/* One pre-tokenizer that is not a Sequence. path: where it stands. */
int wick_split_load(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out);

#endif
