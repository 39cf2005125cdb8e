/* SPDX-License-Identifier: Apache-2.0
 * cache.h: a model's name -> the folder of its files, in the standard Hugging Face hub cache.
 * In: "org/name", "org/name@revision", or a folder's path. Out: a folder that is there. Called by src/provider/engine_open.c.
 * Nothing is downloaded here: who wants to download asks wick_hub_name_parse and wick_hub_cache_dir for the place. */
#ifndef WICK_HUB_CACHE_H
#define WICK_HUB_CACHE_H
#include <wick.h>

#define WICK_HUB_MAX_NAME 96      /* huggingface_hub's validate_repo_id */
#define WICK_HUB_MAX_REVISION 200 /* "main", "refs/pr/12", a commit's hash */

typedef struct wick_hub_name {
    char repo[WICK_HUB_MAX_NAME + 1];         /* "sentence-transformers/all-MiniLM-L6-v2" */
    char revision[WICK_HUB_MAX_REVISION + 1]; /* "main" unless given */
} wick_hub_name;

/* A name that begins with '/', './', '../' or '~', or under which there is a file or folder, as in sentence-transformers. */
bool wick_hub_name_is_path(const char *name);

/* Adds to the mend how a folder is named, where the name has no slash and no revision: it may be a slip for one. */
void wick_hub_mend_folder(const char *name, char *mend, size_t mend_bytes);

/* Checks a hub name and splits it. It may come from anywhere: what passes can be part of a path. WICK_E_INVALID_INPUT. */
int wick_hub_name_parse(const char *name, wick_hub_name *out, wick_error *error);

/* The cache in force: cache_dir, $HF_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub; "~" is
 * expanded, empty means unset. *out is malloc'ed; it need not exist. */
int wick_hub_cache_dir(const char *cache_dir, char **out, wick_error *error);

/* "CACHE/models--ORG--NAME", malloc'ed; NULL: out of memory. */
char *wick_hub_repo_folder(const char *cache, const char *repo);

/* "models--org--name" -> "org/name". False: no model's folder. */
bool wick_hub_repo_of_folder(const char *folder, char repo[WICK_HUB_MAX_NAME + 1]);

/* Finds the folder. *folder is malloc'ed. WICK_E_MODEL_NOT_FOUND ("model not found: NAME", where: the cache or path looked in),
 * WICK_E_INVALID_INPUT (no name at all, a malformed one), WICK_E_CORRUPT (a reference in the cache that names no snapshot),
 * WICK_E_IO (the cache or the path cannot be looked at). */
int wick_hub_find(const char *name, const char *cache_dir, char **folder, wick_error *error);

#endif
