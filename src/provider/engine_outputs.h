/* SPDX-License-Identifier: Apache-2.0
 * engine_outputs.h: one call for scores, token vectors or sparse vectors, as engine_outputs.c drives it through blocks of texts and engine_rows.c collects what has a length of
 * its own. */
#ifndef WICK_PROVIDER_ENGINE_OUTPUTS_H
#define WICK_PROVIDER_ENGINE_OUTPUTS_H
#include "provider/engine.h"

typedef struct wick_term_list wick_term_list;

typedef struct wick_outputs_call {
    wick_model *model;
    wick_context *context;
    wick_output_kind kind;
    wick_block block; /* the block under way; what does not change is set beforehand */
    /* texts alone; or pairs: of a query (where it is not NULL) and each text, or of texts and seconds */
    const char *query;
    size_t query_bytes;
    const char *const *texts, *const *seconds;
    const size_t *text_bytes, *second_bytes;
    size_t n_texts;
    uint64_t total_tokens;
    /* LABELS */
    uint8_t scores;
    float *out; /* [n_texts, n_labels] */
    /* TOKENS, TERMS */
    bool normalize;
    const uint8_t *skips; /* TOKENS: [vocab_size] 1 for token ids that are left out; NULL: none */
    size_t dimension;     /* TOKENS: after the cut */
    wick_rows_response *response;
    size_t n_done; /* texts that are in the response */
    size_t values_capacity, indices_capacity;
    wick_term_list *lists; /* TERMS: one a thread of the pool */
} wick_outputs_call;

/* Encodes what the block's picks are, and appends the rows of its texts to the response. index: of the block's first text. */
int wick_rows_append(wick_outputs_call *call, const wick_packed_batch *batch, size_t index, wick_error *error);
/* Gets the response ready for call->n_texts texts; and gives back what was taken beside it. */
int wick_rows_begin(wick_outputs_call *call, wick_error *error);
void wick_rows_end(wick_outputs_call *call);

#endif
