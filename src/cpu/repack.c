/* SPDX-License-Identifier: Apache-2.0
 * repack.c: other panels for the linear layers of a packed file (repack.h): narrower ones, or integers of 24 bits out of f32. */
#include "cpu/repack.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cpu/heads.h"
#include "cpu/pack_cpu.h"

/* One layer on its way: `linear` still has the file's panels, `to` will take its place. */
typedef struct repacking {
    wick_cpu_linear *linear;
    wick_cpu_linear to;
} repacking;

typedef struct repack_job {
    const wick_kernels *kernels;
    repacking *list;
    size_t n, widest; /* values of a column, before and after, of the widest layer that is split */
    float *scratch;   /* [n_threads, WICK_I24_PANEL, widest] */
    atomic_size_t next;
} repack_job;

static void narrow_panels(const wick_cpu_linear *from, const wick_cpu_linear *to)
{
    const size_t n_units = from->n_units, wide = from->panel_width, width = to->panel_width;
    for (size_t panel = 0; panel < to->n_panels; panel++) {
        const size_t column = panel * width;
        const uint32_t *source = from->panels + column / wide * n_units * wide + column % wide;
        uint32_t *target = to->panels + panel * n_units * width;
        for (size_t k = 0; k < n_units; k++)
            memcpy(target + k * width, source + k * wide, width * sizeof *target);
    }
}

/* columns: scratch, [WICK_I24_PANEL, in] and [WICK_I24_PANEL, n_units] behind */
static void split_panel(const wick_kernels *kernels, const wick_cpu_linear *from, const wick_cpu_linear *to,
                        size_t panel, float *columns)
{
    const size_t first = panel * WICK_I24_PANEL, wide = from->panel_width, in = from->in, n_units = to->n_units;
    const size_t n = from->out - first < WICK_I24_PANEL ? from->out - first : WICK_I24_PANEL;
    const uint32_t *source = from->panels + first / wide * from->n_units * wide + first % wide;
    uint32_t *target = to->panels + panel * n_units * WICK_I24_PANEL,
             *units = (uint32_t *)(void *)(columns + WICK_I24_PANEL * in);
    wick_row_scale scales[WICK_I24_PANEL];
    for (size_t k = 0; k < in; k++)
        for (size_t j = 0; j < n; j++)
            memcpy(columns + j * in + k, source + k * wide + j, sizeof *columns);
    kernels->split(&(wick_split){n, in, columns, in, (int8_t *)(void *)units, n_units * sizeof *units, scales});
    for (size_t k = 0; k < n_units; k++)
        for (size_t j = 0; j < n; j++)
            target[k * WICK_I24_PANEL + j] = units[j * n_units + k];
    for (size_t j = 0; j < n; j++)
        to->scales[first + j] = wick_i24_column_scale(scales[j]);
}

static void repack_worker(void *arg, unsigned thread_index)
{
    repack_job *job = arg;
    float *scratch = job->scratch + (size_t)thread_index * WICK_I24_PANEL * job->widest;
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->n) {
        const repacking *one = &job->list[i];
        if (one->to.compute == one->linear->compute) {
            narrow_panels(one->linear, &one->to);
            continue;
        }
        for (size_t panel = 0; panel < one->to.n_panels; panel++)
            split_panel(job->kernels, one->linear, &one->to, panel, scratch);
    }
}

/* Puts the layer on the list, as it will be, if that is not as it is. */
static void list_linear(repack_job *job, const wick_cpu_model *model, wick_cpu_linear *linear, wick_compute compute)
{
    wick_cpu_linear to = *linear;
    to.compute = compute;
    to.panel_width = compute == WICK_COMPUTE_I24 ? WICK_I24_PANEL : model->kernels->panel_width;
    to.n_panels = (to.out + to.panel_width - 1) / to.panel_width;
    to.n_units = wick_compute_units(compute, to.in);
    if (to.panel_width == linear->panel_width)
        return;
    job->list[job->n++] = (repacking){linear, to};
    if (compute == WICK_COMPUTE_I24 && to.in + to.n_units > job->widest)
        job->widest = to.in + to.n_units;
}

static void list_linears(repack_job *job, wick_cpu_model *model)
{
    for (size_t i = 0; i < model->files->encoder.n_layers; i++) {
        wick_cpu_layer *layer = &model->layers[i];
        list_linear(job, model, &layer->qkv, model->layer_compute);
        list_linear(job, model, &layer->attention_output, model->layer_compute);
        list_linear(job, model, &layer->up, model->layer_compute);
        list_linear(job, model, &layer->down, model->layer_compute);
    }
    for (size_t i = 0; i < model->files->n_dense; i++)
        list_linear(job, model, &model->dense[i], WICK_COMPUTE_F32);
    if (model->head.dense.panels)
        list_linear(job, model, &model->head.dense, WICK_COMPUTE_F32);
    if (model->head.last.panels)
        list_linear(job, model, &model->head.last, WICK_COMPUTE_F32);
}

/* Where the new panels and scales stand in memory (NULL: only counts). Returns the bytes: at most 50 times what is in the file. */
static size_t place(repack_job *job, uint8_t *memory)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < job->n; i++) {
        wick_cpu_linear *to = &job->list[i].to;
        const size_t columns = to->n_panels * to->panel_width;
        if (memory)
            to->panels = (uint32_t *)(void *)(memory + n_bytes);
        n_bytes += columns * to->n_units * sizeof *to->panels;
        if (to->compute != WICK_COMPUTE_I24)
            continue;
        if (memory)
            to->scales = (float *)(void *)(memory + n_bytes);
        n_bytes += columns * sizeof *to->scales; /* whole cache lines */
    }
    return n_bytes;
}

/* The list's panels, in memory of the model, instead of the file's. */
static int repack(wick_cpu_model *model, repack_job *job, wick_pool *pool, wick_error *error)
{
    model->memory_bytes = place(job, NULL);
    model->memory = wick_pages_take(model->memory_bytes, true);
    job->scratch = calloc((size_t)wick_pool_size(pool) * WICK_I24_PANEL, (job->widest + 1) * sizeof *job->scratch);
    if (!model->memory || !job->scratch)
        return wick_fail_memory(error, "the packed weights");
    place(job, model->memory);
    atomic_init(&job->next, 0);
    wick_pool_run(pool, 0, repack_worker, job);
    for (size_t i = 0; i < job->n; i++)
        *job->list[i].linear = job->list[i].to;
    return WICK_OK;
}

int wick_cpu_repack(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    repack_job job = {.kernels = model->kernels};
    job.list = calloc(model->files->encoder.n_layers * 4 + WICK_MAX_DENSE + WICK_PACKINGS_OF_HEAD, sizeof *job.list);
    if (!job.list)
        return wick_fail_memory(error, "the packed weights");
    list_linears(&job, model);
    const int code = job.n > 0 ? repack(model, &job, pool, error) : WICK_OK;
    free(job.scratch);
    free(job.list);
    return code;
}
