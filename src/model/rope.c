/* SPDX-License-Identifier: Apache-2.0
 * rope.c: rope_parameters, rope_scaling and the keys before them (rope.h). */
#include "model/rope.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define LARGEST_THETA 1e12 /* the largest seen is 10^7 */

/* One base, as it is found under one name after another. */
typedef struct theta {
    double value;
    const char *from; /* NULL: not said yet */
} theta;

static int add_theta(const wick_keys *keys, const char *key, const char *from, theta *t)
{
    double value = 0;
    if (wick_json_type_of(wick_json_get(keys->object, key)) == WICK_JSON_NULL)
        return WICK_OK;
    const int code = wick_family_number(keys, key, LARGEST_THETA, 0, &value);
    if (code != WICK_OK)
        return code;
    if (t->from && t->value != value)
        return wick_family_corrupt(keys, "%s is %g, but %s, which means the same, is %g", from, value, t->from,
                                   t->value);
    *t = (theta){value, from};
    return WICK_OK;
}

/* rope_type, in older files type. */
static int check_type(const wick_keys *keys)
{
    static const wick_setting settings[] = {
        WICK_MUST_BE_TEXT("rope_type", "default"),
        WICK_MUST_BE_TEXT("type", "default"),
        WICK_MUST_BE_NUMBER("partial_rotary_factor", 1),
    };
    return wick_family_settings(keys, settings, COUNT_OF(settings));
}

/* The object under key, or nothing: *inner.object is NULL then. */
static int open_object(const wick_keys *keys, const char *key, wick_keys *inner)
{
    const wick_json *value = wick_json_get(keys->object, key);
    *inner = (wick_keys){value, keys->where, keys->error};
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        inner->object = NULL;
    else if (wick_json_type_of(value) != WICK_JSON_OBJECT)
        return wick_family_corrupt(keys, "%s is %s, expected an object", key,
                                   wick_json_type_name(wick_json_type_of(value)));
    return WICK_OK;
}

static int read_object(const wick_keys *keys, const char *key, const char *from, theta *t)
{
    wick_keys inner;
    int code = open_object(keys, key, &inner);
    if (code != WICK_OK || !inner.object)
        return code;
    code = check_type(&inner);
    return code == WICK_OK ? add_theta(&inner, "rope_theta", from, t) : code;
}

/* Where layers of two kinds are not the family's, or must be. */
static int check_nesting(const wick_keys *keys, bool is_by_layer)
{
    static const wick_setting flat[] = {WICK_MUST_BE_ABSENT("full_attention"),
                                        WICK_MUST_BE_ABSENT("sliding_attention")};
    static const wick_setting by_layer[] = {WICK_MUST_BE_ABSENT("rope_theta"), WICK_MUST_BE_ABSENT("rope_type")};
    wick_keys inner;
    const int code = open_object(keys, "rope_parameters", &inner);
    if (code != WICK_OK || !inner.object)
        return code;
    return wick_family_settings(&inner, is_by_layer ? by_layer : flat, 2);
}

static int check_top(const wick_keys *keys)
{
    static const wick_setting settings[] = {WICK_MUST_BE_NUMBER("partial_rotary_factor", 1)};
    return wick_family_settings(keys, settings, COUNT_OF(settings));
}

int wick_rope_read(const wick_keys *keys, const char *old_key, double otherwise, wick_encoder *encoder)
{
    theta t = {otherwise, NULL};
    encoder->position = WICK_POSITION_ROTARY;
    int code = check_top(keys);
    if (code == WICK_OK)
        code = check_nesting(keys, false);
    if (code == WICK_OK)
        code = read_object(keys, "rope_parameters", "rope_parameters.rope_theta", &t);
    if (code == WICK_OK)
        code = read_object(keys, "rope_scaling", "rope_scaling.rope_theta", &t);
    if (code == WICK_OK)
        code = add_theta(keys, old_key, old_key, &t);
    encoder->rope_theta = encoder->rope_theta_local = t.value;
    return code;
}

/* rope_scaling as the files of model_type "new" have it: {"type": "ntk", "factor": 8.0}. *is_ntk false: it is of another type, or not there. */
static int read_ntk(const wick_keys *keys, bool *is_ntk, double *factor)
{
    static const wick_setting settings[] = {WICK_MUST_BE_ABSENT("mixed_b"), WICK_MUST_BE_ABSENT("rope_theta")};
    wick_keys inner;
    const char *type = "";
    int code = open_object(keys, "rope_scaling", &inner);
    *is_ntk = false;
    if (code != WICK_OK || !inner.object)
        return code;
    code = wick_key_text(&inner, "type", &type);
    if (code != WICK_OK || strcmp(type, "ntk") != 0)
        return code;
    *is_ntk = true;
    code = wick_family_number(&inner, "factor", 1e6, 1, factor);
    if (code == WICK_OK && *factor < 1)
        return wick_family_corrupt(keys, "factor is %g, expected at least 1", *factor);
    return code == WICK_OK ? wick_family_settings(&inner, settings, COUNT_OF(settings)) : code;
}

int wick_rope_read_ntk(const wick_keys *keys, double otherwise, wick_encoder *encoder, double *factor)
{
    theta t = {otherwise, NULL};
    bool is_ntk;
    *factor = 1;
    int code = read_ntk(keys, &is_ntk, factor);
    if (code != WICK_OK || !is_ntk)
        return code != WICK_OK ? code : wick_rope_read(keys, "rope_theta", otherwise, encoder);
    encoder->position = WICK_POSITION_ROTARY;
    code = add_theta(keys, "rope_theta", "rope_theta", &t);
    encoder->rope_theta = encoder->rope_theta_local = t.value;
    return code;
}

void wick_rope_stretch(wick_encoder *encoder, double factor)
{
    encoder->rope_theta *= factor;
    encoder->rope_theta_local = encoder->rope_theta;
    encoder->rope_divisor = pow(factor, 2.0 / (double)encoder->head_dim);
}

int wick_rope_read_by_layer(const wick_keys *keys, const wick_rope_names *names, wick_encoder *encoder)
{
    theta full = {names->full_otherwise, NULL}, local = {names->local_otherwise, NULL};
    wick_keys inner = {NULL, keys->where, keys->error};
    encoder->position = WICK_POSITION_ROTARY;
    int code = check_top(keys);
    if (code == WICK_OK)
        code = check_nesting(keys, true);
    if (code == WICK_OK)
        code = open_object(keys, "rope_parameters", &inner);
    if (code == WICK_OK)
        code = read_object(&inner, "full_attention", "rope_parameters.full_attention.rope_theta", &full);
    if (code == WICK_OK)
        code = read_object(&inner, "sliding_attention", "rope_parameters.sliding_attention.rope_theta", &local);
    if (code == WICK_OK)
        code = read_object(keys, "rope_scaling", "rope_scaling.rope_theta", &full);
    if (code == WICK_OK)
        code = add_theta(keys, names->full_key, names->full_key, &full);
    if (code == WICK_OK)
        code = add_theta(keys, names->local_key, names->local_key, &local);
    encoder->rope_theta = full.value;
    encoder->rope_theta_local = local.value;
    return code;
}
