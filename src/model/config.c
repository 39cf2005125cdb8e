/* SPDX-License-Identifier: Apache-2.0
 * config.c: config.json -> architecture (by model_type) and hyper-parameters (by the architecture's own reader). */
#include "model/config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const struct {
    const wick_architecture *families;
    size_t n;
} lines[] = {
    {wick_jina_bert_line, WICK_JINA_BERT_LINE},
    {wick_bert_line, WICK_BERT_LINE},
    {wick_mpnet_line, WICK_MPNET_LINE},
    {wick_gated_bert_line, WICK_GATED_BERT_LINE},
    {wick_modern_bert_line, WICK_MODERN_BERT_LINE},
    {wick_decoder_line, WICK_DECODER_LINE},
    {wick_gemma_line, WICK_GEMMA_LINE},
};
#define N_LINES (sizeof lines / sizeof *lines)

/* transformers' ACT2CLS; the three tanh forms differ in the last bits only. */
static const struct {
    const char *name;
    wick_activation activation;
} activations[] = {
    {"gelu", WICK_ACT_GELU},
    {"gelu_python", WICK_ACT_GELU},
    {"gelu_new", WICK_ACT_GELU_TANH},
    {"gelu_fast", WICK_ACT_GELU_TANH},
    {"gelu_pytorch_tanh", WICK_ACT_GELU_TANH},
    {"gelu_python_tanh", WICK_ACT_GELU_TANH},
    {"relu", WICK_ACT_RELU},
    {"silu", WICK_ACT_SILU},
    {"swish", WICK_ACT_SILU},
    {"tanh", WICK_ACT_TANH},
};

bool wick_activation_of_name(const char *name, wick_activation *out)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(name, activations[i].name) == 0) {
            *out = activations[i].activation;
            return true;
        }
    return false;
}

const wick_architecture *wick_architecture_at(size_t index)
{
    for (size_t i = 0; i < N_LINES; i++) {
        if (index < lines[i].n)
            return &lines[i].families[index];
        index -= lines[i].n;
    }
    return NULL;
}

/* "bert, roberta, ...", each model_type once; entries of one stand side by side. */
static void list_types(char *text, size_t capacity)
{
    const wick_architecture *a, *before = NULL;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; (a = wick_architecture_at(i)) && used < capacity; before = a, i++)
        if (!before || strcmp(before->model_type, a->model_type) != 0)
            used += (size_t)snprintf(text + used, capacity - used, "%s%s", before ? ", " : "", a->model_type);
}

/* Of a model_type's entries the one whose variant the file names, else the one without. */
static int find_architecture(const char *model_type, const wick_keys *keys, const wick_architecture **out)
{
    const wick_architecture *a, *found = NULL;
    for (size_t i = 0; (a = wick_architecture_at(i)); i++) {
        const char *variant = NULL;
        if (strcmp(model_type, a->model_type) != 0)
            continue;
        if (a->variant_key)
            variant = wick_json_string(wick_json_get(keys->object, a->variant_key), NULL);
        if (!a->variant_key || (variant && strcmp(variant, a->variant) == 0)) {
            found = a;
            if (a->variant_key)
                break;
        }
    }
    *out = found;
    if (found)
        return WICK_OK;
    char shown[WICK_SHOWN_BYTES], supported[256];
    list_types(supported, sizeof supported);
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model of a supported type",
                     "model_type %s is not supported, only: %s", wick_shown(model_type, shown), supported);
}

int wick_model_config_read(const wick_keys *keys, const wick_architecture **architecture, wick_model_files *files)
{
    const char *model_type = NULL;
    int code = wick_key_text(keys, "model_type", &model_type);
    if (code == WICK_OK && !model_type)
        code = wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again", "model_type is absent");
    if (code == WICK_OK)
        code = find_architecture(model_type, keys, architecture);
    if (code == WICK_OK && wick_json_type_of(wick_json_get(keys->object, "quantization_config")) != WICK_JSON_NULL)
        code = wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "use the model's unquantised weights",
                         "quantization_config: quantised weights are not read");
    if (code == WICK_OK)
        code = (*architecture)->read_config(keys, files);
    if (code == WICK_OK)
        files->architecture = (*architecture)->model_type;
    return code;
}

int wick_model_config_parse(const char *text, size_t n, const char *where, const wick_architecture **architecture,
                            wick_model_files *files, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    const wick_keys keys = {root, where, error};
    if (code == WICK_OK)
        code = wick_model_config_read(&keys, architecture, files);
    wick_json_free(root);
    return code;
}
