/* SPDX-License-Identifier: Apache-2.0
 * fuzz_listing.c: whatever the hub says, a listing holds only safe paths, each once, and digests of the right length, and what its JSON files ask for are safe
 * paths too. The first byte says what the rest is: r a revision, m modules.json, i an index of shards, else a tree. */
#include "hub/needs.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_modules(const char *text, size_t n)
{
    wick_hub_modules modules;
    if (wick_hub_modules_parse(text, n, &modules, NULL) != WICK_OK)
        return;
    require(modules.n_modules > 0 && modules.n_modules <= WICK_HUB_MAX_MODULES);
    for (size_t i = 0; i < modules.n_modules; i++)
        require(!modules.modules[i].path[0] || wick_hub_path_is_safe(modules.modules[i].path));
}

static void try_index(const char *text, size_t n)
{
    char **names;
    size_t n_names;
    if (wick_hub_shards_parse(text, n, &names, &n_names, NULL) == WICK_OK)
        for (size_t i = 0; i < n_names; i++)
            require(wick_hub_path_is_safe(names[i]) && !strchr(names[i], '/') &&
                    (i == 0 || strcmp(names[i - 1], names[i]) < 0));
    wick_hub_names_free(names, n_names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    const char *text = (const char *)data + 1;
    char commit[41];
    if (data[0] == 'r') {
        if (wick_hub_parse_revision(text, n - 1, commit, NULL) == WICK_OK)
            require(wick_hub_is_commit(commit));
        return 0;
    }
    if (data[0] == 'm') {
        try_modules(text, n - 1);
        return 0;
    }
    if (data[0] == 'i') {
        try_index(text, n - 1);
        return 0;
    }
    wick_hub_listing listing = {0};
    if (wick_hub_listing_add(&listing, text, n - 1, NULL) == WICK_OK)
        for (size_t i = 0; i < listing.n_files; i++) {
            const wick_hub_file *file = &listing.files[i];
            require(wick_hub_path_is_safe(file->path) && wick_hub_is_digest(file->digest));
            require(strlen(file->digest) == (file->kind == WICK_HUB_SHA256 ? 64 : 40));
            require(wick_hub_listing_find(&listing, file->path) == file);
        }
    wick_hub_listing_clear(&listing);
    return 0;
}
