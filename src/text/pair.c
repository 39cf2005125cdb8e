/* SPDX-License-Identifier: Apache-2.0
 * pair.c: joining two texts' tokens (pair.h). */
#include "text/pair.h"

#include <string.h>

#include "base/error.h"
#include "text/tokenizer_parts.h"

/* How many tokens of each text are left where both together may have max: the shorter one keeps its own as long as that is no more than half. */
static void cut_longest_first(size_t max, size_t *n_first, size_t *n_second)
{
    const bool first_is_shorter = *n_first <= *n_second;
    size_t shorter = first_is_shorter ? *n_first : *n_second, longer;
    if (*n_first + *n_second <= max)
        return;
    if (shorter > max / 2) {
        shorter = max / 2;
        longer = max - shorter;
    } else {
        longer = max - shorter;
    }
    *n_first = first_is_shorter ? shorter : longer;
    *n_second = first_is_shorter ? longer : shorter;
}

/* Appends the kept tokens of one text. */
static void add_text(const wick_tokenizer *tokenizer, const wick_encoding *part, size_t n, bool left, uint8_t type,
                     wick_encoding_state *out)
{
    const wick_encoding_state *from = (const wick_encoding_state *)(const void *)part;
    const size_t begin = left ? part->n_tokens - n : 0, at = out->n_tokens;
    if (!wick_encoding_reserve(out, n))
        return;
    if (n > 0) {
        memcpy(out->ids + at, from->ids + begin, n * sizeof *out->ids);
        memcpy(out->starts + at, from->starts + begin, n * sizeof *out->starts);
        memcpy(out->ends + at, from->ends + begin, n * sizeof *out->ends);
        memcpy(out->is_special + at, from->is_special + begin, n);
        memcpy(out->spaces + at, from->spaces + begin, n * sizeof *out->spaces);
        memset(out->types + at, type, n);
    }
    out->n_tokens += n;
    wick_template_trim(&tokenizer->special.trim, out, at, out->n_tokens);
}

static size_t count_special(const wick_template *special)
{
    size_t n = 0;
    for (size_t i = 0; i < special->n_pair; i++)
        n += special->pair[i].id >= 0;
    return n;
}

int wick_pair_join(const wick_tokenizer *tokenizer, const wick_encoding *first, const wick_encoding *second,
                   size_t max_tokens, uint8_t truncate_side, wick_encoding *out, const uint8_t **types,
                   wick_error *error)
{
    const wick_template *special = &tokenizer->special;
    const size_t n_special = tokenizer->is_bare ? 0 : count_special(special);
    const bool left = wick_tokenizer_cuts_left(tokenizer, truncate_side);
    size_t n_first = first->n_tokens, n_second = second->n_tokens;
    wick_encoding_state *state = (wick_encoding_state *)(void *)out;
    state->shown = (wick_encoding){0};
    if (special->n_pair == 0)
        return wick_fail(error, WICK_E_UNSUPPORTED, "tokenizer.json", "use a model that was trained on pairs of texts",
                         "its post_processor has no form for pairs");
    if (max_tokens > 0 && max_tokens < n_special)
        return wick_fail(error, WICK_E_INVALID_INPUT, "max_tokens", "raise max_tokens",
                         "max_tokens %zu has no room for %zu special tokens", max_tokens, n_special);
    if (max_tokens > 0)
        cut_longest_first(max_tokens - n_special, &n_first, &n_second);
    state->n_tokens = 0;
    state->out_of_memory = false;
    for (size_t i = 0; i < special->n_pair && !state->out_of_memory; i++) {
        const wick_template_piece piece = special->pair[i];
        if (piece.id == WICK_PIECE_FIRST) {
            add_text(tokenizer, first, n_first, left, (uint8_t)piece.type, state);
        } else if (piece.id == WICK_PIECE_SECOND) {
            add_text(tokenizer, second, n_second, left, (uint8_t)piece.type, state);
        } else if (!tokenizer->is_bare) {
            wick_encoding_push(state, piece.id, 0, 0, true);
            if (!state->out_of_memory)
                state->types[state->n_tokens - 1] = (uint8_t)piece.type;
        }
    }
    if (state->out_of_memory)
        return wick_fail_memory(error, "a pair's tokens");
    wick_encoding_show(state);
    *types = state->types;
    return WICK_OK;
}
