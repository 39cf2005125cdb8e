/* SPDX-License-Identifier: Apache-2.0
 * gated_bert.c: BERT's line with rotary positions and a gated MLP, norms behind the residuals: Nomic-BERT (Nussbaum et al. 2024) and GTE (Zhang et al. 2024, in older files
 * "new"). Their files were first read by code that came with the model, and have its keys; transformers 5 has its own, and reads the weights under the old names.
 *
 *   x = LayerNorm(word[id] + token_type[0])
 *   per layer: x = LayerNorm(x + attention(x)), q and k rotated
 *              x = LayerNorm(x + (act(x W_gate) * (x W_up)) W_down) */
#include "model/family.h"

#include <string.h>

#include "model/rope.h"

/* ---- Nomic-BERT ---------------------------------------------------------------------------------------------------- */

static const wick_size_key nomic_sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 30528, vocab_size),
    WICK_SIZE_KEY_OLD("hidden_size", "n_embd", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY_OLD("num_hidden_layers", "n_layer", 1, WICK_MAX_LAYERS, 12, n_layers),
    WICK_SIZE_KEY_OLD("num_attention_heads", "n_head", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY_OLD("intermediate_size", "n_inner", 1, WICK_MAX_INTERMEDIATE_SIZE, 3072, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 0, max_positions),
    WICK_SIZE_KEY_OR_NULL("head_dim", 1, WICK_MAX_HIDDEN_SIZE, 0, head_dim),
    WICK_SIZE_KEY("type_vocab_size", 0, WICK_MAX_TYPE_VOCAB_SIZE, 2, type_vocab_size),
};

/* Of the code that came with the model. rotary_scaling_factor asks for other frequencies in texts that are longer than max_trained_positions. */
static const wick_setting nomic_settings[] = {
    WICK_MUST_BE_FALSE("prenorm"),
    WICK_MUST_BE_FALSE("parallel_block"),
    WICK_MUST_BE_FALSE("parallel_block_tied_norm"),
    WICK_MUST_BE_FALSE("use_rms_norm"),
    WICK_MUST_BE_FALSE("causal"),
    WICK_MUST_BE_FALSE("scale_attn_by_inverse_layer_idx"),
    WICK_MUST_BE_TRUE("scale_attn_weights"),
    WICK_MUST_BE_FALSE("rotary_emb_interleaved"),
    WICK_MUST_BE_NUMBER("rotary_emb_fraction", 1),
    WICK_MUST_BE_ABSENT("rotary_emb_scale_base"),
    WICK_MUST_BE_ABSENT("rotary_scaling_factor"),
    WICK_MUST_BE_NUMBER("moe_every_n_layers", 0),
};

/* hidden_act, or activation_function, which says that the MLP is gated. */
static int read_nomic_activation(const wick_keys *keys, wick_encoder *e)
{
    const char *old = NULL;
    int code = wick_family_activation(keys, "hidden_act", WICK_ACT_SILU, &e->activation);
    if (code == WICK_OK)
        code = wick_key_text(keys, "activation_function", &old);
    if (code != WICK_OK || !old)
        return code;
    const bool is_silu = strcmp(old, "swiglu") == 0;
    if (!is_silu && strcmp(old, "geglu") != 0)
        return wick_family_unsupported(keys, "activation_function", old, "swiglu, geglu");
    const wick_activation activation = is_silu ? WICK_ACT_SILU : WICK_ACT_GELU;
    if (wick_json_get(keys->object, "hidden_act") && e->activation != activation)
        return wick_family_corrupt(keys, "activation_function is %s, which hidden_act contradicts", old);
    e->activation = activation;
    return WICK_OK;
}

static int read_nomic_eps(const wick_keys *keys, double *out)
{
    double old = 0;
    int code = wick_family_eps(keys, "layer_norm_eps", 1e-12, out);
    if (code == WICK_OK)
        code = wick_family_eps(keys, "layer_norm_epsilon", *out, &old);
    if (code == WICK_OK && wick_json_get(keys->object, "layer_norm_eps") && old != *out)
        return wick_family_corrupt(keys, "layer_norm_eps is %g, but layer_norm_epsilon, which means the same, is %g",
                                   *out, old);
    *out = old;
    return code;
}

/* n_positions where max_position_embeddings is not said. nomic-embed-text-v1.5 says both, 8192 and 2048: the lengths that it can take, and was trained with. */
static int read_nomic_positions(const wick_keys *keys, wick_encoder *e)
{
    size_t older = 2048;
    bool is_said;
    const int code = wick_family_size(keys, "n_positions", 1, WICK_MAX_POSITIONS, &older, &is_said);
    if (e->max_positions == 0)
        e->max_positions = older;
    return code;
}

/* The biases and the vocabulary's padding of the code that came with the model; transformers has neither. */
static int read_nomic_extras(const wick_keys *keys, wick_encoder *e)
{
    size_t multiple = 1;
    bool is_said;
    e->has_qkv_bias = e->has_up_bias = e->has_down_bias = false;
    int code = wick_key_bool(keys, "qkv_proj_bias", &e->has_qkv_bias);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "mlp_fc1_bias", &e->has_up_bias);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "mlp_fc2_bias", &e->has_down_bias);
    if (code == WICK_OK)
        code = wick_family_size(keys, "pad_vocab_size_multiple", 1, 65536, &multiple, &is_said);
    e->has_attention_output_bias = e->has_qkv_bias;
    e->vocab_size = (e->vocab_size + multiple - 1) / multiple * multiple;
    return code;
}

static int read_nomic(const wick_keys *keys, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    e->is_gated = true;
    int code = wick_family_sizes(keys, nomic_sizes, COUNT_OF(nomic_sizes), e);
    if (code == WICK_OK)
        code = read_nomic_positions(keys, e);
    if (code == WICK_OK)
        code = wick_rope_read(keys, "rotary_emb_base", 1000, e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = wick_family_settings(keys, nomic_settings, COUNT_OF(nomic_settings));
    if (code == WICK_OK)
        code = read_nomic_activation(keys, e);
    if (code == WICK_OK)
        code = read_nomic_eps(keys, &e->norm_eps);
    if (code == WICK_OK)
        code = read_nomic_extras(keys, e);
    wick_family_no_table(files);
    return code;
}

static const wick_name nomic_list[] = {
    {WICK_PART_WORDS, "embeddings.word_embeddings"},
    {WICK_PART_TYPES, "embeddings.token_type_embeddings"},
    {WICK_PART_EMBEDDING_NORM, "emb_ln"},
    {WICK_PART_QUERY_KEY_VALUE, "attn.Wqkv"},
    {WICK_PART_ATTENTION_OUTPUT, "attn.out_proj"},
    {WICK_PART_ATTENTION_NORM, "norm1"},
    {WICK_PART_GATE, "mlp.fc12"},
    {WICK_PART_UP, "mlp.fc11"},
    {WICK_PART_DOWN, "mlp.fc2"},
    {WICK_PART_OUTPUT_NORM, "norm2"},
};
static const wick_names nomic_names = {
    .bases = {"nomic_bert", "bert"}, .layer = "encoder.layers.", .list = nomic_list, .n = COUNT_OF(nomic_list)};

/* ---- GTE ----------------------------------------------------------------------------------------------------------- */

static const wick_size_key gte_sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 250048, vocab_size),
    WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, 12, n_layers),
    WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, 3072, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 8192, max_positions),
    WICK_SIZE_KEY_OR_NULL("head_dim", 1, WICK_MAX_HIDDEN_SIZE, 0, head_dim),
    WICK_SIZE_KEY("type_vocab_size", 0, WICK_MAX_TYPE_VOCAB_SIZE, 1, type_vocab_size),
};

/* Of the code that came with the model. */
static const wick_setting gte_settings[] = {
    WICK_MUST_BE_TEXT("layer_norm_type", "layer_norm"),
    WICK_MUST_BE_TEXT("position_embedding_type", "rope"),
    WICK_MUST_BE_TRUE("pack_qkv"),
    WICK_MUST_BE_FALSE("logn_attention_scale"),
    WICK_MUST_BE_FALSE("logn_attention_clip1"),
};

static int read_gte_with(const wick_keys *keys, wick_model_files *files, double theta)
{
    double factor = 1;
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    e->is_gated = true;
    e->has_up_bias = false;
    int code = wick_family_sizes(keys, gte_sizes, COUNT_OF(gte_sizes), e);
    if (code == WICK_OK)
        code = wick_family_settings(keys, gte_settings, COUNT_OF(gte_settings));
    if (code == WICK_OK)
        code = wick_rope_read_ntk(keys, theta, e, &factor);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        wick_rope_stretch(e, factor);
    if (code == WICK_OK)
        code = wick_family_activation(keys, "hidden_act", WICK_ACT_GELU, &e->activation);
    if (code == WICK_OK)
        code = wick_family_eps(keys, "layer_norm_eps", 1e-12, &e->norm_eps);
    wick_family_no_table(files);
    return code;
}

static int read_gte(const wick_keys *keys, wick_model_files *files)
{
    return read_gte_with(keys, files, 160000);
}

static int read_new(const wick_keys *keys, wick_model_files *files)
{
    return read_gte_with(keys, files, 10000);
}

static const wick_name gte_list[] = {
    {WICK_PART_WORDS, "embeddings.word_embeddings"},
    {WICK_PART_TYPES, "embeddings.token_type_embeddings"},
    {WICK_PART_EMBEDDING_NORM, "embeddings.LayerNorm"},
    {WICK_PART_QUERY_KEY_VALUE, "attention.qkv_proj"},
    {WICK_PART_ATTENTION_OUTPUT, "attention.o_proj"},
    {WICK_PART_ATTENTION_NORM, "attn_ln"},
    {WICK_PART_UP_GATE, "mlp.up_gate_proj"},
    {WICK_PART_DOWN, "mlp.down_proj"},
    {WICK_PART_OUTPUT_NORM, "mlp_ln"},
};
static const wick_names gte_names = {
    .bases = {"new", "gte"}, .layer = "encoder.layer.", .list = gte_list, .n = COUNT_OF(gte_list)};

const wick_architecture wick_gated_bert_line[WICK_GATED_BERT_LINE] = {
    {"nomic_bert", read_nomic, &nomic_names, NULL, NULL},
    {"gte", read_gte, &gte_names, NULL, NULL},
    {"new", read_new, &gte_names, NULL, NULL},
};
