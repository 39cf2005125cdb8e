/* SPDX-License-Identifier: Apache-2.0
 * forward.h: a chunk of sequences through the whole encoder, by a team of threads. backend_cpu.c cuts batches into chunks and decides how
 * many threads take part; embed.c makes the first rows, layer.c has the layers, attention.c the attention, pooling.c what follows the last layer.
 *
 * Rows of the activations are tokens; the chunk's sequences stand one after another, without padding. */
#ifndef WICK_CPU_FORWARD_H
#define WICK_CPU_FORWARD_H
#include <stdatomic.h>

#include "backend.h"
#include "cpu/model_cpu.h"

/* The threads that work on one chunk. Every thread runs the same code with its own index. */
typedef struct wick_team {
    wick_pool *pool;
    unsigned index, size; /* size 1: alone, no barrier is ever met */
} wick_team;

static inline void wick_team_barrier(const wick_team *team)
{
    if (team->size > 1)
        wick_pool_barrier(team->pool);
}

/* This thread's share [*first, *last) of n equal pieces of work. */
static inline void wick_team_share(const wick_team *team, size_t n, size_t *first, size_t *last)
{
    *first = n * team->index / team->size;
    *last = n * (team->index + 1) / team->size;
}

/* Values from one row of f32 activations to the next. Products read a tile's rows (14) side by side, attention the keys and values of many tokens: rows a multiple of 4 KiB apart
 * all have their place in one set of the first-level cache, which holds 8 to 12 lines, so these get a cache line more. */
static inline size_t wick_row_stride(size_t width)
{
    return width % 1024 == 0 ? width + 16 : width;
}

/* Bytes from one row of narrow activations to the next. A tile reads 16 rows side by side, see above. */
static inline size_t wick_narrow_row_bytes(wick_compute compute, size_t width)
{
    const size_t n_bytes = wick_compute_units(compute, width) * 4;
    return compute == WICK_COMPUTE_I24 && n_bytes % 4096 == 0 ? n_bytes + 64 : n_bytes;
}

/* Activations [max_rows, stride] in f32, width of them used, and, where the products are narrower, a copy of their rows for the layer that reads them next. */
typedef struct wick_rows {
    float *f32;
    size_t width;
    size_t stride;          /* wick_row_stride(width); of `hidden` width itself */
    void *narrow;           /* [max_rows, wick_narrow_row_bytes] bf16, u8 or digits; NULL for f32 */
    wick_row_scale *scales; /* [max_rows], int8 and i24 only */
} wick_rows;

/* From so many rows a thread on, each thread has its own between two attentions: all of them read all weights then, which few rows do not pay for. */
#define WICK_OWN_ROWS 48
static inline bool wick_rows_are_own(size_t n_rows, unsigned team_size)
{
    return n_rows / team_size >= WICK_OWN_ROWS;
}

/* Activations of one chunk, shared by its team. Sizes for max_rows tokens. */
typedef struct wick_activations {
    size_t max_rows;
    wick_rows hidden; /* [max_rows, hidden_size] the residual stream, with no gaps */
    wick_rows
        normed; /* [max_rows, hidden_size] its norm, which the layers read; with norms behind the residuals they read the stream itself, and this is not there */
    /* [max_rows, wick_row_stride(wick_encoder_qkv_width)] and WICK_MAX_PANEL_WIDTH readable values behind */
    float *qkv;
    wick_rows context; /* [max_rows, wick_encoder_query_width] what attention gives */
    wick_rows inner;   /* [max_rows, intermediate_size] */
    /* Where there are terms: the rows that the decoder reads [max_rows, hidden_size], and transposed [panels of rows, hidden_size, panel_width] */
    float *head, *head_columns;
} wick_activations;

/* What one thread needs for itself. */
typedef struct wick_thread_scratch {
    float *keys;   /* [head_dim, max_rows rounded up to a panel], in panels: keys transposed */
    float *scores; /* [WICK_ATTENTION_ROWS, max_rows rounded up to a panel] */
    float *biases; /* [2 * max_rows - 1] of one head, by distance; NULL: scores get none */
    float *gated;  /* gate and up of some rows and columns (linear.h); NULL: the MLP is not gated */
    /* bf16, for attention_bf16.c; NULL in f32 */
    uint16_t *queries16, *rows16; /* [max_rows, head_dim rounded up to 2] */
    uint16_t *scores16;           /* [WICK_ATTENTION_ROWS, max_rows rounded up to 2] */
    uint16_t *values16;           /* [max_rows rounded up to 2, head_dim rounded up to a panel] */
    float *pooled;                /* [2, widest of hidden_size and the Dense modules] */
    float *head_words;            /* [WICK_TERM_ROWS, hidden_size], where there are terms */
    unsigned thread_index;        /* of the pool's */
} wick_thread_scratch;

/* Some sequences of a batch, in any order. Their tokens are the rows of the activations, one sequence after another. */
typedef struct wick_chunk {
    const wick_packed_batch *batch;
    const uint32_t *sequences; /* [n_sequences] indices into the batch */
    size_t n_sequences, n_rows;
} wick_chunk;

static inline size_t wick_sequence_rows(const wick_packed_batch *batch, size_t sequence)
{
    return batch->offsets[sequence + 1] - batch->offsets[sequence];
}

static inline wick_chunk wick_chunk_of(const wick_packed_batch *batch, const uint32_t *sequences, size_t n_sequences)
{
    wick_chunk chunk = {batch, sequences, n_sequences, 0};
    for (size_t i = 0; i < n_sequences; i++)
        chunk.n_rows += wick_sequence_rows(batch, sequences[i]);
    return chunk;
}

/* Encodes the chunk and writes what target asks for, of its sequences alone. All threads of the team call it. */
void wick_forward(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                  const wick_activations *act, const wick_thread_scratch *scratch, const wick_output_target *target);

/* hidden = the embeddings of the chunk's tokens, and begins the first layer (layer.h); NULL: there is none. */
void wick_embed_rows(const wick_cpu_model *model, const wick_cpu_layer *first, const wick_team *team,
                     const wick_chunk *chunk, const wick_activations *act);

/* context = softmax(Q K^T * score_scale + biases) V over the keys that the layer sees, for all sequences and heads of the chunk; the team's share of it. */
void wick_attention(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_team *team,
                    const wick_chunk *chunk, const wick_activations *act, const wick_thread_scratch *scratch);

/* Pools one sequence's rows hidden[n_rows, hidden_size] but the first n_left_out, applies the Dense modules, writes out[dimension].
 * scratch: [2, widest of hidden_size and the Dense modules]. */
void wick_pool_sequence(const wick_cpu_model *model, const float *hidden, size_t n_rows, size_t n_left_out,
                        float *scratch, float *out);
/* The pooling alone, of rows [first, n_rows): out[width]. */
void wick_pool_rows(wick_pooling mode, const float *hidden, size_t first, size_t n_rows, size_t width, float *out);
/* The Dense modules alone, of which there is one at least: out[dimension]; scratch as above. */
void wick_dense_row(const wick_cpu_model *model, const float *x, float *scratch, float *out);
/* y[out] = activation(x[in] W^T + b), in f32. */
void wick_linear_row(const wick_kernels *kernels, const wick_cpu_linear *l, wick_activation activation, const float *x,
                     float *y);

/* x[m, n] = activation(x). */
void wick_activate(const wick_kernels *kernels, wick_activation activation, float *x, size_t ldx, size_t m, size_t n);
/* g->out = activation(gate) * up (kernels.h). */
void wick_activate_gate(const wick_kernels *kernels, wick_activation activation, const wick_gate *g);

#endif
