/* SPDX-License-Identifier: Apache-2.0
 * normalizer.h: the first stage: text -> normalised text with the origin of every byte. It covers BertNormalizer, Lowercase, NFD,
 * StripAccents, a Sequence of these, and none. Called by encode.c for texts and by added_tokens.c for patterns. */
#ifndef WICK_TEXT_NORMALIZER_H
#define WICK_TEXT_NORMALIZER_H
#include "text/encoding.h"
#include "text/fields.h"

#define WICK_MAX_NORMALIZER_STEPS 16

/* One change to a stream of characters. BertNormalizer is the first five in this order, those that are switched on. */
typedef enum wick_normalizer_step {
    WICK_STEP_CLEAN,   /* drop control characters, white space becomes U+0020 */
    WICK_STEP_CHINESE, /* spaces around CJK ideographs */
    WICK_STEP_NFD,     /* canonical decomposition and ordering */
    WICK_STEP_ACCENTS, /* drop Mn */
    WICK_STEP_LOWER,
    WICK_STEP_MARKS /* drop combining marks, as StripAccents does */
} wick_normalizer_step;

typedef struct wick_normalizer {
    wick_normalizer_step steps[WICK_MAX_NORMALIZER_STEPS];
    size_t n_steps;
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
/* Appends to state->text what at least n_bytes of the source, or all that is left, become. At the source's end nothing is held back. WICK_NORMALIZED_PAD
 * bytes of 0 stand behind the text. */
void wick_normalizer_run(const wick_normalizer *normalizer, wick_source *source, size_t n_bytes,
                         wick_encoding_state *state);

#endif
