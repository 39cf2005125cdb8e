/* SPDX-License-Identifier: Apache-2.0
 * dense.c: sentence-transformers' Dense module, y = activation(x W^T + b) on the pooled vector. In: the bytes of
 * its config.json, its weights. Out: wick_dense. */
#include "model/dense.h"

#include <string.h>

#include "base/error.h"
#include "model/architecture.h"

/* Dense's activations are torch classes, constructed without arguments: GELU is the erf form. */
static const struct {
    const char *name;
    wick_activation activation;
} activations[] = {
    {"torch.nn.modules.activation.Tanh", WICK_ACT_TANH},
    {"torch.nn.modules.linear.Identity", WICK_ACT_NONE},
    {"torch.nn.modules.activation.ReLU", WICK_ACT_RELU},
    {"torch.nn.modules.activation.GELU", WICK_ACT_GELU},
    {"torch.nn.modules.activation.SiLU", WICK_ACT_SILU},
    {"torch.nn.Tanh", WICK_ACT_TANH},
    {"torch.nn.Identity", WICK_ACT_NONE},
    {"torch.nn.ReLU", WICK_ACT_RELU},
    {"torch.nn.GELU", WICK_ACT_GELU},
    {"torch.nn.SiLU", WICK_ACT_SILU},
};

static int unsupported(const wick_keys *keys, const char *key, const char *value)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model whose Dense modules are plain",
                     "%s %s is not supported", key, wick_shown(value, shown));
}

static int read_activation(const wick_keys *keys, wick_activation *out)
{
    const char *name = "torch.nn.modules.activation.Tanh"; /* Dense's default */
    int code = wick_key_text(keys, "activation_function", &name);
    if (code != WICK_OK)
        return code;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(name, activations[i].name) == 0) {
            *out = activations[i].activation;
            return WICK_OK;
        }
    return unsupported(keys, "activation_function", name);
}

/* The module reads the feature and writes it back. */
static int check_wiring(const wick_keys *keys, const char *feature)
{
    const char *input = WICK_FEATURE_VECTOR, *output = NULL;
    int code = wick_key_text(keys, "module_input_name", &input);
    if (code == WICK_OK)
        code = wick_key_text(keys, "module_output_name", &output);
    if (code != WICK_OK)
        return code;
    if (strcmp(input, feature) != 0)
        return unsupported(keys, "module_input_name", input);
    if (output && strcmp(output, feature) != 0)
        return unsupported(keys, "module_output_name", output);
    bool has_residual = false;
    code = wick_key_bool(keys, "use_residual", &has_residual);
    if (code == WICK_OK && has_residual)
        code = unsupported(keys, "use_residual", "true");
    return code;
}

static int read_sizes(const wick_keys *keys, size_t n_in, wick_dense *out)
{
    int code = wick_key_size(keys, "in_features", 1, WICK_MAX_HIDDEN_SIZE, &out->in_features);
    if (code == WICK_OK)
        code = wick_key_size(keys, "out_features", 1, WICK_MAX_HIDDEN_SIZE, &out->out_features);
    if (code != WICK_OK)
        return code;
    if (out->in_features == 0 || out->out_features == 0)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again", "%s is absent",
                         out->in_features ? "out_features" : "in_features");
    if (out->in_features != n_in)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "in_features is %zu, but the module in front gives %zu", out->in_features, n_in);
    return WICK_OK;
}

int wick_dense_parse(const char *text, size_t n, const char *where, size_t n_in, const char *feature, wick_dense *out,
                     bool *has_bias, wick_error *error)
{
    *out = (wick_dense){0};
    *has_bias = true;
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    wick_keys keys = {root, where, error};
    code = read_sizes(&keys, n_in, out);
    if (code == WICK_OK)
        code = wick_key_bool(&keys, "bias", has_bias);
    if (code == WICK_OK)
        code = read_activation(&keys, &out->activation);
    if (code == WICK_OK)
        code = check_wiring(&keys, feature);
    wick_json_free(root);
    return code;
}

int wick_dense_bind(const wick_weights *weights, bool has_bias, wick_dense *dense, size_t *n_parameters,
                    wick_error *error)
{
    const size_t shape[2] = {dense->out_features, dense->in_features};
    int code = wick_weights_take(weights, "linear.weight", 2, shape, &dense->linear.weight, error);
    *n_parameters += shape[0] * shape[1];
    if (code == WICK_OK && has_bias) {
        code = wick_weights_take(weights, "linear.bias", 1, shape, &dense->linear.bias, error);
        *n_parameters += shape[0];
    }
    return code;
}
