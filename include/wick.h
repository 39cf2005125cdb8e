/* SPDX-License-Identifier: Apache-2.0
 *
 * wick.h: the public interface of libwick, which turns texts into sentence vectors.
 *
 * In: a model (a Hugging Face hub name, or a folder of Hugging Face files) and UTF-8 texts.
 * Out: one f32 vector a text, in the caller's buffer; token ids; typed errors.
 *
 * Conventions
 *   - Fallible functions return WICK_OK (0) or a negative WICK_E_* code. Where they take a wick_error, it may be
 *     NULL; it is written only on failure.
 *   - Structs that a caller fills begin with `size` = sizeof(the struct), set by the matching *_init(), so that they can grow
 *     without breaking callers that were compiled earlier: *_init compiles into *_init_sized with the size that the caller knows, which is what
 *     callers in other languages call; it fills the defaults as far as both know the struct, and no byte beyond.
 *   - *_open/_close for resources, *_new/_free for heap objects; close and free accept NULL.
 *   - Texts are pairs of pointer and byte length, need no terminator, may contain U+0000, must be valid UTF-8. A length of SIZE_MAX means that the
 *     text is zero-terminated. Bytes that messages name count from 1, texts in `where` from 0 ("invalid UTF-8 at byte 1", "texts[0]").
 *   - A pointer may be NULL only where its comment says so; options, error and usage may always be, and the text of length 0. Functions that return an
 *     error code answer any other NULL among their own arguments with WICK_E_INVALID_INPUT. Where there is no code to return (*_init, wick_ranges_*,
 *     functions that ask a tokenizer or provider), and within structs and arrays beyond the texts' pointers, it is a programmer's error with no defined result,
 *     as is a buffer that is too small.
 *   - Model files are mapped: one that another process shortens in place (rather than replaces) while it is open ends this one with SIGBUS.
 *   - Strings that the library returns belong to the object they were asked of and live as long as it does.
 *   - wick_model, wick_tokenizer and wick_provider may be used from any number of threads at once; all their functions but
 *     *_close are thread-safe. wick_encoding, wick_embed_response and wick_config belong to one thread at a time.
 *   - After fork() the child must open models and providers of its own: with those of its parent it can embed nothing (an
 *     error says so), only close them.
 */
#ifndef WICK_H
#define WICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WICK_API __attribute__((visibility("default")))
#else
#define WICK_API
#endif

#define WICK_VERSION_MAJOR 0
#define WICK_VERSION_MINOR 1
#define WICK_VERSION_PATCH 0
#define WICK_VERSION "0.1.0"

/* The library's version as text, for example "0.1.0"; static. */
WICK_API const char *wick_version(void);

/* ---- errors ------------------------------------------------------------------------------------------------------- */

enum {
    WICK_OK = 0,
    WICK_E_MODEL_NOT_FOUND = -1, /* no such folder, nothing cached under that name, or the hub's 404 */
    WICK_E_INVALID_INPUT = -2,   /* texts, options or configuration: no inputs, invalid UTF-8, a wrong value */
    WICK_E_UNAVAILABLE = -3,     /* the provider cannot serve now, or is not built in */
    WICK_E_INTERNAL = -4,        /* a defect of Wick or of the machine */
    WICK_E_CORRUPT = -5,         /* a file is truncated, malformed or contradicts another */
    WICK_E_UNSUPPORTED = -6,     /* a file is well formed but asks for something that Wick does not run */
    WICK_E_IO = -7,              /* a file could not be read or written */
    WICK_E_NO_MEMORY = -8,
    WICK_E_TIMEOUT = -9 /* retriable */
};

/* The four kinds that AkiDB's interface knows. */
typedef enum wick_error_kind {
    WICK_KIND_NONE = 0,
    WICK_KIND_MODEL_NOT_FOUND,
    WICK_KIND_INVALID_INPUT,
    WICK_KIND_SERVICE_UNAVAILABLE,
    WICK_KIND_INTERNAL
} wick_error_kind;

/* What went wrong. A caller owns it; all strings are terminated, UTF-8, never hold a user's text, and may be empty. */
typedef struct wick_error {
    int code;          /* WICK_E_* */
    bool retriable;    /* the same call may succeed later */
    char message[512]; /* what, in one line without a full stop */
    char where[512];   /* the file, tensor, key or argument */
    char mend[256];    /* what the user can do about it */
} wick_error;

WICK_API wick_error_kind wick_error_kind_of(int code);
/* "ModelNotFound", "InvalidInput", "ServiceUnavailable", "Internal" or "Ok"; static. */
WICK_API const char *wick_error_kind_name(wick_error_kind kind);

/* ---- log ---------------------------------------------------------------------------------------------------------- */

typedef enum wick_log_level {
    WICK_LOG_ERROR = 0,
    WICK_LOG_WARN,
    WICK_LOG_INFO,
    WICK_LOG_DEBUG,
    WICK_LOG_OFF = -1
} wick_log_level;

typedef void (*wick_log_fn)(void *user, wick_log_level level, const char *message);

/* Sends log lines to fn instead of stderr (NULL: stderr again). Not to be called while other threads use the library. */
WICK_API void wick_log_set(wick_log_fn fn, void *user);
/* The level in force comes from WICK_LOG, else RUST_LOG, else "warn"; this call overrides both. */
WICK_API void wick_log_set_level(wick_log_level level);

/* ---- tokenizer ---------------------------------------------------------------------------------------------------- */

typedef struct wick_tokenizer wick_tokenizer;

/* The tokens of one text. Made by wick_encoding_new, reused from call to call (its arrays only grow). */
typedef struct wick_encoding {
    size_t n_tokens;
    const int32_t *ids;     /* [n_tokens] */
    const uint32_t *starts; /* [n_tokens] first character of the text that the token covers, counted in code points */
    const uint32_t *ends;   /* [n_tokens] one past its last character; special tokens have 0, 0 */
    const uint8_t *is_special; /* [n_tokens] 1 for tokens that the template added ([CLS], [SEP]) */
} wick_encoding;

/* Where a text that is too long is cut. */
enum {
    WICK_TRUNCATE_DEFAULT = 0, /* where the model's files say: at its end, mostly */
    WICK_TRUNCATE_LEFT = 1,    /* its beginning goes */
    WICK_TRUNCATE_RIGHT = 2    /* its end goes */
};

typedef struct wick_tokenize_options {
    size_t size;
    bool add_special_tokens; /* true after init */
    size_t max_tokens;       /* truncate to so many, special tokens included; 0 (after init): never */
    uint8_t truncate_side;   /* WICK_TRUNCATE_*; WICK_TRUNCATE_DEFAULT after init */
} wick_tokenize_options;

WICK_API void wick_tokenize_options_init_sized(wick_tokenize_options *options, size_t options_bytes);
static inline void wick_tokenize_options_init(wick_tokenize_options *options)
{
    wick_tokenize_options_init_sized(options, sizeof *options);
}

/* Opens the tokenizer.json of a model alone (no weights are read). name: a hub name or a folder. cache_dir: NULL for the default. */
WICK_API int wick_tokenizer_open(const char *name, const char *cache_dir, wick_tokenizer **out, wick_error *error);
WICK_API void wick_tokenizer_close(wick_tokenizer *tokenizer);

WICK_API wick_encoding *wick_encoding_new(void); /* NULL: out of memory */
WICK_API void wick_encoding_free(wick_encoding *encoding);

/* Token ids of one text, as the Hugging Face tokenizers package gives them. options: NULL for the defaults. */
WICK_API int wick_tokenize(const wick_tokenizer *tokenizer, const char *text, size_t text_bytes,
                           const wick_tokenize_options *options, wick_encoding *out, wick_error *error);

/* The token's text ("##ing"), or NULL where the id names none. */
WICK_API const char *wick_tokenizer_token(const wick_tokenizer *tokenizer, int32_t id);
/* One more than the largest token id, added tokens included. */
WICK_API size_t wick_tokenizer_vocab_size(const wick_tokenizer *tokenizer);
/* Whether the id is one of the special tokens ([CLS], [PAD]...), which have no part in a text. */
WICK_API bool wick_tokenizer_is_special(const wick_tokenizer *tokenizer, int32_t id);

/* ---- model -------------------------------------------------------------------------------------------------------- */

typedef struct wick_model wick_model;

typedef struct wick_model_options {
    size_t size;
    const char *device; /* "auto", "cpu", "metal", "cuda"; NULL: WICK_DEVICE, CANDLE_DEVICE, else "auto" */
    bool strict_device; /* a named GPU that is not there is an error instead of a log line */
    const char
        *dtype; /* what products are computed in: "f32", "bf16", "int8"; NULL: a packed model's own, else "f32" */
    const char *cache_dir; /* the hub cache; NULL: HF_HUB_CACHE, HF_HOME/hub, else ~/.cache/huggingface/hub */
    unsigned n_threads;    /* 0: as many as the affinity mask and the cgroup allow */
    size_t max_seq_length; /* tokens a text is cut at, special ones included; 0: what the model's files say */
} wick_model_options;

WICK_API void wick_model_options_init_sized(wick_model_options *options, size_t options_bytes);
static inline void wick_model_options_init(wick_model_options *options)
{
    wick_model_options_init_sized(options, sizeof *options);
}

/* Opens a model: hub name ("sentence-transformers/all-MiniLM-L6-v2", "org/name@revision"), a folder of Hugging Face files, or one file that `wick pack` wrote.
 * options may be NULL. A hub name that the cache has not is downloaded first, which takes as long as it takes (HF_HUB_OFFLINE=1: never; docs/hub.md).
 * What was computed of the weights is kept in $WICK_PREPARED_DIR ("off": nowhere), else $XDG_CACHE_HOME/wick, else ~/.cache/wick, and mapped at the
 * next open; files there may be removed at any time. */
WICK_API int wick_model_open(const char *name, const wick_model_options *options, wick_model **out, wick_error *error);
/* No call may be under way on the model. */
WICK_API void wick_model_close(wick_model *model);

/* Stands in front of texts that are embedded under its name. */
typedef struct wick_prompt {
    const char *name, *text; /* a text of "" is no prompt */
} wick_prompt;

typedef struct wick_model_info {
    size_t size;
    const char *model;     /* the name it was opened with */
    const char *path;      /* the folder its files are in, or its one file */
    size_t dimension;      /* length of a vector, unless another is asked for */
    size_t max_tokens;     /* what the architecture can take, special tokens included: 512 for all-MiniLM-L6-v2 */
    size_t max_seq_length; /* what texts are cut at: 256 for all-MiniLM-L6-v2 */
    size_t n_layers, hidden_size, n_heads, intermediate_size, vocab_size, n_parameters;
    const char *architecture; /* config.json's model_type: "bert" */
    const char *pooling;      /* "mean", "cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken"; or NULL */
    const char *dtype;        /* "f32", "bf16", "int8" */
    const char *device;       /* "cpu" */
    const char *tier;         /* instruction tier of the CPU kernels: "generic", "avx2", "avx512bf16", "neon"... */
    unsigned n_threads;
    bool has_normalize;         /* the model's own modules end in Normalize */
    size_t max_dimensions;      /* length of a whole vector; dimension is less where the model's files cut vectors */
    const wick_prompt *prompts; /* [n_prompts] as config_sentence_transformers.json has them */
    size_t n_prompts;           /* 0 of rerankers and classifiers */
    const char *default_prompt_name; /* the one that applies where none is asked for; NULL: none does */
    bool pools_prompt;               /* a prompt's tokens take part in pooling */
    const char *similarity; /* how its vectors are compared: "cosine", "dot", "euclidean", "manhattan"; or NULL */
    /* The encoder's make (docs/models.md). */
    size_t n_kv_heads, head_dim; /* heads of keys and values, which several of the n_heads may share; width of a head */
    size_t window;               /* the largest distance that layers with a window see; 0: no layer has one */
    const char *norm, *norm_place; /* "layer", "rms"; "after" a block, "before", "around" */
    const char *positions;         /* "learned", "relative", "rotary", "alibi", "none" */
    const char *activation;        /* "gelu", "gelu_tanh", "relu", "silu", "tanh" */
    bool is_gated, is_causal;      /* act(gate) * up; a token sees none behind it */
    const char *
        kind; /* what the model is for: "embedding", "reranker"..., see wick_rerank. Of kinds that give no vectors, dimension is 0; pooling and similarity are of "embedding" alone */
    const char *const *labels; /* [n_labels] of rerankers and classifiers */
    size_t n_labels;
    size_t token_dimension; /* length of a token's vector; 0 where the model gives none */
} wick_model_info;

/* Fills as much of *info as info->size covers; set it before the call. */
WICK_API int wick_model_get_info(const wick_model *model, wick_model_info *info);
/* The model's tokenizer; it lives as long as the model. */
WICK_API const wick_tokenizer *wick_model_tokenizer(const wick_model *model);

typedef struct wick_embed_options {
    size_t size;
    bool
        normalize; /* scale each vector to length 1, whatever the model's own Normalize says; false after init, as in AkiDB's interface */
    bool truncate; /* true after init; false: a text over max_seq_length is WICK_E_INVALID_INPUT */
    size_t
        dimensions; /* keep the first so many values, before normalising (Matryoshka); 0: wick_model_info.dimension */
    uint8_t truncate_side; /* WICK_TRUNCATE_*; WICK_TRUNCATE_DEFAULT after init */
    /* What stands in front of every text, as sentence-transformers' encode(prompt_name=, prompt=) has it: the text `prompt`, else the text of the model's prompt of
     * that name, else that of the model's default prompt. "": nothing. Both are NULL after init. */
    const char *prompt_name, *prompt;
    /* false after init: all of the model's threads share the call, and calls from several threads take turns. true: the calling thread alone computes, beside as many other such calls as the model
     * has threads: more texts a second where many threads have few texts each, while one call by itself takes longer. The vectors are the same bits. */
    bool side_by_side;
} wick_embed_options;

WICK_API void wick_embed_options_init_sized(wick_embed_options *options, size_t options_bytes);
static inline void wick_embed_options_init(wick_embed_options *options)
{
    wick_embed_options_init_sized(options, sizeof *options);
}

typedef struct wick_usage {
    /* Of all texts, special ones and the prompt's included, no padding; equal texts count each, though computed once. */
    uint64_t total_tokens;
    double duration_ms;
} wick_usage;

/* Embeds n_texts >= 1 texts.
 *   texts        [n_texts] pointers; text_bytes [n_texts] lengths, or NULL where every text is zero-terminated
 *   options      NULL for the defaults
 *   out          [n_texts, dimension] f32, row-major, the caller's; unspecified after an error
 *   usage        NULL, or filled on success
 * A text's vector is the same bits in whatever batch it stands and whatever the number of threads. Every value is finite
 * or the call fails with WICK_E_INTERNAL. An empty text is valid. */
WICK_API int wick_embed(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                        const wick_embed_options *options, float *out, wick_usage *usage, wick_error *error);

/* Embeds "health check" through the real path; WICK_E_UNAVAILABLE where that fails. */
WICK_API int wick_model_health_check(wick_model *model, wick_error *error);

/* ---- smaller vectors: what sentence-transformers' quantize_embeddings makes of them, to the bit ----------------------- */

typedef enum wick_precision {
    WICK_PRECISION_F32,
    WICK_PRECISION_INT8,  /* one of 256 steps between the least and the largest value of its dimension; less 128 */
    WICK_PRECISION_UINT8, /* the same from 0 */
    WICK_PRECISION_BINARY, /* a bit a value, set where it is above 0, the first in the highest bit of the first byte; bytes less 128 */
    WICK_PRECISION_UBINARY /* the same from 0 */
} wick_precision;

/* "f32", "int8", "uint8", "binary", "ubinary"; static. */
WICK_API const char *wick_precision_name(wick_precision precision);
/* Bytes that a vector of so many values takes: 4 for each, 1 for each, or 1 for every 8 and the rest. */
WICK_API size_t wick_precision_bytes(wick_precision precision, size_t dimension);

/* The ranges of values that int8 and uint8 need, [2, dimension]: all least ones, then all largest ones. begin empties them, add widens them by vectors [n, dimension].
 * Take them from some hundred vectors or more, and keep them with what is quantised: other ranges mean other bytes. */
WICK_API void wick_ranges_begin(float *ranges, size_t dimension);
WICK_API void wick_ranges_add(float *ranges, const float *vectors, size_t n_vectors, size_t dimension);

/* Quantises vectors [n_vectors, dimension] to out [n_vectors, wick_precision_bytes]: int8_t (INT8, BINARY), uint8_t (UINT8, UBINARY) or float. ranges: [2, dimension] for
 * INT8 and UINT8, whose values beyond them are cut off; else NULL. WICK_E_INVALID_INPUT: ranges are missing, empty or not finite. */
WICK_API int wick_vectors_quantize(const float *vectors, size_t n_vectors, size_t dimension, wick_precision precision,
                                   const float *ranges, void *out, wick_error *error);

/* ---- outputs beside vectors --------------------------------------------------------------------------------------- */

/* A model is made for one of these (wick_model_info.kind); what it does not give is WICK_E_INVALID_INPUT that says what it is and what to call.
 *   "embedding"     wick_embed, wick_embed_tokens
 *   "reranker"      wick_rerank, wick_classify: a classifier with one label
 *   "classifier"    wick_classify
 *   "sparse"        wick_embed_sparse: SPLADE
 *   "multi-vector"  wick_embed_tokens: ColBERT
 * As with wick_embed: any number of texts, the same bits in any batch, equal texts computed once. */

/* What a score is. */
enum {
    WICK_SCORES_MODEL =
        0, /* as sentence-transformers' CrossEncoder.predict: by default the sigmoid of one label, logits of several */
    WICK_SCORES_PROBABILITIES = 1, /* the sigmoid of one label, the softmax of several, as Text Embeddings Inference */
    WICK_SCORES_RAW = 2            /* logits */
};

typedef struct wick_score_options {
    size_t size;
    uint8_t scores; /* WICK_SCORES_*; WICK_SCORES_MODEL after init */
    bool
        truncate; /* true after init: of a pair that is too long, the longer text is cut; false: WICK_E_INVALID_INPUT */
    uint8_t truncate_side; /* WICK_TRUNCATE_*; WICK_TRUNCATE_DEFAULT after init */
    bool side_by_side;     /* as in wick_embed_options */
} wick_score_options;

WICK_API void wick_score_options_init_sized(wick_score_options *options, size_t options_bytes);
static inline void wick_score_options_init(wick_score_options *options)
{
    wick_score_options_init_sized(options, sizeof *options);
}

/* How well each of n_texts >= 1 texts answers the query: the higher, the better.
 *   query        query_bytes long
 *   texts, text_bytes, usage   as in wick_embed
 *   options      NULL for the defaults
 *   scores       [n_texts], the caller's; unspecified after an error */
WICK_API int wick_rerank(wick_model *model, const char *query, size_t query_bytes, const char *const *texts,
                         const size_t *text_bytes, size_t n_texts, const wick_score_options *options, float *scores,
                         wick_usage *usage, wick_error *error);

/* Scores of the model's labels (wick_model_info.labels) for each text, or pair of texts.
 *   seconds      NULL: texts alone; else [n_texts] the pairs' second texts, where NULL stands for none
 *   second_bytes [n_texts], or NULL where every second text is zero-terminated
 *   scores       [n_texts, n_labels], the caller's */
WICK_API int wick_classify(wick_model *model, const char *const *texts, const size_t *text_bytes,
                           const char *const *seconds, const size_t *second_bytes, size_t n_texts,
                           const wick_score_options *options, float *scores, wick_usage *usage, wick_error *error);

/* Rows of as many values as each text has. Filled by the functions below, emptied by wick_rows_response_clear. Start with {0}. */
typedef struct wick_rows_response {
    size_t n_texts;
    size_t dimension; /* length of a token's vector; of sparse vectors, the zeros counted: the size of the vocabulary */
    size_t *offsets;  /* [n_texts + 1] of tokens, or of terms: text i has those from offsets[i] to offsets[i + 1] */
    uint32_t *indices; /* sparse vectors: [offsets[n_texts]] token ids, ascending within a text; else NULL */
    float *values; /* token vectors: [offsets[n_texts], dimension]; sparse vectors: [offsets[n_texts]], all above 0 */
    wick_usage usage;
} wick_rows_response;

WICK_API void wick_rows_response_clear(wick_rows_response *response);

/* A vector for each token of each text, special ones included: the last hidden states, or what a multi-vector model makes of them. options: as in wick_embed; normalize is
 * for each token's vector. prompt_name "query" makes a text a query, where the model treats those otherwise than documents; any other is a document. */
WICK_API int wick_embed_tokens(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                               const wick_embed_options *options, wick_rows_response *response, wick_error *error);
/* A weight above 0 for some words of the vocabulary. options: as in wick_embed; dimensions must be 0. */
WICK_API int wick_embed_sparse(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                               const wick_embed_options *options, wick_rows_response *response, wick_error *error);

/* The most that a device can multiply and add, in GFLOP/s (10^9 operations a second, a multiply-add counting two; integer ones for int8):
 * measured, for about 0.15 s, by a loop in registers on all threads. What `wick bench` states its speed as a share of.
 *   options      NULL for the defaults; device, strict_device, dtype and n_threads count, as in wick_model_open
 * WICK_E_UNSUPPORTED where the device's backend cannot say. */
WICK_API int wick_measure_peak(const wick_model_options *options, double *gflops, wick_error *error);

/* ---- configuration and providers: AkiDB's interface ----------------------------------------------------------------- */

/* A list of strings of the configuration. */
typedef struct wick_config_list {
    const char *const *items; /* [n] */
    size_t n;
} wick_config_list;

/* [server] of config.toml, beside host and port: what `wick serve` goes by. NULL, 0, false and empty lists where the file says nothing; `wick serve --help`
 * tells the defaults. Keys are named as the members. */
typedef struct wick_server_config {
    wick_config_list models;             /* served beside [embedding] model */
    wick_config_list served_model_names; /* other names of the model */
    wick_config_list api_keys, cors_origins, allowed_hosts;
    const char *api_key_file, *log_format, *log_level;
    bool allow_public, public_metrics, allow_load;
    size_t batch_tokens, queue_tokens, max_body_bytes, max_texts, max_connections, max_models, workers;
    size_t read_timeout_ms, idle_timeout_ms, request_timeout_ms;
} wick_server_config;

/* What config.toml says, defaults filled in, ~ expanded. Allocated by wick_config_load, freed by wick_config_free. */
typedef struct wick_config {
    const char *path;     /* the file read, or NULL where none was found */
    const char *provider; /* [embedding] provider: "candle" (also "native"), "mlx", "mock" */
    const char *model;    /* [embedding] model */
    const char *device;   /* [embedding] device */
    const char *dtype; /* [embedding] dtype, or NULL where the file says nothing: f32, or what a packed model is in */
    const char *cache_dir; /* [embedding] cache_dir, or NULL */
    const char *fallback;  /* [embedding] fallback, or NULL */
    size_t retries;        /* [embedding] retries */
    const char *host;      /* [server] host */
    uint16_t port;         /* [server] port */
    wick_server_config server;
} wick_config;

/* Reads path; NULL: $WICK_CONFIG, ./config.toml, $XDG_CONFIG_HOME/wick/config.toml (~/.config/wick/config.toml), whichever is first
 * there, else the defaults. WICK_DEVICE wins over the file's device, HF_HUB_CACHE and HF_HOME over its cache_dir. An unknown key or a wrong
 * type is WICK_E_INVALID_INPUT that names the line. */
WICK_API int wick_config_load(const char *path, wick_config **out, wick_error *error);
WICK_API void wick_config_free(wick_config *config);

typedef struct wick_provider wick_provider;

typedef struct wick_provider_options {
    size_t size;
    const char *provider; /* "candle" or "native", "mlx", "mock"; NULL: "candle" */
    const char *model;    /* NULL: sentence-transformers/all-MiniLM-L6-v2 */
    /* A second provider for the same model: serves where the first cannot be opened (WICK_E_UNAVAILABLE) or keeps failing, if its vectors are the
     * first's. NULL, or the provider itself: none. "mock" and others cannot stand in for each other: WICK_E_INVALID_INPUT. */
    const char *fallback;
    unsigned n_retries; /* of a call that failed for the provider's sake and may pass; 0 after init, at most 10 */
    wick_model_options model_options;
} wick_provider_options;

WICK_API void wick_provider_options_init_sized(wick_provider_options *options, size_t options_bytes);
static inline void wick_provider_options_init(wick_provider_options *options)
{
    wick_provider_options_init_sized(options, sizeof *options);
}
/* Opens one provider. "MLX feature not enabled" and "Candle feature not enabled" are WICK_E_UNAVAILABLE; any other unknown name is
 * WICK_E_INVALID_INPUT, "Unknown provider: NAME". */
WICK_API int wick_provider_open(const wick_provider_options *options, wick_provider **out, wick_error *error);
/* Opens the provider that the configuration names (AkiDB's EmbeddingManager). */
WICK_API int wick_provider_open_config(const wick_config *config, wick_provider **out, wick_error *error);
WICK_API void wick_provider_close(wick_provider *provider);

typedef struct wick_embed_request {
    size_t size;
    const char *model;        /* NULL, or the name the provider was opened with; any other is WICK_E_MODEL_NOT_FOUND */
    const char *const *texts; /* [n_texts]; the interface's `inputs` */
    const size_t *text_bytes; /* [n_texts], or NULL: zero-terminated */
    size_t n_texts;           /* 0 is WICK_E_INVALID_INPUT */
    wick_embed_options options;
} wick_embed_request;

WICK_API void wick_embed_request_init_sized(wick_embed_request *request, size_t request_bytes);
static inline void wick_embed_request_init(wick_embed_request *request)
{
    wick_embed_request_init_sized(request, sizeof *request);
}

/* Filled by embed_batch, emptied by wick_embed_response_clear. Start with {0}. */
typedef struct wick_embed_response {
    const char *model; /* the provider's */
    float *embeddings; /* [n_texts, dimension], owned by the response */
    size_t n_texts, dimension;
    wick_usage usage;
} wick_embed_response;

WICK_API int wick_provider_embed_batch(wick_provider *provider, const wick_embed_request *request,
                                       wick_embed_response *response, wick_error *error);
WICK_API void wick_embed_response_clear(wick_embed_response *response);
/* Fills model, dimension and max_tokens, and whatever else the provider knows; the rest is 0 or NULL. */
WICK_API int wick_provider_model_info(const wick_provider *provider, wick_model_info *info, wick_error *error);
WICK_API int wick_provider_health_check(wick_provider *provider, wick_error *error);
/* "candle", "mlx" or "mock": the one that serves now, be it the fallback; static. */
WICK_API const char *wick_provider_name(const wick_provider *provider);
/* The tokenizer that the provider's own model uses; it lives as long as the provider. NULL where it has none of its own ("mock"). */
WICK_API const wick_tokenizer *wick_provider_tokenizer(const wick_provider *provider);

#ifdef __cplusplus
}
#endif
#endif
