/* SPDX-License-Identifier: Apache-2.0
 * bert.c: the BERT family's part of config.json, and its weights by name. The model (transformers' BertModel,
 * pooler left out):
 *
 *   x = LayerNorm(word[id] + position[i] + token_type[0])                 [n_tokens, hidden_size]
 *   per layer: a = softmax(Q K^T / sqrt(head_dim)) V, per head
 *              x = LayerNorm(x + a W_o)
 *              x = LayerNorm(x + act(x W_up) W_down)
 *
 * In: keys and weights of one folder. Out: the hyper-parameters and views of wick_model_files. Called through the
 * table in architecture.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/architecture.h"
#include "model/config.h"

/* What BertConfig of transformers takes where a key is absent. */
static void set_defaults(wick_model_files *files)
{
    wick_encoder_set_plain(&files->encoder);
    files->encoder.vocab_size = 30522;
    files->encoder.hidden_size = 768;
    files->encoder.n_layers = 12;
    files->encoder.n_heads = 12;
    files->encoder.intermediate_size = 3072;
    files->encoder.max_positions = 512;
    files->encoder.type_vocab_size = 2;
    files->encoder.norm_eps = 1e-12;
}

static int unsupported(const wick_keys *keys, const char *key, const char *value, const char *supported)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a plain BERT encoder",
                     "%s %s is not supported, only: %s", key, wick_shown(value, shown), supported);
}

static int read_sizes(const wick_keys *keys, wick_model_files *files)
{
    const struct {
        const char *key;
        size_t high;
        size_t *out;
    } sizes[] = {
        {"vocab_size", WICK_MAX_VOCAB_SIZE, &files->encoder.vocab_size},
        {"hidden_size", WICK_MAX_HIDDEN_SIZE, &files->encoder.hidden_size},
        {"num_hidden_layers", WICK_MAX_LAYERS, &files->encoder.n_layers},
        {"num_attention_heads", WICK_MAX_HIDDEN_SIZE, &files->encoder.n_heads},
        {"intermediate_size", WICK_MAX_INTERMEDIATE_SIZE, &files->encoder.intermediate_size},
        {"max_position_embeddings", WICK_MAX_POSITIONS, &files->encoder.max_positions},
        {"type_vocab_size", WICK_MAX_TYPE_VOCAB_SIZE, &files->encoder.type_vocab_size},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int code = wick_key_size(keys, sizes[i].key, 1, sizes[i].high, sizes[i].out);
        if (code != WICK_OK)
            return code;
    }
    if (files->encoder.hidden_size % files->encoder.n_heads != 0)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "hidden_size %zu is no multiple of num_attention_heads %zu", files->encoder.hidden_size,
                         files->encoder.n_heads);
    wick_encoder_derive(&files->encoder);
    files->max_tokens = files->encoder.max_positions; /* position ids begin at 0 */
    return WICK_OK;
}

/* Settings that would change the forward pass. */
static int check_settings(const wick_keys *keys, wick_model_files *files)
{
    const char *activation = "gelu", *position_type = "absolute";
    bool is_decoder = false, has_cross_attention = false;
    int code = wick_key_text(keys, "hidden_act", &activation);
    if (code == WICK_OK)
        code = wick_key_text(keys, "position_embedding_type", &position_type);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "is_decoder", &is_decoder);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "add_cross_attention", &has_cross_attention);
    if (code != WICK_OK)
        return code;
    if (!wick_activation_of_name(activation, &files->encoder.activation))
        return unsupported(keys, "hidden_act", activation, "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh");
    if (strcmp(position_type, "absolute") != 0)
        return unsupported(keys, "position_embedding_type", position_type, "absolute");
    if (is_decoder)
        return unsupported(keys, "is_decoder", "true", "false");
    if (has_cross_attention)
        return unsupported(keys, "add_cross_attention", "true", "false");
    code = wick_key_number(keys, "layer_norm_eps", &files->encoder.norm_eps);
    if (code == WICK_OK && !(files->encoder.norm_eps > 0 && files->encoder.norm_eps < 1))
        code = wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "layer_norm_eps is %g, expected above 0 and below 1", files->encoder.norm_eps);
    return code;
}

static int read_config(const wick_keys *keys, wick_model_files *files)
{
    set_defaults(files);
    int code = read_sizes(keys, files);
    return code == WICK_OK ? check_settings(keys, files) : code;
}

/* Takes tensors one after another; the first error stays and makes the rest do nothing. */
typedef struct binder {
    const wick_weights *weights;
    const char *prefix; /* "bert." and the like, or "" */
    size_t n_parameters;
    int code;
    wick_error *error;
} binder;

/* Long enough for every name built below. */
#define NAME_BYTES 192

/* stem: the name without prefix and ".weight"; rows 0: one dimension only. */
static void take(binder *b, const char *stem, const char *part, size_t rows, size_t columns, wick_tensor *out)
{
    if (b->code != WICK_OK)
        return;
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s.%s", b->prefix, stem, part);
    size_t matrix[2] = {rows, columns};
    b->code = wick_weights_take(b->weights, name, rows ? 2 : 1, rows ? matrix : matrix + 1, out, b->error);
    b->n_parameters += rows ? rows * columns : columns;
}

static void take_linear(binder *b, const char *stem, size_t n_out, size_t n_in, wick_linear *out)
{
    take(b, stem, "weight", n_out, n_in, &out->weight);
    take(b, stem, "bias", 0, n_out, &out->bias);
}

static bool has(const binder *b, const char *stem, const char *part)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s.%s", b->prefix, stem, part);
    return wick_weights_find(b->weights, name) != NULL;
}

/* Checkpoints converted from TensorFlow call weight and bias gamma and beta (bert-base-uncased does). */
static void take_norm(binder *b, const char *stem, size_t n, wick_layer_norm *out)
{
    bool is_old = !has(b, stem, "weight") && has(b, stem, "gamma");
    take(b, stem, is_old ? "gamma" : "weight", 0, n, &out->weight);
    take(b, stem, is_old ? "beta" : "bias", 0, n, &out->bias);
}

static void take_layer(binder *b, size_t index, const wick_model_files *files, wick_encoder_layer *layer)
{
    size_t hidden = files->encoder.hidden_size, intermediate = files->encoder.intermediate_size;
    const struct {
        const char *stem;
        size_t n_out, n_in;
        wick_linear *out;
    } linears[] = {
        {"attention.self.query", hidden, hidden, &layer->query},
        {"attention.self.key", hidden, hidden, &layer->key},
        {"attention.self.value", hidden, hidden, &layer->value},
        {"attention.output.dense", hidden, hidden, &layer->attention_output},
        {"intermediate.dense", intermediate, hidden, &layer->up},
        {"output.dense", hidden, intermediate, &layer->down},
    };
    char stem[NAME_BYTES / 2];
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++) {
        snprintf(stem, sizeof stem, "encoder.layer.%zu.%s", index, linears[i].stem);
        take_linear(b, stem, linears[i].n_out, linears[i].n_in, linears[i].out);
    }
    snprintf(stem, sizeof stem, "encoder.layer.%zu.attention.output.LayerNorm", index);
    take_norm(b, stem, hidden, &layer->attention_norm);
    snprintf(stem, sizeof stem, "encoder.layer.%zu.output.LayerNorm", index);
    take_norm(b, stem, hidden, &layer->output_norm);
}

/* BertModel saves plain names; BertForMaskedLM and the like put "bert." in front, wrappers "model." and others. */
static const char *find_prefix(const wick_weights *weights)
{
    static const char *const prefixes[] = {"", "bert.", "model.", "model.bert.", "auto_model.", "0.auto_model."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%sembeddings.word_embeddings.weight", prefixes[i]);
        if (wick_weights_find(weights, name))
            return prefixes[i];
    }
    return "";
}

static int bind_weights(const wick_weights *weights, wick_arena *arena, wick_model_files *files, wick_error *error)
{
    binder b = {.weights = weights, .prefix = find_prefix(weights), .code = WICK_OK, .error = error};
    size_t hidden = files->encoder.hidden_size;
    take(&b, "embeddings.word_embeddings", "weight", files->encoder.vocab_size, hidden, &files->word_embeddings);
    take(&b, "embeddings.position_embeddings", "weight", files->encoder.max_positions, hidden,
         &files->position_embeddings);
    take(&b, "embeddings.token_type_embeddings", "weight", files->encoder.type_vocab_size, hidden,
         &files->token_type_embeddings);
    take_norm(&b, "embeddings.LayerNorm", hidden, &files->embedding_norm);
    if (b.code != WICK_OK)
        return b.code;
    wick_encoder_layer *layers = wick_arena_take(arena, files->encoder.n_layers, sizeof *layers);
    if (!layers)
        return wick_fail_memory(error, files->path);
    for (size_t i = 0; i < files->encoder.n_layers && b.code == WICK_OK; i++)
        take_layer(&b, i, files, &layers[i]);
    files->layers = layers;
    files->n_parameters += b.n_parameters;
    return b.code;
}

const wick_architecture wick_architecture_bert = {"bert", read_config, bind_weights};
