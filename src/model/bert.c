/* SPDX-License-Identifier: Apache-2.0
 * bert.c: the BERT line: BERT itself (Devlin et al. 2018), RoBERTa, XLM-RoBERTa and CamemBERT, which count positions from behind the padding id, and DistilBERT, which has
 * no token types and keys of its own. transformers' models without pooler:
 *
 *   x = LayerNorm(word[id] + position[i] + token_type[0])                 [n_tokens, hidden_size]
 *   per layer: a = softmax(Q K^T / sqrt(head_dim)) V, per head
 *              x = LayerNorm(x + a W_o)
 *              x = LayerNorm(x + act(x W_up) W_down) */
#include "model/family.h"

static const wick_size_key bert_sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 30522, vocab_size),
    WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, 12, n_layers),
    WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, 3072, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 512, max_positions),
    WICK_SIZE_KEY("type_vocab_size", 1, WICK_MAX_TYPE_VOCAB_SIZE, 2, type_vocab_size),
};

static const wick_setting bert_settings[] = {
    WICK_MUST_BE_TEXT("position_embedding_type", "absolute"),
    WICK_MUST_BE_FALSE("is_decoder"),
    WICK_MUST_BE_FALSE("add_cross_attention"),
};

static int read_bert(const wick_keys *keys, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    int code = wick_family_sizes(keys, bert_sizes, COUNT_OF(bert_sizes), e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = wick_family_activation(keys, "hidden_act", WICK_ACT_GELU, &e->activation);
    if (code == WICK_OK)
        code = wick_family_settings(keys, bert_settings, COUNT_OF(bert_settings));
    if (code == WICK_OK)
        code = wick_family_eps(keys, "layer_norm_eps", 1e-12, &e->norm_eps);
    files->max_tokens = e->max_positions; /* position ids begin at 0 */
    return code;
}

/* BERT's keys and weights; what differs is where positions begin (transformers 5, create_position_ids_from_input_ids): 514 rows for 512 tokens. */
static int read_roberta(const wick_keys *keys, wick_model_files *files)
{
    size_t padding_id = 1;
    int code = read_bert(keys, files);
    if (code == WICK_OK)
        code = wick_key_size(keys, "pad_token_id", 0, WICK_MAX_VOCAB_SIZE, &padding_id);
    return code == WICK_OK ? wick_family_padding(keys, padding_id, files) : code;
}

#define SELF "attention.self."
static const wick_name bert_list[] = {
    {WICK_PART_WORDS, "embeddings.word_embeddings"},
    {WICK_PART_POSITIONS, "embeddings.position_embeddings"},
    {WICK_PART_TYPES, "embeddings.token_type_embeddings"},
    {WICK_PART_EMBEDDING_NORM, "embeddings.LayerNorm"},
    {WICK_PART_QUERY, SELF "query"},
    {WICK_PART_KEY, SELF "key"},
    {WICK_PART_VALUE, SELF "value"},
    {WICK_PART_ATTENTION_OUTPUT, "attention.output.dense"},
    {WICK_PART_ATTENTION_NORM, "attention.output.LayerNorm"},
    {WICK_PART_UP, "intermediate.dense"},
    {WICK_PART_DOWN, "output.dense"},
    {WICK_PART_OUTPUT_NORM, "output.LayerNorm"},
};
static const wick_names bert_names = {
    .bases = {"bert"}, .layer = "encoder.layer.", .list = bert_list, .n = COUNT_OF(bert_list)};
static const wick_names roberta_names = {
    .bases = {"roberta"}, .layer = "encoder.layer.", .list = bert_list, .n = COUNT_OF(bert_list)};

/* ---- DistilBERT (Sanh et al. 2019) --------------------------------------------------------------------------------- */

/* Its own names of sizes; transformers writes them, and reads the usual ones too (attribute_map). */
static const wick_size_key distilbert_sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 30522, vocab_size),
    WICK_SIZE_KEY_OLD("dim", "hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY_OLD("n_layers", "num_hidden_layers", 1, WICK_MAX_LAYERS, 6, n_layers),
    WICK_SIZE_KEY_OLD("n_heads", "num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY("hidden_dim", 1, WICK_MAX_INTERMEDIATE_SIZE, 3072, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 512, max_positions),
};

/* sinusoidal_pos_embds only says what the table is filled with at first: the file's weights count. The epsilon is fixed in its code. */
static int read_distilbert(const wick_keys *keys, wick_model_files *files)
{
    static const wick_setting settings[] = {WICK_MUST_BE_TEXT("position_embedding_type", "absolute")};
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    e->norm_eps = 1e-12;
    int code = wick_family_sizes(keys, distilbert_sizes, COUNT_OF(distilbert_sizes), e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = wick_family_activation(keys, "activation", WICK_ACT_GELU, &e->activation);
    if (code == WICK_OK)
        code = wick_family_settings(keys, settings, COUNT_OF(settings));
    files->max_tokens = e->max_positions;
    return code;
}

static const wick_name distilbert_list[] = {
    {WICK_PART_WORDS, "embeddings.word_embeddings"},
    {WICK_PART_POSITIONS, "embeddings.position_embeddings"},
    {WICK_PART_EMBEDDING_NORM, "embeddings.LayerNorm"},
    {WICK_PART_QUERY, "attention.q_lin"},
    {WICK_PART_KEY, "attention.k_lin"},
    {WICK_PART_VALUE, "attention.v_lin"},
    {WICK_PART_ATTENTION_OUTPUT, "attention.out_lin"},
    {WICK_PART_ATTENTION_NORM, "sa_layer_norm"},
    {WICK_PART_UP, "ffn.lin1"},
    {WICK_PART_DOWN, "ffn.lin2"},
    {WICK_PART_OUTPUT_NORM, "output_layer_norm"},
};
static const wick_names distilbert_names = {
    .bases = {"distilbert"}, .layer = "transformer.layer.", .list = distilbert_list, .n = COUNT_OF(distilbert_list)};

const wick_architecture wick_bert_line[WICK_BERT_LINE] = {
    {"bert", read_bert, &bert_names, NULL, NULL},
    {"roberta", read_roberta, &roberta_names, NULL, NULL},
    {"xlm-roberta", read_roberta, &roberta_names, NULL, NULL},
    {"camembert", read_roberta, &roberta_names, NULL, NULL},
    {"distilbert", read_distilbert, &distilbert_names, NULL, NULL},
};
