/* SPDX-License-Identifier: Apache-2.0
 * static.c: the backend of static embeddings (model/static_embedding.h): a text's vector is the mean of its tokens' rows, summed in their order. No products, no
 * workspace, no lock: rows are read where they lie. In: a packed batch, whose sequences may be empty. Out: one vector a sequence; of an empty one zeros, as
 * torch.nn.EmbeddingBag has it. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/pack.h"

/* Fewer tokens than this are added up sooner than a thread is woken. */
#define LEAST_TOKENS_FOR_THREADS 4096
#define SEQUENCES_A_TURN 16
#define BLOCK 64      /* values of a row that are taken at once */
#define ROWS_A_SUM 32 /* rows that are added up in f32 */

struct wick_backend {
    const wick_model_files *files;
    wick_pool *pool;
};

static int check_dtype(const char *dtype, wick_error *error)
{
    if (!dtype || strcmp(dtype, "f32") == 0)
        return WICK_OK;
    return wick_fail(error, WICK_E_UNSUPPORTED, "dtype", "leave dtype out, or ask for f32",
                     "dtype %s is not supported by static embeddings, which have no products to compute in it", dtype);
}

static int static_open(const wick_model_files *files, const wick_backend_options *options, wick_backend **out,
                       wick_error *error)
{
    const int code = check_dtype(options->dtype, error);
    if (code != WICK_OK)
        return code;
    wick_backend *b = calloc(1, sizeof *b);
    if (!b)
        return wick_fail_memory(error, "the backend");
    *b = (wick_backend){files, options->pool};
    *out = b;
    return WICK_OK;
}

static void static_close(wick_backend *backend)
{
    free(backend);
}

static void static_info(const wick_backend *backend, wick_backend_info *out)
{
    *out = (wick_backend_info){.device = "cpu", .tier = "generic", .n_threads = wick_pool_size(backend->pool)};
}

/* Values [first, first + n) of the row of token id, n at most BLOCK: where they lie, or converted to buffer. */
static const float *row_values(const wick_model_files *files, size_t id, size_t first, size_t n, float buffer[BLOCK])
{
    const wick_static_embedding *s = &files->static_embedding;
    const wick_tensor *words = &files->word_embeddings;
    const size_t at = (s->rows ? s->rows[id] : id) * files->encoder.hidden_size + first;
    const bool is_plain = words->dtype == WICK_DTYPE_F32 && (uintptr_t)words->data % sizeof(float) == 0;
    if (is_plain && !s->factors)
        return (const float *)(const void *)words->data + at;
    wick_tensor_to_f32(words, at, n, buffer);
    for (size_t i = 0; s->factors && i < n; i++)
        buffer[i] = (float)(buffer[i] * s->factors[id]); /* exact in f64 for a factor of f32: rounded once */
    return buffer;
}

/* The mean of values [first, first + n) of the ids' rows. Sums of few rows are f32, as torch's; of many they would lose digits, so that theirs are collected in f64. */
static void mean_of(const wick_model_files *files, const int32_t *ids, size_t n_ids, size_t first, size_t n, float *out)
{
    float buffer[BLOCK], sum[BLOCK] = {0};
    double total[BLOCK] = {0};
    for (size_t t = 0; t < n_ids; t++) {
        const float *row = row_values(files, (size_t)ids[t], first, n, buffer);
        for (size_t i = 0; i < n; i++)
            sum[i] += row[i];
        if (t % ROWS_A_SUM != ROWS_A_SUM - 1 && t + 1 < n_ids)
            continue;
        for (size_t i = 0; i < n; i++) {
            total[i] += sum[i];
            sum[i] = 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        out[i] = n_ids > 0 ? (float)(total[i] / (double)n_ids) : 0;
}

/* ids: [n_ids]; out: [hidden_size] */
static void embed(const wick_model_files *files, const int32_t *ids, size_t n_ids, float *out)
{
    const size_t width = files->encoder.hidden_size;
    for (size_t first = 0; first < width; first += BLOCK)
        mean_of(files, ids, n_ids, first, width - first < BLOCK ? width - first : BLOCK, out + first);
}

typedef struct job {
    const wick_model_files *files;
    const wick_packed_batch *batch;
    float *out;
    atomic_size_t next; /* sequence */
} job;

static void run(void *arg, unsigned thread_index)
{
    (void)thread_index;
    job *work = arg;
    const wick_packed_batch *batch = work->batch;
    size_t first;
    while ((first = atomic_fetch_add(&work->next, SEQUENCES_A_TURN)) < batch->n_sequences)
        for (size_t i = first; i < first + SEQUENCES_A_TURN && i < batch->n_sequences; i++)
            embed(work->files, batch->ids + batch->offsets[i], batch->offsets[i + 1] - batch->offsets[i],
                  work->out + i * work->files->encoder.hidden_size);
}

static int static_encode(wick_backend *b, const wick_packed_batch *batch, const wick_output_target *target,
                         wick_error *error)
{
    job work = {.files = b->files, .batch = batch, .out = target->rows};
    if (target->kind != WICK_OUTPUT_POOLED)
        return wick_fail(error, WICK_E_UNSUPPORTED, b->files->path, "choose a transformer",
                         "static embeddings have vectors of texts alone");
    atomic_init(&work.next, 0);
    if (batch->n_tokens < LEAST_TOKENS_FOR_THREADS || batch->n_sequences <= SEQUENCES_A_TURN)
        run(&work, 0);
    else
        wick_pool_run(b->pool, 0, run, &work);
    return WICK_OK;
}

/* The rows of all tokens in f32, with their factors in them. */
static int static_pack(const wick_model_files *files, const wick_backend_options *options, wick_pack_writer *writer,
                       wick_error *error)
{
    const size_t width = files->encoder.hidden_size;
    size_t n_values, n_bytes;
    float *words = NULL;
    const int code = check_dtype(options->dtype, error);
    if (code != WICK_OK)
        return code;
    if (wick_mul_size(files->encoder.vocab_size, width, &n_values) && wick_mul_size(n_values, sizeof *words, &n_bytes))
        words = malloc(n_bytes);
    if (!words)
        return wick_fail_memory(error, "the word embeddings");
    for (size_t id = 0; id < files->encoder.vocab_size; id++)
        for (size_t first = 0; first < width; first += BLOCK) {
            float buffer[BLOCK];
            const size_t n = width - first < BLOCK ? width - first : BLOCK;
            memcpy(words + id * width + first, row_values(files, id, first, n, buffer), n * sizeof *words);
        }
    return wick_pack_give(writer, "words", words, n_bytes, error);
}

const wick_backend_ops wick_backend_static = {
    .open = static_open, .encode = static_encode, .info = static_info, .close = static_close, .pack = static_pack};
