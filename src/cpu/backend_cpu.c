/* SPDX-License-Identifier: Apache-2.0
 * backend_cpu.c: the CPU backend (backend.h). Runs the chunks that plan.c cuts a batch into, in one of two ways:
 *
 *   side by side   enough tokens for every thread: each thread takes whole chunks through the whole model, alone, without barriers;
 *   together       few tokens: all threads share each step of one chunk, with barriers between the steps.
 *
 * Neither the cut nor the way changes a bit of any vector (kernels.h). All memory is taken at open. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/forward.h"
#include "cpu/plan.h"

struct wick_backend {
    wick_cpu_model model;
    wick_pool *pool;
    pthread_mutex_t mutex; /* one batch at a time: the activations are shared */
    unsigned n_threads;
    wick_activations *activations; /* [n_threads]; the first serves the team when all work together */
    wick_thread_scratch *scratch;  /* [n_threads] */
    void *memory;
    size_t memory_bytes;
    wick_plan plan;
};

/* ---- memory -------------------------------------------------------------------------------------------------------- */

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
        !wick_mul_size(bytes, value_bytes, &bytes) || !wick_round_up(bytes, 64, &bytes) || !wick_add_size(c->n_bytes, bytes, &end)) {
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

static void carve_all(carve *c, wick_backend *b)
{
    const wick_model_files *files = b->model.files;
    size_t hidden = files->hidden_size, widest = hidden, padded;
    for (size_t i = 0; i < files->n_dense; i++)
        widest = files->dense[i].out_features > widest ? files->dense[i].out_features : widest;
    for (unsigned i = 0; i < b->n_threads; i++) {
        wick_activations *a = &b->activations[i];
        size_t at_least = i == 0 ? WICK_TOGETHER_ROWS : WICK_ALONE_ROWS;
        a->max_rows = files->max_tokens > at_least ? files->max_tokens : at_least;
        padded = a->max_rows + WICK_MAX_PANEL_WIDTH;
        take_rows(c, b->model.compute, a->max_rows, hidden, &a->hidden);
        take_rows(c, b->model.compute, a->max_rows, hidden, &a->context);
        take_rows(c, b->model.compute, a->max_rows, files->intermediate_size, &a->inner);
        a->qkv = take(c, a->max_rows, 3 * hidden, WICK_MAX_PANEL_WIDTH, sizeof(float));
        b->scratch[i].keys = take(c, padded, files->head_dim, 0, sizeof(float));
        b->scratch[i].scores = take(c, padded, WICK_ATTENTION_ROWS, 0, sizeof(float));
        b->scratch[i].pooled = take(c, 2, widest, 0, sizeof(float));
    }
}

static int take_memory(wick_backend *b, wick_error *error)
{
    b->activations = calloc(b->n_threads, sizeof *b->activations);
    b->scratch = calloc(b->n_threads, sizeof *b->scratch);
    if (!b->activations || !b->scratch)
        return wick_fail_memory(error, "activations");
    carve c = {0};
    carve_all(&c, b);
    if (c.overflow)
        return wick_fail(error, WICK_E_UNSUPPORTED, b->model.files->path, NULL, "the activations do not fit the address space");
    b->memory = wick_pages_take(c.n_bytes);
    if (!b->memory)
        return wick_fail_memory(error, "activations");
    b->memory_bytes = c.n_bytes;
    c = (carve){.memory = b->memory};
    carve_all(&c, b);
    return WICK_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void cpu_close(wick_backend *backend)
{
    if (!backend)
        return;
    wick_cpu_model_close(&backend->model);
    wick_pages_free(backend->memory, backend->memory_bytes);
    free(backend->activations);
    free(backend->scratch);
    pthread_mutex_destroy(&backend->mutex);
    free(backend);
}

static bool parse_dtype(const char *dtype, wick_compute *out)
{
    static const char *const names[] = {[WICK_COMPUTE_F32] = "f32", [WICK_COMPUTE_BF16] = "bf16", [WICK_COMPUTE_I8] = "int8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(dtype ? dtype : "f32", names[i]) == 0) {
            *out = (wick_compute)i;
            return true;
        }
    return false;
}

static int cpu_open(const wick_model_files *files, const wick_backend_options *options, wick_backend **out, wick_error *error)
{
    wick_compute compute;
    if (!parse_dtype(options->dtype, &compute))
        return wick_fail(error, WICK_E_UNSUPPORTED, "dtype", "use f32, bf16 or int8", "dtype %s is not supported on the CPU",
                         options->dtype);
    wick_backend *b = calloc(1, sizeof *b);
    if (!b)
        return wick_fail_memory(error, "CPU backend");
    pthread_mutex_init(&b->mutex, NULL);
    b->pool = options->pool;
    b->n_threads = wick_pool_size(options->pool);
    int code = wick_cpu_model_open(files, wick_kernels_select(), compute, options->pool, &b->model, error);
    if (code == WICK_OK)
        code = take_memory(b, error);
    if (code != WICK_OK) {
        cpu_close(b);
        return code;
    }
    *out = b;
    return WICK_OK;
}

static void cpu_info(const wick_backend *backend, wick_backend_info *out)
{
    *out = (wick_backend_info){.device = "cpu", .tier = backend->model.kernels->tier, .n_threads = backend->n_threads};
}

/* ---- encoding ------------------------------------------------------------------------------------------------------ */

typedef struct encode_job {
    wick_backend *backend;
    const wick_packed_batch *batch;
    float *out;
    atomic_size_t next; /* chunk to be taken */
} encode_job;

static wick_chunk chunk_at(const encode_job *job, size_t i)
{
    const wick_plan *p = &job->backend->plan;
    return wick_chunk_of(job->batch, p->order + p->starts[i], p->starts[i + 1] - p->starts[i]);
}

static void encode_alone(void *arg, unsigned thread_index)
{
    encode_job *job = arg;
    wick_backend *b = job->backend;
    wick_team team = {b->pool, 0, 1};
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < b->plan.n_chunks) {
        wick_chunk chunk = chunk_at(job, i);
        wick_forward(&b->model, &team, &chunk, &b->activations[thread_index], &b->scratch[thread_index], job->out);
    }
}

static void encode_together(void *arg, unsigned thread_index)
{
    encode_job *job = arg;
    wick_backend *b = job->backend;
    wick_team team = {b->pool, thread_index, b->n_threads};
    for (size_t i = 0; i < b->plan.n_chunks; i++) {
        wick_chunk chunk = chunk_at(job, i);
        wick_forward(&b->model, &team, &chunk, &b->activations[0], &b->scratch[thread_index], job->out);
    }
}

static int cpu_encode(wick_backend *b, const wick_packed_batch *batch, float *out, wick_error *error)
{
    pthread_mutex_lock(&b->mutex);
    for (size_t next = 0; next < batch->n_sequences;) {
        encode_job job = {.backend = b, .batch = batch, .out = out};
        atomic_init(&job.next, 0);
        wick_plan_make(&b->plan, batch, next, b->n_threads);
        next += b->plan.n_sequences;
        wick_pool_run(b->pool, 0, b->plan.together ? encode_together : encode_alone, &job);
    }
    pthread_mutex_unlock(&b->mutex);
    return WICK_OK;
}

const wick_backend_ops wick_backend_cpu = {.open = cpu_open, .encode = cpu_encode, .info = cpu_info, .close = cpu_close};
