/* SPDX-License-Identifier: Apache-2.0
 * model_files.h: a folder of Hugging Face files -> hyper-parameters and named views of the weights. Knows no
 * instruction set, allocates no copy of a tensor. In: config.json, modules.json, 1_Pooling/config.json,
 * N_Dense/{config.json, model.safetensors}, sentence_bert_config.json, model.safetensors or
 * model.safetensors.index.json with its shards. Called by src/provider; read by the backends. */
#ifndef WICK_MODEL_MODEL_FILES_H
#define WICK_MODEL_MODEL_FILES_H
#include <wick.h>

#include "model/encoder.h"
#include "model/sentence_settings.h"

#define WICK_MAX_DIMS 8

typedef enum wick_dtype {
    WICK_DTYPE_F32,
    WICK_DTYPE_F16,
    WICK_DTYPE_BF16,
    WICK_DTYPE_OTHER /* known to safetensors, never a weight of ours (I64 position ids and the like) */
} wick_dtype;

/* A view of one tensor in a mapped file, row-major. */
typedef struct wick_tensor {
    const char *name;
    wick_dtype dtype;
    const char *dtype_name; /* as the file spells it: "F32", "I64"; static */
    unsigned n_dims;
    size_t shape[WICK_MAX_DIMS];
    const uint8_t *data; /* little-endian; no alignment is promised; NULL: the tensor is not there (an optional bias) */
    size_t size_bytes;
} wick_tensor;

/* Elements [first, first + n) of an f32, f16 or bf16 tensor as f32, exactly (subnormals, infinities and NaN
 * payloads included). */
void wick_tensor_to_f32(const wick_tensor *tensor, size_t first, size_t n, float *out);

/* sentence-transformers' pooling modes. */
typedef enum wick_pooling {
    WICK_POOL_MEAN,
    WICK_POOL_CLS,
    WICK_POOL_MAX,
    WICK_POOL_MEAN_SQRT_LEN,
    WICK_POOL_WEIGHTEDMEAN,
    WICK_POOL_LASTTOKEN
} wick_pooling;

const char *wick_pooling_name(wick_pooling pooling);

/* y[out] = x[in] * weight^T + bias, weight stored [out, in] as torch.nn.Linear does. bias.data may be NULL. */
typedef struct wick_linear {
    wick_tensor weight, bias;
} wick_linear;

typedef struct wick_layer_norm {
    wick_tensor weight, bias; /* [hidden_size] */
} wick_layer_norm;

/* A tensor without data is not there: biases, gate, norms that the family or this layer lacks. Where a file holds several as one matrix (Wqkv), each is a view of its rows. */
typedef struct wick_encoder_layer {
    wick_linear query;                    /* [n_heads * head_dim, hidden_size] */
    wick_linear key, value;               /* [n_kv_heads * head_dim, hidden_size] */
    wick_linear attention_output;         /* [hidden_size, n_heads * head_dim] */
    wick_layer_norm query_norm, key_norm; /* [head_dim] */
    wick_layer_norm attention_norm;       /* behind the residual, or before the attention */
    wick_layer_norm attention_end_norm;   /* AROUND: behind the attention, before the residual */
    wick_linear gate;                     /* [intermediate_size, hidden_size] */
    wick_linear up;                       /* [intermediate_size, hidden_size] */
    wick_linear down;                     /* [hidden_size, intermediate_size] */
    wick_layer_norm output_norm;          /* of the MLP: behind the residual, or before it */
    wick_layer_norm output_end_norm;      /* AROUND: behind the MLP, before the residual */
} wick_encoder_layer;

/* A sentence-transformers Dense module, applied to the pooled vector. */
typedef struct wick_dense {
    wick_linear linear; /* [out_features, in_features] */
    size_t in_features, out_features;
    wick_activation activation;
} wick_dense;

#define WICK_MAX_DENSE 4

/* StaticEmbedding in place of an encoder: a text's vector is the mean over its ids of word_embeddings[rows[id]] * factors[id] (static_embedding.h). */
typedef struct wick_static_embedding {
    bool is_wanted;
    const uint32_t *rows;  /* [vocab_size]; NULL: row id is the id's */
    const double *factors; /* [vocab_size]; NULL: 1 */
} wick_static_embedding;

/* What stands on the encoder beside Pooling: nothing; a classifier (architectures "...ForSequenceClassification"); a word for each token ("...ForMaskedLM", SpladePooling). */
typedef enum wick_head_kind { WICK_HEAD_NONE, WICK_HEAD_LABELS, WICK_HEAD_TERMS } wick_head_kind;

/* A head, applied to hidden states x: last(norm(activation(dense(x)))). LABELS: to the row of each text that `row` names; TERMS: to every token, then log(1 + relu) and the
 * largest (or the sum) over a text's tokens (Formal et al. 2021). heads.h */
typedef struct wick_output_head {
    wick_head_kind kind;
    wick_pooling row;           /* LABELS: cls, mean or lasttoken */
    wick_linear dense;          /* [hidden_size, hidden_size], where has_dense */
    wick_activation activation; /* of dense */
    wick_layer_norm norm;       /* [hidden_size], where has_norm; eps is the encoder's */
    wick_linear last;           /* [n_out, hidden_size] */
    size_t n_out;               /* labels, or vocab_size */
    const char *const *labels;  /* LABELS: [n_out] their names, id2label */
    bool has_types;             /* LABELS: the model is given the token types of pairs; else all are 0 */
    bool has_sigmoid;           /* LABELS: a score is the sigmoid of its logit, in CrossEncoder.predict */
    bool sums_tokens;           /* TERMS: the sum over the tokens, else the largest */
    bool has_second_log;        /* TERMS: log(1 + log(1 + relu)) */
    bool ties_words;            /* TERMS: last is the word embeddings where the file has no weight of its own */
    bool has_dense, has_norm, has_dense_bias, has_norm_bias, has_last_bias;
} wick_output_head;

/* How token vectors are made where they are what the model is for (ColBERT; Khattab and Zaharia 2020). multi_vector.h */
typedef struct wick_token_vectors {
    bool is_wanted;     /* the Dense modules work on tokens, and there is no pooling */
    bool has_normalize; /* each vector is scaled to length 1 */
    bool skips_in_query, skips_in_document;
    size_t n_skipped;
    const char *const *skipped; /* [n_skipped] tokens whose vectors are left out */
} wick_token_vectors;

typedef struct wick_model_files {
    const char *path;             /* the folder */
    const char *transformer_path; /* where config.json, the weights and tokenizer.json are: mostly the same folder */
    const char *architecture;     /* config.json's model_type: "bert" */
    wick_encoder encoder;
    wick_static_embedding static_embedding;
    size_t n_parameters;   /* elements of the tensors in use */
    size_t max_tokens;     /* positions a text may take, special tokens included */
    size_t max_seq_length; /* what texts are cut at; <= max_tokens */
    uint8_t
        truncate_side; /* WICK_TRUNCATE_*: tokenizer_config.json's truncation_side; default: tokenizer.json's word counts */
    wick_sentence_settings sentence;
    wick_pooling pooling;
    size_t n_dense;
    wick_dense dense[WICK_MAX_DENSE];
    bool has_normalize; /* modules.json has a Normalize module */
    size_t dimension;   /* of the vectors that come out: hidden_size, or the last Dense's out_features */
    wick_output_head head;
    wick_token_vectors tokens;

    wick_tensor word_embeddings;       /* [vocab_size, hidden_size] */
    wick_tensor position_embeddings;   /* [max_positions, hidden_size] */
    wick_tensor token_type_embeddings; /* [type_vocab_size, hidden_size] */
    wick_tensor relative_bias;         /* [n_buckets, n_heads], of all layers */
    wick_layer_norm embedding_norm;
    wick_layer_norm final_norm;
    const wick_encoder_layer *layers; /* [n_layers] */
    const struct wick_pack *pack;     /* the packed file that the weights lie in (packed_model.h); NULL: a folder */
    const char *packed_dtype;         /* of the weights in pack: "f32", "bf16", "int8" */
    uint64_t weights_identity; /* differs where any weights file is another one or was changed (wick_mapped.identity) */
} wick_model_files;

/* Opens the folder. Every tensor that the struct names is there, of the right shape, f32, f16 or bf16, and inside
 * its file. Errors: WICK_E_MODEL_NOT_FOUND (no such folder), WICK_E_IO, WICK_E_CORRUPT, WICK_E_UNSUPPORTED; they
 * name the file and the tensor, key or byte. Closing gives back all views. */
int wick_model_files_open(const char *folder, wick_model_files **out, wick_error *error);
void wick_model_files_close(wick_model_files *files);

#endif
