/* SPDX-License-Identifier: Apache-2.0
 * encoder.h: a transformer encoder as data: all that the forward pass depends on but the weights themselves. Filled from config.json by the family's reader
 * (architecture.h), carried out by the backends, which know no family by name.
 *
 *   x = (word[id] * embedding_scale) + position[p] + token_type[0], then the embedding norm where there is one      [n_tokens, hidden_size]
 *   per layer, for f = attention and then the MLP:
 *     norm_place AFTER    x = norm(x + f(x))                 BERT and its line (Devlin et al. 2018)
 *                BEFORE   x = x + f(norm(x))                 Qwen, ModernBERT; then a final norm behind the last layer
 *                AROUND   x = x + end_norm(f(norm(x)))       Gemma 3; likewise
 *   attention: q, k = rotated(norm(x W_q)), rotated(norm(x W_k)); softmax(q k^T * score_scale + bias) v W_o; key j is seen from i where the mask says so
 *   MLP: act(x W_up) W_down, or gated (act(x W_gate) * (x W_up)) W_down
 *
 * A norm that a layer lacks has a weight without data, and so has a bias (model_files.h). */
#ifndef WICK_MODEL_ENCODER_H
#define WICK_MODEL_ENCODER_H
#include <stdbool.h>
#include <stddef.h>

#define WICK_MAX_LAYERS 1024

typedef enum wick_activation {
    WICK_ACT_NONE,      /* Dense modules: torch.nn.modules.linear.Identity */
    WICK_ACT_GELU,      /* the erf form; config.json "gelu" */
    WICK_ACT_GELU_TANH, /* "gelu_new", "gelu_pytorch_tanh" */
    WICK_ACT_RELU,
    WICK_ACT_SILU,
    WICK_ACT_TANH
} wick_activation;

typedef enum wick_norm_kind {
    WICK_NORM_LAYER,       /* (x - mean) / sqrt(variance + eps) * weight + bias */
    WICK_NORM_RMS,         /* x / sqrt(mean of x^2 + eps) * weight (Zhang and Sennrich 2019) */
    WICK_NORM_RMS_PLUS_ONE /* the same with 1 + weight: Gemma */
} wick_norm_kind;

typedef enum wick_norm_place { WICK_NORM_AFTER, WICK_NORM_BEFORE, WICK_NORM_AROUND } wick_norm_place;

typedef enum wick_position_kind {
    WICK_POSITION_LEARNED,  /* row `position` of position_embeddings is added to the word */
    WICK_POSITION_RELATIVE, /* the same, and a bias by bucketed distance on the scores: MPNet (Raffel et al. 2020) */
    WICK_POSITION_ROTARY,   /* q and k are rotated by position (Su et al. 2021): x[j] with x[j + head_dim / 2] */
    WICK_POSITION_ALIBI,    /* score -= slope of the head * distance (Press et al. 2021), in both directions */
    WICK_POSITION_NONE
} wick_position_kind;

/* No byte of it is padding that counts: comparisons and keys go field by field. */
typedef struct wick_encoder {
    size_t n_layers, hidden_size, intermediate_size, vocab_size;
    size_t n_heads, n_kv_heads; /* n_heads is a multiple; head h reads key and value head h / (n_heads / n_kv_heads) */
    size_t head_dim;            /* n_heads * head_dim is the width of the queries and need not be hidden_size */
    double score_scale;         /* of q k^T: head_dim^-1/2 unless the family says otherwise */
    bool has_qk_norm;           /* RMS over each head of q and k, before the rotation; kind as norm_kind */
    bool has_qkv_bias, has_attention_output_bias;

    wick_norm_kind norm_kind;
    wick_norm_place norm_place;
    double norm_eps;
    bool has_norm_bias; /* of layer norms: all have one, or none */
    bool has_embedding_norm, has_final_norm;
    bool
        lacks_first_norm; /* BEFORE: layer 0 has no norm in front of its attention (ModernBERT, whose embeddings are normed already) */
    double embedding_scale; /* of word embeddings; 1, or sqrt(hidden_size) rounded as the family does */

    wick_position_kind position;
    size_t max_positions;  /* rows of position_embeddings; 0: no such table */
    size_t position_first; /* learned: the first token's row; padding_id: below */
    long
        padding_id; /* >= 0: a token with this id takes the row padding_id and does not advance (RoBERTa, MPNet); -1: no token is special */
    size_t n_buckets;        /* relative: of both directions; distances to WICK_RELATIVE_MAX_DISTANCE */
    double rope_theta;       /* rotary: of layers that see everything */
    double rope_theta_local; /* of layers with a window */
    double rope_divisor;     /* rotary: what all frequencies are divided by: 1, or of positions that were stretched */
    size_t type_vocab_size;  /* rows of token_type_embeddings; 0: none is added */

    bool causal;   /* key j is seen from i only where j <= i */
    size_t window; /* layers with has_window see key j from i only where |i - j| <= window */
    bool has_window[WICK_MAX_LAYERS];

    wick_activation activation;
    bool is_gated;
    bool has_up_bias, has_down_bias; /* up: the gate's too */
} wick_encoder;

#define WICK_RELATIVE_MAX_DISTANCE 128 /* MPNet's, fixed in its code */

/* What people and files call them: "gelu_tanh", "rms", "before", "rotary". */
#define WICK_ACTIVATIONS ((size_t)WICK_ACT_TANH + 1)
extern const char *const wick_activation_names[WICK_ACTIVATIONS];
const char *wick_norm_kind_name(wick_norm_kind kind);
const char *wick_norm_place_name(wick_norm_place place);
const char *wick_position_name(wick_position_kind position);

/* BERT's description without sizes, to begin a reader with: every linear layer and norm has its bias. */
void wick_encoder_set_plain(wick_encoder *e);
/* Fills what is still 0: head_dim = hidden_size / n_heads, n_kv_heads = n_heads, score_scale = head_dim^-1/2 in f32, as torch has it. */
void wick_encoder_derive(wick_encoder *e);

bool wick_encoder_has_windows(const wick_encoder *e);

/* Columns of q, k and v together: (n_heads + 2 n_kv_heads) * head_dim; and of q, and of the context, alone. */
static inline size_t wick_encoder_qkv_width(const wick_encoder *e)
{
    return (e->n_heads + 2 * e->n_kv_heads) * e->head_dim;
}

static inline size_t wick_encoder_query_width(const wick_encoder *e)
{
    return e->n_heads * e->head_dim;
}

static inline size_t wick_encoder_kv_width(const wick_encoder *e)
{
    return e->n_kv_heads * e->head_dim;
}

#endif
