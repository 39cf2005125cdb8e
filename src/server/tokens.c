/* SPDX-License-Identifier: Apache-2.0
 * tokens.c: how many tokens each text of a call has, which is what queues and batches are measured in. In: texts, the model's tokenizer. Out: counts; or the
 * refusal of a text that must not be cut and is too long. Called by calls.c, on the loop or on a worker. */
#include "server/request.h"
#include "server/server_internal.h"

/* Without a tokenizer: about four bytes a token, and the two special ones. */
static uint32_t estimate(size_t n_bytes, size_t limit)
{
    const size_t n = n_bytes / 4 + 2;
    return (uint32_t)(limit && n > limit ? limit : n);
}

static bool count_one(wick_call *call, size_t i, wick_encoding *encoding, wick_api_error *error)
{
    const size_t limit = call->served->info.max_seq_length;
    wick_tokenize_options options;
    wick_error problem = {0};
    if (!encoding)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    wick_tokenize_options_init(&options);
    options.max_tokens = call->truncate ? limit : 0;
    options.truncate_side = call->options.truncate_side;
    const int rc =
        wick_tokenize(call->served->tokenizer, call->texts[i], call->text_bytes[i], &options, encoding, &problem);
    if (rc != WICK_OK) {
        wick_api_error_from(&problem, error);
        return false;
    }
    if (limit && encoding->n_tokens > limit)
        return wick_refuse(
            error, WICK_REFUSE_TOKENIZER, "truncate",
            "text %zu has %zu tokens, the model takes %zu; send \"truncate\": true to cut it, or split it", i,
            encoding->n_tokens, limit);
    call->n_tokens[i] = encoding->n_tokens ? (uint32_t)encoding->n_tokens : 1;
    return true;
}

bool wick_call_count_tokens(wick_call *call, wick_encoding *encoding, wick_api_error *error)
{
    call->n_tokens = wick_arena_take(call->arena, call->n_texts, sizeof *call->n_tokens);
    if (!call->n_tokens)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    call->total_tokens = 0;
    for (size_t i = 0; i < call->n_texts; i++) {
        if (!call->served->tokenizer)
            call->n_tokens[i] = estimate(call->text_bytes[i], call->served->info.max_seq_length);
        else if (!count_one(call, i, encoding, error))
            return false;
        call->total_tokens += call->n_tokens[i];
    }
    return true;
}
