/* SPDX-License-Identifier: Apache-2.0
 * modules.c: modules.json -> checked list of modules. Types are Python class names, spelled differently by
 * different releases of sentence-transformers; paths are hostile. */
#include "model/modules.h"

#include <string.h>

#include "base/error.h"

static const char mend_module[] = "choose a model made of Transformer, Pooling, Dense and Normalize modules, of "
                                  "StaticEmbedding, or a CrossEncoder, SparseEncoder or MultiVectorEncoder";

/* Where sentence-transformers kept its modules: until 5, since 6, and the names that 6 still takes for them. */
static const char *const packages[] = {
    "sentence_transformers.models.",
    "sentence_transformers.base.modules.",
    "sentence_transformers.sentence_transformer.modules.",
    "sentence_transformers.sparse_encoder.models.",
    "sentence_transformers.sparse_encoder.modules.",
    "sentence_transformers.multi_vector_encoder.modules.",
};

static const struct {
    const char *class_name, *file_name;
    wick_module_kind kind;
} classes[] = {
    {"Transformer", "transformer", WICK_MODULE_TRANSFORMER},
    {"Pooling", "pooling", WICK_MODULE_POOLING},
    {"Dense", "dense", WICK_MODULE_DENSE},
    {"Normalize", "normalize", WICK_MODULE_NORMALIZE},
    {"MLMTransformer", "mlm_transformer", WICK_MODULE_TRANSFORMER},
    {"SpladePooling", "splade_pooling", WICK_MODULE_SPLADE},
    {"MultiVectorMask", "multi_vector_mask", WICK_MODULE_MASK},
    {"StaticEmbedding", "static_embedding", WICK_MODULE_STATIC},
};

/* PACKAGE.Pooling, PACKAGE.pooling.Pooling or PACKAGE.Pooling.Pooling */
static bool kind_of_type(const char *type, wick_module_kind *out)
{
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof packages / sizeof *packages && !rest; i++)
        if (strncmp(type, packages[i], strlen(packages[i])) == 0)
            rest = type + strlen(packages[i]);
    for (size_t i = 0; rest && i < sizeof classes / sizeof *classes; i++) {
        const char *dot = strrchr(rest, '.');
        if (strcmp(dot ? dot + 1 : rest, classes[i].class_name) != 0)
            continue;
        const size_t n_file = dot ? (size_t)(dot - rest) : 0;
        const bool file_fits =
            (n_file == strlen(classes[i].file_name) && strncmp(rest, classes[i].file_name, n_file) == 0) ||
            (n_file == strlen(classes[i].class_name) && strncmp(rest, classes[i].class_name, n_file) == 0);
        if (dot && !file_fits)
            continue;
        *out = classes[i].kind;
        return true;
    }
    return false;
}

/* Relative, and no component leads upwards. */
static bool path_stays_inside(const char *path)
{
    if (path[0] == '/' || strlen(path) >= WICK_MAX_MODULE_PATH_BYTES)
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static int read_module(const wick_json *entry, size_t index, const char *where, wick_module *out, wick_error *error)
{
    if (wick_json_type_of(entry) != WICK_JSON_OBJECT)
        return wick_fail(error, WICK_E_CORRUPT, where, "download the model again",
                         "module %zu is %s, expected an object", index, wick_json_type_name(wick_json_type_of(entry)));
    wick_keys keys = {entry, where, error};
    const char *type = NULL, *path = NULL;
    int code = wick_key_text(&keys, "type", &type);
    if (code == WICK_OK)
        code = wick_key_text(&keys, "path", &path);
    if (code != WICK_OK)
        return code;
    if (!type || !path)
        return wick_fail(error, WICK_E_CORRUPT, where, "download the model again", "module %zu: %s is absent", index,
                         type ? "path" : "type");
    char shown[WICK_SHOWN_BYTES];
    if (!kind_of_type(type, &out->kind))
        return wick_fail(error, WICK_E_UNSUPPORTED, where, mend_module, "module %zu: type %s is not supported", index,
                         wick_shown(type, shown));
    if (!path_stays_inside(path))
        return wick_fail(error, WICK_E_CORRUPT, where, "do not use this model; its files are not what they should be",
                         "module %zu: path %s leads out of the model's folder", index, wick_shown(path, shown));
    if (strcmp(path, ".") != 0) /* which is "" */
        memcpy(out->path, path, strlen(path) + 1);
    return WICK_OK;
}

static wick_module_kind kind_at(const wick_module_list *list, size_t i)
{
    return list->modules[i].kind;
}

static bool are_vectors(const wick_module_list *list)
{
    const size_t n = list->n_modules;
    bool ordered = n >= 2 && kind_at(list, 1) == WICK_MODULE_POOLING;
    for (size_t i = 2; i < n && ordered; i++)
        ordered = kind_at(list, i) == WICK_MODULE_DENSE || (kind_at(list, i) == WICK_MODULE_NORMALIZE && i == n - 1);
    return ordered;
}

static bool are_static(const wick_module_list *list)
{
    return kind_at(list, 0) == WICK_MODULE_STATIC &&
           (list->n_modules == 1 || (list->n_modules == 2 && kind_at(list, 1) == WICK_MODULE_NORMALIZE));
}

/* Dense modules first; what comes then may stand either way round. */
static bool are_tokens(const wick_module_list *list)
{
    size_t i = 1, n_masks = 0, n_normalize = 0;
    while (i < list->n_modules && kind_at(list, i) == WICK_MODULE_DENSE)
        i++;
    const size_t n_dense = i - 1;
    for (; i < list->n_modules; i++) {
        n_masks += kind_at(list, i) == WICK_MODULE_MASK;
        n_normalize += kind_at(list, i) == WICK_MODULE_NORMALIZE;
    }
    return n_masks <= 1 && n_normalize <= 1 && n_dense + n_masks > 0 &&
           n_dense + n_masks + n_normalize + 1 == list->n_modules;
}

/* Other orders exist (a Normalize in front of a Dense) and would need other code. */
static int find_pipeline(wick_module_list *list, const char *where, wick_error *error)
{
    const bool begins = list->n_modules > 0 && kind_at(list, 0) == WICK_MODULE_TRANSFORMER;
    if (begins && list->n_modules == 1)
        list->pipeline = WICK_PIPELINE_LABELS;
    else if (begins && list->n_modules == 2 && kind_at(list, 1) == WICK_MODULE_SPLADE)
        list->pipeline = WICK_PIPELINE_TERMS;
    else if (begins && are_vectors(list))
        list->pipeline = WICK_PIPELINE_VECTORS;
    else if (begins && are_tokens(list))
        list->pipeline = WICK_PIPELINE_TOKENS;
    else if (list->n_modules > 0 && are_static(list))
        list->pipeline = WICK_PIPELINE_STATIC;
    else
        return wick_fail(error, WICK_E_UNSUPPORTED, where, mend_module,
                         "modules other than Transformer, Pooling, up to %d Dense and one Normalize, in this order, or "
                         "StaticEmbedding and one Normalize",
                         WICK_MAX_DENSE);
    return WICK_OK;
}

int wick_modules_parse(const char *text, size_t n, const char *where, wick_module_list *out, wick_error *error)
{
    wick_json *root = NULL;
    *out = (wick_module_list){0};
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_ARRAY, &root, error);
    if (code != WICK_OK)
        return code;
    size_t n_modules = wick_json_count(root);
    for (size_t i = 0; i < n_modules && code == WICK_OK; i++) {
        wick_module module = {0};
        code = read_module(wick_json_at(root, i), i, where, &module, error);
        if (code == WICK_OK && i < WICK_MAX_MODULES)
            out->modules[out->n_modules++] = module;
        else if (code == WICK_OK)
            code = wick_fail(error, WICK_E_UNSUPPORTED, where, mend_module, "%zu modules, at most %d are run",
                             n_modules, WICK_MAX_MODULES);
    }
    if (code == WICK_OK)
        code = find_pipeline(out, where, error);
    wick_json_free(root);
    return code;
}
