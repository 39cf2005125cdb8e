/* SPDX-License-Identifier: Apache-2.0
 * model_cpu.c: lays the packed model out in one mapping (first a pass that only counts, then the same pass with addresses), then fills
 * it panel by panel on all threads. */
#include "cpu/model_cpu.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/mapped.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define LINE_BYTES ((size_t)64) /* pieces start on cache lines */

void *wick_pages_take(size_t size_bytes)
{
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (size_bytes >= HUGE_PAGE_BYTES)
        madvise(pages, size_bytes, MADV_HUGEPAGE);
#endif
    return pages;
}

void wick_pages_free(void *pages, size_t size_bytes)
{
    if (pages)
        munmap(pages, size_bytes);
}

/* ---- layout -------------------------------------------------------------------------------------------------------- */

typedef struct layout {
    uint8_t *memory; /* NULL in the counting pass */
    size_t n_bytes;
    bool overflow;
} layout;

/* n * m values of 4 bytes. */
static void *place(layout *l, size_t n, size_t m)
{
    size_t bytes, end;
    if (!wick_mul_size(n, m, &bytes) || !wick_mul_size(bytes, 4, &bytes) || !wick_round_up(bytes, LINE_BYTES, &bytes) ||
        !wick_add_size(l->n_bytes, bytes, &end)) {
        l->overflow = true;
        return NULL;
    }
    void *piece = l->memory ? l->memory + l->n_bytes : NULL;
    l->n_bytes = end;
    return piece;
}

static void place_linear(layout *l, wick_cpu_linear *linear, wick_compute compute, size_t out, size_t in, size_t panel_width)
{
    linear->compute = compute;
    linear->in = in;
    linear->out = out;
    linear->n_panels = (out + panel_width - 1) / panel_width;
    linear->n_units = wick_compute_padded(compute, in) / wick_compute_values(compute);
    linear->panels = place(l, linear->n_panels * panel_width, linear->n_units);
    linear->bias = place(l, linear->n_panels, panel_width);
    if (compute == WICK_COMPUTE_I8) {
        linear->scales = place(l, linear->n_panels, panel_width);
        linear->sums = place(l, linear->n_panels, panel_width);
    }
}

static void place_norm(layout *l, wick_cpu_norm *norm, size_t hidden_size)
{
    norm->weight = place(l, hidden_size, 1);
    norm->bias = place(l, hidden_size, 1);
}

static void place_model(layout *l, wick_cpu_model *model)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->hidden_size, inner = files->intermediate_size, width = model->kernels->panel_width;
    model->positions = place(l, files->max_positions, hidden);
    place_norm(l, &model->embedding_norm, hidden);
    for (size_t i = 0; i < files->n_layers; i++) {
        wick_cpu_layer *layer = &model->layers[i];
        place_linear(l, &layer->qkv, model->compute, 3 * hidden, hidden, width);
        place_linear(l, &layer->attention_output, model->compute, hidden, hidden, width);
        place_norm(l, &layer->attention_norm, hidden);
        place_linear(l, &layer->up, model->compute, inner, hidden, width);
        place_linear(l, &layer->down, model->compute, hidden, inner, width);
        place_norm(l, &layer->output_norm, hidden);
    }
    for (size_t i = 0; i < files->n_dense; i++)
        place_linear(l, &model->dense[i], WICK_COMPUTE_F32, files->dense[i].out_features, files->dense[i].in_features, width);
}

/* ---- filling ------------------------------------------------------------------------------------------------------- */

/* One tensor [rows, in] on its way to the rows first_row.. of a packed layer. */
typedef struct packing {
    const wick_linear *source;
    const wick_cpu_linear *target;
    size_t first_row, n_rows;
} packing;

/* Rows that are spread side by side, so that the writes fill whole lines. */
#define PACK_ROWS 16

/* Symmetric, one scale a row: the largest magnitude becomes 127. Rows that are not finite keep a scale of NaN, and show in the vectors. */
static void quantize_weights(const float *row, size_t in, int8_t *out, float *scale, float *sum)
{
    float largest = 0;
    bool finite = true;
    for (size_t k = 0; k < in; k++) {
        float magnitude = fabsf(row[k]);
        largest = magnitude > largest ? magnitude : largest;
        finite = finite && isfinite(row[k]);
    }
    float inverse = largest > 0 ? 127.0f / largest : 0;
    int64_t total = 0;
    for (size_t k = 0; k < in; k++) {
        out[k] = finite ? (int8_t)lrintf(row[k] * inverse) : 0;
        total += out[k];
    }
    *scale = finite ? largest / 127.0f : NAN;
    *sum = *scale * (float)total;
}

/* Row `row` of p's tensor as units[n_units]; f32: [in], scratch for the conversion. */
static const uint32_t *row_units(const packing *p, const wick_kernels *kernels, size_t row, float *f32, uint32_t *units)
{
    const wick_cpu_linear *target = p->target;
    const wick_tensor *weight = &p->source->weight;
    size_t in = target->in, column = p->first_row + row;
    const uint8_t *in_place = weight->data + row * in * sizeof(float);
    const float *values = f32;
    if (weight->dtype == WICK_DTYPE_F32 && (uintptr_t)in_place % sizeof(float) == 0)
        values = (const float *)(const void *)in_place;
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
        quantize_weights(values, in, (int8_t *)units, &target->scales[column], &target->sums[column]);
        break;
    }
    return units;
}

/* scratch: [PACK_ROWS + 1, widest_in] */
static void pack_rows(const packing *p, size_t row, size_t n_rows, const wick_kernels *kernels, uint32_t *scratch, size_t widest_in)
{
    size_t n_units = p->target->n_units, width = kernels->panel_width;
    const uint32_t *rows[PACK_ROWS];
    float *f32 = (float *)(void *)(scratch + PACK_ROWS * widest_in);
    for (size_t i = 0; i < n_rows; i++)
        rows[i] = row_units(p, kernels, row + i, f32, scratch + i * widest_in);
    for (size_t i = 0; i < n_rows;) { /* runs of rows that fall into the same panel */
        size_t column = (p->first_row + row + i) % width, run = width - column < n_rows - i ? width - column : n_rows - i;
        uint32_t *panel = p->target->panels + (p->first_row + row + i) / width * n_units * width + column;
        for (size_t k = 0; k < n_units; k++)
            for (size_t j = 0; j < run; j++)
                panel[k * width + j] = rows[i + j][k];
        i += run;
    }
    if (p->source->bias.data)
        wick_tensor_to_f32(&p->source->bias, row, n_rows, p->target->bias + p->first_row + row);
}

typedef struct fill_job {
    const wick_cpu_model *model;
    const packing *packings;
    size_t n_packings;
    size_t widest_in;
    uint32_t *scratch; /* [n_threads, PACK_ROWS + 1, widest_in] */
    atomic_size_t next;
} fill_job;

static void fill_worker(void *arg, unsigned thread_index)
{
    fill_job *job = arg;
    uint32_t *scratch = job->scratch + (size_t)thread_index * (PACK_ROWS + 1) * job->widest_in;
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->n_packings) {
        const packing *p = &job->packings[i];
        for (size_t row = 0; row < p->n_rows; row += PACK_ROWS)
            pack_rows(p, row, p->n_rows - row < PACK_ROWS ? p->n_rows - row : PACK_ROWS, job->model->kernels, scratch,
                      job->widest_in);
        wick_mapped_release_pages(p->source->weight.data, p->source->weight.size_bytes);
    }
}

static size_t list_packings(const wick_cpu_model *model, packing *list)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->hidden_size, n = 0;
    for (size_t i = 0; i < files->n_layers; i++) {
        const wick_encoder_layer *from = &files->layers[i];
        const wick_cpu_layer *to = &model->layers[i];
        list[n++] = (packing){&from->query, &to->qkv, 0, hidden};
        list[n++] = (packing){&from->key, &to->qkv, hidden, hidden};
        list[n++] = (packing){&from->value, &to->qkv, 2 * hidden, hidden};
        list[n++] = (packing){&from->attention_output, &to->attention_output, 0, hidden};
        list[n++] = (packing){&from->up, &to->up, 0, files->intermediate_size};
        list[n++] = (packing){&from->down, &to->down, 0, hidden};
    }
    for (size_t i = 0; i < files->n_dense; i++)
        list[n++] = (packing){&files->dense[i].linear, &model->dense[i], 0, files->dense[i].out_features};
    return n;
}

static void fill_norm(const wick_layer_norm *from, const wick_cpu_norm *to, size_t hidden_size)
{
    wick_tensor_to_f32(&from->weight, 0, hidden_size, to->weight);
    wick_tensor_to_f32(&from->bias, 0, hidden_size, to->bias);
}

/* row: scratch, [hidden_size] */
static void fill_small(const wick_cpu_model *model, float *row)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->hidden_size;
    wick_tensor_to_f32(&files->position_embeddings, 0, files->max_positions * hidden, model->positions);
    wick_tensor_to_f32(&files->token_type_embeddings, 0, hidden, row);
    for (size_t i = 0; i < files->max_positions; i++)
        for (size_t j = 0; j < hidden; j++)
            model->positions[i * hidden + j] += row[j];
    fill_norm(&files->embedding_norm, &model->embedding_norm, hidden);
    for (size_t i = 0; i < files->n_layers; i++) {
        fill_norm(&files->layers[i].attention_norm, &model->layers[i].attention_norm, hidden);
        fill_norm(&files->layers[i].output_norm, &model->layers[i].output_norm, hidden);
    }
}

static size_t widest_input(const wick_model_files *files)
{
    size_t widest = files->hidden_size > files->intermediate_size ? files->hidden_size : files->intermediate_size;
    for (size_t i = 0; i < files->n_dense; i++)
        widest = files->dense[i].in_features > widest ? files->dense[i].in_features : widest;
    return widest;
}

static int fill(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    const wick_model_files *files = model->files;
    fill_job job = {.model = model, .widest_in = widest_input(files)};
    packing *packings = calloc(files->n_layers * 6 + files->n_dense, sizeof *packings);
    job.scratch = calloc((size_t)wick_pool_size(pool) * (PACK_ROWS + 1), job.widest_in * sizeof *job.scratch);
    if (!packings || !job.scratch) {
        free(packings);
        free(job.scratch);
        return wick_fail_memory(error, "packing the weights");
    }
    job.packings = packings;
    job.n_packings = list_packings(model, packings);
    atomic_init(&job.next, 0);
    fill_small(model, (float *)(void *)job.scratch);
    wick_pool_run(pool, 0, fill_worker, &job);
    free(job.scratch);
    free(packings);
    return WICK_OK;
}

int wick_cpu_model_open(const wick_model_files *files, const wick_kernels *kernels, wick_compute compute, wick_pool *pool,
                        wick_cpu_model *out, wick_error *error)
{
    *out = (wick_cpu_model){.kernels = kernels, .compute = compute, .files = files};
    out->layers = calloc(files->n_layers ? files->n_layers : 1, sizeof *out->layers);
    if (!out->layers)
        return wick_fail_memory(error, "the layers' table");
    layout l = {0};
    place_model(&l, out);
    int code = WICK_OK;
    if (l.overflow)
        code = wick_fail(error, WICK_E_UNSUPPORTED, files->path, NULL, "the model does not fit the address space");
    else if (!(out->memory = wick_pages_take(l.n_bytes)))
        code = wick_fail_memory(error, "the packed weights");
    if (code == WICK_OK) {
        out->memory_bytes = l.n_bytes;
        l = (layout){.memory = out->memory};
        place_model(&l, out);
        code = fill(out, pool, error);
    }
    if (code != WICK_OK)
        wick_cpu_model_close(out);
    return code;
}

void wick_cpu_model_close(wick_cpu_model *model)
{
    wick_pages_free(model->memory, model->memory_bytes);
    free(model->layers);
    model->memory = NULL;
    model->layers = NULL;
}
