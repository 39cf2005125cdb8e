/* SPDX-License-Identifier: Apache-2.0
 * engine_kind.c: what a model is for, which its files say, and what that is asked for with. In: a model and what a caller wants of it. Out: a name for people, or an error
 * that says what the model is and which command, function and route fit. Called by the engine's entries. */
#include "base/error.h"
#include "provider/engine.h"

typedef enum kind { KIND_EMBEDDING, KIND_RERANKER, KIND_CLASSIFIER, KIND_SPARSE, KIND_TOKENS } kind;

static const struct {
    const char *name, *in_words, *gives, *mend;
} kinds[] = {
    [KIND_EMBEDDING] = {"embedding", "an embedding model", "vectors", "use wick embed, wick_embed() or POST /embed"},
    [KIND_RERANKER] = {"reranker", "a reranker", "scores of pairs", "use wick rerank, wick_rerank() or POST /rerank"},
    [KIND_CLASSIFIER] = {"classifier", "a classifier", "scores of labels", "use wick_classify() or POST /predict"},
    [KIND_SPARSE] = {"sparse", "a sparse encoder", "sparse vectors", "use wick_embed_sparse() or POST /embed_sparse"},
    [KIND_TOKENS] = {"multi-vector", "a multi-vector encoder", "a vector for each token",
                     "use wick_embed_tokens() or POST /embed_all"},
};

static kind kind_of(const wick_model_files *files)
{
    if (files->head.kind == WICK_HEAD_LABELS)
        return files->head.n_out == 1 ? KIND_RERANKER : KIND_CLASSIFIER;
    if (files->head.kind == WICK_HEAD_TERMS)
        return KIND_SPARSE;
    return files->tokens.is_wanted ? KIND_TOKENS : KIND_EMBEDDING;
}

const char *wick_engine_kind(const wick_model_files *files)
{
    return kinds[kind_of(files)].name;
}

static bool gives(kind own, wick_output_kind wanted)
{
    switch (wanted) {
    case WICK_OUTPUT_POOLED:
        return own == KIND_EMBEDDING;
    case WICK_OUTPUT_TOKENS:
        return own == KIND_EMBEDDING || own == KIND_TOKENS;
    case WICK_OUTPUT_LABELS:
        return own == KIND_RERANKER || own == KIND_CLASSIFIER;
    case WICK_OUTPUT_TERMS:
        return own == KIND_SPARSE;
    }
    return false;
}

int wick_engine_kind_check(const wick_model *model, wick_output_kind wanted, bool is_ranking, wick_error *error)
{
    const kind own = kind_of(model->files);
    if (gives(own, wanted) && !(is_ranking && own != KIND_RERANKER))
        return WICK_OK;
    return wick_fail(error, WICK_E_INVALID_INPUT, model->name, kinds[own].mend, "the model is %s: it gives %s",
                     kinds[own].in_words, kinds[own].gives);
}
