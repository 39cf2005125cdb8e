/* SPDX-License-Identifier: Apache-2.0
 * outputs.h: outputs beside vectors through a provider: scores of labels or pairs, token vectors, sparse vectors. In: a request for any of them. Out: rows. Called by the command
 * and by the server, which batch requests of one kind. */
#ifndef WICK_PROVIDER_OUTPUTS_H
#define WICK_PROVIDER_OUTPUTS_H
#include "provider/kinds.h"

typedef struct wick_outputs_request {
    wick_wanted wanted;       /* not VECTORS */
    const char *const *texts; /* [n_texts] */
    const size_t *text_bytes; /* [n_texts], or NULL: zero-terminated */
    size_t n_texts;           /* 0 is WICK_E_INVALID_INPUT */
    /* SCORES, RANKING: the second texts of pairs, [n_texts], or NULL: texts alone; NULL in it: none */
    const char *const *seconds;
    const size_t *second_bytes;       /* [n_texts], or NULL */
    wick_score_options score_options; /* SCORES, RANKING: whole */
    wick_embed_options embed_options; /* TOKENS, SPARSE: whole */
} wick_outputs_request;

/* Scores are one row a text, of as many values as there are labels (the response's dimension). The response is cleared first. A model that does not give what is wanted:
 * WICK_E_INVALID_INPUT, which says what it is. Failures that may pass are tried again, as vectors are; no other provider stands in. */
int wick_provider_outputs(wick_provider *provider, const wick_outputs_request *request, wick_rows_response *response,
                          wick_error *error);
/* response: for n_texts rows of scores, n_labels each; its values are to be filled. For providers. */
int wick_outputs_begin_scores(const wick_outputs_request *request, size_t n_labels, wick_rows_response *response,
                              wick_error *error);

#endif
