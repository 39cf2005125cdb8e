/* SPDX-License-Identifier: Apache-2.0
 * normalizer.h: the first stage: text -> normalised text with the origin of every byte. Called by encode.c and its loops for texts and by added_tokens_load.c for
 * patterns. What BERT's tokenizers have (BertNormalizer, Lowercase, NFD, StripAccents) goes character by character (normalizer_bert.c); any other
 * sequence goes step by step, a slice at a time (normalizer.c). */
#ifndef WICK_TEXT_NORMALIZER_H
#define WICK_TEXT_NORMALIZER_H
#include "text/charsmap.h"
#include "text/encoding.h"
#include "text/fields.h"

/* One change to a text. BertNormalizer is the first five in this order, those that are switched on. */
typedef enum wick_normalizer_step {
    WICK_STEP_CLEAN,   /* drop control characters, white space becomes U+0020 */
    WICK_STEP_CHINESE, /* spaces around CJK ideographs */
    WICK_STEP_NFD,     /* canonical decomposition and ordering */
    WICK_STEP_ACCENTS, /* drop Mn */
    WICK_STEP_LOWER,
    WICK_STEP_MARKS, /* drop combining marks, as StripAccents does */
    WICK_STEP_LAST_OF_BERT = WICK_STEP_MARKS,
    WICK_STEP_NFC, /* canonical decomposition and composition */
    WICK_STEP_NFKC,
    WICK_STEP_NFKD,        /* the same with compatibility decomposition; and without composition */
    WICK_STEP_NMT,         /* drop control characters, what looks like a space becomes one, as SentencePiece does */
    WICK_STEP_BYTES,       /* every byte becomes one of 256 visible characters */
    WICK_STEP_STRIP_LEFT,  /* drop white space in front */
    WICK_STEP_STRIP_RIGHT, /* and behind */
    WICK_STEP_PREPEND,     /* put `content` in front, unless there is nothing */
    WICK_STEP_REPLACE,     /* every `pattern` becomes `content` */
    WICK_STEP_REPLACE_RUN, /* every longest run of at least min_run characters `pattern`, or of white space where it is empty */
    WICK_STEP_CHARSMAP, /* Precompiled */
    WICK_STEP_LAST = WICK_STEP_CHARSMAP
} wick_normalizer_step;

#define WICK_MAX_STEP_TEXT 64

/* What a step is told, as far as it is told anything: UTF-8. */
typedef struct wick_step_texts {
    char pattern[WICK_MAX_STEP_TEXT], content[WICK_MAX_STEP_TEXT];
    uint32_t n_pattern, n_content; /* bytes */
    uint32_t min_run;              /* at least 1 */
} wick_step_texts;

typedef struct wick_normalizer {
    wick_normalizer_step steps[WICK_MAX_NORMALIZER_STEPS];
    size_t n_steps;
    bool is_bert; /* normalizer_bert.c does it: no step behind WICK_STEP_LAST_OF_BERT, NFD at most once */
    wick_step_texts texts[WICK_MAX_NORMALIZER_STEPS]; /* by step */
    wick_charsmap charsmap;                           /* of the one WICK_STEP_CHARSMAP */
    /* The short cuts of normalizer_bert.c. */
    uint32_t touched;      /* WICK_CHAR_*: a character with none of these flags passes unchanged */
    uint8_t ascii_to[128]; /* what an ASCII character becomes */
    uint8_t ascii_n[128];  /* 1, or 0 where it is dropped */
    uint8_t ascii_case;    /* what A to Z gain: 0x20 or 0 */
    bool ascii_is_plain;   /* all other printable ASCII characters stay as they are */
} wick_normalizer;

/* Where the reading of a text stands. */
typedef struct wick_source {
    const char *at, *end;
    uint32_t n_chars; /* characters of the whole text before `at` */
} wick_source;

/* value: tokenizer.json's "normalizer" (NULL and null: none). */
int wick_normalizer_load(const wick_reading *reading, const wick_json *value, wick_normalizer *out);
/* What a file that holds a normaliser as it is must be asked: whether is_bert may be set, and whether the steps lengthen a text within bounds. */
bool wick_normalizer_is_bert(const wick_normalizer *normalizer);
bool wick_normalizer_is_bounded(const wick_normalizer *normalizer);
/* Before the first run over a source: nothing is held back from the one before. state->text is left alone. */
void wick_normalizer_begin(const wick_normalizer *normalizer, wick_encoding_state *state);
/* Appends to state->text what at least n_bytes of the source, or all that is left, become, but for what is held back because it depends on what follows.
 * At the source's end nothing is held back. WICK_NORMALIZED_PAD bytes of 0 stand behind the text. */
void wick_normalizer_run(const wick_normalizer *normalizer, wick_source *source, size_t n_bytes,
                         wick_encoding_state *state);

#endif
