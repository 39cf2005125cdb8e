/* SPDX-License-Identifier: Apache-2.0
 * static_embedding.c: StaticEmbedding's tensors (static_embedding.h). Model2Vec keeps a row for many tokens once: mapping [vocabulary] says which row is a token's, and weights
 * [vocabulary] what it is multiplied by. */
#include "model/static_embedding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/architecture.h"

#define MODEL_TYPE "static"
static const char mend_download[] = "download the model again";

/* ---- whole numbers and f64, which are no weights elsewhere ---- */

static const struct {
    const char *name; /* as safetensors spells it */
    size_t n_bytes;
    bool is_signed;
} integers[] = {{"I8", 1, true},  {"U8", 1, false},  {"I16", 2, true}, {"U16", 2, false},
                {"I32", 4, true}, {"U32", 4, false}, {"I64", 8, true}, {"U64", 8, false}};
#define N_INTEGERS (sizeof integers / sizeof *integers)

/* Value i of a little-endian tensor of type `type`; negative ones and those beyond 2^63 are SIZE_MAX. */
static size_t integer_at(const wick_tensor *tensor, size_t type, size_t i)
{
    const uint8_t *bytes = tensor->data + i * integers[type].n_bytes;
    uint64_t value = 0;
    for (size_t b = integers[type].n_bytes; b-- > 0;)
        value = value << 8 | bytes[b];
    const bool is_negative = integers[type].is_signed && bytes[integers[type].n_bytes - 1] & 0x80;
    return is_negative || value > SIZE_MAX / 2 ? SIZE_MAX : (size_t)value;
}

static double double_at(const wick_tensor *tensor, size_t i)
{
    uint64_t bits = 0;
    double value;
    for (size_t b = sizeof bits; b-- > 0;)
        bits = bits << 8 | tensor->data[i * sizeof bits + b];
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- tensors ---- */

static int wrong(const wick_weight *weight, const char *what, wick_error *error)
{
    return wick_fail(error, WICK_E_CORRUPT, weight->file, mend_download, "tensor %s %s", weight->tensor->name, what);
}

static int read_mapping(const wick_weight *weight, size_t n_rows, wick_arena *arena, wick_model_files *files,
                        wick_error *error)
{
    const wick_tensor *tensor = weight->tensor;
    size_t type = 0;
    while (type < N_INTEGERS && strcmp(integers[type].name, tensor->dtype_name) != 0)
        type++;
    if (type == N_INTEGERS)
        return wick_fail(error, WICK_E_UNSUPPORTED, weight->file, "choose a model whose mapping holds whole numbers",
                         "tensor mapping: dtype %s, expected whole numbers", tensor->dtype_name);
    if (tensor->n_dims != 1 || tensor->shape[0] == 0 || tensor->shape[0] > WICK_MAX_VOCAB_SIZE)
        return wrong(weight, "is no list of rows, one a token", error);
    files->encoder.vocab_size = tensor->shape[0];
    uint32_t *rows = wick_arena_take(arena, tensor->shape[0], sizeof *rows);
    if (!rows)
        return wick_fail_memory(error, weight->file);
    for (size_t i = 0; i < tensor->shape[0]; i++) {
        const size_t row = integer_at(tensor, type, i);
        if (row >= n_rows)
            return wrong(weight, "names a row that embeddings has not", error);
        rows[i] = (uint32_t)row;
    }
    files->static_embedding.rows = rows;
    return WICK_OK;
}

static int read_weights(const wick_weight *weight, wick_arena *arena, wick_model_files *files, wick_error *error)
{
    const wick_tensor *tensor = weight->tensor;
    const size_t n = files->encoder.vocab_size;
    const bool is_f64 = strcmp(tensor->dtype_name, "F64") == 0;
    if (!is_f64 && tensor->dtype == WICK_DTYPE_OTHER)
        return wick_fail(error, WICK_E_UNSUPPORTED, weight->file, "convert the weights to F32",
                         "tensor weights: dtype %s, expected F64, F32, F16 or BF16", tensor->dtype_name);
    if (tensor->n_dims != 1 || tensor->shape[0] != n)
        return wrong(weight, "is no list of factors, one a token", error);
    double *factors = wick_arena_take(arena, n, sizeof *factors);
    if (!factors)
        return wick_fail_memory(error, weight->file);
    for (size_t i = 0; i < n; i++) {
        float narrow = 0;
        if (!is_f64)
            wick_tensor_to_f32(tensor, i, 1, &narrow);
        factors[i] = is_f64 ? double_at(tensor, i) : (double)narrow;
    }
    files->static_embedding.factors = factors;
    files->n_parameters += n;
    return WICK_OK;
}

/* Fills all sizes that come from the matrix. */
static void set_sizes(wick_model_files *files, size_t n_tokens, size_t dimension)
{
    files->architecture = MODEL_TYPE;
    files->static_embedding.is_wanted = true;
    files->encoder.vocab_size = n_tokens;
    files->encoder.hidden_size = dimension;
    files->encoder.position = WICK_POSITION_NONE;
    files->pooling = WICK_POOL_MEAN;
    files->max_tokens = files->max_seq_length = 0; /* no limit */
}

int wick_static_bind(const wick_weights *weights, wick_arena *arena, wick_model_files *files, wick_error *error)
{
    const char *name = wick_weights_find(weights, "embedding.weight") ? "embedding.weight" : "embeddings";
    const bool is_model2vec = name[9] == 's';
    const wick_weight *words = wick_weights_find(weights, name);
    if (!words)
        return wick_fail(error, WICK_E_CORRUPT, weights->origin, mend_download,
                         "tensor embedding.weight is missing, and so is embeddings");
    const wick_tensor *tensor = words->tensor;
    if (tensor->n_dims != 2 || tensor->shape[0] == 0 || tensor->shape[0] > WICK_MAX_VOCAB_SIZE ||
        tensor->shape[1] == 0 || tensor->shape[1] > WICK_MAX_HIDDEN_SIZE)
        return wrong(words, "is no matrix of rows", error);
    int code = wick_weights_take(weights, name, 2, tensor->shape, &files->word_embeddings, error);
    if (code != WICK_OK)
        return code;
    set_sizes(files, tensor->shape[0], tensor->shape[1]);
    files->n_parameters = tensor->shape[0] * tensor->shape[1];
    const wick_weight *mapping = is_model2vec ? wick_weights_find(weights, "mapping") : NULL;
    const wick_weight *factors = is_model2vec ? wick_weights_find(weights, "weights") : NULL;
    if (mapping)
        code = read_mapping(mapping, tensor->shape[0], arena, files, error);
    if (code == WICK_OK && factors)
        code = read_weights(factors, arena, files, error);
    return code;
}

/* ---- packed files ---- */

int wick_static_config_text(const wick_model_files *files, char **text, size_t *n, wick_error *error)
{
    const size_t capacity = 128;
    *text = malloc(capacity);
    if (!*text)
        return wick_fail_memory(error, "the packed model's description");
    *n = (size_t)snprintf(*text, capacity, "{\"model_type\":\"" MODEL_TYPE "\",\"vocab_size\":%zu,\"hidden_size\":%zu}",
                          files->encoder.vocab_size, files->encoder.hidden_size);
    return WICK_OK;
}

bool wick_static_config_is(const wick_json *config)
{
    const char *type = wick_json_string(wick_json_get(config, "model_type"), NULL);
    return type && strcmp(type, MODEL_TYPE) == 0;
}

int wick_static_config_read(const wick_keys *config, wick_model_files *files)
{
    size_t n_tokens = 0, dimension = 0;
    int code = wick_key_size(config, "vocab_size", 1, WICK_MAX_VOCAB_SIZE, &n_tokens);
    if (code == WICK_OK)
        code = wick_key_size(config, "hidden_size", 1, WICK_MAX_HIDDEN_SIZE, &dimension);
    if (code == WICK_OK && (n_tokens == 0 || dimension == 0))
        code = wick_fail(config->error, WICK_E_CORRUPT, config->where, "pack the model again with `wick pack`",
                         "the packed model does not say its sizes");
    if (code == WICK_OK)
        set_sizes(files, n_tokens, dimension);
    return code;
}
