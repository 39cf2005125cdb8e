/* SPDX-License-Identifier: Apache-2.0
 * family.h: what the readers of config.json share (bert.c and its like): sizes with bounds and defaults, settings that must have one value, activation, epsilon, kinds of
 * layers. Each error names file, key, value and what is supported. Keys are read as the configuration classes of transformers 5 read them. */
#ifndef WICK_MODEL_FAMILY_H
#define WICK_MODEL_FAMILY_H
#include "model/architecture.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* One size of wick_encoder. */
typedef struct wick_size_key {
    const char *key, *old_key; /* old_key: what older files call it; NULL: nothing else */
    size_t low, high;
    size_t otherwise; /* where the file does not say: the configuration class's default */
    bool may_be_null; /* null is then 0, which wick_encoder_derive fills */
    size_t field;     /* offset in wick_encoder */
} wick_size_key;

#define WICK_SIZE_KEY(key, low, high, otherwise, field)                                                                \
    {                                                                                                                  \
        key, NULL, low, high, otherwise, false, offsetof(wick_encoder, field)                                          \
    }
#define WICK_SIZE_KEY_OR_NULL(key, low, high, otherwise, field)                                                        \
    {                                                                                                                  \
        key, NULL, low, high, otherwise, true, offsetof(wick_encoder, field)                                           \
    }
#define WICK_SIZE_KEY_OLD(key, old_key, low, high, otherwise, field)                                                   \
    {                                                                                                                  \
        key, old_key, low, high, otherwise, false, offsetof(wick_encoder, field)                                       \
    }

/* Two keys for one thing that say different sizes are WICK_E_CORRUPT. */
int wick_family_sizes(const wick_keys *keys, const wick_size_key *list, size_t n, wick_encoder *encoder);

/* A setting that may be absent, null, or this one value; any other would change the vectors. */
typedef struct wick_setting {
    const char *key;
    wick_json_type type; /* bool, string, real, or null: no value at all */
    bool flag;
    const char *text;
    double number;
} wick_setting;

#define WICK_MUST_BE_FALSE(key)                                                                                        \
    {                                                                                                                  \
        key, WICK_JSON_BOOL, false, NULL, 0                                                                            \
    }
#define WICK_MUST_BE_TRUE(key)                                                                                         \
    {                                                                                                                  \
        key, WICK_JSON_BOOL, true, NULL, 0                                                                             \
    }
#define WICK_MUST_BE_TEXT(key, text)                                                                                   \
    {                                                                                                                  \
        key, WICK_JSON_STRING, false, text, 0                                                                          \
    }
#define WICK_MUST_BE_NUMBER(key, number)                                                                               \
    {                                                                                                                  \
        key, WICK_JSON_REAL, false, NULL, number                                                                       \
    }
#define WICK_MUST_BE_ABSENT(key)                                                                                       \
    {                                                                                                                  \
        key, WICK_JSON_NULL, false, NULL, 0                                                                            \
    }

int wick_family_settings(const wick_keys *keys, const wick_setting *list, size_t n);

/* WICK_E_UNSUPPORTED: "KEY VALUE is not supported, only: SUPPORTED". */
int wick_family_unsupported(const wick_keys *keys, const char *key, const char *value, const char *supported);
/* WICK_E_CORRUPT: "KEY ..." */
int wick_family_corrupt(const wick_keys *keys, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Absent or null: otherwise. */
int wick_family_activation(const wick_keys *keys, const char *key, wick_activation otherwise, wick_activation *out);
int wick_family_eps(const wick_keys *keys, const char *key, double otherwise, double *out);
/* A number, or null or absent: otherwise; above 0 and at most high. */
int wick_family_number(const wick_keys *keys, const char *key, double high, double otherwise, double *out);
/* null or absent leaves *out alone and says is_said false. */
int wick_family_size(const wick_keys *keys, const char *key, size_t low, size_t high, size_t *out, bool *is_said);

/* layer_types, a list of "full_attention" and "sliding_attention", one a layer, fills has_window. *is_said false: there is none. */
int wick_family_layer_types(const wick_keys *keys, wick_encoder *encoder, bool *is_said);

/* Learned positions that begin behind the row padding_id: fills padding_id, position_first and max_tokens. */
int wick_family_padding(const wick_keys *keys, size_t padding_id, wick_model_files *files);

/* No table of positions: max_position_embeddings, read into max_positions, only says how long texts may be. */
void wick_family_no_table(wick_model_files *files);

/* Derives what is left (wick_encoder_derive) and checks what sizes must be to each other. Heads that share hidden_size must divide it; rotated heads are of even width. */
int wick_family_finish(const wick_keys *keys, wick_encoder *encoder);

#endif
