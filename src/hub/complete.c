/* SPDX-License-Identifier: Apache-2.0
 * complete.c: looks at a snapshot: what its modules.json and its index of shards ask for (needs.h), and what was noted as absent. In: a folder's path. Out:
 * complete, unsure or missing, and which file. Only looks; links to blobs are followed. */
#include "hub/complete.h"
#include "base/json.h"
#include "base/mapped.h"
#include "base/path.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* trees/COMMIT.json of 10,000 files. */
#define MAX_TREE_BYTES ((size_t)8 << 20)

typedef struct looking {
    const char *folder;
    char *missing;   /* [WICK_HUB_MAX_PATH + 1] */
    wick_json *tree; /* of trees/COMMIT.json, or NULL */
    wick_hub_state state;
} looking;

static bool is_file(const char *folder, const char *path)
{
    struct stat status;
    char *whole = wick_path_join(folder, path);
    const bool found = whole && stat(whole, &status) == 0 && S_ISREG(status.st_mode);
    free(whole);
    return found;
}

static void decide(looking *l, wick_hub_state state, const char *path)
{
    if (state >= l->state)
        return;
    l->state = state;
    snprintf(l->missing, WICK_HUB_MAX_PATH + 1, "%s", path);
}

/* "REPO/top/COMMIT" + suffix, for a folder "REPO/snapshots/COMMIT". */
static char *beside(const char *folder, const char *top, const char *suffix)
{
    const char *commit = strrchr(folder, '/');
    const size_t n = strlen("/snapshots"), n_folder = commit ? (size_t)(commit - folder) : 0;
    if (n_folder < n || strncmp(commit - n, "/snapshots", n) != 0)
        return NULL; /* a folder outside of any cache */
    const size_t n_path = strlen(folder) + strlen(top) + strlen(suffix) + 2;
    char *path = malloc(n_path);
    if (path)
        snprintf(path, n_path, "%.*s/%s%s%s", (int)(n_folder - n), folder, top, commit, suffix);
    return path;
}

static bool is_known_absent(const looking *l, const char *path)
{
    if (l->tree)
        return wick_json_get(l->tree, path) == NULL;
    char *folder = beside(l->folder, ".no_exist", "");
    const bool noted = folder && is_file(folder, path);
    free(folder);
    return noted;
}

static void need(looking *l, const char *folder, const char *name)
{
    char path[WICK_HUB_MAX_PATH + 1];
    if (!wick_hub_path_below(folder, name, path) || !is_file(l->folder, path))
        decide(l, WICK_HUB_MISSING, path);
}

static void want(looking *l, const char *folder, const char *name)
{
    char path[WICK_HUB_MAX_PATH + 1];
    if (wick_hub_path_below(folder, name, path) && !is_file(l->folder, path) && !is_known_absent(l, path))
        decide(l, WICK_HUB_UNSURE, path);
}

/* The file's text; NULL: not there, or not to be read. */
static char *text_of(const looking *l, const char *path, size_t max_bytes, size_t *n)
{
    char *whole = wick_path_join(l->folder, path), *text = NULL;
    if (whole && wick_file_read(whole, max_bytes, &text, n, NULL) != WICK_OK)
        text = NULL;
    free(whole);
    return text;
}

static void look_at_weights(looking *l, const char *folder)
{
    char path[WICK_HUB_MAX_PATH + 1], **names = NULL;
    size_t n = 0, n_names = 0;
    if (!wick_hub_path_below(folder, WICK_HUB_WEIGHTS, path) || is_file(l->folder, path))
        return;
    char index[WICK_HUB_MAX_PATH + 1];
    char *text =
        wick_hub_path_below(folder, WICK_HUB_INDEX, index) ? text_of(l, index, WICK_HUB_MAX_INDEX_BYTES, &n) : NULL;
    if (!text)
        decide(l, WICK_HUB_MISSING, path);
    else if (wick_hub_shards_parse(text, n, &names, &n_names, NULL) == WICK_OK)
        for (size_t i = 0; i < n_names; i++)
            need(l, folder, names[i]);
    /* One that says nonsense is there: opening the model tells what is wrong with it. */
    wick_hub_names_free(names, n_names);
    free(text);
}

/* The first of these that is there counts; where the first of all is not known to be absent, another may be wrong. */
static void look_at_lengths(looking *l, const char *folder)
{
    char path[WICK_HUB_MAX_PATH + 1];
    for (const char *const *name = wick_hub_length_files; *name; name++)
        if (wick_hub_path_below(folder, *name, path) && is_file(l->folder, path))
            return;
    want(l, folder, wick_hub_length_files[0]);
}

static void read_tree(looking *l, wick_json **root)
{
    char *path = beside(l->folder, "trees", ".json"), *text = NULL;
    size_t n = 0;
    int64_t version = 0;
    if (path && wick_file_read(path, MAX_TREE_BYTES, &text, &n, NULL) == WICK_OK &&
        wick_json_parse(text, n, path, root, NULL) == WICK_OK &&
        wick_json_integer(wick_json_get(*root, "format_version"), &version) && version == 1 &&
        wick_json_type_of(wick_json_get(*root, "files")) == WICK_JSON_OBJECT)
        l->tree = (wick_json *)(uintptr_t)wick_json_get(*root, "files");
    free(text);
    free(path);
}

static bool read_modules(const looking *l, wick_hub_modules *modules, bool *has_modules)
{
    size_t n = 0;
    char *text = text_of(l, "modules.json", WICK_HUB_MAX_JSON_BYTES, &n);
    *has_modules = text != NULL;
    const bool well = wick_hub_modules_parse(text, n, modules, NULL) == WICK_OK;
    free(text);
    return well;
}

wick_hub_state wick_hub_snapshot_state(const char *folder, char missing[WICK_HUB_MAX_PATH + 1])
{
    wick_hub_modules modules;
    bool has_modules = false;
    wick_json *root = NULL;
    looking l = {.folder = folder, .missing = missing, .state = WICK_HUB_COMPLETE};
    missing[0] = '\0';
    if (!read_modules(&l, &modules, &has_modules))
        return l.state; /* it is there; opening the model tells what is wrong with it */
    const char *transformer = modules.modules[0].path;
    if (modules.modules[0].has_config)
        need(&l, transformer, "config.json");
    need(&l, transformer, "tokenizer.json");
    look_at_weights(&l, transformer);
    for (size_t i = 1; i < modules.n_modules; i++) {
        const wick_hub_module *module = &modules.modules[i];
        if (module->has_config)
            need(&l, module->path, "config.json");
        if (module->has_weights)
            need(&l, module->path, WICK_HUB_WEIGHTS);
    }
    if (l.state != WICK_HUB_COMPLETE)
        return l.state;
    read_tree(&l, &root);
    if (modules.modules[0].has_config)
        want(&l, transformer, "tokenizer_config.json");
    if (has_modules) {
        if (modules.modules[0].has_config)
            look_at_lengths(&l, transformer);
        want(&l, "", "config_sentence_transformers.json");
    } else {
        want(&l, "", "modules.json");
    }
    wick_json_free(root);
    return l.state;
}

bool wick_hub_snapshot_has_tokenizer(const char *folder)
{
    wick_hub_modules modules;
    bool has_modules = false;
    char path[WICK_HUB_MAX_PATH + 1];
    const looking l = {.folder = folder};
    return read_modules(&l, &modules, &has_modules) &&
           wick_hub_path_below(modules.modules[0].path, "tokenizer.json", path) && is_file(folder, path);
}
