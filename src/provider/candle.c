/* SPDX-License-Identifier: Apache-2.0
 * candle.c: provider "candle" (also "native"): Wick's own engine behind the interface. */
#include "provider/engine.h"
#include "provider/provider.h"

static int candle_open(const char *model, const wick_model_options *options, void **state, wick_error *error)
{
    wick_model *opened = NULL;
    const int rc = wick_model_open(model, options, &opened, error);
    if (rc == WICK_OK)
        *state = opened;
    return rc;
}

static int candle_embed(void *state, const wick_embed_request *request, float *out, wick_usage *usage,
                        wick_error *error)
{
    return wick_embed(state, request->texts, request->text_bytes, request->n_texts, &request->options, out, usage,
                      error);
}

static int candle_info(const void *state, wick_model_info *info, wick_error *error)
{
    return wick_model_get_info(state, info);
}

static void candle_close(void *state)
{
    wick_model_close(state);
}

static const wick_tokenizer *candle_tokenizer(const void *state)
{
    return wick_model_tokenizer(state);
}

static int candle_outputs(void *state, const wick_outputs_request *request, wick_rows_response *response,
                          wick_error *error)
{
    if (request->wanted == WICK_WANT_TOKENS)
        return wick_embed_tokens(state, request->texts, request->text_bytes, request->n_texts, &request->embed_options,
                                 response, error);
    if (request->wanted == WICK_WANT_SPARSE)
        return wick_embed_sparse(state, request->texts, request->text_bytes, request->n_texts, &request->embed_options,
                                 response, error);
    wick_model_info info = {.size = sizeof info};
    int rc = wick_model_get_info(state, &info);
    if (rc == WICK_OK)
        rc = wick_outputs_begin_scores(request, info.n_labels, response, error);
    if (rc == WICK_OK)
        rc = wick_classify(state, request->texts, request->text_bytes, request->seconds, request->second_bytes,
                           request->n_texts, &request->score_options, response->values, &response->usage, error);
    return rc;
}

static wick_side_by_side candle_side_by_side(const void *state)
{
    const wick_backend_info *info = &((const wick_model *)state)->backend_info;
    return (wick_side_by_side){info->n_calls, info->call_tokens};
}

const wick_provider_ops wick_provider_candle = {
    .name = "candle",
    .open = candle_open,
    .embed = candle_embed,
    .info = candle_info,
    .close = candle_close,
    .tokenizer = candle_tokenizer,
    .outputs = candle_outputs,
    .side_by_side = candle_side_by_side,
};
