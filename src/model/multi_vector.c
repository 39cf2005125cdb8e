/* SPDX-License-Identifier: Apache-2.0
 * multi_vector.c: N_MultiVectorMask/config.json and N_Normalize/config.json (multi_vector.h). In: their bytes. Out: wick_token_vectors. */
#include "model/multi_vector.h"

#include <string.h>

#include "base/error.h"
#include "model/dense.h"

static int wrong(const wick_keys *keys, const char *key)
{
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                     "%s is not a list of strings, or too long", key);
}

/* Absent or null: nothing is skipped. */
static int read_words(const wick_keys *keys, wick_arena *arena, wick_token_vectors *out)
{
    const wick_json *list = wick_json_get(keys->object, "skiplist_words");
    const size_t n = wick_json_count(list);
    if (wick_json_type_of(list) == WICK_JSON_NULL)
        return WICK_OK;
    if (wick_json_type_of(list) != WICK_JSON_ARRAY || n > WICK_MAX_SKIPPED)
        return wrong(keys, "skiplist_words");
    const char **words = wick_arena_take(arena, n, sizeof *words);
    if (!words)
        return wick_fail_memory(keys->error, keys->where);
    for (size_t i = 0; i < n; i++) {
        size_t n_bytes;
        const char *word = wick_json_string(wick_json_at(list, i), &n_bytes);
        if (!word)
            return wrong(keys, "skiplist_words");
        words[i] = wick_arena_copy_text(arena, word, n_bytes);
        if (!words[i])
            return wick_fail_memory(keys->error, keys->where);
    }
    out->skipped = words;
    out->n_skipped = n;
    return WICK_OK;
}

/* A list of tasks, or one; absent: documents. Other tasks than these two are none of ours. */
static int read_tasks(const wick_keys *keys, wick_token_vectors *out)
{
    const wick_json *tasks = wick_json_get(keys->object, "skiplist_tasks");
    const bool is_list = wick_json_type_of(tasks) == WICK_JSON_ARRAY;
    const size_t n = is_list ? wick_json_count(tasks) : 1;
    out->skips_in_query = out->skips_in_document = false;
    if (wick_json_type_of(tasks) == WICK_JSON_NULL) {
        out->skips_in_document = true;
        return WICK_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const char *task = wick_json_string(is_list ? wick_json_at(tasks, i) : tasks, NULL);
        if (!task)
            return wrong(keys, "skiplist_tasks");
        out->skips_in_query |= strcmp(task, "query") == 0;
        out->skips_in_document |= strcmp(task, "document") == 0;
    }
    return WICK_OK;
}

int wick_multi_vector_mask_parse(const char *text, size_t n, const char *where, wick_arena *arena,
                                 wick_token_vectors *out, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    if (wick_json_count(wick_json_get(root, "keep_only_token_ids")) > 0)
        code = wick_fail(error, WICK_E_UNSUPPORTED, where, "choose a model for texts",
                         "keep_only_token_ids (tokens of images) is not supported");
    if (code == WICK_OK)
        code = read_words(&keys, arena, out);
    if (code == WICK_OK)
        code = read_tasks(&keys, out);
    wick_json_free(root);
    return code;
}

int wick_multi_vector_normalize_parse(const char *text, size_t n, const char *where, bool *out, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    const char *input = WICK_FEATURE_VECTOR, *output = NULL;
    code = wick_key_text(&keys, "module_input_name", &input);
    if (code == WICK_OK)
        code = wick_key_text(&keys, "module_output_name", &output);
    *out = strcmp(input, WICK_FEATURE_TOKENS) == 0;
    if (code == WICK_OK && *out && output && strcmp(output, WICK_FEATURE_TOKENS) != 0)
        code = wick_fail(error, WICK_E_UNSUPPORTED, where, "choose a model without this setting",
                         "module_output_name other than module_input_name is not supported");
    wick_json_free(root);
    return code;
}
