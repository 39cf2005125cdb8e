/* SPDX-License-Identifier: Apache-2.0
 * jina_bert.c: JinaBERT v2 (Günther et al. 2023): model_type bert with position_embedding_type alibi. BERT without positions in the embeddings, a bias on the scores that
 * grows with the distance (Press et al. 2021), and a gated MLP. transformers does not ship it; names and order are those of its published ports
 * (tools/families/jina.py). The models for code, German, Spanish and Chinese have a second layout with more norms, which is refused by name. */
#include "model/family.h"

#include <string.h>

static const wick_size_key sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 30522, vocab_size),
    WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, 12, n_layers),
    WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, 3072, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 512, max_positions),
    WICK_SIZE_KEY("type_vocab_size", 1, WICK_MAX_TYPE_VOCAB_SIZE, 2, type_vocab_size),
};
static const wick_setting settings[] = {
    WICK_MUST_BE_FALSE("is_decoder"),
    WICK_MUST_BE_FALSE("add_cross_attention"),
};

/* The MLP has its activation from the name of its form; hidden_act is only for the form without a gate. */
static int read_form(const wick_keys *keys, wick_encoder *e)
{
    const char *form = "original";
    const int code = wick_key_text(keys, "feed_forward_type", &form);
    if (code != WICK_OK)
        return code;
    const bool is_gelu = strcmp(form, "geglu") == 0;
    if (!is_gelu && strcmp(form, "reglu") != 0)
        return wick_family_unsupported(keys, "feed_forward_type", form, "geglu, reglu");
    e->activation = is_gelu ? WICK_ACT_GELU : WICK_ACT_RELU;
    return WICK_OK;
}

static int read_jina_bert(const wick_keys *keys, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    e->position = WICK_POSITION_ALIBI;
    e->is_gated = true;
    e->has_up_bias = false;
    int code = wick_family_sizes(keys, sizes, COUNT_OF(sizes), e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = wick_family_settings(keys, settings, COUNT_OF(settings));
    if (code == WICK_OK)
        code = read_form(keys, e);
    if (code == WICK_OK)
        code = wick_family_eps(keys, "layer_norm_eps", 1e-12, &e->norm_eps);
    wick_family_no_table(files);
    return code;
}

static const wick_name list[] = {
    {WICK_PART_WORDS, "embeddings.word_embeddings"},
    {WICK_PART_TYPES, "embeddings.token_type_embeddings"},
    {WICK_PART_EMBEDDING_NORM, "embeddings.LayerNorm"},
    {WICK_PART_QUERY, "attention.self.query"},
    {WICK_PART_KEY, "attention.self.key"},
    {WICK_PART_VALUE, "attention.self.value"},
    {WICK_PART_ATTENTION_OUTPUT, "attention.output.dense"},
    {WICK_PART_ATTENTION_NORM, "attention.output.LayerNorm"},
    {WICK_PART_GATE_UP, "mlp.gated_layers"},
    {WICK_PART_DOWN, "mlp.wo"},
    {WICK_PART_OUTPUT_NORM, "mlp.layernorm"},
};
static const wick_names names = {.bases = {"bert"},
                                 .layer = "encoder.layer.",
                                 .list = list,
                                 .n = COUNT_OF(list),
                                 .refused = "attention.self.layer_norm_q",
                                 .refused_as = "the layout of jina-bert-v2-qk-post-norm"};

const wick_architecture wick_jina_bert_line[WICK_JINA_BERT_LINE] = {
    {"bert", read_jina_bert, &names, "position_embedding_type", "alibi"}};
