/* SPDX-License-Identifier: Apache-2.0
 * kinds.h: what models are for (wick_model_info.kind), what each kind gives, and the error for what it does not. Used by the engine, by provider.c, and by the server. */
#ifndef WICK_PROVIDER_KINDS_H
#define WICK_PROVIDER_KINDS_H
#include <wick.h>

#define WICK_KIND_EMBEDDING "embedding"
#define WICK_KIND_RERANKER "reranker"
#define WICK_KIND_CLASSIFIER "classifier"
#define WICK_KIND_SPARSE "sparse"
#define WICK_KIND_TOKENS "multi-vector"

typedef enum wick_wanted {
    WICK_WANT_VECTORS,
    WICK_WANT_TOKENS,
    WICK_WANT_SCORES,  /* of labels */
    WICK_WANT_RANKING, /* one score a pair */
    WICK_WANT_SPARSE
} wick_wanted;

/* WICK_E_INVALID_INPUT where a model of this kind does not give it: says what the model is, and which command, function and route fit. kind NULL: gives everything (mock).
 * where: the model's name. */
int wick_kind_check(const char *kind, wick_wanted wanted, const char *where, wick_error *error);
/* "vectors", "scores of pairs"...; static. NULL of NULL. */
const char *wick_kind_gives(const char *kind);
/* What a model of this kind is for. */
wick_wanted wick_kind_purpose(const char *kind);

#endif
