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
    linear->n_panels = (out + panel_width - 1) / panel_width;
    linear->n_units = wick_compute_padded(compute, in) / wick_compute_values(compute);
    linear->panels = piece(walk, prefix, "weights", linear->panels, linear->n_panels * panel_width, linear->n_units,
                           sizeof *linear->panels);
    linear->bias = piece(walk, prefix, "bias", linear->bias, linear->n_panels, panel_width, sizeof *linear->bias);
    if (compute != WICK_COMPUTE_I8)
        return;
    linear->scales =
        piece(walk, prefix, "scales", linear->scales, linear->n_panels, panel_width, sizeof *linear->scales);
    linear->sums = piece(walk, prefix, "sums", linear->sums, linear->n_panels, panel_width, sizeof *linear->sums);
    linear->factors = piece(walk, prefix, "factors", linear->factors, in, 1, sizeof *linear->factors);
}

static void walk_norm(wick_cpu_walk *walk, const char *prefix, wick_cpu_norm *norm, size_t hidden_size)
{
    norm->weight = piece(walk, prefix, "weight", norm->weight, hidden_size, 1, sizeof *norm->weight);
    norm->bias = piece(walk, prefix, "bias", norm->bias, hidden_size, 1, sizeof *norm->bias);
}

static void walk_table(wick_cpu_walk *walk, const char *name, wick_cpu_table *table, wick_compute kind, size_t n_rows,
                       size_t width)
{
    table->kind = kind;
    table->n_rows = n_rows;
    table->width = width;
    /* n_rows * width is bounded by the tensor's own size; a unit of 4 bytes holds whole values */
    table->rows = piece(walk, "", name, table->rows, n_rows,
                        wick_compute_padded(kind, width) / wick_compute_values(kind), sizeof(uint32_t));
    if (kind == WICK_COMPUTE_I8)
        table->scales = piece(walk, name, "scales", table->scales, n_rows, 1, sizeof *table->scales);
}

void wick_cpu_walk_layer(wick_cpu_walk *walk, const wick_cpu_model *model, wick_compute compute, size_t index,
                         wick_cpu_layer *layer)
{
    const size_t hidden = model->files->encoder.hidden_size, inner = model->files->encoder.intermediate_size,
                 width = model->panel_width;
    const struct {
        const char *name;
        wick_cpu_linear *linear;
        size_t out, in;
    } linears[] = {{"qkv", &layer->qkv, 3 * hidden, hidden},
                   {"attention_output", &layer->attention_output, hidden, hidden},
                   {"up", &layer->up, inner, hidden},
                   {"down", &layer->down, hidden, inner}};
    char prefix[WICK_PIECE_NAME_BYTES];
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++) {
        snprintf(prefix, sizeof prefix, "layers.%zu.%s", index, linears[i].name);
        walk_linear(walk, prefix, linears[i].linear, compute, linears[i].out, linears[i].in, width);
    }
    snprintf(prefix, sizeof prefix, "layers.%zu.attention_norm", index);
    walk_norm(walk, prefix, &layer->attention_norm, hidden);
    snprintf(prefix, sizeof prefix, "layers.%zu.output_norm", index);
    walk_norm(walk, prefix, &layer->output_norm, hidden);
}

/* In int8 the tables are narrow too: the words take more room than all layers, and their rounding costs little (docs/speed.md). */
void wick_cpu_walk_model(wick_cpu_walk *walk, wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    const size_t hidden = files->encoder.hidden_size;
    walk_table(walk, "positions", &model->positions,
               model->compute == WICK_COMPUTE_I8 ? WICK_COMPUTE_BF16 : WICK_COMPUTE_F32, files->encoder.max_positions,
               hidden);
    if (model->compute != WICK_COMPUTE_F32)
        walk_table(walk, "words", &model->words, model->compute, files->encoder.vocab_size, hidden);
    walk_norm(walk, "embedding_norm", &model->embedding_norm, hidden);
    for (size_t i = 0; i < files->encoder.n_layers; i++)
        wick_cpu_walk_layer(walk, model, model->compute, i, &model->layers[i]);
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
