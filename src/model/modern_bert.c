/* SPDX-License-Identifier: Apache-2.0
 * modern_bert.c: ModernBERT (Warner et al. 2024): norms in front of the blocks, rotary positions with two bases, and layers that see a window beside layers that see
 * everything. Keys as transformers 5 writes them, and as 4.48 did.
 *
 *   x = LayerNorm(word[id])
 *   per layer: x = x + attention(LayerNorm(x)), without that norm in layer 0
 *              x = x + (act(x' W_gate) * (x' W_up)) W_down with x' = LayerNorm(x)
 *   x = LayerNorm(x) */
#include "model/family.h"

#include "model/rope.h"

static const wick_size_key sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 50368, vocab_size),
    WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, 22, n_layers),
    WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, 1152, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 8192, max_positions),
};

/* layer_types; before that every n-th layer sees everything, from layer 0 on. local_attention is the whole width of a window. */
static int read_windows(const wick_keys *keys, wick_encoder *e)
{
    size_t every = 3, width = 128;
    bool is_said, has_types;
    int code = wick_family_size(keys, "local_attention", 1, WICK_MAX_POSITIONS, &width, &is_said);
    if (code == WICK_OK)
        code = wick_family_size(keys, "global_attn_every_n_layers", 1, WICK_MAX_LAYERS, &every, &is_said);
    if (code == WICK_OK)
        code = wick_family_layer_types(keys, e, &has_types);
    for (size_t i = 0; i < e->n_layers && code == WICK_OK; i++) {
        const bool slides = i % every != 0;
        if (has_types && is_said && e->has_window[i] != slides)
            code = wick_family_corrupt(keys, "layer_types and global_attn_every_n_layers %zu differ in layer %zu",
                                       every, i);
        if (!has_types)
            e->has_window[i] = slides;
    }
    e->window = width / 2;
    return code;
}

static int read_biases(const wick_keys *keys, wick_encoder *e)
{
    e->has_qkv_bias = e->has_up_bias = e->has_norm_bias = false;
    int code = wick_key_bool(keys, "attention_bias", &e->has_qkv_bias);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "mlp_bias", &e->has_up_bias);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "norm_bias", &e->has_norm_bias);
    e->has_attention_output_bias = e->has_qkv_bias;
    e->has_down_bias = e->has_up_bias;
    return code;
}

static int read_modern_bert(const wick_keys *keys, wick_model_files *files)
{
    static const wick_rope_names rope = {"global_rope_theta", "local_rope_theta", 160000, 10000};
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    e->norm_place = WICK_NORM_BEFORE;
    e->has_final_norm = e->lacks_first_norm = e->is_gated = true;
    int code = wick_family_sizes(keys, sizes, COUNT_OF(sizes), e);
    if (code == WICK_OK)
        code = wick_rope_read_by_layer(keys, &rope, e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = read_windows(keys, e);
    if (code == WICK_OK)
        code = read_biases(keys, e);
    if (code == WICK_OK)
        code = wick_family_activation(keys, "hidden_activation", WICK_ACT_GELU, &e->activation);
    if (code == WICK_OK)
        code = wick_family_eps(keys, "norm_eps", 1e-5, &e->norm_eps);
    wick_family_no_table(files);
    return code;
}

static const wick_name list[] = {
    {WICK_PART_WORDS, "embeddings.tok_embeddings"},
    {WICK_PART_EMBEDDING_NORM, "embeddings.norm"},
    {WICK_PART_FINAL_NORM, "final_norm"},
    {WICK_PART_ATTENTION_NORM, "attn_norm"},
    {WICK_PART_QUERY_KEY_VALUE, "attn.Wqkv"},
    {WICK_PART_ATTENTION_OUTPUT, "attn.Wo"},
    {WICK_PART_OUTPUT_NORM, "mlp_norm"},
    {WICK_PART_GATE_UP, "mlp.Wi"},
    {WICK_PART_DOWN, "mlp.Wo"},
};
static const wick_names names = {.bases = {"model"}, .layer = "layers.", .list = list, .n = COUNT_OF(list)};

const wick_architecture wick_modern_bert_line[WICK_MODERN_BERT_LINE] = {
    {"modernbert", read_modern_bert, &names, NULL, NULL}};
