/* SPDX-License-Identifier: Apache-2.0
 * embed.c: token ids -> the rows that the first layer reads: words, positions, token type 0, and the embeddings' norm (forward.h). */
#include "cpu/layer.h"
#include "cpu/table.h"

/* x = (word * scale) + position + token type */
static void embed_token(const wick_cpu_model *model, size_t id, size_t position, size_t type, float *x)
{
    const wick_encoder *e = &model->files->encoder;
    if (model->words.rows)
        wick_table_get(&model->words, id, x);
    else
        wick_tensor_to_f32(&model->files->word_embeddings, id * e->hidden_size, e->hidden_size, x);
    if (e->embedding_scale != 1) {
        const float scale = (float)e->embedding_scale;
        for (size_t j = 0; j < e->hidden_size; j++)
            x[j] *= scale;
    }
    if (model->position_rows.rows)
        wick_table_add(&model->position_rows, position, x);
    else if (model->type_row.rows)
        wick_table_add(&model->type_row, 0, x);
    if (type > 0)
        wick_table_add(&model->head.types, type - 1, x);
}

/* Rows [first, last) of the sequence, to hidden [its rows, hidden_size]. Positions count the tokens that are not padding, from the sequence's beginning. types: NULL: all are 0. */
static void embed_sequence(const wick_cpu_model *model, const int32_t *ids, const uint8_t *types, size_t first,
                           size_t last, float *hidden)
{
    const wick_encoder *e = &model->files->encoder;
    size_t next = e->position_first;
    for (size_t j = 0; j < last; j++) {
        const size_t position = ids[j] == e->padding_id ? (size_t)e->padding_id : next++;
        if (j >= first)
            embed_token(model, (size_t)ids[j], position, types ? types[j] : 0, hidden + j * e->hidden_size);
    }
}

/* The team's share of the rows. */
static void embed_rows(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk, float *hidden)
{
    const wick_packed_batch *batch = chunk->batch;
    size_t width = model->files->encoder.hidden_size, row = 0, first, last;
    wick_team_share(team, chunk->n_rows, &first, &last);
    for (size_t i = 0; i < chunk->n_sequences && row < last; i++) {
        const size_t offset = batch->offsets[chunk->sequences[i]];
        const uint8_t *types = batch->types && model->head.types.rows ? batch->types + offset : NULL;
        size_t n = wick_sequence_rows(batch, chunk->sequences[i]);
        if (row + n > first)
            embed_sequence(model, batch->ids + offset, types, row < first ? first - row : 0,
                           last - row < n ? last - row : n, hidden + row * width);
        row += n;
    }
}

void wick_embed_rows(const wick_cpu_model *model, const wick_cpu_layer *first, const wick_team *team,
                     const wick_chunk *chunk, const wick_activations *act)
{
    embed_rows(model, team, chunk, act->hidden.f32);
    wick_norm_shared(model, team, &model->embedding_norm, &act->hidden, 0, chunk->n_rows); /* the same share */
    if (first)
        wick_layer_begin(model, first, team, act, 0, chunk->n_rows); /* likewise */
    wick_team_barrier(team);
}
