/* SPDX-License-Identifier: Apache-2.0
 * workspace.c: lays activations and scratch out in one mapping: a pass that only counts, then the same pass with addresses. */
#include "cpu/workspace.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/heads.h"
#include "cpu/linear.h"
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

static void take_rows(carve *c, wick_compute compute, size_t max_rows, size_t width, size_t stride, wick_rows *out)
{
    out->width = width;
    out->stride = stride;
    out->f32 = take(c, max_rows, stride, 0, sizeof(float));
    if (compute != WICK_COMPUTE_F32)
        out->narrow = take(c, max_rows, wick_narrow_row_bytes(compute, width), 0, 1);
    if (compute == WICK_COMPUTE_I8 || compute == WICK_COMPUTE_I24)
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

/* Between layers, of so many rows. */
static void carve_activations(carve *c, const wick_cpu_model *model, wick_activations *a)
{
    const wick_encoder *e = &model->files->encoder;
    const size_t hidden = e->hidden_size, query = wick_encoder_query_width(e), inner = e->intermediate_size;
    const bool is_after = e->norm_place == WICK_NORM_AFTER; /* what the layers read is narrow */
    take_rows(c, is_after ? model->layer_compute : WICK_COMPUTE_F32, a->max_rows, hidden, hidden, &a->hidden);
    if (!is_after)
        take_rows(c, model->layer_compute, a->max_rows, hidden, wick_row_stride(hidden), &a->normed);
    take_rows(c, model->layer_compute, a->max_rows, query, wick_row_stride(query), &a->context);
    take_rows(c, model->layer_compute, a->max_rows, inner, wick_row_stride(inner), &a->inner);
    a->qkv = take(c, a->max_rows, wick_row_stride(wick_encoder_qkv_width(e)), WICK_MAX_PANEL_WIDTH, sizeof(float));
}

static void carve_scratch(carve *c, const wick_cpu_model *model, size_t max_rows, wick_thread_scratch *scratch)
{
    const wick_model_files *files = model->files;
    const wick_encoder *e = &files->encoder;
    const size_t padded = max_rows + WICK_MAX_PANEL_WIDTH, gated = wick_gated_scratch(model);
    size_t widest = e->hidden_size;
    for (size_t i = 0; i < files->n_dense; i++)
        widest = files->dense[i].out_features > widest ? files->dense[i].out_features : widest;
    scratch->keys = take(c, padded, e->head_dim, 0, sizeof(float));
    if (model->compute != WICK_COMPUTE_F32)
        take_bf16(c, padded, e->head_dim, scratch);
    scratch->scores = take(c, padded, WICK_ATTENTION_ROWS, 0, sizeof(float));
    if (wick_has_biases(e))
        scratch->biases = take(c, 2, max_rows, 0, sizeof(float));
    if (gated > 0)
        scratch->gated = take(c, gated, 1, 0, sizeof(float));
    scratch->pooled = take(c, 2, widest, 0, sizeof(float));
}

static void carve_all(carve *c, const wick_cpu_model *model, wick_workspace *w)
{
    for (unsigned i = 0; i < w->n_threads; i++) {
        wick_activations *a = &w->activations[i];
        const size_t at_least = i == 0 ? WICK_TOGETHER_ROWS : model->row_block,
                     most = i == 0 || w->n_tokens < WICK_LONGEST_ALONE ? w->n_tokens : WICK_LONGEST_ALONE;
        a->max_rows = most > at_least ? most : at_least;
        carve_activations(c, model, a);
        carve_scratch(c, model, w->n_tokens > at_least ? w->n_tokens : at_least, &w->scratch[i]);
        w->scratch[i].thread_index = i;
        take_head(c, model->files, a->max_rows + WICK_MAX_PANEL_WIDTH, a, &w->scratch[i]);
    }
}

int wick_workspace_open(const wick_cpu_model *model, unsigned n_threads, size_t n_tokens, wick_workspace *w,
                        wick_error *error)
{
    *w = (wick_workspace){.n_threads = n_threads, .n_tokens = n_tokens};
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

int wick_workspace_reach(const wick_cpu_model *model, size_t n_tokens, wick_workspace *w, wick_error *error)
{
    const size_t max_tokens = model->files->max_tokens;
    size_t n = w->n_tokens > 0 ? w->n_tokens : 1;
    if (n_tokens <= n)
        return WICK_OK;
    while (n < n_tokens)
        n *= 2;
    wick_workspace larger;
    const int code = wick_workspace_open(model, w->n_threads, n < max_tokens ? n : max_tokens, &larger, error);
    if (code != WICK_OK)
        return code;
    wick_workspace_close(w);
    *w = larger;
    return WICK_OK;
}

void wick_workspace_close(wick_workspace *w)
{
    wick_pages_free(w->memory, w->memory_bytes);
    free(w->activations);
    free(w->scratch);
    *w = (wick_workspace){0};
}
