/* SPDX-License-Identifier: Apache-2.0
 * token_model.c: which model a tokenizer.json has, and the way to it (token_model.h). */
#include "text/token_model.h"

#include <string.h>

#include "text/bpe_known.h"

#define PATH "model"
#define SUPPORTED "WordPiece, BPE, Unigram"

int wick_token_model_load(const wick_reading *reading, const wick_json *value, size_t n_added, bool byte_level,
                          wick_vocabulary *vocabulary, wick_token_model *out)
{
    const char *type = wick_field_type(value);
    *out = (wick_token_model){0};
    if (wick_json_type_of(value) != WICK_JSON_OBJECT)
        return wick_field_corrupt(reading, PATH, "is %s, not an object", wick_json_type_name(wick_json_type_of(value)));
    if (wick_json_get(value, "type") && !type)
        return wick_field_corrupt(reading, PATH, "has a \"type\" that is not a string");
    /* Files written before 2020 lack the type; they are told by a field that only WordPiece has. */
    if (!type && !wick_json_get(value, "max_input_chars_per_word"))
        return wick_field_unsupported(reading, PATH, "a model without a type", SUPPORTED);
    if (type && strcmp(type, "BPE") == 0) {
        out->kind = WICK_TOKENS_BPE;
        return wick_bpe_load(reading, value, n_added, byte_level, vocabulary, &out->bpe);
    }
    if (!type || strcmp(type, "WordPiece") == 0) {
        out->kind = WICK_TOKENS_WORDPIECE;
        return wick_wordpiece_load(reading, value, n_added, vocabulary, &out->wordpiece);
    }
    if (strcmp(type, "Unigram") == 0) {
        out->kind = WICK_TOKENS_UNIGRAM;
        return wick_unigram_load(reading, value, n_added, vocabulary, &out->unigram);
    }
    return wick_field_unsupported(reading, PATH, type, SUPPORTED);
}

void wick_token_model_run(const wick_token_model *model, const char *word, const uint32_t *origins, size_t n,
                          wick_encoding_state *state)
{
    switch (model->kind) {
    case WICK_TOKENS_WORDPIECE:
        if (n > model->wordpiece.max_word_chars && wick_wordpiece_is_too_long(&model->wordpiece, word, n))
            wick_encoding_push(state, model->wordpiece.unknown_id, origins[0], origins[n - 1] + 1, false);
        else
            wick_wordpiece_run(&model->wordpiece, word, origins, n, state);
        break;
    case WICK_TOKENS_BPE:
        wick_bpe_run(&model->bpe, word, origins, n, state);
        break;
    case WICK_TOKENS_UNIGRAM:
        wick_unigram_run(&model->unigram, word, origins, n, state);
        break;
    }
}

void wick_token_model_clear(wick_token_model *model)
{
    if (model->kind == WICK_TOKENS_BPE)
        wick_bpe_known_clear(model->bpe.known);
}
