/* SPDX-License-Identifier: Apache-2.0
 * tokens.c: how many tokens each text of a call has, its prompt's included, which is what queues and batches are measured in. In: texts, the model's tokenizer. Out: counts; or the
 * refusal of a text that must not be cut and is too long. Called by calls.c, on the loop or on a worker. */
#include "provider/pairs.h"
#include "server/request.h"
#include "server/server_internal.h"
#include <stdlib.h>
#include <string.h>

/* Without a tokenizer: about four bytes a token, and the two special ones. */
static uint32_t estimate(size_t n_bytes, size_t limit)
{
    const size_t n = n_bytes / 4 + 2;
    return (uint32_t)(limit && n > limit ? limit : n);
}

/* What texts are tokenized with. */
typedef struct counter {
    wick_encoding *encoding;
    wick_pair_encoder pairs;
} counter;

/* Tokens of text[0..n_bytes), the call's text i with its prompt; or of the pair that it begins. */
static bool count_one(const wick_call *call, size_t i, const char *text, size_t n_bytes, counter *with, size_t *n,
                      wick_api_error *error)
{
    const size_t limit = call->served->info.max_seq_length;
    const wick_tokenizer *tokenizer = call->served->tokenizer;
    const bool is_pair = call->seconds && call->seconds[i];
    wick_tokenize_options options;
    wick_error problem = {0};
    if (!with->encoding)
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    wick_tokenize_options_init(&options);
    options.max_tokens = call->truncate ? limit : 0;
    options.truncate_side = call->options.truncate_side;
    const int rc = is_pair
                       ? wick_pair_encode(&with->pairs, tokenizer, text, n_bytes, call->seconds[i],
                                          call->second_bytes[i], options.max_tokens, options.truncate_side, &problem)
                       : wick_tokenize(tokenizer, text, n_bytes, &options, with->encoding, &problem);
    if (rc != WICK_OK) {
        wick_api_error_from(&problem, error);
        return false;
    }
    *n = is_pair ? with->pairs.joined->n_tokens : with->encoding->n_tokens;
    if (limit && *n > limit)
        return wick_refuse(
            error, WICK_REFUSE_TOKENIZER, "truncate",
            "text %zu has %zu tokens, the model takes %zu; send \"truncate\": true to cut it, or split it", i, *n,
            limit);
    return true;
}

/* Room for the prompt and the longest text, the prompt in it; NULL: out of memory. */
static char *make_room(const wick_call *call, size_t n_prompt)
{
    size_t longest = 0;
    for (size_t i = 0; i < call->n_texts; i++)
        longest = call->text_bytes[i] > longest ? call->text_bytes[i] : longest;
    char *room = malloc(n_prompt + longest);
    if (room)
        memcpy(room, call->options.prompt, n_prompt);
    return room;
}

/* room: NULL, or where the prompt stands and the text is to follow. */
static bool count_all(wick_call *call, char *room, size_t n_prompt, counter *with, wick_api_error *error)
{
    const size_t limit = call->served->info.max_seq_length;
    for (size_t i = 0; i < call->n_texts; i++) {
        const char *text = room ? room : call->texts[i];
        const size_t n_bytes = n_prompt + call->text_bytes[i];
        size_t n = 0;
        if (!call->served->tokenizer) {
            n = estimate(n_bytes + (call->seconds ? call->second_bytes[i] : 0), limit);
        } else {
            if (room)
                memcpy(room + n_prompt, call->texts[i], call->text_bytes[i]);
            if (!count_one(call, i, text, n_bytes, with, &n, error))
                return false;
        }
        call->n_tokens[i] = n ? (uint32_t)n : 1; /* of the queue */
        call->total_tokens += n;
    }
    return true;
}

bool wick_call_count_tokens(wick_call *call, wick_encoding *encoding, wick_api_error *error)
{
    const size_t n_prompt = call->options.prompt ? strlen(call->options.prompt) : 0;
    char *room = n_prompt > 0 ? make_room(call, n_prompt) : NULL;
    call->n_tokens = wick_arena_take(call->arena, call->n_texts, sizeof *call->n_tokens);
    call->total_tokens = 0;
    if (!call->n_tokens || (n_prompt > 0 && !room)) {
        free(room);
        return wick_refuse(error, WICK_REFUSE_INTERNAL, NULL, "out of memory");
    }
    counter with = {.encoding = encoding};
    const bool ok = count_all(call, room, n_prompt, &with, error);
    wick_pair_encoder_clear(&with.pairs);
    free(room);
    return ok;
}
