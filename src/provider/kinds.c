/* SPDX-License-Identifier: Apache-2.0
 * kinds.c: kinds of models by name (kinds.h). In: a kind, and what a caller wants of it. Out: whether it gives that, or an error that says what to use. */
#include "provider/kinds.h"

#include <string.h>

#include "base/error.h"

static const struct {
    const char *kind, *in_words, *gives, *mend;
    wick_wanted purpose, also; /* what it gives */
} kinds[] = {
    {WICK_KIND_EMBEDDING, "an embedding model", "vectors", "use wick embed, wick_embed() or POST /embed",
     WICK_WANT_VECTORS, WICK_WANT_TOKENS},
    {WICK_KIND_RERANKER, "a reranker", "scores of pairs", "use wick rerank, wick_rerank() or POST /rerank",
     WICK_WANT_RANKING, WICK_WANT_SCORES},
    {WICK_KIND_CLASSIFIER, "a classifier", "scores of labels", "use wick_classify() or POST /predict", WICK_WANT_SCORES,
     WICK_WANT_SCORES},
    {WICK_KIND_SPARSE, "a sparse encoder", "sparse vectors", "use wick_embed_sparse() or POST /embed_sparse",
     WICK_WANT_SPARSE, WICK_WANT_SPARSE},
    {WICK_KIND_TOKENS, "a multi-vector encoder", "a vector for each token",
     "use wick_embed_tokens() or POST /embed_all", WICK_WANT_TOKENS, WICK_WANT_TOKENS},
};

static size_t find(const char *kind)
{
    size_t i = 0;
    while (kind && i + 1 < sizeof kinds / sizeof *kinds && strcmp(kinds[i].kind, kind) != 0)
        i++;
    return i;
}

int wick_kind_check(const char *kind, wick_wanted wanted, const char *where, wick_error *error)
{
    const size_t i = find(kind);
    if (!kind || kinds[i].purpose == wanted || kinds[i].also == wanted)
        return WICK_OK;
    return wick_fail(error, WICK_E_INVALID_INPUT, where, kinds[i].mend, "the model is %s: it gives %s",
                     kinds[i].in_words, kinds[i].gives);
}

const char *wick_kind_gives(const char *kind)
{
    return kind ? kinds[find(kind)].gives : NULL;
}

wick_wanted wick_kind_purpose(const char *kind)
{
    return kinds[find(kind)].purpose;
}
