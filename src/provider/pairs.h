/* SPDX-License-Identifier: Apache-2.0
 * pairs.h: token ids and types of pairs of texts, one after another; a first text that is the same as in the pair before is tokenized once. Used by engine_tokenize.c, and by
 * src/server, which counts. */
#ifndef WICK_PROVIDER_PAIRS_H
#define WICK_PROVIDER_PAIRS_H
#include <wick.h>

/* Start with {0}. One thread at a time. */
typedef struct wick_pair_encoder {
    wick_encoding *first, *second, *joined; /* taken when they are needed */
    const char *text;                       /* the first text whose tokens stand in `first`; NULL: none */
    size_t n_bytes;
    const uint8_t *types; /* [joined->n_tokens] of the latest pair */
} wick_pair_encoder;

/* To be called before texts that a pointer may have meant are gone: a pointer is all that is compared. */
static inline void wick_pair_encoder_forget(wick_pair_encoder *encoder)
{
    encoder->text = NULL;
}
void wick_pair_encoder_clear(wick_pair_encoder *encoder);

/* encoder->joined and types become those of the pair, cut to max_tokens (0: not cut) longest first. Errors: as wick_tokenize; WICK_E_UNSUPPORTED: the tokenizer has no form
 * for pairs. */
int wick_pair_encode(wick_pair_encoder *encoder, const wick_tokenizer *tokenizer, const char *first, size_t first_bytes,
                     const char *second, size_t second_bytes, size_t max_tokens, uint8_t truncate_side,
                     wick_error *error);

#endif
