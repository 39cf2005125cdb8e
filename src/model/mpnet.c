/* SPDX-License-Identifier: Apache-2.0
 * mpnet.c: MPNet (Song et al. 2020): BERT's layers without token types, positions that begin behind the padding row 1, and a bias on the scores by bucketed distance, one
 * table for all layers. The padding id, 32 buckets and distances up to 128 are fixed in the code of transformers, whatever the file says. */
#include "model/family.h"

#define PADDING_ID 1
#define N_BUCKETS 32

static const wick_size_key sizes[] = {
    WICK_SIZE_KEY("vocab_size", 1, WICK_MAX_VOCAB_SIZE, 30527, vocab_size),
    WICK_SIZE_KEY("hidden_size", 1, WICK_MAX_HIDDEN_SIZE, 768, hidden_size),
    WICK_SIZE_KEY("num_hidden_layers", 1, WICK_MAX_LAYERS, 12, n_layers),
    WICK_SIZE_KEY("num_attention_heads", 1, WICK_MAX_HIDDEN_SIZE, 12, n_heads),
    WICK_SIZE_KEY("intermediate_size", 1, WICK_MAX_INTERMEDIATE_SIZE, 3072, intermediate_size),
    WICK_SIZE_KEY("max_position_embeddings", 1, WICK_MAX_POSITIONS, 512, max_positions),
};
static const wick_setting settings[] = {WICK_MUST_BE_NUMBER("relative_attention_num_buckets", N_BUCKETS)};

static int read_mpnet(const wick_keys *keys, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    e->position = WICK_POSITION_RELATIVE;
    e->n_buckets = N_BUCKETS;
    int code = wick_family_sizes(keys, sizes, COUNT_OF(sizes), e);
    if (code == WICK_OK)
        code = wick_family_finish(keys, e);
    if (code == WICK_OK)
        code = wick_family_activation(keys, "hidden_act", WICK_ACT_GELU, &e->activation);
    if (code == WICK_OK)
        code = wick_family_settings(keys, settings, COUNT_OF(settings));
    if (code == WICK_OK)
        code = wick_family_eps(keys, "layer_norm_eps", 1e-12, &e->norm_eps);
    return code == WICK_OK ? wick_family_padding(keys, PADDING_ID, files) : code;
}

static const wick_name list[] = {
    {WICK_PART_WORDS, "embeddings.word_embeddings"},
    {WICK_PART_POSITIONS, "embeddings.position_embeddings"},
    {WICK_PART_RELATIVE_BIAS, "encoder.relative_attention_bias"},
    {WICK_PART_EMBEDDING_NORM, "embeddings.LayerNorm"},
    {WICK_PART_QUERY, "attention.attn.q"},
    {WICK_PART_KEY, "attention.attn.k"},
    {WICK_PART_VALUE, "attention.attn.v"},
    {WICK_PART_ATTENTION_OUTPUT, "attention.attn.o"},
    {WICK_PART_ATTENTION_NORM, "attention.LayerNorm"},
    {WICK_PART_UP, "intermediate.dense"},
    {WICK_PART_DOWN, "output.dense"},
    {WICK_PART_OUTPUT_NORM, "output.LayerNorm"},
};
static const wick_names names = {.bases = {"mpnet"}, .layer = "encoder.layer.", .list = list, .n = COUNT_OF(list)};

const wick_architecture wick_mpnet_line[WICK_MPNET_LINE] = {{"mpnet", read_mpnet, &names, NULL, NULL}};
