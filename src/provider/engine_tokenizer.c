/* SPDX-License-Identifier: Apache-2.0
 * engine_tokenizer.c: a model's tokenizer without its weights (wick_tokenizer_open). In: a name. Out: the tokenizer, told what the model's other files say of how
 * its texts are tokenized, so that its tokens are those that the model reads. */
#include "base/error.h"
#include "base/mapped.h"
#include "base/path.h"
#include "model/json_keys.h"
#include "model/modules.h"
#include "model/sentence_bert.h"
#include "provider/engine.h"
#include "provider/settings.h"
#include "text/tokenizer.h"
#include <stdlib.h>
#include <string.h>

int wick_engine_read_tokenizer(const char *folder, const char *prepared_dir, wick_tokenizer **out, wick_error *error)
{
    wick_json *document;
    const int rc = wick_tokenizer_read_folder(folder, prepared_dir, out, &document, error);
    wick_tokenizer_settle(folder, prepared_dir, *out, document);
    return rc;
}

/* Where tokenizer.json is: beside config.json, which older folders keep in a folder of its own that modules.json names. *is_static: StaticEmbedding reads it. NULL: out of memory. */
static char *transformer_folder(const char *folder, bool *is_static)
{
    char *path = wick_path_join(folder, "modules.json"), *text = NULL;
    size_t n;
    wick_module_list list = {0};
    const char *below = ""; /* also where modules.json asks for what only a model cannot do */
    if (path && wick_file_read(path, WICK_MAX_CONFIG_BYTES, &text, &n, NULL) == WICK_OK &&
        wick_modules_parse(text, n, path, &list, NULL) == WICK_OK)
        below = list.modules[0].path;
    *is_static = list.pipeline == WICK_PIPELINE_STATIC;
    free(text);
    free(path);
    return below[0] ? wick_path_join(folder, below) : strdup(folder);
}

/* tokenizer_config.json beside tokenizer.json, where there is one. */
static int read_rules(const char *folder, wick_text_rules *rules, wick_error *error)
{
    char *path = wick_path_join(folder, "tokenizer_config.json"), *text = NULL;
    size_t n;
    int rc = path ? WICK_OK : wick_fail_memory(error, "the tokenizer's path");
    if (rc == WICK_OK && wick_model_path_exists(path)) {
        rc = wick_model_file_read(path, WICK_MAX_TOKENIZER_CONFIG_BYTES, &text, &n, error);
        if (rc == WICK_OK)
            rc = wick_tokenizer_config_parse(text, n, path, rules, error);
    }
    free(text);
    free(path);
    return rc;
}

int wick_tokenizer_open(const char *name, const char *cache_dir, wick_tokenizer **out, wick_error *error)
{
    char *folder = NULL, *below = NULL, *prepared_dir = NULL;
    wick_text_rules rules = {0};
    if (!out)
        return wick_fail_null(error, "out");
    *out = NULL;
    bool is_packed, is_static = false;
    int rc = wick_engine_packed_tokenizer(name, out, &is_packed, error);
    if (is_packed)
        return rc;
    rc = wick_engine_folder(name, cache_dir, true, &folder, error);
    if (rc == WICK_OK && !(below = transformer_folder(folder, &is_static)))
        rc = wick_fail_memory(error, "the tokenizer's path");
    wick_prepared_dir(&prepared_dir);
    if (rc == WICK_OK && !is_static)
        rc = read_rules(below, &rules, error);
    if (rc == WICK_OK)
        rc = wick_engine_read_tokenizer(below, prepared_dir, out, error);
    if (rc == WICK_OK)
        wick_tokenizer_adapt(*out, rules.truncate_side, is_static);
    free(prepared_dir);
    free(below);
    free(folder);
    return rc;
}

void wick_tokenizer_close(wick_tokenizer *tokenizer)
{
    wick_tokenizer_free(tokenizer);
}
