/* SPDX-License-Identifier: Apache-2.0
 * pooling.c: both forms of sentence-transformers' Pooling configuration -> one mode. In: the file's bytes. Out:
 * wick_pooling. */
#include "model/pooling.h"

#include <string.h>

#include "base/error.h"

/* mode: in the new form; key: in the old one. */
static const struct {
    const char *mode, *key, *name;
    wick_pooling pooling;
} modes[] = {
    {"cls", "pooling_mode_cls_token", "cls", WICK_POOL_CLS},
    {"max", "pooling_mode_max_tokens", "max", WICK_POOL_MAX},
    {"mean", "pooling_mode_mean_tokens", "mean", WICK_POOL_MEAN},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len", WICK_POOL_MEAN_SQRT_LEN},
    {"weightedmean", "pooling_mode_weightedmean_tokens", "weightedmean", WICK_POOL_WEIGHTEDMEAN},
    {"lasttoken", "pooling_mode_lasttoken", "lasttoken", WICK_POOL_LASTTOKEN},
};

#define N_MODES (sizeof modes / sizeof *modes)

static const char mend[] = "choose a model with a single pooling mode";

const char *wick_pooling_name(wick_pooling pooling)
{
    for (size_t i = 0; i < N_MODES; i++)
        if (modes[i].pooling == pooling)
            return modes[i].name;
    return "unknown";
}

static int read_new_form(const wick_keys *keys, const wick_json *mode, wick_pooling *out)
{
    if (wick_json_type_of(mode) == WICK_JSON_ARRAY) {
        if (wick_json_count(mode) != 1)
            return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, mend,
                             "pooling_mode: %zu modes at once are not supported", wick_json_count(mode));
        mode = wick_json_at(mode, 0);
    }
    const char *name = wick_json_string(mode, NULL);
    if (!name)
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "pooling_mode is %s, expected a string", wick_json_type_name(wick_json_type_of(mode)));
    for (size_t i = 0; i < N_MODES; i++)
        if (strcmp(name, modes[i].mode) == 0) {
            *out = modes[i].pooling;
            return WICK_OK;
        }
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, mend, "pooling_mode %s is not supported",
                     wick_shown(name, shown));
}

/* No key set means mean, as sentence-transformers has it. */
static int read_old_form(const wick_keys *keys, wick_pooling *out)
{
    size_t n_set = 0;
    const char *first = NULL;
    *out = WICK_POOL_MEAN;
    for (size_t i = 0; i < N_MODES; i++) {
        bool is_set = false;
        int code = wick_key_bool(keys, modes[i].key, &is_set);
        if (code != WICK_OK)
            return code;
        if (is_set && n_set++ > 0)
            return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, mend,
                             "%s and %s: several modes at once are not supported", first, modes[i].key);
        if (is_set) {
            first = modes[i].key;
            *out = modes[i].pooling;
        }
    }
    return WICK_OK;
}

static int check_size(const wick_keys *keys, const char *key, size_t hidden_size)
{
    size_t size = hidden_size;
    int code = wick_key_size(keys, key, 1, SIZE_MAX / 2, &size);
    if (code == WICK_OK && size != hidden_size)
        code = wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "%s is %zu, but config.json's hidden_size is %zu", key, size, hidden_size);
    return code;
}

int wick_pooling_parse(const char *text, size_t n, const char *where, size_t hidden_size, wick_pooling *out,
                       bool *pools_prompt, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    wick_keys keys = {root, where, error};
    const wick_json *mode = wick_json_get(root, "pooling_mode");
    *pools_prompt = true;
    code = mode ? read_new_form(&keys, mode, out) : read_old_form(&keys, out);
    if (code == WICK_OK)
        code = check_size(&keys, "embedding_dimension", hidden_size);
    if (code == WICK_OK)
        code = check_size(&keys, "word_embedding_dimension", hidden_size);
    if (code == WICK_OK)
        code = wick_key_bool(&keys, "include_prompt", pools_prompt);
    wick_json_free(root);
    return code;
}

int wick_pooling_default_parse(const char *text, size_t n, const char *where, wick_pooling *out, wick_error *error)
{
    static const char causal[] = "ForCausalLM";
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const char *name = wick_json_string(wick_json_at(wick_json_get(root, "architectures"), 0), NULL);
    const size_t n_name = name ? strlen(name) : 0;
    const bool is_causal = n_name >= sizeof causal - 1 && strcmp(name + n_name - (sizeof causal - 1), causal) == 0 &&
                           wick_json_bool(wick_json_get(root, "is_causal"), true);
    *out = is_causal ? WICK_POOL_LASTTOKEN : WICK_POOL_MEAN;
    wick_json_free(root);
    return WICK_OK;
}
