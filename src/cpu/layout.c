/* SPDX-License-Identifier: Apache-2.0
 * layout.c: the walk over a packed model's arrays (layout.h). The names are those of the sections of a packed file (docs/pack.md). */
#include "cpu/layout.h"

#include <stdio.h>

#include "base/checked.h"
#include "cpu/heads.h"

/* n * m values of size bytes, as piece "PREFIX.NAME". */
static void *piece(wick_cpu_walk *walk, const char *prefix, const char *name, void *now, size_t n, size_t m,
                   size_t size)
{
    char whole[2 * WICK_PIECE_NAME_BYTES]; /* as the compiler sees it; names are shorter */
    size_t bytes;
    if (!wick_mul_size(n, m, &bytes) || !wick_mul_size(bytes, size, &bytes)) {
        walk->overflow = true;
        return NULL;
    }
    snprintf(whole, sizeof whole, "%s%s%s", prefix, prefix[0] ? "." : "", name);
    return walk->visit(walk->arg, whole, now, bytes);
}

static void walk_linear(wick_cpu_walk *walk, const char *prefix, wick_cpu_linear *linear, wick_compute compute,
                        size_t out, size_t in, size_t panel_width)
{
    linear->compute = compute;
    linear->in = in;
    linear->out = out;
    linear->panel_width = compute == WICK_COMPUTE_I24 ? WICK_I24_PANEL : panel_width;
    panel_width = linear->panel_width;
    linear->n_panels = (out + panel_width - 1) / panel_width;
    linear->n_units = wick_compute_units(compute, in);
    linear->panels = piece(walk, prefix, "weights", linear->panels, linear->n_panels * panel_width, linear->n_units,
                           sizeof *linear->panels);
    linear->bias = piece(walk, prefix, "bias", linear->bias, linear->n_panels, panel_width, sizeof *linear->bias);
    if (compute == WICK_COMPUTE_I8 || compute == WICK_COMPUTE_I24)
        linear->scales =
            piece(walk, prefix, "scales", linear->scales, linear->n_panels, panel_width, sizeof *linear->scales);
    if (compute != WICK_COMPUTE_I8)
        return;
    linear->sums = piece(walk, prefix, "sums", linear->sums, linear->n_panels, panel_width, sizeof *linear->sums);
    linear->factors = piece(walk, prefix, "factors", linear->factors, in, 1, sizeof *linear->factors);
}

/* Of n values, where there is such a norm. Root mean square norms have no bias. */
static void walk_norm(wick_cpu_walk *walk, const char *prefix, wick_cpu_norm *norm, wick_norm_kind kind, bool there,
                      size_t n)
{
    if (!there)
        return;
    norm->weight = piece(walk, prefix, "weight", norm->weight, n, 1, sizeof *norm->weight);
    if (kind == WICK_NORM_LAYER)
        norm->bias = piece(walk, prefix, "bias", norm->bias, n, 1, sizeof *norm->bias);
}

static void walk_table(wick_cpu_walk *walk, const char *name, wick_cpu_table *table, wick_compute kind, size_t n_rows,
                       size_t width)
{
    table->kind = kind;
    table->n_rows = n_rows;
    table->width = width;
    /* n_rows * width is bounded by the tensor's own size; a unit of 4 bytes holds whole values */
    table->rows = piece(walk, "", name, table->rows, n_rows, wick_compute_units(kind, width), sizeof(uint32_t));
    if (kind == WICK_COMPUTE_I8)
        table->scales = piece(walk, name, "scales", table->scales, n_rows, 1, sizeof *table->scales);
}

static void walk_linears(wick_cpu_walk *walk, const wick_cpu_model *model, wick_compute compute, size_t index,
                         wick_cpu_layer *layer)
{
    const wick_encoder *e = &model->files->encoder;
    const struct {
        const char *name;
        wick_cpu_linear *linear;
        size_t out, in;
    } linears[] = {
        {"qkv", &layer->qkv, wick_encoder_qkv_width(e), e->hidden_size},
        {"attention_output", &layer->attention_output, e->hidden_size, wick_encoder_query_width(e)},
        {"up", &layer->up, wick_cpu_up_width(e), e->hidden_size},
        {"down", &layer->down, e->hidden_size, e->intermediate_size},
    };
    char prefix[WICK_PIECE_NAME_BYTES];
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++) {
        snprintf(prefix, sizeof prefix, "layers.%zu.%s", index, linears[i].name);
        walk_linear(walk, prefix, linears[i].linear, compute, linears[i].out, linears[i].in, model->panel_width);
    }
}

void wick_cpu_walk_layer(wick_cpu_walk *walk, const wick_cpu_model *model, wick_compute compute, size_t index,
                         wick_cpu_layer *layer)
{
    const wick_encoder *e = &model->files->encoder;
    const bool is_before = e->norm_place != WICK_NORM_AFTER, is_around = e->norm_place == WICK_NORM_AROUND;
    const struct {
        const char *name;
        wick_cpu_norm *norm;
        bool there;
        size_t n;
    } norms[] = {
        {"attention_norm", &layer->attention_norm, !(is_before && index == 0 && e->lacks_first_norm), e->hidden_size},
        {"output_norm", &layer->output_norm, true, e->hidden_size},
        {"attention_end_norm", &layer->attention_end_norm, is_around, e->hidden_size},
        {"output_end_norm", &layer->output_end_norm, is_around, e->hidden_size},
        {"query_norm", &layer->query_norm, e->has_qk_norm, e->head_dim},
        {"key_norm", &layer->key_norm, e->has_qk_norm, e->head_dim},
    };
    char prefix[WICK_PIECE_NAME_BYTES];
    layer->has_window = e->has_window[index];
    walk_linears(walk, model, compute, index, layer);
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        snprintf(prefix, sizeof prefix, "layers.%zu.%s", index, norms[i].name);
        walk_norm(walk, prefix, norms[i].norm, e->norm_kind, norms[i].there, norms[i].n);
    }
}

/* In int8 the tables are narrow too: the words take more room than all layers, and their rounding costs little (docs/speed.md). */
static void walk_embeddings(wick_cpu_walk *walk, wick_cpu_model *model)
{
    const wick_encoder *e = &model->files->encoder;
    if (e->max_positions > 0)
        walk_table(walk, "positions", &model->position_rows,
                   model->compute == WICK_COMPUTE_I8 ? WICK_COMPUTE_BF16 : WICK_COMPUTE_F32, e->max_positions,
                   e->hidden_size);
    else if (e->type_vocab_size > 0)
        walk_table(walk, "token_type", &model->type_row, WICK_COMPUTE_F32, 1, e->hidden_size);
    if (model->compute != WICK_COMPUTE_F32)
        walk_table(walk, "words", &model->words, model->compute, e->vocab_size, e->hidden_size);
    walk_norm(walk, "embedding_norm", &model->embedding_norm, e->norm_kind, e->has_embedding_norm, e->hidden_size);
    if (e->position == WICK_POSITION_RELATIVE)
        model->relative =
            piece(walk, "", "relative", model->relative, e->n_buckets, e->n_heads, sizeof *model->relative);
}

void wick_cpu_walk_model(wick_cpu_walk *walk, wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    const wick_encoder *e = &files->encoder;
    walk_embeddings(walk, model);
    for (size_t i = 0; i < e->n_layers; i++)
        wick_cpu_walk_layer(walk, model, model->layer_compute, i, &model->layers[i]);
    walk_norm(walk, "final_norm", &model->final_norm, e->norm_kind, e->has_final_norm, e->hidden_size);
    for (size_t i = 0; i < files->n_dense; i++) {
        char prefix[WICK_PIECE_NAME_BYTES];
        snprintf(prefix, sizeof prefix, "dense.%zu", i);
        walk_linear(walk, prefix, &model->dense[i], WICK_COMPUTE_F32, files->dense[i].out_features,
                    files->dense[i].in_features, model->panel_width);
    }
    wick_cpu_walk_head(walk, model);
}

void *wick_cpu_walk_piece(wick_cpu_walk *walk, const char *prefix, const char *name, void *now, size_t n, size_t m,
                          size_t size)
{
    return piece(walk, prefix, name, now, n, m, size);
}

void wick_cpu_walk_linear_f32(wick_cpu_walk *walk, const char *prefix, wick_cpu_linear *linear, size_t out, size_t in,
                              size_t panel_width)
{
    walk_linear(walk, prefix, linear, WICK_COMPUTE_F32, out, in, panel_width);
}
