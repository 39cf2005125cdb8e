/* SPDX-License-Identifier: Apache-2.0
 * model_cpu.c: lays the packed model out in one mapping (first a pass that only counts, then the same pass with addresses), which fill.c fills or a
 * prepared file is mapped to. */
#include "cpu/model_cpu.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/mapped.h"
#include "cpu/fill.h"
#include "cpu/layout.h"
#include "cpu/pack_cpu.h"
#include "cpu/supports.h"
#include "cpu/weights_key.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define LINE_BYTES ((size_t)64) /* pieces start on cache lines */

void *wick_pages_take(size_t size_bytes, bool huge)
{
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    (void)huge;
#ifdef MADV_HUGEPAGE
    if (huge && size_bytes >= HUGE_PAGE_BYTES)
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

static void *place(void *arg, const char *name, void *piece, size_t n_bytes)
{
    (void)name;
    (void)piece;
    layout *l = arg;
    size_t bytes, end;
    if (!wick_round_up(n_bytes, LINE_BYTES, &bytes) || !wick_add_size(l->n_bytes, bytes, &end)) {
        l->overflow = true;
        return NULL;
    }
    void *placed = l->memory ? l->memory + l->n_bytes : NULL;
    l->n_bytes = end;
    return placed;
}

size_t wick_cpu_place_layer(const wick_cpu_model *model, wick_compute compute, void *memory, wick_cpu_layer *layer)
{
    layout l = {.memory = memory};
    wick_cpu_walk walk = {place, &l, false};
    wick_cpu_walk_layer(&walk, model, compute, 0, layer);
    return l.overflow || walk.overflow ? 0 : l.n_bytes;
}

static void place_model(layout *l, wick_cpu_model *model)
{
    wick_cpu_walk walk = {place, l, false};
    wick_cpu_walk_model(&walk, model);
    l->overflow |= walk.overflow;
}

/* Takes memory for the model and fills it. */
static int build(wick_cpu_model *model, const char *prepared_dir, const wick_prepared_key *key, wick_pool *pool,
                 wick_error *error)
{
    model->memory = wick_pages_take(model->memory_bytes, true);
    if (!model->memory)
        return wick_fail_memory(error, "the packed weights");
    layout l = {.memory = model->memory};
    place_model(&l, model);
    int code = wick_cpu_fill(model, pool, error);
    if (code == WICK_OK)
        wick_prepared_save(prepared_dir, key, model->memory, model->memory_bytes, pool);
    return code;
}

/* kernels.h: more products than that could overflow the sums of int8. */
#define LARGEST_INPUT_I8 ((size_t)1 << 16)

static int check_sizes(const wick_cpu_model *model, wick_error *error)
{
    const wick_model_files *files = model->files;
    const wick_encoder *e = &files->encoder;
    const size_t queries = wick_encoder_query_width(e);
    size_t widest = e->intermediate_size > e->hidden_size ? e->intermediate_size : e->hidden_size;
    widest = widest > queries ? widest : queries;
    const int code = wick_cpu_supports(e, files->path, error);
    if (code != WICK_OK)
        return code;
    if (e->max_positions > 0 && files->max_tokens > e->max_positions - e->position_first)
        return wick_fail(error, WICK_E_UNSUPPORTED, files->path, NULL,
                         "texts of %zu tokens have no rows in a table of %zu positions", files->max_tokens,
                         e->max_positions);
    if (model->compute != WICK_COMPUTE_I8 || widest <= LARGEST_INPUT_I8)
        return WICK_OK;
    return wick_fail(error, WICK_E_UNSUPPORTED, files->path, "use dtype f32 or bf16",
                     "a layer has %zu inputs, int8 takes %zu at most", widest, LARGEST_INPUT_I8);
}

/* Maps what was kept of memory_bytes; false: nothing that may be used. */
static bool map_kept(wick_cpu_model *model, const char *prepared_dir, const wick_prepared_key *key, wick_pool *pool)
{
    if (!wick_prepared_open(prepared_dir, key, pool, &model->kept))
        return false;
    if (model->kept.size_bytes != model->memory_bytes) {
        wick_prepared_close(&model->kept);
        return false;
    }
    /* The check has read everything; what is needed comes back when it is used. */
    wick_mapped_release_pages(model->kept.payload, model->kept.size_bytes);
    model->memory = model->kept.payload;
    return true;
}

int wick_cpu_model_open(wick_cpu_model *model, const char *prepared_dir, wick_pool *pool, wick_error *error)
{
    size_t n_layers = model->files->encoder.n_layers;
    int code = check_sizes(model, error);
    if (code != WICK_OK)
        return code;
    model->layers = calloc(n_layers ? n_layers : 1, sizeof *model->layers);
    if (!model->layers)
        return wick_fail_memory(error, "the layers' table");
    wick_positions_open(&model->positions, &model->files->encoder, model->files->max_tokens);
    if (model->files->pack) {
        code = wick_cpu_unpack(model, pool, error);
        if (code != WICK_OK)
            wick_cpu_model_close(model);
        return code;
    }
    layout l = {0};
    place_model(&l, model);
    if (l.overflow) {
        code =
            wick_fail(error, WICK_E_UNSUPPORTED, model->files->path, NULL, "the model does not fit the address space");
    } else {
        wick_weights_key key;
        wick_weights_key_of(model, &key);
        model->memory_bytes = l.n_bytes;
        if (map_kept(model, prepared_dir, &key.key, pool)) {
            l = (layout){.memory = model->memory};
            place_model(&l, model); /* only read from now on */
        } else {
            code = build(model, prepared_dir, &key.key, pool, error);
        }
    }
    if (code != WICK_OK)
        wick_cpu_model_close(model);
    return code;
}

void wick_cpu_model_close(wick_cpu_model *model)
{
    if (model->kept.payload)
        wick_prepared_close(&model->kept);
    else
        wick_pages_free(model->memory, model->memory_bytes);
    wick_positions_close(&model->positions);
    free(model->layers);
    model->memory = NULL;
    model->layers = NULL;
}
