/* SPDX-License-Identifier: Apache-2.0
 * shards.c: model.safetensors, else the shards of model.safetensors.index.json, as one table sorted by name. The
 * index is hostile: it may name files outside the folder, tensors that are not there, and one shard a thousand
 * times. */
#include "model/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/json_keys.h"

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define SHARD_SUFFIX ".safetensors"

static const char mend_download[] = "download the model again";

int wick_shard_name_check(const char *name, const char *where, wick_error *error)
{
    size_t n = strlen(name), n_suffix = strlen(SHARD_SUFFIX);
    bool ends_well = n > n_suffix && strcmp(name + n - n_suffix, SHARD_SUFFIX) == 0;
    if (ends_well && n <= 255 && !strchr(name, '/') && !strstr(name, ".."))
        return WICK_OK;
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(error, WICK_E_CORRUPT, where, mend_download,
                     "weight_map: %s is no shard's name (a file in the same folder that ends in " SHARD_SUFFIX ")",
                     wick_shown(name, shown));
}

static int compare_weights(const void *left, const void *right)
{
    return strcmp(((const wick_weight *)left)->tensor->name, ((const wick_weight *)right)->tensor->name);
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int open_single(const char *path, wick_arena *arena, wick_weights *out, wick_error *error)
{
    out->origin = path;
    out->files = wick_arena_take(arena, 1, sizeof *out->files);
    if (!out->files)
        return wick_fail_memory(error, path);
    int code = wick_safetensors_open(path, arena, &out->files[0], error);
    if (code != WICK_OK)
        return code;
    out->n_files = 1;
    size_t n = out->files[0].n_tensors;
    wick_weight *by_name = wick_arena_take(arena, n, sizeof *by_name);
    if (!by_name)
        return wick_fail_memory(error, path);
    for (size_t i = 0; i < n; i++)
        by_name[i] = (wick_weight){&out->files[0].tensors[i], path}; /* sorted already */
    out->by_name = by_name;
    out->n_weights = n;
    return WICK_OK;
}

/* The shards' names, checked, sorted and each once, in names[0..*n_names). names has room for every entry of map. */
static int collect_shard_names(const wick_json *map, const char *where, const char **names, size_t *n_names,
                               wick_error *error)
{
    size_t n = 0;
    char shown[WICK_SHOWN_BYTES];
    for (const wick_json_member *it = wick_json_first(map); it; it = wick_json_next(map, it)) {
        size_t n_bytes;
        const char *shard = wick_json_string(wick_json_value(it), &n_bytes);
        if (!shard || strlen(shard) != n_bytes)
            return wick_fail(error, WICK_E_CORRUPT, where, mend_download,
                             "weight_map: the shard of %s is not a file name",
                             wick_shown(wick_json_key(it, NULL), shown));
        names[n++] = shard;
    }
    qsort(names, n, sizeof *names, compare_texts);
    *n_names = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) {
            int code = wick_shard_name_check(names[i], where, error);
            if (code != WICK_OK)
                return code;
            const char *name = names[i];
            names[(*n_names)++] = name;
        }
    if (*n_names > WICK_MAX_SHARDS)
        return wick_fail(error, WICK_E_CORRUPT, where, mend_download,
                         "weight_map names %zu shards, at most %d are read", *n_names, WICK_MAX_SHARDS);
    return WICK_OK;
}

static int open_shards(const char *folder, const char *const *names, size_t n_names, wick_arena *arena,
                       wick_weights *out, wick_error *error)
{
    out->files = wick_arena_take(arena, n_names, sizeof *out->files);
    if (!out->files)
        return wick_fail_memory(error, folder);
    size_t n_header_bytes = 0;
    for (size_t i = 0; i < n_names; i++) {
        char *path = wick_model_path(arena, folder, names[i]);
        if (!path)
            return wick_fail_memory(error, folder);
        if (!wick_model_path_exists(path))
            return wick_fail(error, WICK_E_IO, path, mend_download,
                             "the shard is not there, though " INDEX_NAME " lists it");
        int code = wick_safetensors_open(path, arena, &out->files[i], error);
        if (code != WICK_OK)
            return code;
        out->n_files++;
        n_header_bytes += out->files[i].header_bytes; /* a thousand of 8 MB at the most */
        if (n_header_bytes > WICK_MAX_HEADER_BYTES)
            return wick_fail(error, WICK_E_UNSUPPORTED, path, "choose a model with fewer tensors",
                             "the shards' headers have %zu bytes so far, at most %zu are read", n_header_bytes,
                             WICK_MAX_HEADER_BYTES);
    }
    return WICK_OK;
}

/* Every entry of weight_map, looked up in its shard. */
static int index_weights(const wick_json *map, const char *const *names, wick_arena *arena, wick_weights *out,
                         wick_error *error)
{
    wick_weight *by_name = wick_arena_take(arena, wick_json_count(map), sizeof *by_name);
    if (!by_name)
        return wick_fail_memory(error, out->origin);
    size_t n = 0;
    for (const wick_json_member *it = wick_json_first(map); it; it = wick_json_next(map, it)) {
        const char *name = wick_json_key(it, NULL);
        const char *shard = wick_json_string(wick_json_value(it), NULL);
        const char *const *found = bsearch(&shard, names, out->n_files, sizeof *names, compare_texts);
        const wick_safetensors *file = &out->files[found - names]; /* names holds every shard of map */
        const wick_tensor *tensor = wick_safetensors_find(file, name);
        char shown[WICK_SHOWN_BYTES], shown_shard[WICK_SHOWN_BYTES];
        if (!tensor)
            return wick_fail(error, WICK_E_CORRUPT, out->origin, mend_download,
                             "tensor %s is listed in shard %s but not there", wick_shown(name, shown),
                             wick_shown(shard, shown_shard));
        by_name[n++] = (wick_weight){tensor, file->path};
    }
    qsort(by_name, n, sizeof *by_name, compare_weights);
    out->by_name = by_name;
    out->n_weights = n;
    return WICK_OK;
}

static int open_index(const char *folder, const char *path, wick_arena *arena, wick_weights *out, wick_error *error)
{
    out->origin = path;
    char *text = NULL;
    size_t n = 0, n_names = 0;
    wick_json *root = NULL;
    const char **names = NULL;
    const wick_json *map;
    int code = wick_model_file_read(path, WICK_MAX_INDEX_BYTES, &text, &n, error);
    if (code == WICK_OK)
        code = wick_bounded_json_parse(text, n, path, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        goto done;
    map = wick_json_get(root, "weight_map");
    if (wick_json_type_of(map) != WICK_JSON_OBJECT || wick_json_count(map) == 0) {
        code = wick_fail(
            error, WICK_E_CORRUPT, path, mend_download, "weight_map is %s, expected an object that names tensors",
            map ? wick_json_count(map) == 0 ? "empty" : wick_json_type_name(wick_json_type_of(map)) : "absent");
        goto done;
    }
    names = calloc(wick_json_count(map), sizeof *names);
    if (!names) {
        code = wick_fail_memory(error, path);
        goto done;
    }
    code = collect_shard_names(map, path, names, &n_names, error);
    if (code == WICK_OK)
        code = open_shards(folder, names, n_names, arena, out, error);
    if (code == WICK_OK)
        code = index_weights(map, names, arena, out, error);
done:
    free(names);
    wick_json_free(root);
    free(text);
    return code;
}

int wick_weights_open(const char *folder, wick_arena *arena, wick_weights *out, wick_error *error)
{
    *out = (wick_weights){0};
    const char *single = wick_model_path(arena, folder, SINGLE_NAME);
    const char *index = wick_model_path(arena, folder, INDEX_NAME);
    const char *pickled = wick_model_path(arena, folder, "pytorch_model.bin");
    if (!single || !index || !pickled)
        return wick_fail_memory(error, folder);
    int code;
    if (wick_model_path_exists(single))
        code = open_single(single, arena, out, error);
    else if (wick_model_path_exists(index))
        code = open_index(folder, index, arena, out, error);
    else if (wick_model_path_exists(pickled))
        code = wick_fail(error, WICK_E_UNSUPPORTED, pickled, "convert the weights to " SINGLE_NAME,
                         "pickled weights are not read");
    else
        code =
            wick_fail(error, WICK_E_IO, single, "download the model again, or name the folder that holds all its files",
                      SINGLE_NAME " is not there, nor is " INDEX_NAME);
    if (code != WICK_OK)
        wick_weights_close(out);
    return code;
}

void wick_weights_close(wick_weights *weights)
{
    for (size_t i = 0; i < weights->n_files; i++)
        wick_safetensors_close(&weights->files[i]);
    *weights = (wick_weights){0};
}

const wick_weight *wick_weights_find(const wick_weights *weights, const char *name)
{
    wick_tensor named = {.name = name};
    wick_weight key = {.tensor = &named};
    return weights->n_weights ? bsearch(&key, weights->by_name, weights->n_weights, sizeof key, compare_weights) : NULL;
}

/* "[384, 1536]" */
static const char *shape_text(unsigned n_dims, const size_t *shape, char *buffer, size_t capacity)
{
    size_t used = 0;
    int n = snprintf(buffer, capacity, "[");
    for (unsigned i = 0; i < n_dims && n > 0 && used + (size_t)n < capacity; i++) {
        used += (size_t)n;
        n = snprintf(buffer + used, capacity - used, i ? ", %zu" : "%zu", shape[i]);
    }
    if (n > 0 && used + (size_t)n < capacity)
        snprintf(buffer + used + (size_t)n, capacity - used - (size_t)n, "]");
    return buffer;
}

int wick_weights_take(const wick_weights *weights, const char *name, unsigned n_dims, const size_t *shape,
                      wick_tensor *out, wick_error *error)
{
    const wick_weight *weight = wick_weights_find(weights, name);
    if (!weight)
        return wick_fail(error, WICK_E_CORRUPT, weights->origin, mend_download, "tensor %s is missing", name);
    const wick_tensor *tensor = weight->tensor;
    if (tensor->dtype == WICK_DTYPE_OTHER)
        return wick_fail(error, WICK_E_UNSUPPORTED, weight->file, "convert the weights to F32, F16 or BF16",
                         "tensor %s: dtype %s, expected F32, F16 or BF16", name, tensor->dtype_name);
    if (tensor->n_dims != n_dims || memcmp(tensor->shape, shape, n_dims * sizeof *shape) != 0) {
        char found[160], expected[160]; /* 8 sizes of 20 digits at the most fit nearly; a cut text does no harm */
        return wick_fail(error, WICK_E_CORRUPT, weight->file,
                         "download the model again; config.json and weights differ", "tensor %s: shape %s, expected %s",
                         name, shape_text(tensor->n_dims, tensor->shape, found, sizeof found),
                         shape_text(n_dims, shape, expected, sizeof expected));
    }
    *out = *tensor;
    return WICK_OK;
}
