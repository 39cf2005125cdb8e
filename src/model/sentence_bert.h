/* SPDX-License-Identifier: Apache-2.0
 * sentence_bert.h: the small files that say how sentence-transformers cuts and prepares texts: sentence_bert_config.json, tokenizer_config.json. Each parser adds to one
 * wick_text_rules. Called by model_files.c and by the fuzz target. */
#ifndef WICK_MODEL_SENTENCE_BERT_H
#define WICK_MODEL_SENTENCE_BERT_H
#include "model/json_keys.h"

/* sentence_bert_config.json's transformer_task: which of transformers' classes, and what of its output goes on to the next module. */
typedef enum wick_task {
    WICK_TASK_UNSAID,
    WICK_TASK_FEATURES, /* "feature-extraction": the last hidden states */
    WICK_TASK_LABELS,   /* "sequence-classification": logits */
    WICK_TASK_WORDS     /* "fill-mask": logits of each token */
} wick_task;

/* Zeroed at the start. */
typedef struct wick_text_rules {
    size_t max_seq_length;     /* sentence_bert_config.json's; 0: it does not say */
    size_t model_max_length;   /* tokenizer_config.json's; 0: it does not say, or says "no limit" */
    bool lower_case;           /* sentence_bert_config.json asks for lower-cased texts */
    bool tokenizer_lower_case; /* tokenizer_config.json says that the tokenizer does so itself */
    uint8_t truncate_side;     /* tokenizer_config.json's, WICK_TRUNCATE_* */
    wick_task task;            /* sentence_bert_config.json's */
} wick_text_rules;

int wick_sentence_bert_parse(const char *text, size_t n, const char *where, wick_text_rules *rules, wick_error *error);
int wick_tokenizer_config_parse(const char *text, size_t n, const char *where, wick_text_rules *rules,
                                wick_error *error);

#endif
