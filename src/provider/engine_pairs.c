/* SPDX-License-Identifier: Apache-2.0
 * engine_pairs.c: pairs of texts through the tokenizer (pairs.h). All tokens of both are made: which text loses how many depends on how long both are. */
#include "provider/pairs.h"

#include "base/error.h"
#include "text/pair.h"

static bool take(wick_encoding **encoding)
{
    if (!*encoding)
        *encoding = wick_encoding_new();
    return *encoding != NULL;
}

void wick_pair_encoder_clear(wick_pair_encoder *encoder)
{
    wick_encoding_free(encoder->first);
    wick_encoding_free(encoder->second);
    wick_encoding_free(encoder->joined);
    *encoder = (wick_pair_encoder){0};
}

int wick_pair_encode(wick_pair_encoder *encoder, const wick_tokenizer *tokenizer, const char *first, size_t first_bytes,
                     const char *second, size_t second_bytes, size_t max_tokens, uint8_t truncate_side,
                     wick_error *error)
{
    const bool is_same = encoder->text && encoder->text == first && encoder->n_bytes == first_bytes;
    int rc = WICK_OK;
    if (!take(&encoder->first) || !take(&encoder->second) || !take(&encoder->joined))
        return wick_fail_memory(error, "token ids");
    if (!is_same)
        rc = wick_tokenize_part(tokenizer, first, first_bytes, 0, truncate_side, encoder->first, error);
    encoder->text = rc == WICK_OK ? first : NULL;
    encoder->n_bytes = first_bytes;
    if (rc == WICK_OK)
        rc = wick_tokenize_part(tokenizer, second, second_bytes, 0, truncate_side, encoder->second, error);
    if (rc == WICK_OK)
        rc = wick_pair_join(tokenizer, encoder->first, encoder->second, max_tokens, truncate_side, encoder->joined,
                            &encoder->types, error);
    return rc;
}
