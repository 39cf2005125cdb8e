/* SPDX-License-Identifier: Apache-2.0
 * weights_key.c: tier, dtype, the weights' files, and all settings that packing and calibration depend on (weights_key.h). */
#include "cpu/weights_key.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "cpu/heads.h"

/* To be raised when the same weights are packed into other bytes: layout, packing, rounding, calibration. */
#define FORMAT 5

/* Numbers go in one after another, whatever stands between them in a struct. */
static void add(uint64_t *h, uint64_t number)
{
    *h = wick_hash64(&number, sizeof number, *h);
}

static void add_real(uint64_t *h, double number)
{
    *h = wick_hash64(&number, sizeof number, *h);
}

/* Every field of the description: what is packed, and what calibration runs the model with, may change while the weights stay. */
static void add_encoder(uint64_t *h, const wick_encoder *e)
{
    const uint64_t numbers[] = {e->n_layers,
                                e->hidden_size,
                                e->intermediate_size,
                                e->vocab_size,
                                e->n_heads,
                                e->n_kv_heads,
                                e->head_dim,
                                e->has_qk_norm,
                                e->has_qkv_bias,
                                e->has_attention_output_bias,
                                e->norm_kind,
                                e->norm_place,
                                e->has_norm_bias,
                                e->has_embedding_norm,
                                e->has_final_norm,
                                e->lacks_first_norm,
                                e->position,
                                e->max_positions,
                                e->position_first,
                                (uint64_t)e->padding_id,
                                e->n_buckets,
                                e->type_vocab_size,
                                e->causal,
                                e->window,
                                e->activation,
                                e->is_gated,
                                e->has_up_bias,
                                e->has_down_bias};
    const double reals[] = {e->score_scale, e->norm_eps,         e->embedding_scale,
                            e->rope_theta,  e->rope_theta_local, e->rope_divisor};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        add(h, numbers[i]);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        add_real(h, reals[i]);
    for (size_t i = 0; i < e->n_layers; i++)
        add(h, e->has_window[i]);
}

/* Beside it: how long texts may be, which Dense modules there are and have a bias, how kernels want panels. */
static uint64_t hash_settings(const wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    uint64_t h = 0;
    add_encoder(&h, &files->encoder);
    add(&h, files->max_tokens);
    add(&h, model->panel_width);
    add(&h, files->n_dense);
    for (size_t i = 0; i < files->n_dense; i++) {
        add(&h, files->dense[i].in_features);
        add(&h, files->dense[i].out_features);
        add(&h, files->dense[i].linear.bias.data != NULL);
    }
    return wick_cpu_hash_head(files, h);
}

const char *const wick_compute_names[WICK_COMPUTES] = {
    [WICK_COMPUTE_F32] = "f32", [WICK_COMPUTE_BF16] = "bf16", [WICK_COMPUTE_I8] = "int8", [WICK_COMPUTE_I24] = "i24"};

void wick_weights_key_of(const wick_cpu_model *model, wick_weights_key *out)
{
    snprintf(out->kind, sizeof out->kind, "weights %s %s", model->kernels->tier,
             wick_compute_names[model->layer_compute]);
    out->key = (wick_prepared_key){.kind = out->kind,
                                   .source = model->files->path,
                                   .format = FORMAT,
                                   .identity = model->files->weights_identity,
                                   .settings = hash_settings(model)};
}
