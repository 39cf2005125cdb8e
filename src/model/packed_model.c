/* SPDX-License-Identifier: Apache-2.0
 * packed_model.c: writing and reading the description of a packed model (packed_model.h). What is read is bounded as config.json is: the file may be anybody's. */
#include "model/packed_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "model/config.h"
#include "model/opened_model.h"
#include "model/packed_head.h"
#include "model/static_embedding.h"

#define MODEL "model"
#define WORDS "words"
/* Of the description, and of config.json in it: most have 1 KB, one with 20,000 names of classes 1 MB. */
#define MAX_BYTES ((size_t)1 << 16)
#define MAX_CONFIG_BYTES ((size_t)1 << 20)

/* Sizes with their bounds; the order is that of the file. The first N_OLD_SIZES stand in old files alone, which are of BERT and do not hold config.json. */
typedef struct size_key {
    const char *key;
    size_t low, high, offset;
} size_key;

#define SIZE_AT(key, low, high, field)                                                                                 \
    {                                                                                                                  \
#key, low, high, offsetof(wick_model_files, field)                                                             \
    }
#define SIZE(key, low, high) SIZE_AT(key, low, high, key)
#define ENCODER_SIZE(key, low, high) SIZE_AT(key, low, high, encoder.key)
static const size_key sizes[] = {
    ENCODER_SIZE(n_layers, 1, WICK_MAX_LAYERS),
    ENCODER_SIZE(hidden_size, 1, WICK_MAX_HIDDEN_SIZE),
    ENCODER_SIZE(n_heads, 1, WICK_MAX_HIDDEN_SIZE),
    ENCODER_SIZE(intermediate_size, 1, WICK_MAX_INTERMEDIATE_SIZE),
    ENCODER_SIZE(vocab_size, 1, WICK_MAX_VOCAB_SIZE),
    ENCODER_SIZE(max_positions, 1, WICK_MAX_POSITIONS),
    ENCODER_SIZE(type_vocab_size, 1, WICK_MAX_TYPE_VOCAB_SIZE),
#define N_OLD_SIZES 7
    SIZE(max_tokens, 1, WICK_MAX_POSITIONS),
    SIZE(max_seq_length, 1, WICK_MAX_POSITIONS),
    SIZE(n_parameters, 1, SIZE_MAX / 2),
};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static size_t *size_of(wick_model_files *files, const size_key *key)
{
    return (size_t *)(void *)((char *)files + key->offset);
}

static const char *const dtypes[] = {"f32", "bf16", "int8"};
static const char *const sides[] = {
    [WICK_TRUNCATE_DEFAULT] = "default", [WICK_TRUNCATE_LEFT] = "left", [WICK_TRUNCATE_RIGHT] = "right"};
#define N_SIDES (sizeof sides / sizeof *sides)
#define N_DTYPES (sizeof dtypes / sizeof *dtypes)
#define N_POOLINGS ((size_t)WICK_POOL_LASTTOKEN + 1)

/* ---- writing ------------------------------------------------------------------------------------------------------- */

typedef struct text {
    char *bytes; /* [capacity] */
    size_t capacity, n;
    bool overflow;
} text;

static void say(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(t->bytes + t->n, t->capacity - t->n, format, arguments);
    va_end(arguments);
    t->overflow |= n < 0 || (size_t)n >= t->capacity - t->n;
    t->n = t->overflow ? 0 : t->n + (size_t)n;
}

/* A name is what it is called by: anything that would need escaping becomes '_'. */
static void say_name(text *t, const char *name)
{
    say(t, "\"name\":\"");
    for (size_t i = 0; name[i] && i < 512; i++)
        say(t, "%c",
            (unsigned char)name[i] < 0x20 || name[i] == '"' || name[i] == '\\' || (name[i] & 0x80) ? '_' : name[i]);
    say(t, "\"");
}

/* config: config.json as it stands, which is an object. */
static void say_all(text *t, const wick_model_files *files, const char *name, const char *dtype, const char *config)
{
    say(t, "{\"wick\":\"%s\",", WICK_VERSION);
    say_name(t, name);
    say(t, ",\"architecture\":\"%s\",\"dtype\":\"%s\"", files->architecture, dtype);
    for (size_t i = N_OLD_SIZES; i < N_SIZES; i++)
        say(t, ",\"%s\":%zu", sizes[i].key, *size_of((wick_model_files *)(uintptr_t)files, &sizes[i]));
    say(t, ",\"truncate_side\":\"%s\",\"sentence\":true,\"pooling\":\"%s\",\"has_normalize\":%s,\"dense\":[",
        sides[files->truncate_side], wick_pooling_name(files->pooling), files->has_normalize ? "true" : "false");
    for (size_t i = 0; i < files->n_dense; i++)
        say(t, "%s{\"in_features\":%zu,\"out_features\":%zu,\"activation\":\"%s\"}", i ? "," : "",
            files->dense[i].in_features, files->dense[i].out_features,
            wick_activation_names[files->dense[i].activation]);
    say(t, "],\"head\":%s,\"config\":%s}", wick_head_is_packed(files) ? "true" : "false", config);
}

/* Free *config with free(). */
static int read_config_text(const wick_model_files *files, char **config, size_t *n, wick_error *error)
{
    wick_arena arena = {0};
    if (files->static_embedding.is_wanted)
        return wick_static_config_text(files, config, n, error);
    char *path = wick_model_path(&arena, files->transformer_path, "config.json");
    const int code = path ? wick_model_file_read(path, MAX_CONFIG_BYTES, config, n, error)
                          : wick_fail_memory(error, "the packed model's description");
    wick_arena_clear(&arena);
    return code;
}

int wick_model_describe(const wick_model_files *files, const char *name, const char *dtype, wick_pack_writer *writer,
                        wick_error *error)
{
    char *config = NULL;
    size_t n = 0;
    int code = read_config_text(files, &config, &n, error);
    if (code == WICK_OK && wick_head_is_packed(files))
        code = wick_head_pack(files, dtype, writer, error);
    if (code != WICK_OK) {
        free(config);
        return code;
    }
    text t = {.bytes = malloc(MAX_BYTES + n), .capacity = MAX_BYTES + n};
    if (t.bytes)
        say_all(&t, files, name, dtype, config);
    free(config);
    if (t.bytes && !t.overflow)
        return wick_pack_give(writer, MODEL, t.bytes, t.n, error);
    free(t.bytes);
    return t.overflow ? wick_fail(error, WICK_E_INTERNAL, MODEL, NULL, "the model's description is too long")
                      : wick_fail_memory(error, "the packed model's description");
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int absent(const wick_keys *keys, const char *key)
{
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "pack the model again with `wick pack`",
                     "the packed model does not say its %s, or wrongly", key);
}

/* The key must be there. */
static int need_size(const wick_keys *keys, const size_key *key, size_t *out)
{
    *out = 0;
    const int code = wick_key_size(keys, key->key, key->low, key->high, out);
    return code != WICK_OK ? code : *out == 0 ? absent(keys, key->key) : WICK_OK;
}

/* One of names[0..n); its number to *out. A name that is not among them is of a newer Wick. */
static int need_name(const wick_keys *keys, const char *key, const char *const *names, size_t n, size_t *out)
{
    const char *found = NULL;
    char shown[WICK_SHOWN_BYTES];
    const int code = wick_key_text(keys, key, &found);
    if (code != WICK_OK || !found)
        return code != WICK_OK ? code : absent(keys, key);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], found) == 0) {
            *out = i;
            return WICK_OK;
        }
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "update Wick, or pack the model again with this one",
                     "the packed model's %s is %s, which this Wick (%s) does not know", key, wick_shown(found, shown),
                     WICK_VERSION);
}

/* Files of before there was a choice do not say it. */
static int read_side(const wick_keys *keys, wick_model_files *files)
{
    size_t side = WICK_TRUNCATE_DEFAULT;
    const int code = wick_json_get(keys->object, "truncate_side")
                         ? need_name(keys, "truncate_side", sides, N_SIDES, &side)
                         : WICK_OK;
    files->truncate_side = (uint8_t)side;
    return code;
}

static int read_pooling(const wick_keys *keys, wick_model_files *files)
{
    const char *names[N_POOLINGS];
    size_t pooling = 0;
    for (size_t i = 0; i < N_POOLINGS; i++)
        names[i] = wick_pooling_name((wick_pooling)i);
    const int code = need_name(keys, "pooling", names, N_POOLINGS, &pooling);
    files->pooling = (wick_pooling)pooling;
    return code;
}

static int read_dense(const wick_keys *keys, wick_model_files *files)
{
    static const size_key in = {"in_features", 1, WICK_MAX_INTERMEDIATE_SIZE, 0},
                          out = {"out_features", 1, WICK_MAX_INTERMEDIATE_SIZE, 0};
    const wick_json *list = wick_json_get(keys->object, "dense");
    files->dimension = files->encoder.hidden_size;
    if (wick_json_type_of(list) != WICK_JSON_ARRAY || wick_json_count(list) > WICK_MAX_DENSE)
        return absent(keys, "dense");
    files->n_dense = wick_json_count(list);
    for (size_t i = 0; i < files->n_dense; i++) {
        wick_dense *dense = &files->dense[i];
        const wick_keys own = {wick_json_at(list, i), keys->where, keys->error};
        size_t activation = 0;
        int code = need_size(&own, &in, &dense->in_features);
        if (code == WICK_OK)
            code = need_size(&own, &out, &dense->out_features);
        if (code == WICK_OK)
            code = need_name(&own, "activation", wick_activation_names, WICK_ACTIVATIONS, &activation);
        if (code == WICK_OK && dense->in_features != files->dimension)
            code = absent(&own, "in_features");
        if (code != WICK_OK)
            return code;
        dense->activation = (wick_activation)activation;
        files->dimension = dense->out_features;
    }
    return WICK_OK;
}

/* A file of before config.json was in the description: BERT, by its sizes. */
static int read_old_encoder(const wick_keys *keys, wick_model_files *files)
{
    static const char *const architectures[] = {"bert"};
    size_t architecture = 0, activation = 0;
    wick_encoder *e = &files->encoder;
    wick_encoder_set_plain(e);
    int code = need_name(keys, "architecture", architectures, 1, &architecture);
    for (size_t i = 0; i < N_OLD_SIZES && code == WICK_OK; i++)
        code = need_size(keys, &sizes[i], size_of(files, &sizes[i]));
    if (code == WICK_OK)
        code = wick_key_number(keys, "layer_norm_eps", &e->norm_eps);
    if (code == WICK_OK)
        code = need_name(keys, "activation", wick_activation_names, WICK_ACTIVATIONS, &activation);
    if (code != WICK_OK)
        return code;
    if (e->hidden_size % e->n_heads != 0)
        return absent(keys, "n_heads");
    if (!(e->norm_eps > 0 && e->norm_eps < 1))
        return absent(keys, "layer_norm_eps");
    wick_encoder_derive(e);
    e->activation = (wick_activation)activation;
    files->architecture = architectures[architecture];
    files->max_tokens = e->max_positions;
    return WICK_OK;
}

/* config.json's reader checks it as at any opening. */
static int read_encoder(const wick_keys *keys, wick_model_files *files)
{
    const wick_architecture *architecture;
    const wick_keys config = {wick_json_get(keys->object, "config"), keys->where, keys->error};
    if (!config.object)
        return read_old_encoder(keys, files);
    if (wick_json_type_of(config.object) != WICK_JSON_OBJECT)
        return absent(keys, "config");
    if (wick_static_config_is(config.object))
        return wick_static_config_read(&config, files);
    return wick_model_config_read(&config, &architecture, files);
}

/* How long texts may be: no longer than a table of positions allows. */
static int read_lengths(const wick_keys *keys, wick_model_files *files)
{
    const size_t most = files->encoder.max_positions > 0 ? files->max_tokens : WICK_MAX_POSITIONS;
    const size_t first = files->static_embedding.is_wanted ? N_SIZES - 1 : N_OLD_SIZES; /* texts without limit */
    int code = WICK_OK;
    for (size_t i = first; i < N_SIZES && code == WICK_OK; i++)
        code = need_size(keys, &sizes[i], size_of(files, &sizes[i]));
    if (code == WICK_OK && files->max_tokens > most)
        code = absent(keys, "max_tokens");
    if (code == WICK_OK && files->max_seq_length > files->max_tokens)
        code = absent(keys, "max_seq_length");
    return code;
}

static int read_keys(const wick_keys *keys, wick_model_files *files)
{
    size_t dtype = 0;
    int code = read_encoder(keys, files);
    if (code == WICK_OK)
        code = need_name(keys, "dtype", dtypes, N_DTYPES, &dtype);
    if (code == WICK_OK)
        code = read_lengths(keys, files);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "has_normalize", &files->has_normalize);
    if (code == WICK_OK)
        code = read_side(keys, files);
    if (code == WICK_OK)
        code = read_pooling(keys, files);
    files->packed_dtype = dtypes[dtype];
    if (code == WICK_OK)
        code = read_dense(keys, files);
    if (code == WICK_OK && files->static_embedding.is_wanted && (dtype != 0 || files->n_dense > 0))
        code = absent(keys, dtype != 0 ? "dtype" : "dense");
    return code;
}

/* In f32 the word embeddings are read where they lie, as in a folder. */
static int find_words(const wick_pack *pack, wick_model_files *files, wick_error *error)
{
    size_t n_bytes, wanted;
    if (strcmp(files->packed_dtype, "f32") != 0)
        return WICK_OK;
    const uint8_t *data = wick_pack_find(pack, WORDS, &n_bytes);
    if (!data || !wick_mul_size(files->encoder.vocab_size, files->encoder.hidden_size, &wanted) ||
        !wick_mul_size(wanted, sizeof(float), &wanted) || wanted != n_bytes)
        return wick_pack_fail(pack, WORDS, "is not as large as the model says", error);
    files->word_embeddings = (wick_tensor){.name = WORDS,
                                           .dtype = WICK_DTYPE_F32,
                                           .dtype_name = "F32",
                                           .n_dims = 2,
                                           .shape = {files->encoder.vocab_size, files->encoder.hidden_size},
                                           .data = data,
                                           .size_bytes = n_bytes};
    return WICK_OK;
}

int wick_model_files_unpack(const wick_pack *pack, wick_model_files **out, wick_error *error)
{
    const void *json;
    size_t n;
    wick_json *root = NULL;
    wick_model_files *files = NULL;
    int code = wick_pack_take(pack, MODEL, &json, &n, error);
    if (code == WICK_OK && n > MAX_BYTES + MAX_CONFIG_BYTES)
        code = wick_pack_fail(pack, MODEL, "is too long", error);
    if (code == WICK_OK)
        code = wick_bounded_json_parse(json, n, wick_pack_where(pack), WICK_JSON_OBJECT, &root, error);
    if (code == WICK_E_CORRUPT && !root) /* whatever is wrong with it, the file is */
        code = wick_pack_fail(pack, MODEL, "is damaged", error);
    if (code == WICK_OK)
        code = wick_model_files_new(wick_pack_where(pack), &files, error);
    if (code == WICK_OK) {
        const wick_keys keys = {root, wick_pack_where(pack), error};
        code = read_keys(&keys, files);
        files->pack = pack;
        files->transformer_path = files->path;
        files->weights_identity = wick_pack_identity(pack);
    }
    if (code == WICK_OK &&
        wick_json_bool(wick_json_get(root, "sentence"), false)) /* else a file of before there were any */
        code = wick_sentence_settings_unpack(pack, wick_model_files_arena(files), &files->sentence, error);
    if (code == WICK_OK)
        code = find_words(pack, files, error);
    if (code == WICK_OK && wick_json_bool(wick_json_get(root, "head"), false)) {
        const wick_keys config = {wick_json_get(root, "config"), wick_pack_where(pack), error};
        code = wick_head_unpack(pack, &config, wick_model_files_arena(files), files, error);
    }
    wick_json_free(root);
    if (code == WICK_OK)
        *out = files;
    else
        wick_model_files_close(files);
    return code;
}
