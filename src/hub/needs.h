/* SPDX-License-Identifier: Apache-2.0
 * needs.h: which files a model needs, told by its own JSON, which is hostile. Shared by choose.c (what to get) and complete.c (what is there), so that
 * both mean the same. It is never stricter than what src/model and src/text open. */
#ifndef WICK_HUB_NEEDS_H
#define WICK_HUB_NEEDS_H
#include "hub/listing.h"

#define WICK_HUB_MAX_JSON_BYTES ((size_t)4 << 20)  /* modules.json, config.json */
#define WICK_HUB_MAX_INDEX_BYTES ((size_t)8 << 20) /* model.safetensors.index.json */
/* tokenizer.json and what else is no weights; the largest seen have 35 MB. */
#define WICK_HUB_MAX_SMALL_BYTES ((uint64_t)256 << 20)
#define WICK_HUB_MAX_MODULES 16
#define WICK_HUB_MAX_SHARDS 1024

#define WICK_HUB_WEIGHTS "model.safetensors"
#define WICK_HUB_INDEX "model.safetensors.index.json"

typedef struct wick_hub_module {
    char path[WICK_HUB_MAX_PATH + 1]; /* below the repository; "" is the repository itself */
    bool has_config;                  /* all but Normalize and StaticEmbedding */
    bool has_weights;                 /* Dense */
} wick_hub_module;

/* Where a plain transformers repository has no modules.json: one module, "". */
typedef struct wick_hub_modules {
    size_t n_modules;
    wick_hub_module modules
        [WICK_HUB_MAX_MODULES]; /* the first is the transformer, or a StaticEmbedding, which has no config.json */
} wick_hub_modules;

/* Reads modules.json, text[0..n); NULL text: there is none. WICK_E_CORRUPT, WICK_E_UNSUPPORTED (too many). */
int wick_hub_modules_parse(const char *text, size_t n, wick_hub_modules *out, wick_error *error);

/* The shards that an index names, each once, sorted; plain file names. names: malloc'ed [n_names], freed with wick_hub_names_free. */
int wick_hub_shards_parse(const char *text, size_t n, char ***names, size_t *n_names, wick_error *error);
void wick_hub_names_free(char **names, size_t n_names);

/* Files beside the transformer's config.json and in the repository's root that change what comes out, or that Python's tokenizers read. NULL at the end. */
extern const char *const wick_hub_transformer_extras[];
extern const char *const wick_hub_root_extras[];
/* What sentence-transformers looks for, the first that is there counting. NULL at the end. */
extern const char *const wick_hub_length_files[];

/* "folder/name", or name where folder is "". False: too long. */
bool wick_hub_path_below(const char *folder, const char *name, char out[WICK_HUB_MAX_PATH + 1]);

#endif
