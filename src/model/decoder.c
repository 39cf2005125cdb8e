/* SPDX-License-Identifier: Apache-2.0
 * decoder.c: the decoders that people embed with, and EuroBERT, which has their layers: Qwen2, Qwen3, Mistral, Llama. The head (lm_head) is never read.
 *
 *   x = word[id]
 *   per layer: x = x + attention(RMS(x)), q and k rotated, n_kv_heads of keys and values
 *              x = x + (act(x' W_gate) * (x' W_up)) W_down with x' = RMS(x)
 *   x = RMS(x)
 *
 * Causal, unless is_causal is false in config.json (gte-Qwen2), which transformers 5 honours for all of them. */
#include "model/family.h"

#include "model/rope.h"

/* Positions and the widths of heads are common to all; the rest differs in defaults. */
#define COMMON_SIZES(vocab, hidden, layers, heads, inner, positions)                                                   \
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, vocab, vocab_size),                                            \
        WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, hidden, hidden_size),                                    \
        WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, layers, n_layers),                                      \
        WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, heads, n_heads),                                 \
        WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, inner, intermediate_size),                   \
        WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, positions, max_positions)
#define HEAD_SIZES(kv_heads, head_width)                                                                               \
    WICK_SIZE_KEY_OR_NULL("num_key_value_heads", 1, WICK_MAX_HIDDEN_SIZE, kv_heads, n_kv_heads),                       \
        WICK_SIZE_KEY_OR_NULL("head_dim", 1, WICK_MAX_HIDDEN_SIZE, head_width, head_dim)

static void set_plain(wick_encoder *e)
{
    wick_encoder_set_plain(e);
    e->norm_kind = WICK_NORM_RMS;
    e->norm_place = WICK_NORM_BEFORE;
    e->has_embedding_norm = e->has_norm_bias = false;
    e->has_qkv_bias = e->has_attention_output_bias = e->has_up_bias = e->has_down_bias = false;
    e->has_final_norm = e->is_gated = e->causal = true;
}

/* What all of these read alike, behind their sizes. */
static int read_common(const wick_keys *keys, double eps, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    int code = wick_rope_read(keys, "rope_theta", 10000, e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = wick_family_activation(keys, "hidden_act", WICK_ACT_SILU, &e->activation);
    if (code == WICK_OK)
        code = wick_family_eps(keys, "rms_norm_eps", eps, &e->norm_eps);
    if (code == WICK_OK && e->causal)
        code = wick_key_bool(keys, "is_causal", &e->causal);
    wick_family_no_table(files);
    return code;
}

static int read_attention_bias(const wick_keys *keys, wick_encoder *e)
{
    const int code = wick_key_bool(keys, "attention_bias", &e->has_qkv_bias);
    e->has_attention_output_bias = e->has_qkv_bias;
    return code;
}

static int read_mlp_bias(const wick_keys *keys, wick_encoder *e)
{
    const int code = wick_key_bool(keys, "mlp_bias", &e->has_up_bias);
    e->has_down_bias = e->has_up_bias;
    return code;
}

/* A causal window of n tokens, the query among them, reaches n - 1 back; in both directions transformers counts n (masking_utils.py). */
static void set_window(wick_encoder *e, size_t n)
{
    e->window = e->causal ? n - 1 : n;
}

/* ---- Qwen2 (Yang et al. 2024), Qwen3 (2025) ------------------------------------------------------------------------ */

static const wick_size_key qwen2_sizes[] = {COMMON_SIZES(151936, 4096, 32, 32, 22016, 32768), HEAD_SIZES(32, 0)};
static const wick_size_key qwen3_sizes[] = {COMMON_SIZES(151936, 4096, 32, 32, 22016, 32768), HEAD_SIZES(32, 128)};

/* Layers with a window: those that layer_types names, else those from max_window_layers on, and only with use_sliding_window. */
static int read_qwen_windows(const wick_keys *keys, wick_encoder *e)
{
    bool uses = false, is_said, has_types;
    size_t n = 4096, first = 28;
    int code = wick_key_bool(keys, "use_sliding_window", &uses);
    if (code == WICK_OK)
        code = wick_family_size(keys, "max_window_layers", 0, SIZE_MAX / 2, &first, &is_said);
    if (code == WICK_OK)
        code = wick_family_layer_types(keys, e, &has_types);
    if (code == WICK_OK)
        code = wick_family_size(keys, "sliding_window", 1, WICK_MAX_POSITIONS, &n, &is_said);
    if (code != WICK_OK)
        return code;
    const bool has_window = uses && (is_said || !wick_json_get(keys->object, "sliding_window")); /* null: none */
    for (size_t i = 0; i < e->n_layers && !has_types; i++)
        e->has_window[i] = has_window && i >= first;
    if (wick_encoder_has_windows(e) && !has_window)
        return wick_family_corrupt(keys, "layer_types holds sliding_attention, but use_sliding_window is false or "
                                         "sliding_window null");
    if (wick_encoder_has_windows(e))
        set_window(e, n);
    return WICK_OK;
}

static int read_qwen(const wick_keys *keys, wick_model_files *files)
{
    const int code = read_common(keys, 1e-6, files);
    return code == WICK_OK ? read_qwen_windows(keys, &files->encoder) : code;
}

static int read_qwen2(const wick_keys *keys, wick_model_files *files)
{
    set_plain(&files->encoder);
    files->encoder.has_qkv_bias = true;
    const int code = wick_family_sizes(keys, qwen2_sizes, COUNT_OF(qwen2_sizes), &files->encoder);
    return code == WICK_OK ? read_qwen(keys, files) : code;
}

static int read_qwen3(const wick_keys *keys, wick_model_files *files)
{
    set_plain(&files->encoder);
    files->encoder.has_qk_norm = true;
    int code = wick_family_sizes(keys, qwen3_sizes, COUNT_OF(qwen3_sizes), &files->encoder);
    if (code == WICK_OK)
        code = read_attention_bias(keys, &files->encoder);
    return code == WICK_OK ? read_qwen(keys, files) : code;
}

/* ---- Mistral, Llama, EuroBERT (Boizard et al. 2025) ---------------------------------------------------------------- */

static const wick_size_key mistral_sizes[] = {COMMON_SIZES(32000, 4096, 32, 32, 14336, 131072), HEAD_SIZES(8, 0)};
static const wick_size_key llama_sizes[] = {COMMON_SIZES(32000, 4096, 32, 32, 11008, 2048), HEAD_SIZES(0, 0)};
static const wick_size_key eurobert_sizes[] = {COMMON_SIZES(128256, 768, 12, 12, 3072, 8192), HEAD_SIZES(0, 0)};

/* sliding_window holds for all layers; null: there is none. */
static int read_mistral(const wick_keys *keys, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    size_t n = 4096;
    bool is_said = false;
    set_plain(e);
    int code = wick_family_sizes(keys, mistral_sizes, COUNT_OF(mistral_sizes), e);
    if (code == WICK_OK)
        code = read_common(keys, 1e-6, files);
    if (code == WICK_OK)
        code = wick_family_size(keys, "sliding_window", 1, WICK_MAX_POSITIONS, &n, &is_said);
    if (code != WICK_OK || (!is_said && wick_json_get(keys->object, "sliding_window")))
        return code;
    for (size_t i = 0; i < e->n_layers; i++)
        e->has_window[i] = true;
    set_window(e, n);
    return WICK_OK;
}

static int read_llama_like(const wick_keys *keys, const wick_size_key *sizes, size_t n, double eps,
                           wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    int code = wick_family_sizes(keys, sizes, n, e);
    if (code == WICK_OK)
        code = read_attention_bias(keys, e);
    if (code == WICK_OK)
        code = read_mlp_bias(keys, e);
    return code == WICK_OK ? read_common(keys, eps, files) : code;
}

static int read_llama(const wick_keys *keys, wick_model_files *files)
{
    set_plain(&files->encoder);
    return read_llama_like(keys, llama_sizes, COUNT_OF(llama_sizes), 1e-6, files);
}

static int read_eurobert(const wick_keys *keys, wick_model_files *files)
{
    set_plain(&files->encoder);
    files->encoder.causal = false;
    return read_llama_like(keys, eurobert_sizes, COUNT_OF(eurobert_sizes), 1e-5, files);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

#define LAYER_NAMES                                                                                                    \
    {WICK_PART_WORDS, "embed_tokens"}, {WICK_PART_FINAL_NORM, "norm"}, {WICK_PART_ATTENTION_NORM, "input_layernorm"},  \
        {WICK_PART_QUERY, "self_attn.q_proj"}, {WICK_PART_KEY, "self_attn.k_proj"},                                    \
        {WICK_PART_VALUE, "self_attn.v_proj"}, {WICK_PART_ATTENTION_OUTPUT, "self_attn.o_proj"},                       \
        {WICK_PART_OUTPUT_NORM, "post_attention_layernorm"}, {WICK_PART_GATE, "mlp.gate_proj"},                        \
        {WICK_PART_UP, "mlp.up_proj"},                                                                                 \
    {                                                                                                                  \
        WICK_PART_DOWN, "mlp.down_proj"                                                                                \
    }

static const wick_name plain_list[] = {LAYER_NAMES};
static const wick_name qwen3_list[] = {
    LAYER_NAMES, {WICK_PART_QUERY_NORM, "self_attn.q_norm"}, {WICK_PART_KEY_NORM, "self_attn.k_norm"}};
static const wick_names plain_names = {
    .bases = {"model", "transformer"}, .layer = "layers.", .list = plain_list, .n = COUNT_OF(plain_list)};
static const wick_names qwen3_names = {
    .bases = {"model", "transformer"}, .layer = "layers.", .list = qwen3_list, .n = COUNT_OF(qwen3_list)};

const wick_architecture wick_decoder_line[WICK_DECODER_LINE] = {
    {"qwen2", read_qwen2, &plain_names, NULL, NULL},       {"qwen3", read_qwen3, &qwen3_names, NULL, NULL},
    {"mistral", read_mistral, &plain_names, NULL, NULL},   {"llama", read_llama, &plain_names, NULL, NULL},
    {"eurobert", read_eurobert, &plain_names, NULL, NULL},
};
