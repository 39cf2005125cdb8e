/* SPDX-License-Identifier: Apache-2.0
 * forward.c: a chunk through the encoder (model/encoder.h): embeddings (embed.c), the layers one after another (layer.c), the final norm where there is one, and what is made of the last
 * rows (heads.c). */
#include "cpu/forward.h"

#include "cpu/heads.h"
#include "cpu/layer.h"

void wick_forward(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                  const wick_activations *act, const wick_thread_scratch *scratch, const wick_output_target *target)
{
    const wick_cpu_layer *layers = model->layers;
    const wick_kernels *kernels = model->kernels;
    size_t n = model->files->encoder.n_layers;
    if (kernels->enter)
        kernels->enter();
    wick_embed_rows(model, n > 0 ? layers : NULL, team, chunk, act);
    for (size_t i = 0; i < n; i++)
        wick_layer_forward(model, &layers[i], i + 1 < n ? &layers[i + 1] : NULL, team, chunk, act, scratch);
    wick_norm_shared(model, team, &model->final_norm, &act->hidden, 0,
                     chunk->n_rows); /* rows that this thread may read: a layer ends so */
    wick_team_barrier(team);
    wick_output_chunk(model, team, chunk, act, scratch, target);
    if (kernels->leave)
        kernels->leave();
    wick_team_barrier(team); /* the next chunk overwrites hidden */
}
