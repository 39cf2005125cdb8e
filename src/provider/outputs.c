/* SPDX-License-Identifier: Apache-2.0
 * outputs.c: outputs beside vectors through a provider (outputs.h). What all providers have in common is checked here, once. */
#include "provider/outputs.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "provider/provider.h"
#include "provider/vectors.h"

int wick_provider_outputs(wick_provider *provider, const wick_outputs_request *request, wick_rows_response *response,
                          wick_error *error)
{
    wick_error failure = {0}, *told = error ? error : &failure;
    wick_rows_response_clear(response);
    int rc = wick_kind_check(provider->kind, request->wanted, provider->model, told);
    if (rc == WICK_OK)
        rc = wick_texts_check(request->texts, request->text_bytes, request->n_texts, told);
    if (rc == WICK_OK && !provider->ops->outputs)
        rc = wick_fail(told, WICK_E_UNSUPPORTED, "provider", "use the provider candle",
                       "the provider %s gives vectors alone", provider->ops->name);
    if (rc != WICK_OK)
        return rc;
    for (unsigned attempt = 0;; attempt++) {
        *told = (wick_error){0};
        rc = provider->ops->outputs(provider->state, request, response, told);
        if (rc == WICK_OK || !told->retriable || attempt >= provider->n_retries)
            return rc;
    }
}

int wick_outputs_begin_scores(const wick_outputs_request *request, size_t n_labels, wick_rows_response *response,
                              wick_error *error)
{
    size_t n_values, n_offsets = 0;
    response->n_texts = request->n_texts;
    response->dimension = n_labels;
    if (wick_add_size(request->n_texts, 1, &n_offsets) && wick_mul_size(request->n_texts, n_labels, &n_values)) {
        response->offsets = calloc(n_offsets, sizeof *response->offsets);
        response->values = calloc(n_values, sizeof *response->values);
    }
    if (!response->offsets || !response->values) {
        wick_rows_response_clear(response);
        return wick_fail_memory(error, "scores");
    }
    for (size_t i = 0; i < n_offsets; i++)
        response->offsets[i] = i;
    return WICK_OK;
}

void wick_rows_response_clear(wick_rows_response *response)
{
    if (!response)
        return;
    free(response->offsets);
    free(response->indices);
    free(response->values);
    *response = (wick_rows_response){0};
}
