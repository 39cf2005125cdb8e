/* SPDX-License-Identifier: Apache-2.0
 * encoder.c: the description that BERT has, which most families change in a few places (encoder.h). Called by the families' readers and packed_model.c. */
#include "model/encoder.h"

#include <math.h>

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
