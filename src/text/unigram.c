/* SPDX-License-Identifier: Apache-2.0
 * unigram.c: loading and running the Unigram model (unigram.h). */
#include "text/unigram.h"

int wick_unigram_load(const wick_reading *reading, const wick_json *value, size_t n_added, wick_vocabulary *vocabulary,
                      wick_unigram *out)
{
    (void)value, (void)n_added;
    *out = (wick_unigram){.vocabulary = vocabulary};
    return wick_field_unsupported(reading, "model", "Unigram", "WordPiece");
}

void wick_unigram_run(const wick_unigram *model, const char *word, const uint32_t *origins, size_t n,
                      wick_encoding_state *state)
{
    (void)model, (void)word, (void)origins, (void)n, (void)state;
}
