/* SPDX-License-Identifier: Apache-2.0
 * weights_key.c: tier, dtype, the weights' files, and all settings that packing and calibration depend on (weights_key.h). */
#include "cpu/weights_key.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* To be raised when the same weights are packed into other bytes: layout, packing, rounding, calibration. */
#define FORMAT 4

/* Sizes; what calibration runs the model with; which Dense modules have a bias; how kernels want panels. All of it may change while the weights stay. */
static uint64_t hash_settings(const wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    uint64_t parts[12 + 3 * WICK_MAX_DENSE] = {files->encoder.n_layers,
                                               files->encoder.hidden_size,
                                               files->encoder.n_heads,
                                               files->encoder.vocab_size,
                                               files->encoder.intermediate_size,
                                               files->encoder.max_positions,
                                               files->max_tokens,
                                               files->encoder.type_vocab_size,
                                               files->encoder.activation,
                                               files->n_dense,
                                               model->panel_width};
    memcpy(&parts[11], &files->encoder.norm_eps, sizeof parts[11]);
    for (size_t i = 0; i < files->n_dense; i++) {
        uint64_t *dense = &parts[12 + 3 * i];
        dense[0] = files->dense[i].in_features;
        dense[1] = files->dense[i].out_features;
        dense[2] = files->dense[i].linear.bias.data != NULL;
    }
    return wick_hash64(parts, sizeof parts, 0);
}

const char *const wick_compute_names[WICK_COMPUTES] = {
    [WICK_COMPUTE_F32] = "f32", [WICK_COMPUTE_BF16] = "bf16", [WICK_COMPUTE_I8] = "int8"};

void wick_weights_key_of(const wick_cpu_model *model, wick_weights_key *out)
{
    snprintf(out->kind, sizeof out->kind, "weights %s %s", model->kernels->tier, wick_compute_names[model->compute]);
    out->key = (wick_prepared_key){.kind = out->kind,
                                   .source = model->files->path,
                                   .format = FORMAT,
                                   .identity = model->files->weights_identity,
                                   .settings = hash_settings(model)};
}
