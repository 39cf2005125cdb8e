/* SPDX-License-Identifier: Apache-2.0
 * gemma.c: Gemma 3 (Gemma Team 2025) as text encoder (EmbeddingGemma): norms before and behind each block, all of them RMS with 1 + weight, scaled embeddings, norms of
 * queries and keys, layers with a window, both directions where use_bidirectional_attention says so.
 *
 *   x = word[id] * sqrt(hidden_size)
 *   per layer: x = x + RMS(attention(RMS(x)))
 *              x = x + RMS((act(x' W_gate) * (x' W_up)) W_down) with x' = RMS(x)
 *   x = RMS(x) */
#include <math.h>

#include "model/family.h"
#include "model/rope.h"

static const wick_size_key sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 262208, vocab_size),
    WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 2304, hidden_size),
    WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, 26, n_layers),
    WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 8, n_heads),
    WICK_SIZE_KEY("num_key_value_heads", 1, WICK_MAX_HIDDEN_SIZE, 4, n_kv_heads),
    WICK_SIZE_KEY("head_dim", 1, WICK_MAX_HIDDEN_SIZE, 256, head_dim),
    WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, 9216, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 131072, max_positions),
};

/* final_logit_softcapping is the head's, which is not read. */
static const wick_setting settings[] = {
    WICK_MUST_BE_ABSENT("attn_logit_softcapping"),
    WICK_MUST_BE_TRUE("is_causal"), /* use_bidirectional_attention is Gemma's own word for it */
};

static void set_plain(wick_encoder *e)
{
    wick_encoder_set_plain(e);
    e->norm_kind = WICK_NORM_RMS_PLUS_ONE;
    e->norm_place = WICK_NORM_AROUND;
    e->has_embedding_norm = e->has_norm_bias = false;
    e->has_qkv_bias = e->has_attention_output_bias = e->has_up_bias = e->has_down_bias = false;
    e->has_final_norm = e->is_gated = e->has_qk_norm = true;
}

/* layer_types; before that every sixth layer sees everything. Causal, a window of n tokens reaches n - 1 back; in both directions n / 2 to each side. */
static int read_windows(const wick_keys *keys, wick_encoder *e)
{
    size_t pattern = 6, n = 4096;
    bool is_said, has_types, is_both_ways = false;
    int code = wick_key_bool(keys, "use_bidirectional_attention", &is_both_ways);
    if (code == WICK_OK)
        code = wick_family_size(keys, "sliding_window_pattern", 1, WICK_MAX_LAYERS, &pattern, &is_said);
    if (code == WICK_OK)
        code = wick_family_layer_types(keys, e, &has_types);
    for (size_t i = 0; i < e->n_layers && code == WICK_OK; i++) {
        const bool slides = (i + 1) % pattern != 0;
        if (has_types && is_said && e->has_window[i] != slides)
            code =
                wick_family_corrupt(keys, "layer_types and sliding_window_pattern %zu differ in layer %zu", pattern, i);
        if (!has_types)
            e->has_window[i] = slides;
    }
    if (code == WICK_OK)
        code = wick_family_size(keys, "sliding_window", 1, WICK_MAX_POSITIONS, &n, &is_said);
    if (code == WICK_OK && !is_said && wick_json_get(keys->object, "sliding_window") && wick_encoder_has_windows(e))
        return wick_family_corrupt(keys, "sliding_window is null, but there are layers with sliding_attention");
    e->causal = !is_both_ways;
    e->window = is_both_ways ? n / 2 : n - 1;
    return code;
}

static int read_gemma(const wick_keys *keys, wick_model_files *files)
{
    static const wick_rope_names rope = {"rope_theta", "rope_local_base_freq", 1000000, 10000};
    wick_encoder *e = &files->encoder;
    double scalar = 256;
    set_plain(e);
    int code = wick_family_sizes(keys, sizes, COUNT_OF(sizes), e);
    if (code == WICK_OK)
        code = wick_family_number(keys, "query_pre_attn_scalar", 1e9, 256, &scalar);
    e->score_scale = (float)(1 / sqrt(scalar));
    e->embedding_scale = (float)sqrt((double)e->hidden_size);
    if (code == WICK_OK)
        code = wick_rope_read_by_layer(keys, &rope, e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = read_windows(keys, e);
    if (code == WICK_OK)
        code = wick_family_settings(keys, settings, COUNT_OF(settings));
    if (code == WICK_OK)
        code = wick_key_bool(keys, "attention_bias", &e->has_qkv_bias);
    e->has_attention_output_bias = e->has_qkv_bias;
    if (code == WICK_OK)
        code = wick_family_activation(keys, "hidden_activation", WICK_ACT_GELU_TANH, &e->activation);
    if (code == WICK_OK)
        code = wick_family_eps(keys, "rms_norm_eps", 1e-6, &e->norm_eps);
    wick_family_no_table(files);
    return code;
}

static const wick_name list[] = {
    {WICK_PART_WORDS, "embed_tokens"},
    {WICK_PART_FINAL_NORM, "norm"},
    {WICK_PART_ATTENTION_NORM, "input_layernorm"},
    {WICK_PART_QUERY, "self_attn.q_proj"},
    {WICK_PART_KEY, "self_attn.k_proj"},
    {WICK_PART_VALUE, "self_attn.v_proj"},
    {WICK_PART_QUERY_NORM, "self_attn.q_norm"},
    {WICK_PART_KEY_NORM, "self_attn.k_norm"},
    {WICK_PART_ATTENTION_OUTPUT, "self_attn.o_proj"},
    {WICK_PART_ATTENTION_END_NORM, "post_attention_layernorm"},
    {WICK_PART_OUTPUT_NORM, "pre_feedforward_layernorm"},
    {WICK_PART_GATE, "mlp.gate_proj"},
    {WICK_PART_UP, "mlp.up_proj"},
    {WICK_PART_DOWN, "mlp.down_proj"},
    {WICK_PART_OUTPUT_END_NORM, "post_feedforward_layernorm"},
};
static const wick_names names = {.bases = {"model"}, .layer = "layers.", .list = list, .n = COUNT_OF(list)};

const wick_architecture wick_gemma_line[WICK_GEMMA_LINE] = {{"gemma3_text", read_gemma, &names, NULL, NULL}};
