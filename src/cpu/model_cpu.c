/* SPDX-License-Identifier: Apache-2.0
 * model_cpu.c: lays the packed model out in one mapping (first a pass that only counts, then the same pass with addresses), then fills
 * it panel by panel on all threads. */
#include "cpu/model_cpu.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/mapped.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define LINE_FLOATS 16 /* pieces start on cache lines */

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
    float *memory; /* NULL in the counting pass */
    size_t n_floats;
    bool overflow;
} layout;

static float *place(layout *l, size_t n, size_t m)
{
    size_t count, rounded, end;
    if (!wick_mul_size(n, m, &count) || !wick_round_up(count, LINE_FLOATS, &rounded) ||
        !wick_add_size(l->n_floats, rounded, &end)) {
        l->overflow = true;
        return NULL;
    }
    float *piece = l->memory ? l->memory + l->n_floats : NULL;
    l->n_floats = end;
    return piece;
}

static void place_linear(layout *l, wick_cpu_linear *linear, size_t out, size_t in, size_t panel_width)
{
    linear->in = in;
    linear->out = out;
    linear->n_panels = (out + panel_width - 1) / panel_width;
    linear->panels = place(l, linear->n_panels * panel_width, in);
    linear->bias = place(l, linear->n_panels, panel_width);
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
        place_linear(l, &layer->qkv, 3 * hidden, hidden, width);
        place_linear(l, &layer->attention_output, hidden, hidden, width);
        place_norm(l, &layer->attention_norm, hidden);
        place_linear(l, &layer->up, inner, hidden, width);
        place_linear(l, &layer->down, hidden, inner, width);
        place_norm(l, &layer->output_norm, hidden);
    }
    for (size_t i = 0; i < files->n_dense; i++)
        place_linear(l, &model->dense[i], files->dense[i].out_features, files->dense[i].in_features, width);
}

/* ---- filling ------------------------------------------------------------------------------------------------------- */

/* One tensor [rows, in] on its way to the rows first_row.. of a packed layer. */
typedef struct packing {
    const wick_linear *source;
    const wick_cpu_linear *target;
    size_t first_row, n_rows;
} packing;

/* Each output row is converted where it is not f32, then spread over its panel's column; 16 rows side by side keep the writes in whole lines. */
#define PACK_ROWS 16

static void pack_rows(const packing *p, size_t row, size_t n_rows, size_t width, float *converted)
{
    size_t in = p->target->in;
    const wick_tensor *weight = &p->source->weight;
    const float *rows[PACK_ROWS];
    for (size_t i = 0; i < n_rows; i++) {
        const uint8_t *in_place = weight->data + (row + i) * in * sizeof(float);
        if (weight->dtype == WICK_DTYPE_F32 && (uintptr_t)in_place % sizeof(float) == 0) {
            rows[i] = (const float *)(const void *)in_place;
        } else {
            wick_tensor_to_f32(weight, (row + i) * in, in, converted + i * in);
            rows[i] = converted + i * in;
        }
    }
    for (size_t i = 0; i < n_rows;) { /* runs of rows that fall into the same panel */
        size_t column = (p->first_row + row + i) % width, run = width - column < n_rows - i ? width - column : n_rows - i;
        float *panel = p->target->panels + (p->first_row + row + i) / width * in * width + column;
        for (size_t k = 0; k < in; k++)
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
    float *converted; /* [n_threads, PACK_ROWS, widest_in] */
    atomic_size_t next;
} fill_job;

static void fill_worker(void *arg, unsigned thread_index)
{
    fill_job *job = arg;
    float *converted = job->converted + (size_t)thread_index * PACK_ROWS * job->widest_in;
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->n_packings) {
        const packing *p = &job->packings[i];
        for (size_t row = 0; row < p->n_rows; row += PACK_ROWS)
            pack_rows(p, row, p->n_rows - row < PACK_ROWS ? p->n_rows - row : PACK_ROWS, job->model->kernels->panel_width,
                      converted);
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
    job.converted = calloc((size_t)wick_pool_size(pool) * PACK_ROWS, job.widest_in * sizeof(float));
    if (!packings || !job.converted) {
        free(packings);
        free(job.converted);
        return wick_fail_memory(error, "packing the weights");
    }
    job.packings = packings;
    job.n_packings = list_packings(model, packings);
    atomic_init(&job.next, 0);
    fill_small(model, job.converted);
    wick_pool_run(pool, 0, fill_worker, &job);
    free(job.converted);
    free(packings);
    return WICK_OK;
}

int wick_cpu_model_open(const wick_model_files *files, const wick_kernels *kernels, wick_pool *pool, wick_cpu_model *out,
                        wick_error *error)
{
    *out = (wick_cpu_model){.kernels = kernels, .files = files};
    out->layers = calloc(files->n_layers ? files->n_layers : 1, sizeof *out->layers);
    if (!out->layers)
        return wick_fail_memory(error, "the layers' table");
    layout l = {0};
    size_t memory_bytes = 0;
    place_model(&l, out);
    int code = WICK_OK;
    if (l.overflow || !wick_mul_size(l.n_floats, sizeof(float), &memory_bytes))
        code = wick_fail(error, WICK_E_UNSUPPORTED, files->path, NULL, "the model does not fit the address space");
    else if (!(out->memory = wick_pages_take(memory_bytes)))
        code = wick_fail_memory(error, "the packed weights");
    if (code == WICK_OK) {
        out->memory_bytes = memory_bytes;
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
