/* SPDX-License-Identifier: Apache-2.0
 * family.c: typed reading of config.json's keys for all families (family.h). */
#include "model/family.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/config.h"

static const char mend_setting[] = "choose a model without this setting";
static const char mend_file[] = "download the model again";

int wick_family_unsupported(const wick_keys *keys, const char *key, const char *value, const char *supported)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, mend_setting, "%s %s is not supported, only: %s",
                     key, wick_shown(value, shown), supported);
}

int wick_family_corrupt(const wick_keys *keys, const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, mend_file, "%s", message);
}

static bool is_null(const wick_keys *keys, const char *key)
{
    return wick_json_type_of(wick_json_get(keys->object, key)) == WICK_JSON_NULL;
}

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

int wick_family_size(const wick_keys *keys, const char *key, size_t low, size_t high, size_t *out, bool *is_said)
{
    *is_said = !is_null(keys, key);
    return *is_said ? wick_key_size(keys, key, low, high, out) : WICK_OK;
}

static int read_size(const wick_keys *keys, const wick_size_key *size, size_t *out)
{
    const wick_json *value = wick_json_get(keys->object, size->key);
    if (value && size->may_be_null && wick_json_type_of(value) == WICK_JSON_NULL) {
        *out = 0;
        return WICK_OK;
    }
    *out = size->otherwise;
    int code = wick_key_size(keys, size->key, size->low, size->high, out);
    if (code != WICK_OK || !size->old_key || is_null(keys, size->old_key))
        return code;
    size_t older = 0;
    code = wick_key_size(keys, size->old_key, size->low, size->high, &older);
    if (code == WICK_OK && value && older != *out)
        return wick_family_corrupt(keys, "%s is %zu, but %s, which means the same, is %zu", size->key, *out,
                                   size->old_key, older);
    *out = older;
    return code;
}

int wick_family_sizes(const wick_keys *keys, const wick_size_key *list, size_t n, wick_encoder *encoder)
{
    int code = WICK_OK;
    for (size_t i = 0; i < n && code == WICK_OK; i++)
        code = read_size(keys, &list[i], (size_t *)(void *)((char *)encoder + list[i].field));
    return code;
}

int wick_family_finish(const wick_keys *keys, wick_encoder *e)
{
    if (e->head_dim == 0 && e->hidden_size % e->n_heads != 0)
        return wick_family_corrupt(keys, "hidden_size %zu is no multiple of num_attention_heads %zu", e->hidden_size,
                                   e->n_heads);
    wick_encoder_derive(e);
    if (e->n_heads % e->n_kv_heads != 0)
        return wick_family_corrupt(keys, "num_attention_heads %zu is no multiple of num_key_value_heads %zu",
                                   e->n_heads, e->n_kv_heads);
    if (wick_encoder_query_width(e) > WICK_MAX_QUERY_WIDTH)
        return wick_family_corrupt(keys, "num_attention_heads %zu times head_dim %zu is more than %d", e->n_heads,
                                   e->head_dim, WICK_MAX_QUERY_WIDTH);
    if (e->position == WICK_POSITION_ROTARY && e->head_dim % 2 != 0)
        return wick_family_corrupt(keys,
                                   "head_dim %zu (hidden_size / num_attention_heads) is odd, rotary positions "
                                   "need pairs",
                                   e->head_dim);
    return WICK_OK;
}

int wick_family_padding(const wick_keys *keys, size_t padding_id, wick_model_files *files)
{
    wick_encoder *e = &files->encoder;
    if (padding_id >= e->vocab_size)
        return wick_family_corrupt(keys, "pad_token_id is %zu, but vocab_size is %zu", padding_id, e->vocab_size);
    if (e->max_positions < padding_id + 2)
        return wick_family_corrupt(keys,
                                   "max_position_embeddings is %zu, which leaves no position behind pad_token_id %zu",
                                   e->max_positions, padding_id);
    e->padding_id = (long)padding_id;
    e->position_first = padding_id + 1;
    files->max_tokens = e->max_positions - e->position_first;
    return WICK_OK;
}

void wick_family_no_table(wick_model_files *files)
{
    files->max_tokens = files->encoder.max_positions;
    files->encoder.max_positions = 0;
}

/* ---- settings ------------------------------------------------------------------------------------------------------ */

static int check_flag(const wick_keys *keys, const wick_setting *setting)
{
    bool flag = setting->flag;
    const int code = wick_key_bool(keys, setting->key, &flag);
    if (code != WICK_OK || flag == setting->flag)
        return code;
    return wick_family_unsupported(keys, setting->key, flag ? "true" : "false", flag ? "false" : "true");
}

static int check_text(const wick_keys *keys, const wick_setting *setting)
{
    const char *text = setting->text;
    const int code = wick_key_text(keys, setting->key, &text);
    return code != WICK_OK || strcmp(text, setting->text) == 0
               ? code
               : wick_family_unsupported(keys, setting->key, text, setting->text);
}

static int check_number(const wick_keys *keys, const wick_setting *setting)
{
    double number = setting->number;
    char found[32], expected[32];
    const int code = is_null(keys, setting->key) ? WICK_OK : wick_key_number(keys, setting->key, &number);
    if (code != WICK_OK || number == setting->number)
        return code;
    snprintf(found, sizeof found, "%g", number);
    snprintf(expected, sizeof expected, "%g", setting->number);
    return wick_family_unsupported(keys, setting->key, found, expected);
}

static int check_absent(const wick_keys *keys, const wick_setting *setting)
{
    const wick_json *value = wick_json_get(keys->object, setting->key);
    double number;
    char shown[32] = "(a value)";
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    if (wick_json_number(value, &number))
        snprintf(shown, sizeof shown, "%g", number);
    const char *text = wick_json_string(value, NULL);
    return wick_family_unsupported(keys, setting->key, text ? text : shown, "null");
}

int wick_family_settings(const wick_keys *keys, const wick_setting *list, size_t n)
{
    int code = WICK_OK;
    for (size_t i = 0; i < n && code == WICK_OK; i++)
        code = list[i].type == WICK_JSON_BOOL     ? check_flag(keys, &list[i])
               : list[i].type == WICK_JSON_STRING ? check_text(keys, &list[i])
               : list[i].type == WICK_JSON_REAL   ? check_number(keys, &list[i])
                                                  : check_absent(keys, &list[i]);
    return code;
}

int wick_family_activation(const wick_keys *keys, const char *key, wick_activation otherwise, wick_activation *out)
{
    const char *name = NULL;
    const int code = wick_key_text(keys, key, &name);
    *out = otherwise;
    if (code != WICK_OK || !name || wick_activation_of_name(name, out))
        return code;
    return wick_family_unsupported(keys, key, name, "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh");
}

int wick_family_number(const wick_keys *keys, const char *key, double high, double otherwise, double *out)
{
    *out = otherwise;
    const int code = is_null(keys, key) ? WICK_OK : wick_key_number(keys, key, out);
    if (code == WICK_OK && !(*out > 0 && *out <= high))
        return wick_family_corrupt(keys, "%s is %g, expected above 0 and at most %g", key, *out, high);
    return code;
}

int wick_family_eps(const wick_keys *keys, const char *key, double otherwise, double *out)
{
    *out = otherwise;
    const int code = wick_key_number(keys, key, out);
    if (code == WICK_OK && !(*out > 0 && *out < 1))
        return wick_family_corrupt(keys, "%s is %g, expected above 0 and below 1", key, *out);
    return code;
}

/* ---- kinds of layers ----------------------------------------------------------------------------------------------- */

static int read_layer_type(const wick_keys *keys, const wick_json *value, size_t layer, bool *has_window)
{
    const char *type = wick_json_string(value, NULL);
    char key[48];
    snprintf(key, sizeof key, "layer_types of layer %zu", layer);
    if (!type)
        return wick_family_corrupt(keys, "%s is %s, expected a string", key,
                                   wick_json_type_name(wick_json_type_of(value)));
    *has_window = strcmp(type, "sliding_attention") == 0;
    if (!*has_window && strcmp(type, "full_attention") != 0)
        return wick_family_unsupported(keys, key, type, "full_attention, sliding_attention");
    return WICK_OK;
}

int wick_family_layer_types(const wick_keys *keys, wick_encoder *encoder, bool *is_said)
{
    const wick_json *list = wick_json_get(keys->object, "layer_types");
    *is_said = wick_json_type_of(list) != WICK_JSON_NULL;
    if (!*is_said)
        return WICK_OK;
    if (wick_json_type_of(list) != WICK_JSON_ARRAY)
        return wick_family_corrupt(keys, "layer_types is %s, expected an array",
                                   wick_json_type_name(wick_json_type_of(list)));
    if (wick_json_count(list) != encoder->n_layers)
        return wick_family_corrupt(keys, "layer_types has %zu entries, but there are %zu layers", wick_json_count(list),
                                   encoder->n_layers);
    int code = WICK_OK;
    for (size_t i = 0; i < encoder->n_layers && code == WICK_OK; i++)
        code = read_layer_type(keys, wick_json_at(list, i), i, &encoder->has_window[i]);
    return code;
}
