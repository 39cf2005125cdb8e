/* SPDX-License-Identifier: Apache-2.0
 * backend_cpu.c: the CPU backend (backend.h). Runs the chunks that plan.c cuts a batch into, in one of two ways:
 *
 *   side by side   enough tokens for every thread: each thread takes whole chunks through the whole model, alone, without barriers;
 *   together       few tokens: all threads share each step of one chunk, with barriers between the steps.
 *
 * A call has all cores, and others wait; or, where it asked for that, one: then its own thread takes its chunks alone, beside as many others as there are cores (base/places.h).
 * Neither the cut nor the way changes a bit of any vector (kernels.h). All memory is taken at open. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/places.h"
#include "cpu/forward.h"
#include "cpu/pace.h"
#include "cpu/pack_cpu.h"
#include "cpu/peak.h"
#include "cpu/plan.h"
#include "cpu/workspace.h"

struct wick_backend {
    wick_cpu_model model;
    wick_pool *pool;
    /* Whose is what follows: a place has its activations, its scratch and its plan; all of them together have everything, and the right to make it larger. */
    wick_places *places;
    unsigned n_threads;
    wick_workspace workspace;
    wick_plan *plans; /* [n_threads]; the first serves calls that have all places */
    wick_pace pace;   /* of those */
};

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void cpu_close(wick_backend *backend)
{
    if (!backend)
        return;
    wick_cpu_model_close(&backend->model);
    wick_workspace_close(&backend->workspace);
    wick_places_free(backend->places);
    free(backend->plans);
    free(backend);
}

static int parse_dtype(const char *dtype, wick_compute *out, wick_error *error)
{
    for (size_t i = 0; i < WICK_COMPUTE_I24; i++) /* which no model is asked to be */
        if (strcmp(dtype ? dtype : "f32", wick_compute_names[i]) == 0) {
            *out = (wick_compute)i;
            return WICK_OK;
        }
    return wick_fail(error, WICK_E_UNSUPPORTED, "dtype", "use f32, bf16 or int8",
                     "dtype %s is not supported on the CPU", dtype);
}

/* The widest rows of which as many as WICK_MOST_ALONE_ROWS fit a cache of 2 MiB in f32, beside a panel. */
#define WIDEST_OF_MOST_ROWS 1536

/* Rows that stay in a core's second-level cache together with a panel while all panels pass: 128 rows of 1536 values are 786 KB. In f32, where
 * reading the weights again costs most, as many more as a larger cache has room for. */
static size_t row_block_of(wick_compute compute, const wick_encoder *e)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    if (compute == WICK_COMPUTE_F32 && e->intermediate_size <= WIDEST_OF_MOST_ROWS &&
        sysconf(_SC_LEVEL2_CACHE_SIZE) >= 2 << 20)
        return WICK_MOST_ALONE_ROWS;
#endif
    (void)compute;
    (void)e;
    return WICK_ALONE_ROWS;
}

/* What the layers multiply in: where that is faster, f32 as integers of 24 bits. */
static wick_compute layer_compute_of(wick_compute compute, const wick_kernels *kernels, const wick_encoder *e)
{
    const size_t query = wick_encoder_query_width(e), wider = query > e->hidden_size ? query : e->hidden_size,
                 widest = wider > e->intermediate_size ? wider : e->intermediate_size;
    return compute == WICK_COMPUTE_F32 && kernels->has_i24 && widest <= WICK_I24_LARGEST_K ? WICK_COMPUTE_I24 : compute;
}

/* Of texts that the workspace is opened for. A model may take texts of 32,768 tokens and see none of more than 100. */
static size_t usual_tokens(const wick_model_files *files)
{
    return files->max_tokens < WICK_TOGETHER_ROWS ? files->max_tokens : WICK_TOGETHER_ROWS;
}

static int cpu_open(const wick_model_files *files, const wick_backend_options *options, wick_backend **out,
                    wick_error *error)
{
    wick_compute compute = WICK_COMPUTE_F32;
    int code = parse_dtype(options->dtype, &compute, error);
    if (code != WICK_OK)
        return code;
    wick_backend *b = calloc(1, sizeof *b);
    if (!b)
        return wick_fail_memory(error, "CPU backend");
    b->pool = options->pool;
    b->n_threads = wick_pool_size(options->pool);
    b->places = wick_places_new(b->n_threads);
    b->plans = calloc(b->n_threads, sizeof *b->plans);
    if (!b->places || !b->plans) {
        cpu_close(b);
        return wick_fail_memory(error, "CPU backend");
    }
    const wick_kernels *kernels = wick_kernels_select();
    b->model = (wick_cpu_model){.kernels = kernels,
                                .compute = compute,
                                .layer_compute = layer_compute_of(compute, kernels, &files->encoder),
                                .panel_width = kernels->panel_width,
                                .row_block = row_block_of(compute, &files->encoder),
                                .files = files};
    code = wick_cpu_model_open(&b->model, options->prepared_dir, options->pool, error);
    if (code == WICK_OK)
        code = wick_workspace_open(&b->model, b->n_threads, usual_tokens(files), &b->workspace, error);
    if (code != WICK_OK) {
        cpu_close(b);
        return code;
    }
    *out = b;
    return WICK_OK;
}

static int cpu_pack(const wick_model_files *files, const wick_backend_options *options, wick_pack_writer *writer,
                    wick_error *error)
{
    wick_compute compute = WICK_COMPUTE_F32;
    const int code = parse_dtype(options->dtype, &compute, error);
    return code == WICK_OK ? wick_cpu_pack_files(files, compute, options->pool, writer, error) : code;
}

static size_t call_rows(const wick_cpu_model *model)
{
    return model->memory_bytes > WICK_CALL_SMALL_WEIGHTS ? model->row_block : WICK_CALL_ROWS;
}

static void cpu_info(const wick_backend *backend, wick_backend_info *out)
{
    *out = (wick_backend_info){.device = "cpu",
                               .tier = backend->model.kernels->tier,
                               .n_threads = backend->n_threads,
                               .n_calls = backend->n_threads,
                               .call_tokens = call_rows(&backend->model)};
}

static int cpu_measure_peak(const char *dtype, wick_pool *pool, double *out, wick_error *error)
{
    wick_compute compute = WICK_COMPUTE_F32;
    int code = parse_dtype(dtype, &compute, error);
    if (code == WICK_OK)
        *out = wick_cpu_measure_peak(wick_kernels_select(), compute, pool);
    return code;
}

/* ---- encoding ------------------------------------------------------------------------------------------------------ */

typedef struct encode_job {
    wick_backend *backend;
    wick_plan *plan;
    const wick_packed_batch *batch;
    const wick_output_target *target;
    atomic_size_t next; /* chunk to be taken */
} encode_job;

static wick_chunk chunk_at(const encode_job *job, size_t i)
{
    const wick_plan *p = job->plan;
    return wick_chunk_of(job->batch, p->order + p->starts[i], p->starts[i + 1] - p->starts[i]);
}

static void encode_alone(void *arg, unsigned thread_index)
{
    encode_job *job = arg;
    wick_backend *b = job->backend;
    wick_team team = {b->pool, 0, 1};
    size_t i;
    while ((i = atomic_fetch_add(&job->next, 1)) < job->plan->n_chunks) {
        wick_chunk chunk = chunk_at(job, i);
        wick_forward(&b->model, &team, &chunk, &b->workspace.activations[thread_index],
                     &b->workspace.scratch[thread_index], job->target);
    }
}

static void encode_together(void *arg, unsigned thread_index)
{
    encode_job *job = arg;
    wick_backend *b = job->backend;
    wick_team team = {b->pool, thread_index, b->n_threads};
    for (size_t i = 0; i < job->plan->n_chunks; i++) {
        wick_chunk chunk = chunk_at(job, i);
        wick_forward(&b->model, &team, &chunk, &b->workspace.activations[0], &b->workspace.scratch[thread_index],
                     job->target);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One chunk of few rows, with a barrier after each step where threads share it. */
static bool has_many_barriers(const encode_job *job)
{
    return job->plan->together && job->plan->n_chunks == 1 &&
           !wick_rows_are_own(chunk_at(job, 0).n_rows, job->backend->n_threads);
}

/* By all threads or by one, whichever is faster now. */
static void run_paced(encode_job *job, size_t first)
{
    wick_backend *b = job->backend;
    const size_t n_rows = chunk_at(job, 0).n_rows;
    const bool alone = wick_pace_begin(&b->pace, n_rows);
    const uint64_t slept = wick_pool_slept_ns(b->pool), start = now_ns();
    if (alone) {
        wick_plan_make(job->plan, job->batch, first, 1, b->model.row_block);
        encode_alone(job, 0);
    } else {
        wick_pool_run(b->pool, 0, encode_together, job);
    }
    wick_pace_end(&b->pace, n_rows, alone, now_ns() - start, alone ? 0 : wick_pool_slept_ns(b->pool) - slept,
                  b->n_threads);
}

static size_t longest_sequence(const wick_packed_batch *batch)
{
    size_t longest = 0;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        const size_t n = wick_sequence_rows(batch, i);
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* Memory for sequences of n_tokens, where there were none so long before. */
static int reach(wick_backend *b, size_t n_tokens, wick_error *error)
{
    const int code = wick_positions_reach(&b->model.positions, n_tokens, error);
    return code == WICK_OK ? wick_workspace_reach(&b->model, n_tokens, &b->workspace, error) : code;
}

/* All places are the call's. */
static void encode_on_all(wick_backend *b, const wick_packed_batch *batch, const wick_output_target *target)
{
    wick_plan *plan = &b->plans[0];
    for (size_t next = 0; next < batch->n_sequences; next += plan->n_sequences) {
        encode_job job = {.backend = b, .plan = plan, .batch = batch, .target = target};
        atomic_init(&job.next, 0);
        wick_plan_make(plan, batch, next, b->n_threads, b->model.row_block);
        if (has_many_barriers(&job))
            run_paced(&job, next);
        else
            wick_pool_run(b->pool, 0, plan->together ? encode_together : encode_alone, &job);
    }
}

static void encode_on_one(wick_backend *b, const wick_packed_batch *batch, const wick_output_target *target,
                          unsigned place)
{
    wick_plan *plan = &b->plans[place];
    for (size_t next = 0; next < batch->n_sequences; next += plan->n_sequences) {
        encode_job job = {.backend = b, .plan = plan, .batch = batch, .target = target};
        atomic_init(&job.next, 0);
        wick_plan_make(plan, batch, next, 1, b->model.row_block);
        encode_alone(&job, place);
    }
}

static int cpu_encode(wick_backend *b, const wick_packed_batch *batch, const wick_output_target *target,
                      wick_error *error)
{
    const size_t longest = longest_sequence(batch);
    wick_place place = {.is_none = true};
    if (batch->side_by_side && longest <= WICK_LONGEST_ALONE) {
        place = wick_places_take(b->places, false, INFINITY);
        if (longest <= b->workspace.n_tokens && wick_positions_hold(&b->model.positions, longest)) {
            encode_on_one(b, batch, target, place.index);
            wick_places_give_back(b->places, place);
            return WICK_OK;
        }
        wick_places_give_back(b->places, place);
    }
    place = wick_places_take(b->places, true, INFINITY);
    const int code = reach(b, longest, error);
    if (code == WICK_OK)
        encode_on_all(b, batch, target);
    wick_places_give_back(b->places, place);
    return code;
}

const wick_backend_ops wick_backend_cpu = {.open = cpu_open,
                                           .encode = cpu_encode,
                                           .info = cpu_info,
                                           .close = cpu_close,
                                           .pack = cpu_pack,
                                           .measure_peak = cpu_measure_peak};
