/* SPDX-License-Identifier: Apache-2.0
 * encoder.c: the description that BERT has, which most families change in a few places (encoder.h). Called by the families' readers and packed_model.c. */
#include "model/encoder.h"

#include <math.h>

const char *const wick_activation_names[WICK_ACTIVATIONS] = {
    [WICK_ACT_NONE] = "none", [WICK_ACT_GELU] = "gelu", [WICK_ACT_GELU_TANH] = "gelu_tanh",
    [WICK_ACT_RELU] = "relu", [WICK_ACT_SILU] = "silu", [WICK_ACT_TANH] = "tanh"};

const char *wick_norm_kind_name(wick_norm_kind kind)
{
    static const char *const names[] = {
        [WICK_NORM_LAYER] = "layer", [WICK_NORM_RMS] = "rms", [WICK_NORM_RMS_PLUS_ONE] = "rms"};
    return names[kind];
}

const char *wick_norm_place_name(wick_norm_place place)
{
    static const char *const names[] = {
        [WICK_NORM_AFTER] = "after", [WICK_NORM_BEFORE] = "before", [WICK_NORM_AROUND] = "around"};
    return names[place];
}

const char *wick_position_name(wick_position_kind position)
{
    static const char *const names[] = {[WICK_POSITION_LEARNED] = "learned",
                                        [WICK_POSITION_RELATIVE] = "relative",
                                        [WICK_POSITION_ROTARY] = "rotary",
                                        [WICK_POSITION_ALIBI] = "alibi",
                                        [WICK_POSITION_NONE] = "none"};
    return names[position];
}

void wick_encoder_set_plain(wick_encoder *e)
{
    *e = (wick_encoder){.norm_kind = WICK_NORM_LAYER,
                        .norm_place = WICK_NORM_AFTER,
                        .has_qkv_bias = true,
                        .has_attention_output_bias = true,
                        .has_norm_bias = true,
                        .has_up_bias = true,
                        .has_down_bias = true,
                        .has_embedding_norm = true,
                        .embedding_scale = 1,
                        .rope_divisor = 1,
                        .position = WICK_POSITION_LEARNED,
                        .padding_id = -1,
                        .activation = WICK_ACT_GELU};
}

void wick_encoder_derive(wick_encoder *e)
{
    if (e->head_dim == 0 && e->n_heads > 0)
        e->head_dim = e->hidden_size / e->n_heads;
    if (e->n_kv_heads == 0)
        e->n_kv_heads = e->n_heads;
    if (e->score_scale == 0 && e->head_dim > 0)
        e->score_scale = 1.0f / sqrtf((float)e->head_dim);
}

bool wick_encoder_has_windows(const wick_encoder *e)
{
    bool has = false;
    for (size_t i = 0; i < e->n_layers; i++)
        has = has || e->has_window[i];
    return has;
}
