/* SPDX-License-Identifier: Apache-2.0
 * heads_weights.c: a head's weights as the kernels want them (heads.h): layers in panels, the decoder of terms where it lies: its rows, [vocab_size, hidden_size], are mostly
 * the word embeddings, which are too large to hold twice. And the embeddings of token types other than 0, which pairs of texts need. */
#include <string.h>

#include "base/hash.h"
#include "cpu/heads.h"
#include "cpu/table.h"

/* Token types are part of the position rows as type 0 has them (model_cpu.h): what another adds is its difference to that. */
static bool has_types(const wick_model_files *files)
{
    return files->head.has_types && files->encoder.type_vocab_size > 1;
}

static void walk_norm(wick_cpu_walk *walk, wick_cpu_norm *norm, size_t n)
{
    norm->weight = wick_cpu_walk_piece(walk, "head.norm", "weight", norm->weight, n, 1, sizeof *norm->weight);
    norm->bias = wick_cpu_walk_piece(walk, "head.norm", "bias", norm->bias, n, 1, sizeof *norm->bias);
}

void wick_cpu_walk_head(wick_cpu_walk *walk, wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    const wick_output_head *from = &files->head;
    const size_t hidden = files->encoder.hidden_size;
    wick_cpu_head *to = &model->head;
    if (from->has_dense)
        wick_cpu_walk_linear_f32(walk, "head.dense", &to->dense, hidden, hidden, model->panel_width);
    if (from->has_norm)
        walk_norm(walk, &to->norm, hidden);
    if (from->kind == WICK_HEAD_LABELS)
        wick_cpu_walk_linear_f32(walk, "head.last", &to->last, from->n_out, hidden, model->panel_width);
    if (from->kind == WICK_HEAD_TERMS)
        to->term_bias =
            wick_cpu_walk_piece(walk, "head.terms", "bias", to->term_bias, from->n_out, 1, sizeof *to->term_bias);
    if (has_types(files)) {
        to->types.kind = WICK_COMPUTE_F32;
        to->types.n_rows = files->encoder.type_vocab_size - 1;
        to->types.width = hidden;
        to->types.rows =
            wick_cpu_walk_piece(walk, "", "types", to->types.rows, to->types.n_rows, hidden, sizeof(float));
    }
}

/* values[n] = the tensor's, or zeros where there is none. */
static void fill(const wick_tensor *from, size_t n, float *values)
{
    if (from->data)
        wick_tensor_to_f32(from, 0, n, values);
    else
        memset(values, 0, n * sizeof *values);
}

static void fill_types(const wick_cpu_model *model, float *rows)
{
    const wick_tensor *types = &model->files->token_type_embeddings;
    const wick_cpu_table *to = &model->head.types;
    float *first = rows, *row = rows + to->width;
    wick_tensor_to_f32(types, 0, to->width, first);
    for (size_t i = 0; i < to->n_rows; i++) {
        wick_tensor_to_f32(types, (i + 1) * to->width, to->width, row);
        for (size_t j = 0; j < to->width; j++)
            row[j] -= first[j];
        wick_table_set(to, i, row);
    }
}

void wick_cpu_fill_head(const wick_cpu_model *model, float *rows)
{
    const wick_output_head *from = &model->files->head;
    const wick_cpu_head *to = &model->head;
    const size_t hidden = model->files->encoder.hidden_size;
    if (from->has_norm) {
        fill(&from->norm.weight, hidden, to->norm.weight);
        fill(&from->norm.bias, hidden, to->norm.bias);
    }
    if (from->kind == WICK_HEAD_TERMS)
        fill(&from->last.bias, from->n_out, to->term_bias);
    if (has_types(model->files))
        fill_types(model, rows);
}

size_t wick_cpu_list_head_packings(const wick_model_files *files, const wick_cpu_head *head, wick_packing *list)
{
    size_t n = 0;
    if (files->head.has_dense)
        list[n++] = (wick_packing){&files->head.dense, &head->dense, 0, files->encoder.hidden_size, false};
    if (files->head.kind == WICK_HEAD_LABELS)
        list[n++] = (wick_packing){&files->head.last, &head->last, 0, files->head.n_out, false};
    return n;
}

uint64_t wick_cpu_hash_head(const wick_model_files *files, uint64_t so_far)
{
    const wick_output_head *head = &files->head;
    if (head->kind == WICK_HEAD_NONE)
        return so_far;
    const uint64_t parts[] = {head->kind,           head->n_out,         head->has_dense,     head->has_norm,
                              head->has_dense_bias, head->has_norm_bias, head->has_last_bias, head->has_types};
    return wick_hash64(parts, sizeof parts, so_far);
}
