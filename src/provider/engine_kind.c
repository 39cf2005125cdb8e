/* SPDX-License-Identifier: Apache-2.0
 * engine_kind.c: what a model is for, as its files say, and the ids of the tokens that a multi-vector model leaves out. In: an open model. Called by engine_open.c and the
 * engine's entries. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "provider/engine.h"
#include "provider/kinds.h"

const char *wick_engine_kind(const wick_model_files *files)
{
    if (files->head.kind == WICK_HEAD_LABELS)
        return files->head.n_out == 1 ? WICK_KIND_RERANKER : WICK_KIND_CLASSIFIER;
    if (files->head.kind == WICK_HEAD_TERMS)
        return WICK_KIND_SPARSE;
    return files->tokens.is_wanted ? WICK_KIND_TOKENS : WICK_KIND_EMBEDDING;
}

size_t wick_engine_dimension(const wick_model_files *files)
{
    return files->head.kind == WICK_HEAD_TERMS    ? files->head.n_out
           : files->head.kind == WICK_HEAD_LABELS ? 0
                                                  : files->dimension;
}

/* ---- tokens without a vector --------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Words that are no token are none to leave out. */
int wick_engine_find_skips(wick_model *model, wick_error *error)
{
    const wick_token_vectors *tokens = &model->files->tokens;
    const size_t n_tokens = wick_tokenizer_vocab_size(model->tokenizer);
    if (tokens->n_skipped == 0 || (!tokens->skips_in_query && !tokens->skips_in_document))
        return WICK_OK;
    const char **words = malloc(tokens->n_skipped * sizeof *words);
    model->skips = calloc(n_tokens > 0 ? n_tokens : 1, 1);
    if (!words || !model->skips) {
        free(words);
        return wick_fail_memory(error, "the tokens to leave out");
    }
    memcpy(words, tokens->skipped, tokens->n_skipped * sizeof *words);
    qsort(words, tokens->n_skipped, sizeof *words, by_text);
    for (size_t i = 0; i < n_tokens; i++) {
        const char *token = wick_tokenizer_token(model->tokenizer, (int32_t)i);
        model->skips[i] = token && bsearch(&token, words, tokens->n_skipped, sizeof *words, by_text) != NULL;
    }
    free(words);
    return WICK_OK;
}
