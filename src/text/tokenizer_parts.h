/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_parts.h: what a wick_tokenizer is made of. Filled by tokenizer.c, read by encode.c; immutable in between. */
#ifndef WICK_TEXT_TOKENIZER_PARTS_H
#define WICK_TEXT_TOKENIZER_PARTS_H
#include "base/prepared.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/template.h"
#include "text/token_model.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

/* tokenizer.json's "truncation". */
typedef struct wick_truncation {
    size_t max_tokens; /* 0: it does not say */
    bool is_left;
} wick_truncation;

struct wick_tokenizer {
    wick_arena arena;   /* all that the parts point to, or the table of texts alone where the rest is kept */
    wick_prepared kept; /* the file that the parts point into, else {0} */
    uint64_t identity;  /* of the file it was read from; 0: it changed meanwhile */
    wick_vocabulary vocabulary;
    wick_added_tokens added;
    wick_normalizer normalizer;
    wick_pretokenizer pretokenizer;
    wick_token_model model;
    bool by_kinds; /* encode_kinds.c takes the texts, else encode_splits.c */
    wick_template special;
    wick_truncation truncation;
    /* What the model's other files say (wick_tokenizer_adapt); no part of what is kept of the tokenizer. */
    uint8_t truncate_side;
    bool is_bare;
};

static inline void wick_tokenizer_choose_loop(wick_tokenizer *tokenizer)
{
    tokenizer->by_kinds = tokenizer->model.kind == WICK_TOKENS_WORDPIECE && tokenizer->pretokenizer.is_kinds;
}

#endif
