/* SPDX-License-Identifier: Apache-2.0
 * template.h: the special tokens before and after a text ([CLS] ... [SEP]): TemplateProcessing, BertProcessing, or none. */
#ifndef WICK_TEXT_TEMPLATE_H
#define WICK_TEXT_TEMPLATE_H
#include "text/vocabulary.h"

typedef struct wick_template {
    const int32_t *before, *after; /* [n_before], [n_after] ids */
    size_t n_before, n_after;
} wick_template;

/* value: tokenizer.json's "post_processor" (NULL and null: none). Every id must be a token's. */
int wick_template_load(const wick_reading *reading, const wick_json *value, const wick_vocabulary *vocabulary,
                       wick_template *out);

#endif
