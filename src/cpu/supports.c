/* SPDX-License-Identifier: Apache-2.0
 * supports.c: what the CPU does not carry out yet, a row a feature (supports.h). */
#include "cpu/supports.h"

#include "base/error.h"

int wick_cpu_supports(const wick_encoder *e, const char *where, wick_error *error)
{
    const struct {
        bool is_asked;
        const char *what;
    } missing[] = {
        {e->norm_kind != WICK_NORM_LAYER, "RMS norms"},
        {e->norm_place != WICK_NORM_AFTER, "norms before a block"},
        {!e->has_norm_bias, "norms without bias"},
        {!e->has_embedding_norm, "embeddings without a norm"},
        {e->embedding_scale != 1, "scaled embeddings"},
        {e->position == WICK_POSITION_RELATIVE, "relative positions"},
        {e->position == WICK_POSITION_ROTARY, "rotary positions"},
        {e->position == WICK_POSITION_ALIBI, "ALiBi positions"},
        {e->position == WICK_POSITION_NONE, "no positions"},
        {e->padding_id >= 0, "positions that begin behind a padding id"},
        {e->type_vocab_size == 0, "embeddings without token types"},
        {e->is_gated, "gated layers"},
        {e->causal, "causal attention"},
        {e->n_kv_heads != e->n_heads, "shared key and value heads"},
        {wick_encoder_query_width(e) != e->hidden_size, "heads of another width than hidden_size"},
        {e->has_qk_norm, "norms of queries and keys"},
    };
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (missing[i].is_asked)
            return wick_fail(error, WICK_E_UNSUPPORTED, where, "choose a model of another family",
                             "%s: this is not supported on the CPU", missing[i].what);
    return WICK_OK;
}
