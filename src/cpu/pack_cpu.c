/* SPDX-License-Identifier: Apache-2.0
 * pack_cpu.c: writing the CPU's weights to a packed file and finding them there (pack_cpu.h). */
#include "cpu/pack_cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/heads.h"
#include "cpu/layout.h"

_Static_assert(WICK_PACK_PANEL_WIDTH % WICK_MAX_PANEL_WIDTH == 0, "every tier's panels are parts of the file's");

/* ---- writing ------------------------------------------------------------------------------------------------------- */

typedef struct adding {
    wick_pack_writer *writer;
    wick_error *error;
    int code; /* the first failure; what follows does nothing */
} adding;

static void *add_piece(void *arg, const char *name, void *piece, size_t n_bytes)
{
    adding *a = arg;
    if (a->code == WICK_OK)
        a->code = wick_pack_add(a->writer, name, piece, n_bytes, a->error);
    return piece;
}

/* In f32 the word embeddings are no part of the packed memory. */
static int add_words(const wick_model_files *files, wick_pack_writer *writer, wick_error *error)
{
    size_t n = files->encoder.vocab_size * files->encoder.hidden_size,
           n_bytes; /* no overflow: the tensor is that large */
    float *words = wick_mul_size(n, sizeof *words, &n_bytes) ? malloc(n_bytes) : NULL;
    if (!words)
        return wick_fail_memory(error, "the word embeddings");
    wick_tensor_to_f32(&files->word_embeddings, 0, n, words);
    return wick_pack_give(writer, "words", words, n_bytes, error);
}

static void free_model(void *arg)
{
    wick_cpu_model_close(arg);
    free(arg);
}

int wick_cpu_pack_files(const wick_model_files *files, wick_compute compute, wick_pool *pool, wick_pack_writer *writer,
                        wick_error *error)
{
    wick_cpu_model *model = calloc(1, sizeof *model);
    if (!model)
        return wick_fail_memory(error, "the packed weights");
    *model = (wick_cpu_model){.kernels = wick_kernels_select(compute != WICK_COMPUTE_F32),
                              .compute = compute,
                              .panel_width = WICK_PACK_PANEL_WIDTH,
                              .files = files};
    adding a = {writer, error, wick_cpu_model_open(model, NULL, pool, error)};
    if (a.code != WICK_OK) {
        free(model);
        return a.code;
    }
    wick_cpu_walk walk = {add_piece, &a, false};
    wick_cpu_walk_model(&walk, model);
    wick_pack_keep(writer, free_model, model);
    return a.code == WICK_OK && compute == WICK_COMPUTE_F32 ? add_words(files, writer, error) : a.code;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

typedef struct finding {
    const wick_pack *pack;
    wick_error *error;
    int code;
} finding;

static void *find_piece(void *arg, const char *name, void *piece, size_t n_bytes)
{
    (void)piece;
    finding *f = arg;
    size_t there;
    const void *data = wick_pack_find(f->pack, name, &there);
    if (f->code == WICK_OK && !data)
        f->code = wick_pack_fail(f->pack, name, "is missing", f->error);
    else if (f->code == WICK_OK && there != n_bytes)
        f->code = wick_pack_fail(f->pack, name, "is not as large as the model says", f->error);
    return f->code == WICK_OK ? (void *)(uintptr_t)data : NULL; /* only read */
}

/* One linear layer on its way to narrower panels. */
typedef struct narrowing {
    wick_cpu_linear *linear;
    uint32_t *panels; /* the new ones */
    size_t n_panels;
} narrowing;

typedef struct narrow_job {
    narrowing *list;
    size_t n, width;
    atomic_size_t next;
} narrow_job;

static void narrow_worker(void *arg, unsigned thread_index)
{
    (void)thread_index;
    narrow_job *job = arg;
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->n) {
        const narrowing *one = &job->list[i];
        const size_t n_units = one->linear->n_units, width = job->width;
        for (size_t panel = 0; panel < one->n_panels; panel++) {
            const size_t column = panel * width;
            const uint32_t *from = one->linear->panels +
                                   column / WICK_PACK_PANEL_WIDTH * n_units * WICK_PACK_PANEL_WIDTH +
                                   column % WICK_PACK_PANEL_WIDTH;
            uint32_t *to = one->panels + panel * n_units * width;
            for (size_t k = 0; k < n_units; k++)
                memcpy(to + k * width, from + k * WICK_PACK_PANEL_WIDTH, width * sizeof *to);
        }
    }
}

static size_t list_linears(wick_cpu_model *model, narrowing *list)
{
    size_t n = 0;
    for (size_t i = 0; i < model->files->encoder.n_layers; i++) {
        wick_cpu_layer *layer = &model->layers[i];
        list[n++].linear = &layer->qkv;
        list[n++].linear = &layer->attention_output;
        list[n++].linear = &layer->up;
        list[n++].linear = &layer->down;
    }
    for (size_t i = 0; i < model->files->n_dense; i++)
        list[n++].linear = &model->dense[i];
    if (model->head.dense.panels)
        list[n++].linear = &model->head.dense;
    if (model->head.last.panels)
        list[n++].linear = &model->head.last;
    return n;
}

/* The kernels' own panels, in memory of the model. All else stays where it is: arrays padded to wider panels serve as well. */
static int narrow_panels(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    const size_t width = model->kernels->panel_width;
    narrow_job job = {.width = width};
    size_t n_bytes = 0;
    job.list = calloc(model->files->encoder.n_layers * 4 + WICK_MAX_DENSE + WICK_PACKINGS_OF_HEAD, sizeof *job.list);
    if (!job.list)
        return wick_fail_memory(error, "the packed weights");
    job.n = list_linears(model, job.list);
    for (size_t i = 0; i < job.n; i++) { /* no overflow: smaller than what is in the file */
        job.list[i].n_panels = (job.list[i].linear->out + width - 1) / width;
        n_bytes += job.list[i].n_panels * width * job.list[i].linear->n_units * sizeof(uint32_t);
    }
    uint32_t *panels = wick_pages_take(n_bytes, true);
    if (!panels) {
        free(job.list);
        return wick_fail_memory(error, "the packed weights");
    }
    model->memory = panels;
    model->memory_bytes = n_bytes;
    for (size_t i = 0; i < job.n; i++) {
        job.list[i].panels = panels;
        panels += job.list[i].n_panels * width * job.list[i].linear->n_units;
    }
    atomic_init(&job.next, 0);
    wick_pool_run(pool, 0, narrow_worker, &job);
    for (size_t i = 0; i < job.n; i++) {
        job.list[i].linear->panels = job.list[i].panels;
        job.list[i].linear->n_panels = job.list[i].n_panels;
    }
    free(job.list);
    return WICK_OK;
}

int wick_cpu_unpack(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    finding f = {model->files->pack, error, WICK_OK};
    wick_cpu_walk walk = {find_piece, &f, false};
    model->panel_width = WICK_PACK_PANEL_WIDTH;
    wick_cpu_walk_model(&walk, model);
    if (f.code == WICK_OK && walk.overflow)
        f.code = wick_pack_fail(f.pack, "model", "asks for more than the address space", error);
    if (f.code == WICK_OK && model->kernels->panel_width != WICK_PACK_PANEL_WIDTH)
        f.code = narrow_panels(model, pool, error);
    model->panel_width = model->kernels->panel_width;
    return f.code;
}
