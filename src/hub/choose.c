/* SPDX-License-Identifier: Apache-2.0
 * choose.c: which files of a repository a model needs. In: the listing, and its small JSON files as they are read. Out: files to get, weights last, and
 * what readers ask for that is not there. README, pytorch_model.bin, onnx/ and the like are nobody's need. */
#include "hub/choose.h"
#include "base/error.h"
#include <stdlib.h>
#include <string.h>

#define MEND_OTHER "choose a model that has it, or convert it with sentence-transformers' save_pretrained"

typedef struct choosing {
    const wick_hub_listing *listing;
    const wick_hub_chooser *chooser;
    const char *where;
    wick_hub_choice *out;
    wick_error *error;
    wick_hub_modules modules;
    char *modules_text;
    size_t n_modules_text;
} choosing;

static int add_file(choosing *c, const wick_hub_file *file)
{
    wick_hub_choice *out = c->out;
    for (size_t i = 0; i < out->n_files; i++) /* at most a thousand shards */
        if (out->files[i] == file)
            return WICK_OK;
    const wick_hub_file **grown = realloc(out->files, (out->n_files + 1) * sizeof *grown);
    if (!grown)
        return wick_fail_memory(c->error, "the list of files");
    out->files = grown;
    out->files[out->n_files++] = file;
    return WICK_OK;
}

static int add_absent(choosing *c, const char *path)
{
    wick_hub_choice *out = c->out;
    char **grown = realloc(out->absent, (out->n_absent + 1) * sizeof *grown);
    if (!grown)
        return wick_fail_memory(c->error, "the list of files");
    out->absent = grown;
    out->absent[out->n_absent] = strdup(path);
    if (!out->absent[out->n_absent])
        return wick_fail_memory(c->error, "the list of files");
    out->n_absent++;
    return WICK_OK;
}

static bool is_weights(const char *path)
{
    const size_t n = strlen(path), n_suffix = strlen(".safetensors");
    return n >= n_suffix && strcmp(path + n - n_suffix, ".safetensors") == 0;
}

/* Nobody should wait for a tokenizer of 100 GB. */
static int check_sizes(const choosing *c)
{
    for (size_t i = 0; i < c->out->n_files; i++) {
        const wick_hub_file *file = c->out->files[i];
        if (file->size_bytes > WICK_HUB_MAX_SMALL_BYTES && !is_weights(file->path))
            return wick_fail(c->error, WICK_E_CORRUPT, c->where, "choose another model; this repository is damaged",
                             "%s has %llu bytes", file->path, (unsigned long long)file->size_bytes);
    }
    return WICK_OK;
}

/* folder/name of the listing; NULL: it is not there. */
static const wick_hub_file *find(const choosing *c, const char *folder, const char *name)
{
    char path[WICK_HUB_MAX_PATH + 1];
    return wick_hub_path_below(folder, name, path) ? wick_hub_listing_find(c->listing, path) : NULL;
}

static int add_optional(choosing *c, const char *folder, const char *name)
{
    char path[WICK_HUB_MAX_PATH + 1];
    if (!wick_hub_path_below(folder, name, path))
        return WICK_OK;
    const wick_hub_file *file = wick_hub_listing_find(c->listing, path);
    return file ? add_file(c, file) : add_absent(c, path);
}

static int absent(choosing *c, const char *folder, const char *name, const char *why)
{
    return wick_fail(c->error, WICK_E_UNSUPPORTED, c->where, MEND_OTHER, "the repository has no %s%s%s%s", folder,
                     folder[0] ? "/" : "", name, why);
}

static int add_required(choosing *c, const char *folder, const char *name, const char *why)
{
    const wick_hub_file *file = find(c, folder, name);
    return file ? add_file(c, file) : absent(c, folder, name, why);
}

static int read_small(choosing *c, const wick_hub_file *file, size_t max_bytes, char **text, size_t *n)
{
    if (file->size_bytes > max_bytes)
        return wick_fail(c->error, WICK_E_CORRUPT, c->where, "choose another model",
                         "%s has %llu bytes, at most %zu are read", file->path, (unsigned long long)file->size_bytes,
                         max_bytes);
    return c->chooser->read(c->chooser->read_user, file, max_bytes, text, n, c->error);
}

/* modules.json, where there is one. */
static int read_modules(choosing *c)
{
    const wick_hub_file *file = wick_hub_listing_find(c->listing, "modules.json");
    int rc = file ? read_small(c, file, WICK_HUB_MAX_JSON_BYTES, &c->modules_text, &c->n_modules_text)
                  : add_absent(c, "modules.json");
    if (rc == WICK_OK)
        rc = wick_hub_modules_parse(c->modules_text, c->n_modules_text, &c->modules, c->error);
    if (rc == WICK_OK && file)
        rc = add_file(c, file);
    return rc;
}

/* What the listing alone tells. */
static int check_listing(choosing *c, const char *folder)
{
    if (c->modules.modules[0].has_config && !find(c, folder, "config.json"))
        return absent(c, folder, "config.json", ": it is no transformers model");
    if (!find(c, folder, WICK_HUB_WEIGHTS) && !find(c, folder, WICK_HUB_INDEX))
        return absent(c, folder, WICK_HUB_WEIGHTS,
                      find(c, folder, "pytorch_model.bin") ? ", only pytorch_model.bin, which may run code" : "");
    if (!find(c, folder, "tokenizer.json"))
        return absent(c, folder, "tokenizer.json", "");
    for (size_t i = 1; i < c->modules.n_modules; i++) {
        const wick_hub_module *module = &c->modules.modules[i];
        if (module->has_weights && !find(c, module->path, WICK_HUB_WEIGHTS))
            return absent(c, module->path, WICK_HUB_WEIGHTS, "");
    }
    return WICK_OK;
}

static int check_config(choosing *c, const char *folder)
{
    char *config = NULL;
    size_t n = 0;
    int rc = WICK_OK;
    if (c->modules.modules[0].has_config)
        rc = read_small(c, find(c, folder, "config.json"), WICK_HUB_MAX_JSON_BYTES, &config, &n);
    if (rc == WICK_OK && c->chooser->check)
        rc = c->chooser->check(c->chooser->check_user, c->modules_text, c->n_modules_text, config, n, c->error);
    free(config);
    return rc;
}

/* Everything but the transformer's weights. */
static int add_small(choosing *c, const char *folder)
{
    const bool is_transformer = c->modules.modules[0].has_config;
    int rc = is_transformer ? add_required(c, folder, "config.json", "") : WICK_OK;
    if (rc == WICK_OK)
        rc = add_required(c, folder, "tokenizer.json", "");
    for (const char *const *name = wick_hub_transformer_extras; is_transformer && *name && rc == WICK_OK; name++)
        rc = add_optional(c, folder, *name);
    for (const char *const *name = wick_hub_length_files; is_transformer && *name && rc == WICK_OK; name++)
        rc = add_optional(c, folder, *name);
    for (const char *const *name = wick_hub_root_extras; *name && rc == WICK_OK; name++)
        rc = add_optional(c, "", *name);
    for (size_t i = 1; i < c->modules.n_modules && rc == WICK_OK; i++) {
        const wick_hub_module *module = &c->modules.modules[i];
        if (module->has_config)
            rc = add_required(c, module->path, "config.json", ", which modules.json asks for");
        if (rc == WICK_OK && module->has_weights)
            rc = add_required(c, module->path, WICK_HUB_WEIGHTS, "");
    }
    return rc;
}

static int add_weights(choosing *c, const char *folder)
{
    const wick_hub_file *single = find(c, folder, WICK_HUB_WEIGHTS), *index = find(c, folder, WICK_HUB_INDEX);
    if (single)
        return add_file(c, single);
    char *text = NULL, **names = NULL;
    size_t n = 0, n_names = 0;
    int rc = read_small(c, index, WICK_HUB_MAX_INDEX_BYTES, &text, &n);
    if (rc == WICK_OK)
        rc = wick_hub_shards_parse(text, n, &names, &n_names, c->error);
    for (size_t i = 0; i < n_names && rc == WICK_OK; i++) {
        const wick_hub_file *shard = find(c, folder, names[i]);
        rc = shard ? add_file(c, shard)
                   : wick_fail(c->error, WICK_E_CORRUPT, c->where, "choose another model; this repository is damaged",
                               "the repository has no %.200s, though " WICK_HUB_INDEX " lists it", names[i]);
    }
    if (rc == WICK_OK)
        rc = add_file(c, index);
    wick_hub_names_free(names, n_names);
    free(text);
    return rc;
}

int wick_hub_choose(const wick_hub_listing *listing, const char *where, const wick_hub_chooser *chooser,
                    wick_hub_choice *out, wick_error *error)
{
    choosing c = {.listing = listing, .chooser = chooser, .where = where, .out = out, .error = error};
    *out = (wick_hub_choice){0};
    int rc = read_modules(&c);
    const char *folder = c.modules.modules[0].path;
    if (rc == WICK_OK)
        rc = check_listing(&c, folder);
    if (rc == WICK_OK)
        rc = check_config(&c, folder);
    if (rc == WICK_OK)
        rc = add_small(&c, folder);
    if (rc == WICK_OK)
        rc = add_weights(&c, folder);
    if (rc == WICK_OK)
        rc = check_sizes(&c);
    if (rc != WICK_OK)
        wick_hub_choice_clear(out);
    free(c.modules_text);
    return rc;
}

void wick_hub_choice_clear(wick_hub_choice *choice)
{
    for (size_t i = 0; i < choice->n_absent; i++)
        free(choice->absent[i]);
    free(choice->absent);
    free(choice->files);
    *choice = (wick_hub_choice){0};
}
