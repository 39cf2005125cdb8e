/* SPDX-License-Identifier: Apache-2.0
 * fill.c: the packed model's arrays out of the files' tensors (fill.h): linear layers panel by panel on all threads, tables and norms by the caller's alone. */
#include "cpu/fill.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "cpu/constants.h"
#include "cpu/heads.h"
#include "cpu/table.h"

/* Rows that are spread side by side, so that the writes fill whole lines. */
#define PACK_ROWS 16
_Static_assert(WICK_GATE_TURN % PACK_ROWS == 0, "rows that are spread side by side fall into one turn");

/* Symmetric, one scale a row: the largest magnitude becomes 127. Rows that are not finite keep a scale of NaN, and show in the vectors. */
static void quantize_weights(const float *row, const wick_cpu_linear *target, int8_t *out, size_t column)
{
    const float *factors = target->factors;
    float largest = 0;
    bool finite = true;
    for (size_t k = 0; k < target->in; k++) {
        float magnitude = fabsf(row[k] / factors[k]);
        largest = magnitude > largest ? magnitude : largest;
        finite = finite && isfinite(magnitude);
    }
    bool usable = finite && largest > WICK_LEAST_RANGE;
    float inverse = usable ? 127.0f / largest : 0;
    int64_t total = 0;
    for (size_t k = 0; k < target->in; k++) {
        out[k] = usable ? (int8_t)lrintf(row[k] / factors[k] * inverse) : 0;
        total += out[k];
    }
    target->scales[column] = finite ? largest / 127.0f : NAN;
    target->sums[column] = target->scales[column] * (float)total;
}

/* Integers of 24 bits, one scale a row. */
static void split_weights(const wick_kernels *kernels, const float *row, const wick_cpu_linear *target, uint32_t *out,
                          size_t column)
{
    wick_row_scale scale;
    kernels->split(&(wick_split){1, target->in, row, target->in, (int8_t *)out, target->n_units * 4, &scale});
    target->scales[column] = wick_i24_column_scale(scale);
}

static size_t column_of(const wick_packing *p, size_t row)
{
    return p->first_column + (p->in_turns ? wick_gate_column(row) : row);
}

/* Row `row` of p's tensor as units[n_units]; f32: [in], scratch for the conversion. */
static const uint32_t *row_units(const wick_packing *p, const wick_kernels *kernels, size_t row, float *f32,
                                 uint32_t *units)
{
    const wick_cpu_linear *target = p->target;
    const wick_tensor *weight = &p->source->weight;
    size_t in = target->in, column = column_of(p, row);
    const float *values = f32;
    if (weight->dtype == WICK_DTYPE_F32 && (uintptr_t)weight->data % sizeof(float) == 0)
        values = (const float *)(const void *)weight->data + row * in;
    else
        wick_tensor_to_f32(weight, row * in, in, f32);
    switch (target->compute) {
    case WICK_COMPUTE_F32:
        memcpy(units, values, in * sizeof *units);
        break;
    case WICK_COMPUTE_BF16:
        kernels->to_bf16(values, in, 1, in, (uint16_t *)units, target->n_units * 2);
        break;
    case WICK_COMPUTE_I8:
        units[target->n_units - 1] = 0;
        quantize_weights(values, target, (int8_t *)units, column);
        break;
    case WICK_COMPUTE_I24:
        split_weights(kernels, values, target, units, column);
        break;
    }
    return units;
}

/* n_rows <= PACK_ROWS, row a multiple of PACK_ROWS: their columns stand side by side. scratch: [PACK_ROWS + 1, widest] */
static void pack_rows(const wick_packing *p, size_t row, size_t n_rows, const wick_cpu_model *model, uint32_t *scratch,
                      size_t widest)
{
    size_t n_units = p->target->n_units, width = p->target->panel_width, first = column_of(p, row);
    const uint32_t *rows[PACK_ROWS];
    float *f32 = (float *)(void *)(scratch + PACK_ROWS * widest);
    for (size_t i = 0; i < n_rows; i++)
        rows[i] = row_units(p, model->kernels, row + i, f32, scratch + i * widest);
    for (size_t i = 0; i < n_rows;) { /* runs of rows that fall into the same panel */
        size_t column = (first + i) % width, run = width - column < n_rows - i ? width - column : n_rows - i;
        uint32_t *panel = p->target->panels + (first + i) / width * n_units * width + column;
        for (size_t k = 0; k < n_units; k++)
            for (size_t j = 0; j < run; j++)
                panel[k * width + j] = rows[i + j][k];
        i += run;
    }
    if (p->source->bias.data)
        wick_tensor_to_f32(&p->source->bias, row, n_rows, p->target->bias + first);
}

typedef struct fill_job {
    const wick_cpu_model *model;
    const wick_packing *packings;
    size_t n_packings;
    size_t widest;
    uint32_t *scratch; /* [n_threads, PACK_ROWS + 1, widest] */
    atomic_size_t next;
} fill_job;

static void fill_worker(void *arg, unsigned thread_index)
{
    fill_job *job = arg;
    uint32_t *scratch = job->scratch + (size_t)thread_index * (PACK_ROWS + 1) * job->widest;
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->n_packings) {
        const wick_packing *p = &job->packings[i];
        for (size_t row = 0; row < p->n_rows; row += PACK_ROWS)
            pack_rows(p, row, p->n_rows - row < PACK_ROWS ? p->n_rows - row : PACK_ROWS, job->model, scratch,
                      job->widest);
        wick_mapped_release_pages(p->source->weight.data, p->source->weight.size_bytes);
    }
}

size_t wick_cpu_list_packings(const wick_model_files *files, size_t layer, const wick_cpu_layer *to, wick_packing *list)
{
    const wick_encoder *e = &files->encoder;
    const wick_encoder_layer *from = &files->layers[layer];
    const size_t hidden = e->hidden_size, queries = wick_encoder_query_width(e), keys = wick_encoder_kv_width(e);
    size_t n = 0;
    list[n++] = (wick_packing){&from->query, &to->qkv, 0, queries, false};
    list[n++] = (wick_packing){&from->key, &to->qkv, queries, keys, false};
    list[n++] = (wick_packing){&from->value, &to->qkv, queries + keys, keys, false};
    list[n++] = (wick_packing){&from->attention_output, &to->attention_output, 0, hidden, false};
    if (e->is_gated)
        list[n++] = (wick_packing){&from->gate, &to->up, 0, e->intermediate_size, true};
    list[n++] = (wick_packing){&from->up, &to->up, e->is_gated ? WICK_GATE_TURN : 0, e->intermediate_size, e->is_gated};
    list[n++] = (wick_packing){&from->down, &to->down, 0, hidden, false};
    return n;
}

/* A norm that has no place in the model is passed over; a bias that the file lacks stays zero. */
static void fill_norm(const wick_layer_norm *from, wick_norm_kind kind, const wick_cpu_norm *to, size_t n)
{
    if (!to->weight)
        return;
    wick_tensor_to_f32(&from->weight, 0, n, to->weight);
    if (to->bias && from->bias.data)
        wick_tensor_to_f32(&from->bias, 0, n, to->bias);
    for (size_t j = 0; kind == WICK_NORM_RMS_PLUS_ONE && j < n; j++)
        to->weight[j] += 1.0f;
}

/* row: scratch, [hidden_size] */
static void fill_words(const wick_cpu_model *model, float *row)
{
    const wick_tensor *words = &model->files->word_embeddings;
    size_t hidden = model->files->encoder.hidden_size;
    for (size_t i = 0; i < model->files->encoder.vocab_size; i++) {
        wick_tensor_to_f32(words, i * hidden, hidden, row);
        wick_table_set(&model->words, i, row);
        if (i % 4096 == 4095)
            wick_mapped_release_pages(words->data, words->size_bytes);
    }
    wick_mapped_release_pages(words->data, words->size_bytes);
}

/* The rows that are added to the words. rows: scratch, [2, hidden_size] */
static void fill_positions(const wick_cpu_model *model, float *rows)
{
    const wick_model_files *files = model->files;
    const size_t hidden = files->encoder.hidden_size;
    float *type = rows, *position = rows + hidden;
    if (files->encoder.type_vocab_size > 0)
        wick_tensor_to_f32(&files->token_type_embeddings, 0, hidden, type);
    if (model->type_row.rows)
        wick_table_set(&model->type_row, 0, type);
    for (size_t i = 0; i < files->encoder.max_positions; i++) {
        wick_tensor_to_f32(&files->position_embeddings, i * hidden, hidden, position);
        for (size_t j = 0; files->encoder.type_vocab_size > 0 && j < hidden; j++)
            position[j] += type[j];
        wick_table_set(&model->position_rows, i, position);
    }
}

static void fill_norms(const wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    const wick_norm_kind kind = files->encoder.norm_kind;
    const size_t hidden = files->encoder.hidden_size, head_dim = files->encoder.head_dim;
    fill_norm(&files->embedding_norm, kind, &model->embedding_norm, hidden);
    fill_norm(&files->final_norm, kind, &model->final_norm, hidden);
    for (size_t i = 0; i < files->encoder.n_layers; i++) {
        const wick_encoder_layer *from = &files->layers[i];
        const wick_cpu_layer *to = &model->layers[i];
        fill_norm(&from->attention_norm, kind, &to->attention_norm, hidden);
        fill_norm(&from->attention_end_norm, kind, &to->attention_end_norm, hidden);
        fill_norm(&from->output_norm, kind, &to->output_norm, hidden);
        fill_norm(&from->output_end_norm, kind, &to->output_end_norm, hidden);
        fill_norm(&from->query_norm, kind, &to->query_norm, head_dim);
        fill_norm(&from->key_norm, kind, &to->key_norm, head_dim);
    }
}

/* Units of the widest row, before packing or after. */
static size_t widest_row(const wick_packing *list, size_t n)
{
    size_t widest = 1;
    for (size_t i = 0; i < n; i++) {
        widest = list[i].target->in > widest ? list[i].target->in : widest;
        widest = list[i].target->n_units > widest ? list[i].target->n_units : widest;
    }
    return widest;
}

int wick_cpu_pack(const wick_cpu_model *model, const wick_packing *list, size_t n, wick_pool *pool, wick_error *error)
{
    fill_job job = {.model = model, .packings = list, .n_packings = n, .widest = widest_row(list, n)};
    job.scratch = calloc((size_t)wick_pool_size(pool) * (PACK_ROWS + 1), job.widest * sizeof *job.scratch);
    if (!job.scratch)
        return wick_fail_memory(error, "packing the weights");
    atomic_init(&job.next, 0);
    wick_pool_run(pool, 0, fill_worker, &job);
    free(job.scratch);
    return WICK_OK;
}

int wick_cpu_fill(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    const wick_model_files *files = model->files;
    size_t n = 0;
    wick_packing *list =
        calloc(files->encoder.n_layers * WICK_PACKINGS_A_LAYER + files->n_dense + WICK_PACKINGS_OF_HEAD, sizeof *list);
    float *row = calloc(2 * files->encoder.hidden_size, sizeof *row);
    int code = list && row ? WICK_OK : wick_fail_memory(error, "packing the weights");
    if (code == WICK_OK) {
        fill_positions(model, row);
        fill_norms(model);
        wick_cpu_fill_head(model, row);
        if (model->relative)
            wick_tensor_to_f32(&files->relative_bias, 0, files->encoder.n_buckets * files->encoder.n_heads,
                               model->relative);
        if (model->words.rows)
            fill_words(model, row);
        if (model->compute == WICK_COMPUTE_I8)
            code = wick_cpu_calibrate(model, pool, error);
    }
    if (code == WICK_OK) {
        for (size_t i = 0; i < files->encoder.n_layers; i++)
            n += wick_cpu_list_packings(files, i, &model->layers[i], list + n);
        for (size_t i = 0; i < files->n_dense; i++)
            list[n++] =
                (wick_packing){&files->dense[i].linear, &model->dense[i], 0, files->dense[i].out_features, false};
        n += wick_cpu_list_head_packings(files, &model->head, list + n);
        code = wick_cpu_pack(model, list, n, pool, error);
    }
    free(row);
    free(list);
    return code;
}
