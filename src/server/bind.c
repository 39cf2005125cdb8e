/* SPDX-License-Identifier: Apache-2.0
 * bind.c: wick_call_bind of call.h: what a request asks for, held against the model that it gets. In: a call that a dialect has read, its model
 * borrowed. Out: its dimension and prompt, and texts where token ids came. Called by calls.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider/kinds.h"
#include "provider/prompts.h"
#include "server/decode.h"
#include "server/precision.h"
#include "server/request.h"

/* What a provider that computes in nothing else says nothing of. */
#define DEFAULT_DTYPE "f32"

static bool bind_dimension(wick_call *call, wick_api_error *error)
{
    const wick_model_info *info = &call->served->info;
    const size_t full = info->max_dimensions > 0 ? info->max_dimensions : info->dimension;
    const size_t asked = call->options.dimensions;
    if (asked > full)
        return wick_refuse(error, WICK_REFUSE_INVALID, "dimensions",
                           "dimensions is %zu, but the vectors of this model have %zu values", asked, full);
    call->dimension = call->options.dimensions = asked > 0 ? asked : info->dimension;
    return true;
}

bool wick_request_prompt(const wick_served *served, const char *name, const char **out, wick_api_error *error)
{
    const wick_model_info *info = &served->info;
    const char *wanted = name ? name : info->default_prompt_name;
    const wick_prompt *prompt = wanted ? wick_prompt_named(info, wanted) : NULL;
    char list[256];
    *out = prompt ? prompt->text : "";
    if (prompt || !wanted)
        return true;
    wick_prompt_list(info, list, sizeof list);
    return wick_refuse(error, WICK_REFUSE_INVALID, "prompt_name",
                       info->n_prompts > 0 ? "prompt_name names none of this model's prompts: %s"
                                           : "this model has no prompts; leave prompt_name out",
                       list);
}

static bool bind_dtype(const wick_call *call, wick_api_error *error)
{
    const char *served = call->served->info.dtype ? call->served->info.dtype : DEFAULT_DTYPE;
    if (!call->dtype || strcmp(call->dtype, served) == 0)
        return true;
    return wick_refuse(error, WICK_REFUSE_INVALID, "dtype",
                       "this model is served in %s; leave dtype out, or ask for that", served);
}

/* The ids of text i into ids, which has room for them. */
static bool read_ids(const wick_call *call, size_t i, const wick_json *list, int32_t *ids, wick_api_error *error)
{
    const wick_tokenizer *tokenizer = call->served->tokenizer;
    const size_t n = wick_json_count(list);
    for (size_t k = 0; k < n; k++) {
        if (wick_request_id(wick_json_at(list, k), &ids[k]) && wick_tokenizer_token(tokenizer, ids[k]))
            continue;
        const size_t last = wick_tokenizer_vocab_size(tokenizer) - 1;
        return wick_refuse(
            error, WICK_REFUSE_INVALID, NULL,
            "id %zu of input %zu names no token of this model, which knows 0 to %zu; send ids of its own "
            "tokenizer, or texts",
            k, i, last);
    }
    return true;
}

static bool bind_ids(wick_call *call, size_t i, wick_api_error *error)
{
    const wick_json *list = call->is_single ? call->ids : wick_json_at(call->ids, i);
    size_t n = wick_json_count(list);
    wick_buffer text = {0};
    wick_error problem = {0};
    int32_t *ids = malloc(n * sizeof *ids);
    const int32_t *kept = ids;
    bool ok = false;
    if (!ids) {
        wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    } else if (read_ids(call, i, list, ids, error)) {
        if (wick_decode_trim(call->served->tokenizer, &kept, &n, &problem) != WICK_OK) {
            wick_api_error_from(&problem, error);
        } else {
            wick_decode(call->served->tokenizer, kept, n, false, &text);
            char *copy = text.failed ? NULL : wick_arena_copy_text(call->arena, text.bytes, text.n_bytes);
            call->texts[i] = copy;
            call->text_bytes[i] = text.n_bytes;
            ok = copy || wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
        }
    }
    free(text.bytes);
    free(ids);
    return ok;
}

/* The model must give what the route is for. */
static bool bind_kind(const wick_call *call, wick_api_error *error)
{
    wick_error problem = {0};
    if (wick_kind_check(call->served->info.kind, call->wanted, "model", &problem) == WICK_OK)
        return true;
    return wick_refuse(error, WICK_REFUSE_KIND, "model", "%s; %s", problem.message, problem.mend);
}

/* Token vectors know by the prompt's name whether a text is a query. Pairs have no prompts. */
static bool bind_prompt(wick_call *call, wick_api_error *error)
{
    if (call->wanted == WICK_WANT_SCORES || call->wanted == WICK_WANT_RANKING) {
        call->options.prompt = "";
        return true;
    }
    if (call->wanted == WICK_WANT_TOKENS && call->prompt_name) {
        call->options.prompt_name = wick_arena_copy_text(call->arena, call->prompt_name, strlen(call->prompt_name));
        if (!call->options.prompt_name)
            return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    }
    return wick_request_prompt(call->served, call->prompt_name, &call->options.prompt, error);
}

bool wick_call_bind(wick_call *call, wick_api_error *error)
{
    const bool is_vectors = call->wanted == WICK_WANT_VECTORS;
    if (!bind_kind(call, error) || (is_vectors && !bind_dimension(call, error)) || !bind_dtype(call, error) ||
        (is_vectors && !wick_precision_bind(call, error)) || !bind_prompt(call, error))
        return false;
    if (!call->ids)
        return true;
    if (!call->served->tokenizer)
        return wick_refuse(error, WICK_REFUSE_INVALID, NULL,
                           "this model has no tokenizer; send texts instead of token ids");
    for (size_t i = 0; i < call->n_texts; i++)
        if (!bind_ids(call, i, error))
            return false;
    return true;
}
