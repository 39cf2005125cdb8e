/* SPDX-License-Identifier: Apache-2.0
 * needs.c: modules.json -> folders, an index of shards -> file names. In: hostile JSON, at most WICK_HUB_MAX_INDEX_BYTES of it. Out: checked paths. */
#include "hub/needs.h"
#include "base/error.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEND "choose another model; this repository is damaged"
/* As many as a reader of model.safetensors.index.json could use. */
#define MAX_VALUES 1000000

const char *const wick_hub_transformer_extras[] = {"tokenizer_config.json",
                                                   "special_tokens_map.json",
                                                   "added_tokens.json",
                                                   "vocab.txt",
                                                   "vocab.json",
                                                   "merges.txt",
                                                   NULL};
const char *const wick_hub_root_extras[] = {"config_sentence_transformers.json", NULL};
const char *const wick_hub_length_files[] = {"sentence_bert_config.json",       "sentence_roberta_config.json",
                                             "sentence_distilbert_config.json", "sentence_camembert_config.json",
                                             "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
                                             "sentence_xlnet_config.json",      NULL};

bool wick_hub_path_below(const char *folder, const char *name, char out[WICK_HUB_MAX_PATH + 1])
{
    const int n = snprintf(out, WICK_HUB_MAX_PATH + 1, "%s%s%s", folder, folder[0] ? "/" : "", name);
    return n > 0 && n <= WICK_HUB_MAX_PATH;
}

static int parse(const char *text, size_t n, const char *where, wick_json **root, wick_error *error)
{
    size_t n_values = 0;
    for (size_t i = 0; i < n; i++)
        n_values += text[i] == ',' || text[i] == '[' || text[i] == '{' || text[i] == ':';
    if (n_values > MAX_VALUES)
        return wick_fail(error, WICK_E_CORRUPT, where, MEND, "some %zu values, at most %d are read", n_values,
                         MAX_VALUES);
    return wick_json_parse(text, n, where, root, error);
}

static const char *text_of(const wick_json *value)
{
    size_t n;
    const char *text = wick_json_string(value, &n);
    return text && strlen(text) == n ? text : NULL;
}

static int read_module(const wick_json *entry, size_t index, wick_hub_module *out, wick_error *error)
{
    const char *type = text_of(wick_json_get(entry, "type")), *path = text_of(wick_json_get(entry, "path"));
    if (!type || !path)
        return wick_fail(error, WICK_E_CORRUPT, "modules.json", MEND, "module %zu has no %s", index,
                         type ? "path" : "type");
    const char *dot = strrchr(type, '.');
    const char *name = dot ? dot + 1 : type;
    size_t n = strnlen(path, WICK_HUB_MAX_PATH + 1);
    n -= n > 1 && path[n - 1] == '/';
    if (n > WICK_HUB_MAX_PATH)
        n = 0;
    if (n == 1 && path[0] == '.') /* the repository itself */
        n = 0;
    memcpy(out->path, path, n);
    out->path[n] = '\0';
    if (out->path[0] && !wick_hub_path_is_safe(out->path))
        return wick_fail(error, WICK_E_CORRUPT, "modules.json", MEND, "module %zu: %.200s is no path in a repository",
                         index, path);
    out->has_weights = strcmp(name, "Dense") == 0;
    out->has_config = strcmp(name, "Normalize") != 0 && strcmp(name, "StaticEmbedding") != 0;
    return WICK_OK;
}

int wick_hub_modules_parse(const char *text, size_t n, wick_hub_modules *out, wick_error *error)
{
    *out = (wick_hub_modules){.n_modules = 1, .modules = {{.has_config = true}}};
    if (!text)
        return WICK_OK;
    wick_json *root = NULL;
    int rc = parse(text, n, "modules.json", &root, error);
    if (rc != WICK_OK)
        return rc;
    const size_t n_modules = wick_json_count(root);
    if (wick_json_type_of(root) != WICK_JSON_ARRAY || n_modules == 0)
        rc = wick_fail(error, WICK_E_CORRUPT, "modules.json", MEND, "no list of modules");
    else if (n_modules > WICK_HUB_MAX_MODULES)
        rc = wick_fail(error, WICK_E_UNSUPPORTED, "modules.json", "choose a model with fewer modules",
                       "%zu modules, at most %d are run", n_modules, WICK_HUB_MAX_MODULES);
    for (size_t i = 0; i < n_modules && rc == WICK_OK; i++)
        rc = read_module(wick_json_at(root, i), i, &out->modules[i], error);
    out->n_modules = rc == WICK_OK ? n_modules : 1;
    wick_json_free(root);
    return rc;
}

static bool is_shard(const char *name)
{
    const size_t n = strlen(name), n_suffix = strlen(".safetensors");
    return n > n_suffix && strcmp(name + n - n_suffix, ".safetensors") == 0 && !strchr(name, '/') &&
           wick_hub_path_is_safe(name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void wick_hub_names_free(char **names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        free(names[i]);
    free(names);
}

/* Sorts names[0..n), keeps each once, copies them. */
static int keep_names(const char **names, size_t n, char ***out, size_t *n_out, wick_error *error)
{
    size_t n_kept = 0;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) {
            const char *name = names[i]; /* names[n_kept] may be names[i - 1], which is not looked at again */
            if (n_kept == WICK_HUB_MAX_SHARDS)
                return wick_fail(error, WICK_E_UNSUPPORTED, WICK_HUB_INDEX, "choose a model with fewer shards",
                                 "more than %d shards", WICK_HUB_MAX_SHARDS);
            char **grown = realloc(*out, (n_kept + 1) * sizeof *grown);
            if (!grown || !(grown[n_kept] = strdup(name))) {
                *out = grown ? grown : *out;
                return wick_fail_memory(error, WICK_HUB_INDEX);
            }
            *out = grown;
            *n_out = ++n_kept;
        }
    return WICK_OK;
}

int wick_hub_shards_parse(const char *text, size_t n, char ***names, size_t *n_names, wick_error *error)
{
    wick_json *root = NULL;
    *names = NULL;
    *n_names = 0;
    int rc = parse(text, n, WICK_HUB_INDEX, &root, error);
    if (rc != WICK_OK)
        return rc;
    const wick_json *map = wick_json_get(root, "weight_map");
    const size_t n_entries = wick_json_type_of(map) == WICK_JSON_OBJECT ? wick_json_count(map) : 0;
    const char **found = n_entries > 0 ? malloc(n_entries * sizeof *found) : NULL;
    size_t i = 0;
    if (n_entries == 0)
        rc = wick_fail(error, WICK_E_CORRUPT, WICK_HUB_INDEX, MEND, "weight_map names no shard");
    else if (!found)
        rc = wick_fail_memory(error, WICK_HUB_INDEX);
    for (const wick_json_member *it = wick_json_first(map); rc == WICK_OK && it; it = wick_json_next(map, it)) {
        const char *name = text_of(wick_json_value(it));
        if (name && is_shard(name))
            found[i++] = name;
        else
            rc = wick_fail(error, WICK_E_CORRUPT, WICK_HUB_INDEX, MEND, "weight_map: %.200s is no shard's name",
                           name ? name : "a value");
    }
    if (rc == WICK_OK)
        rc = keep_names(found, i, names, n_names, error);
    if (rc != WICK_OK) {
        wick_hub_names_free(*names, *n_names);
        *names = NULL;
        *n_names = 0;
    }
    free(found);
    wick_json_free(root);
    return rc;
}
