/* SPDX-License-Identifier: Apache-2.0
 * vectors.h: what every provider does alike before and after the model: checking texts and dimensions, cutting and normalising vectors.
 * Called by engine_embed.c, mock.c and provider.c. */
#ifndef WICK_PROVIDER_VECTORS_H
#define WICK_PROVIDER_VECTORS_H
#include <wick.h>
#include "base/clock.h"

/* What failures say where a model gave NaN or an infinity. */
#define WICK_NOT_FINITE "the model gave a value that is not finite"

/* At least one text, and a pointer for each that has bytes. WICK_E_INVALID_INPUT ("no inputs", or where is "texts[3]"). */
int wick_texts_check(const char *const *texts, const size_t *text_bytes, size_t n_texts, wick_error *error);
/* Bytes of text i, as the two arrays of wick_embed say. */
size_t wick_text_length(const char *const *texts, const size_t *text_bytes, size_t i);

/* The length of the vectors asked for: options->dimensions, or otherwise where that is 0. full: of whole vectors. WICK_E_INVALID_INPUT where it is over full. */
int wick_dimension_check(const wick_embed_options *options, size_t full, size_t otherwise, size_t *dimension,
                         wick_error *error);

/* A text of n_tokens does not fit and must not be truncated: WICK_E_INVALID_INPUT that names both counts. */
int wick_fail_too_long(size_t index, size_t n_tokens, size_t max_tokens, wick_error *error);
/* A failure of one text: where is "texts[17]", the rest inner's, whose code is returned. */
int wick_fail_text(size_t index, const wick_error *inner, wick_error *error);
/* Whether the error is told so; *index is the text then. */
bool wick_error_of_text(const wick_error *error, size_t *index);

/* Cuts one vector to its first n values and, where asked, divides them by max(their length, 1e-12) as torch.nn.functional.normalize
 * does. from: [>= n]; to: [n], may be from. The sum runs from first to last in f64, so a vector's bits depend on nothing else.
 * False: a value is not finite. */
bool wick_vector_finish(const float *from, size_t n, bool normalize, float *to);

#endif
