/* SPDX-License-Identifier: Apache-2.0
 * workspace.c: lays activations and scratch out in one mapping: a pass that only counts, then the same pass with addresses. */
#include "cpu/workspace.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/heads.h"
#include "cpu/plan.h"

typedef struct carve {
    uint8_t *memory; /* NULL in the counting pass */
    size_t n_bytes;
    bool overflow;
} carve;

/* rows * columns + extra values of value_bytes each, on a cache line. */
static void *take(carve *c, size_t rows, size_t columns, size_t extra, size_t value_bytes)
{
    size_t bytes = 0, end;
    if (!wick_mul_size(rows, columns, &bytes) || !wick_add_size(bytes, extra, &bytes) ||
        !wick_mul_size(bytes, value_bytes, &bytes) || !wick_round_up(bytes, 64, &bytes) ||
        !wick_add_size(c->n_bytes, bytes, &end)) {
        c->overflow = true;
        return NULL;
    }
    void *piece = c->memory ? c->memory + c->n_bytes : NULL;
    c->n_bytes = end;
    return piece;
}

static void take_rows(carve *c, wick_compute compute, size_t max_rows, size_t width, wick_rows *out)
{
    out->width = width;
    out->f32 = take(c, max_rows, width, 0, sizeof(float));
    if (compute != WICK_COMPUTE_F32)
        out->narrow = take(c, max_rows, wick_compute_padded(compute, width), 0, 4 / wick_compute_values(compute));
    if (compute == WICK_COMPUTE_I8)
        out->scales = take(c, max_rows, 1, 0, sizeof(wick_row_scale));
}

static void take_bf16(carve *c, size_t padded_rows, size_t head_dim, wick_thread_scratch *out)
{
    out->queries16 = take(c, padded_rows, head_dim + 1, 0, sizeof(uint16_t));
    out->rows16 = take(c, padded_rows, head_dim + 1, 0, sizeof(uint16_t));
    out->scores16 = take(c, padded_rows, WICK_ATTENTION_ROWS, 0, sizeof(uint16_t));
    out->values16 = take(c, padded_rows, head_dim + WICK_MAX_PANEL_WIDTH, 0, sizeof(uint16_t));
}

/* For terms alone. */
static void take_head(carve *c, const wick_model_files *files, size_t padded_rows, wick_activations *a,
                      wick_thread_scratch *scratch)
{
    const size_t hidden = files->encoder.hidden_size;
    if (files->head.kind != WICK_HEAD_TERMS)
        return;
    a->head = take(c, a->max_rows, hidden, 0, sizeof(float));
    a->head_columns = take(c, padded_rows, hidden, 0, sizeof(float));
    scratch->head_words = take(c, WICK_TERM_ROWS, hidden, 0, sizeof(float));
}

static void carve_all(carve *c, const wick_cpu_model *model, wick_workspace *w)
{
    const wick_model_files *files = model->files;
    size_t hidden = files->encoder.hidden_size, widest = hidden, padded;
    for (size_t i = 0; i < files->n_dense; i++)
        widest = files->dense[i].out_features > widest ? files->dense[i].out_features : widest;
    for (unsigned i = 0; i < w->n_threads; i++) {
        wick_activations *a = &w->activations[i];
        size_t at_least = i == 0 ? WICK_TOGETHER_ROWS : model->row_block;
        a->max_rows = files->max_tokens > at_least ? files->max_tokens : at_least;
        padded = a->max_rows + WICK_MAX_PANEL_WIDTH;
        take_rows(c, model->compute, a->max_rows, hidden, &a->hidden);
        take_rows(c, model->compute, a->max_rows, hidden, &a->context);
        take_rows(c, model->compute, a->max_rows, files->encoder.intermediate_size, &a->inner);
        a->qkv = take(c, a->max_rows, 3 * hidden, WICK_MAX_PANEL_WIDTH, sizeof(float));
        w->scratch[i].keys = take(c, padded, files->encoder.head_dim, 0, sizeof(float));
        if (model->compute != WICK_COMPUTE_F32)
            take_bf16(c, padded, files->encoder.head_dim, &w->scratch[i]);
        w->scratch[i].scores = take(c, padded, WICK_ATTENTION_ROWS, 0, sizeof(float));
        w->scratch[i].pooled = take(c, 2, widest, 0, sizeof(float));
        w->scratch[i].thread_index = i;
        take_head(c, files, padded, a, &w->scratch[i]);
    }
}

int wick_workspace_open(const wick_cpu_model *model, unsigned n_threads, wick_workspace *w, wick_error *error)
{
    *w = (wick_workspace){.n_threads = n_threads};
    w->activations = calloc(n_threads, sizeof *w->activations);
    w->scratch = calloc(n_threads, sizeof *w->scratch);
    carve c = {0};
    int code = w->activations && w->scratch ? WICK_OK : wick_fail_memory(error, "activations");
    if (code == WICK_OK) {
        carve_all(&c, model, w);
        if (c.overflow)
            code = wick_fail(error, WICK_E_UNSUPPORTED, model->files->path, NULL,
                             "the activations do not fit the address space");
        else if (!(w->memory = wick_pages_take(c.n_bytes, false)))
            code = wick_fail_memory(error, "activations");
    }
    if (code != WICK_OK) {
        wick_workspace_close(w);
        return code;
    }
    w->memory_bytes = c.n_bytes;
    c = (carve){.memory = w->memory};
    carve_all(&c, model, w);
    return WICK_OK;
}

void wick_workspace_close(wick_workspace *w)
{
    wick_pages_free(w->memory, w->memory_bytes);
    free(w->activations);
    free(w->scratch);
    *w = (wick_workspace){0};
}
