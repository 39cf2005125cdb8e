/* SPDX-License-Identifier: Apache-2.0
 * backend.h: the seam between the engine and what computes: cpu (linked in), cuda and mlx (plug-ins, opened at run time).
 * In: a packed batch of token ids. Out: one pooled f32 vector a sequence, or another of the outputs below. A backend keeps what it needs of the model's files. */
#ifndef WICK_BACKEND_H
#define WICK_BACKEND_H
#include "base/pool.h"
#include "model/model_files.h"

/* All tokens of a batch stand one after another, without padding. */
typedef struct wick_packed_batch {
    size_t n_sequences;
    size_t n_tokens;
    const int32_t *ids; /* [n_tokens], each in [0, vocab_size) */
    /* [n_sequences + 1]; sequence i is ids[offsets[i] .. offsets[i + 1]), 1 to max_tokens long */
    const uint32_t *offsets;
    const uint8_t *types;   /* [n_tokens] token types, each below type_vocab_size; NULL: all are 0 */
    size_t n_prompt_tokens; /* of each sequence's first tokens so many are left out of the pooling, as many as it has */
    bool side_by_side;      /* the caller's thread alone computes, beside other such calls (wick_embed_options) */
} wick_packed_batch;

/* What is made of a sequence. */
typedef enum wick_output_kind {
    WICK_OUTPUT_POOLED, /* its vector: pooled and through the Dense modules, not normalised */
    WICK_OUTPUT_TOKENS, /* a vector a token: through the Dense modules where they work on tokens; not normalised */
    WICK_OUTPUT_LABELS, /* logits; files->head.kind is LABELS */
    WICK_OUTPUT_TERMS   /* a weight for each word of the vocabulary; files->head.kind is TERMS */
} wick_output_kind;

/* Terms are never held for many sequences at once: they are handed over piece by piece, as they are made. Called on any of the pool's threads, several at once: values [n]
 * are of terms first, first + 1... of the sequence. Pieces of a sequence from one thread come in order, and those of a thread with a smaller index are of smaller terms. */
typedef void (*wick_terms_fn)(void *arg, unsigned thread_index, size_t sequence, size_t first, const float *values,
                              size_t n);

/* Where it goes. */
typedef struct wick_output_target {
    wick_output_kind kind;
    /* POOLED: [n_sequences, dimension]; TOKENS: [n_tokens, wick_token_dimension], as the ids stand from offsets[0] on; LABELS: [n_sequences, head.n_out]; TERMS: NULL */
    float *rows;
    wick_terms_fn take; /* TERMS */
    void *arg;
} wick_output_target;

static inline size_t wick_token_dimension(const wick_model_files *files)
{
    return files->tokens.is_wanted ? files->dimension : files->encoder.hidden_size;
}

typedef struct wick_backend_options {
    wick_pool *pool;          /* the engine's threads; it outlives the backend */
    const char *dtype;        /* "f32", "bf16", "int8" */
    const char *prepared_dir; /* where a backend may keep prepared weights between starts; NULL: nowhere */
} wick_backend_options;

typedef struct wick_backend_info {
    const char *device; /* "cpu" */
    const char *tier;   /* "avx512" */
    unsigned n_threads;
    /* So many calls that are side_by_side have a core each, and a call uses it best with so many tokens or a few more. 0: each call has the whole device anyway. */
    unsigned n_calls;
    size_t call_tokens;
} wick_backend_info;

typedef struct wick_backend wick_backend;
struct wick_pack_writer;

typedef struct wick_backend_ops {
    /* files stays open at least as long as the backend. */
    int (*open)(const wick_model_files *files, const wick_backend_options *options, wick_backend **out,
                wick_error *error);
    /* Thread-safe; a warm call allocates nothing. Batches of any size are taken and worked off in pieces. Not to be called from inside wick_pool_run of the same pool.
     * WICK_E_UNSUPPORTED where the backend has not this kind of output. */
    int (*encode)(wick_backend *backend, const wick_packed_batch *batch, const wick_output_target *target,
                  wick_error *error);
    void (*info)(const wick_backend *backend, wick_backend_info *out);
    void (*close)(wick_backend *backend);
    /* Adds the model's weights in dtype to a packed file (base/pack.h), from which open then takes them: files->pack is set, dtype is the file's. NULL: cannot. */
    int (*pack)(const wick_model_files *files, const wick_backend_options *options, struct wick_pack_writer *writer,
                wick_error *error);
    /* The most that pool's threads can multiply and add in dtype, in 10^9 operations a second; needs no open backend. NULL: cannot say. */
    int (*measure_peak)(const char *dtype, wick_pool *pool, double *out, wick_error *error);
} wick_backend_ops;

/* The CPU backend (src/cpu/backend_cpu.c). */
extern const wick_backend_ops wick_backend_cpu;
/* The one of all models whose files->static_embedding is wanted (src/cpu/static.c): sequences of a batch may be empty, and of any length. */
extern const wick_backend_ops wick_backend_static;

#endif
