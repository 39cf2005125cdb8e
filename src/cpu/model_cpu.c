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
#include "cpu/constants.h"
#include "cpu/heads.h"
#include "cpu/layout.h"
#include "cpu/pack_cpu.h"
#include "cpu/supports.h"
#include "cpu/table.h"
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

/* ---- filling ------------------------------------------------------------------------------------------------------- */

/* Rows that are spread side by side, so that the writes fill whole lines. */
#define PACK_ROWS 16

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

/* Row `row` of p's tensor as units[n_units]; f32: [in], scratch for the conversion. */
static const uint32_t *row_units(const wick_packing *p, const wick_kernels *kernels, size_t row, float *f32,
                                 uint32_t *units)
{
    const wick_cpu_linear *target = p->target;
    const wick_tensor *weight = &p->source->weight;
    size_t in = target->in, column = p->first_row + row;
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
    }
    return units;
}

/* scratch: [PACK_ROWS + 1, widest_in] */
static void pack_rows(const wick_packing *p, size_t row, size_t n_rows, const wick_cpu_model *model, uint32_t *scratch,
                      size_t widest_in)
{
    size_t n_units = p->target->n_units, width = model->panel_width;
    const uint32_t *rows[PACK_ROWS];
    float *f32 = (float *)(void *)(scratch + PACK_ROWS * widest_in);
    for (size_t i = 0; i < n_rows; i++)
        rows[i] = row_units(p, model->kernels, row + i, f32, scratch + i * widest_in);
    for (size_t i = 0; i < n_rows;) { /* runs of rows that fall into the same panel */
        size_t column = (p->first_row + row + i) % width,
               run = width - column < n_rows - i ? width - column : n_rows - i;
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
    const wick_packing *packings;
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
        const wick_packing *p = &job->packings[i];
        for (size_t row = 0; row < p->n_rows; row += PACK_ROWS)
            pack_rows(p, row, p->n_rows - row < PACK_ROWS ? p->n_rows - row : PACK_ROWS, job->model, scratch,
                      job->widest_in);
        wick_mapped_release_pages(p->source->weight.data, p->source->weight.size_bytes);
    }
}

size_t wick_cpu_list_packings(const wick_model_files *files, size_t layer, const wick_cpu_layer *to, wick_packing *list)
{
    const wick_encoder_layer *from = &files->layers[layer];
    size_t hidden = files->encoder.hidden_size, n = 0;
    list[n++] = (wick_packing){&from->query, &to->qkv, 0, hidden};
    list[n++] = (wick_packing){&from->key, &to->qkv, hidden, hidden};
    list[n++] = (wick_packing){&from->value, &to->qkv, 2 * hidden, hidden};
    list[n++] = (wick_packing){&from->attention_output, &to->attention_output, 0, hidden};
    list[n++] = (wick_packing){&from->up, &to->up, 0, files->encoder.intermediate_size};
    list[n++] = (wick_packing){&from->down, &to->down, 0, hidden};
    return n;
}

static void fill_norm(const wick_layer_norm *from, const wick_cpu_norm *to, size_t hidden_size)
{
    wick_tensor_to_f32(&from->weight, 0, hidden_size, to->weight);
    wick_tensor_to_f32(&from->bias, 0, hidden_size, to->bias);
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

/* rows: scratch, [2, hidden_size] */
static void fill_small(const wick_cpu_model *model, float *rows)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->encoder.hidden_size;
    float *type = rows, *position = rows + hidden;
    wick_tensor_to_f32(&files->token_type_embeddings, 0, hidden, type);
    for (size_t i = 0; i < files->encoder.max_positions; i++) {
        wick_tensor_to_f32(&files->position_embeddings, i * hidden, hidden, position);
        for (size_t j = 0; j < hidden; j++)
            position[j] += type[j];
        wick_table_set(&model->positions, i, position);
    }
    fill_norm(&files->embedding_norm, &model->embedding_norm, hidden);
    for (size_t i = 0; i < files->encoder.n_layers; i++) {
        fill_norm(&files->layers[i].attention_norm, &model->layers[i].attention_norm, hidden);
        fill_norm(&files->layers[i].output_norm, &model->layers[i].output_norm, hidden);
    }
}

static size_t widest_input(const wick_packing *list, size_t n)
{
    size_t widest = 1;
    for (size_t i = 0; i < n; i++)
        widest = list[i].target->in > widest ? list[i].target->in : widest;
    return widest;
}

int wick_cpu_pack(const wick_cpu_model *model, const wick_packing *list, size_t n, wick_pool *pool, wick_error *error)
{
    fill_job job = {.model = model, .packings = list, .n_packings = n, .widest_in = widest_input(list, n)};
    job.scratch = calloc((size_t)wick_pool_size(pool) * (PACK_ROWS + 1), job.widest_in * sizeof *job.scratch);
    if (!job.scratch)
        return wick_fail_memory(error, "packing the weights");
    atomic_init(&job.next, 0);
    wick_pool_run(pool, 0, fill_worker, &job);
    free(job.scratch);
    return WICK_OK;
}

static int fill(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    const wick_model_files *files = model->files;
    size_t n = 0;
    wick_packing *list =
        calloc(files->encoder.n_layers * WICK_PACKINGS_A_LAYER + files->n_dense + WICK_PACKINGS_OF_HEAD, sizeof *list);
    float *row = calloc(2 * files->encoder.hidden_size, sizeof *row);
    int code = list && row ? WICK_OK : wick_fail_memory(error, "packing the weights");
    if (code == WICK_OK) {
        fill_small(model, row);
        wick_cpu_fill_head(model, row);
        if (model->words.rows)
            fill_words(model, row);
        if (model->compute == WICK_COMPUTE_I8)
            code = wick_cpu_calibrate(model, pool, error);
    }
    if (code == WICK_OK) {
        for (size_t i = 0; i < files->encoder.n_layers; i++)
            n += wick_cpu_list_packings(files, i, &model->layers[i], list + n);
        for (size_t i = 0; i < files->n_dense; i++)
            list[n++] = (wick_packing){&files->dense[i].linear, &model->dense[i], 0, files->dense[i].out_features};
        n += wick_cpu_list_head_packings(files, &model->head, list + n);
        code = wick_cpu_pack(model, list, n, pool, error);
    }
    free(row);
    free(list);
    return code;
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
    int code = fill(model, pool, error);
    if (code == WICK_OK)
        wick_prepared_save(prepared_dir, key, model->memory, model->memory_bytes, pool);
    return code;
}

/* kernels.h: more products than that could overflow the sums of int8. */
#define LARGEST_INPUT_I8 ((size_t)1 << 16)

static int check_sizes(const wick_cpu_model *model, wick_error *error)
{
    const wick_model_files *files = model->files;
    size_t widest = files->encoder.intermediate_size > files->encoder.hidden_size ? files->encoder.intermediate_size
                                                                                  : files->encoder.hidden_size;
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
    int code = wick_cpu_supports(&model->files->encoder, model->files->path, error);
    if (code == WICK_OK)
        code = check_sizes(model, error);
    if (code != WICK_OK)
        return code;
    model->layers = calloc(n_layers ? n_layers : 1, sizeof *model->layers);
    if (!model->layers)
        return wick_fail_memory(error, "the layers' table");
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
    free(model->layers);
    model->memory = NULL;
    model->layers = NULL;
}
