/* SPDX-License-Identifier: Apache-2.0
 * support_weights.c: the fixture's weights under other names and in other files, written by jansson alone, so that
 * the reader under test has no part in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support_model.h"

/* folder/model.safetensors, taken apart. */
typedef struct weights {
    char *bytes;
    const char *data; /* behind the header */
    json_t *header;
} weights;

static weights weights_read(const char *folder)
{
    weights w;
    char path[SUPPORT_PATH_BYTES];
    support_path(folder, "model.safetensors", path);
    size_t n;
    w.bytes = support_bytes_read(path, &n);
    size_t n_header = 0;
    for (unsigned i = 0; i < 8; i++)
        n_header |= (size_t)(unsigned char)w.bytes[i] << (8 * i);
    assert_in_range(n_header, 2, n - 8);
    w.header = json_loadb(w.bytes + 8, n_header, 0, NULL);
    assert_non_null(w.header);
    json_object_del(w.header, "__metadata__");
    w.data = w.bytes + 8 + n_header;
    return w;
}

static void weights_free(weights *w)
{
    json_decref(w->header);
    free(w->bytes);
}

/* Writes the tensors of header, whose data_offsets point into data, as folder/name with their data moved together. */
static void weights_write(const char *folder, const char *name, const json_t *header, const char *data)
{
    json_t *packed = json_object();
    char *body = malloc((size_t)1 << 20);
    assert_non_null(body);
    size_t used = 0;
    const char *tensor;
    json_t *info;
    json_object_foreach((json_t *)(uintptr_t)header, tensor, info)
    {
        json_t *offsets = json_object_get(info, "data_offsets");
        size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0));
        size_t n = (size_t)json_integer_value(json_array_get(offsets, 1)) - begin;
        assert_in_range(used + n, 0, (size_t)1 << 20);
        memcpy(body + used, data + begin, n);
        json_t *moved = json_copy(info);
        json_object_set_new(moved, "data_offsets", json_pack("[I, I]", (json_int_t)used, (json_int_t)(used + n)));
        json_object_set_new(packed, tensor, moved);
        used += n;
    }
    char *text = json_dumps(packed, JSON_COMPACT);
    size_t n_file;
    unsigned char *file = support_safetensors_make(text, used, &n_file);
    memcpy(file + n_file - used, body, used);
    support_bytes_write(folder, name, file, n_file);
    free(file);
    free(text);
    free(body);
    json_decref(packed);
}

void support_weights_rename(const char *folder, const char *old_part, const char *new_part)
{
    weights w = weights_read(folder);
    json_t *renamed = json_object();
    const char *name;
    json_t *info;
    json_object_foreach(w.header, name, info)
    {
        char new_name[256];
        const char *found = strstr(name, old_part);
        if (found)
            snprintf(new_name, sizeof new_name, "%.*s%s%s", (int)(found - name), name, new_part,
                     found + strlen(old_part));
        else
            snprintf(new_name, sizeof new_name, "%s", name);
        json_object_set(renamed, new_name, info);
    }
    weights_write(folder, "model.safetensors", renamed, w.data);
    json_decref(renamed);
    weights_free(&w);
}

void support_weights_shard(const char *folder, size_t n_shards)
{
    weights w = weights_read(folder);
    json_t *map = json_object();
    for (size_t shard = 0; shard < n_shards; shard++) {
        char shard_name[64];
        snprintf(shard_name, sizeof shard_name, "model-%05zu-of-%05zu.safetensors", shard + 1, n_shards);
        json_t *part = json_object();
        size_t i = 0;
        const char *name;
        json_t *info;
        json_object_foreach(w.header, name, info)
        {
            if (i++ % n_shards != shard)
                continue;
            json_object_set(part, name, info);
            json_object_set_new(map, name, json_string(shard_name));
        }
        weights_write(folder, shard_name, part, w.data);
        json_decref(part);
    }
    json_t *index = json_pack("{s:{}, s:o}", "metadata", "weight_map", map);
    char *text = json_dumps(index, 0);
    support_file_write(folder, "model.safetensors.index.json", text);
    support_file_remove(folder, "model.safetensors");
    free(text);
    json_decref(index);
    weights_free(&w);
}
