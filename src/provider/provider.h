/* SPDX-License-Identifier: Apache-2.0
 * provider.h: the seam behind wick_provider_*: what a provider must offer. In: checked requests. Out: vectors in the caller's memory.
 * candle.c is Wick's own engine, mlx.c the MLX plug-in, mock.c makes vectors from a hash; manager.c picks one, provider.c calls it. */
#ifndef WICK_PROVIDER_PROVIDER_H
#define WICK_PROVIDER_PROVIDER_H
#include "provider/outputs.h"

/* What calls whose options say side_by_side may expect: so many at once have a core each, and one uses it best with so many tokens. */
typedef struct wick_side_by_side {
    unsigned n_calls; /* below 2: none */
    size_t n_tokens;
} wick_side_by_side;

typedef struct wick_provider_ops {
    const char *name; /* "candle" */
    /* model: never NULL or empty. *state is set on success only. */
    int (*open)(const char *model, const wick_model_options *options, void **state, wick_error *error);
    /* request: n_texts >= 1, all options present. out: [n_texts, dimension after the cut]. Thread-safe. */
    int (*embed)(void *state, const wick_embed_request *request, float *out, wick_usage *usage, wick_error *error);
    /* Fills info, whose size is set. */
    int (*info)(const void *state, wick_model_info *info, wick_error *error);
    void (*close)(void *state);
    const wick_tokenizer *(*tokenizer)(const void *state); /* NULL: the provider has none */
    /* request: n_texts >= 1, of a kind that the model gives. response: empty. Thread-safe. NULL: the provider gives vectors alone. */
    int (*outputs)(void *state, const wick_outputs_request *request, wick_rows_response *response, wick_error *error);
    /* NULL: each call has all that the provider has to itself. */
    wick_side_by_side (*side_by_side)(const void *state);
} wick_provider_ops;

typedef struct wick_fallback wick_fallback;

struct wick_provider {
    const wick_provider_ops *ops;
    void *state;
    char *model;      /* the name it was opened with */
    size_t dimension; /* of uncut vectors */
    const char *kind; /* what the model is for (kinds.h); NULL: everything */
    unsigned n_retries;
    wick_fallback *fallback; /* NULL: none */
    size_t cut;              /* what vectors are cut to where nobody asks for a length; 0: they are not */
};

/* Of the one that serves now (fallback.h). */
wick_side_by_side wick_provider_side_by_side(const wick_provider *provider);

/* The length of vectors where nobody asks for one. */
static inline size_t wick_provider_dimension(const wick_provider *provider)
{
    return provider->cut > 0 ? provider->cut : provider->dimension;
}

extern const wick_provider_ops wick_provider_candle, wick_provider_mlx, wick_provider_mock;

#endif
