/* SPDX-License-Identifier: Apache-2.0
 * model_files.c: opens a folder of Hugging Face files: modules.json says what runs, config.json which architecture
 * and how large, the safetensors files hold the weights. In: a folder. Out: wick_model_files, immutable, in one
 * arena beside the mappings. */
#include "model/model_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/config.h"
#include "model/dense.h"
#include "model/heads.h"
#include "model/modules.h"
#include "model/multi_vector.h"
#include "model/opened_model.h"
#include "model/pooling.h"
#include "model/sentence_bert.h"
#include "model/static_embedding.h"

/* What wick_model_files_open gives out, with what it takes to close it. Lives in its own arena. */
typedef struct opened_model {
    wick_model_files files; /* first: the caller's pointer is ours */
    wick_arena arena;
    wick_weights weights;
    wick_weights dense_weights[WICK_MAX_DENSE];
} opened_model;

/* The bytes of one JSON file of the folder, and its path. Free bytes with free(). */
typedef struct json_text {
    const char *path;
    char *bytes; /* NULL: the file is not there */
    size_t n;
} json_text;

/* Reads folder/name. is_optional: a file that is not there leaves bytes NULL and is no error. */
static int read_text(opened_model *model, const char *folder, const char *name, size_t max_bytes, bool is_optional,
                     json_text *out, wick_error *error)
{
    *out = (json_text){.path = wick_model_path(&model->arena, folder, name)};
    if (!out->path)
        return wick_fail_memory(error, folder);
    if (is_optional && !wick_model_path_exists(out->path))
        return WICK_OK;
    return wick_model_file_read(out->path, max_bytes, &out->bytes, &out->n, error);
}

static int read_modules(opened_model *model, wick_module_list *list, bool *has_modules, wick_error *error)
{
    json_text text;
    int code = read_text(model, model->files.path, "modules.json", WICK_MAX_CONFIG_BYTES, true, &text, error);
    if (code != WICK_OK)
        return code;
    *has_modules = text.bytes != NULL;
    if (*has_modules)
        code = wick_modules_parse(text.bytes, text.n, text.path, list, error);
    else /* a plain transformers folder: sentence-transformers puts a pooling behind it */
        *list = (wick_module_list){.n_modules = 1, .modules = {{.kind = WICK_MODULE_TRANSFORMER}}};
    free(text.bytes);
    return code;
}

static int read_config(opened_model *model, bool has_modules, wick_module_list *list,
                       const wick_architecture **architecture, wick_error *error)
{
    static const wick_head_kind heads[] = {[WICK_PIPELINE_LABELS] = WICK_HEAD_LABELS,
                                           [WICK_PIPELINE_TERMS] = WICK_HEAD_TERMS,
                                           [WICK_PIPELINE_TOKENS] = WICK_HEAD_NONE};
    json_text text;
    wick_head_kind kind = heads[list->pipeline];
    int code =
        read_text(model, model->files.transformer_path, "config.json", WICK_MAX_CONFIG_BYTES, false, &text, error);
    if (code == WICK_OK)
        code = wick_model_config_parse(text.bytes, text.n, text.path, architecture, &model->files, error);
    if (code == WICK_OK &&
        !has_modules) /* what sentence-transformers leaves to the caller, Text Embeddings Inference decides so */
        code = wick_head_kind_parse(text.bytes, text.n, text.path, &kind, error);
    if (code == WICK_OK && !has_modules)
        code = wick_pooling_default_parse(text.bytes, text.n, text.path, &model->files.pooling, error);
    if (code == WICK_OK)
        code = wick_head_parse(text.bytes, text.n, text.path, kind, &model->arena, &model->files, error);
    if (kind == WICK_HEAD_LABELS)
        list->pipeline = WICK_PIPELINE_LABELS;
    free(text.bytes);
    return code;
}

/* sentence-transformers takes the first of these that is there. */
static int read_sentence_bert(opened_model *model, wick_text_rules *rules, wick_error *error)
{
    static const char *const names[] = {
        "sentence_bert_config.json",      "sentence_roberta_config.json", "sentence_distilbert_config.json",
        "sentence_camembert_config.json", "sentence_albert_config.json",  "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json",
    };
    int code = WICK_OK;
    bool is_found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && code == WICK_OK && !is_found; i++) {
        json_text text;
        code = read_text(model, model->files.transformer_path, names[i], WICK_MAX_CONFIG_BYTES, true, &text, error);
        is_found = code == WICK_OK && text.bytes;
        if (is_found)
            code = wick_sentence_bert_parse(text.bytes, text.n, text.path, rules, error);
        free(text.bytes);
    }
    return code;
}

/* What the transformer gives must be what the modules behind it take. */
static int check_task(const opened_model *model, wick_pipeline pipeline, wick_task task, wick_error *error)
{
    static const char *const names[] = {"feature-extraction", "feature-extraction", "sequence-classification",
                                        "fill-mask"};
    const bool fits = pipeline == WICK_PIPELINE_LABELS  ? task == WICK_TASK_LABELS
                      : pipeline == WICK_PIPELINE_TERMS ? task == WICK_TASK_WORDS || task == WICK_TASK_UNSAID
                                                        : task == WICK_TASK_FEATURES || task == WICK_TASK_UNSAID;
    if (fits)
        return WICK_OK;
    return wick_fail(error, WICK_E_UNSUPPORTED, model->files.path, "choose a model without this setting",
                     "transformer_task %s is not supported with these modules", names[task]);
}

/* sentence_bert_config.json's word, else the tokenizer's. No text outruns a table of positions; where there is none, sentence-transformers takes the module's word even
 * beyond max_position_embeddings, and the tokenizer's only up to that. */
static void set_lengths(wick_model_files *files, const wick_text_rules *rules)
{
    const size_t said = rules->max_seq_length, length = said ? said : rules->model_max_length;
    if (files->encoder.max_positions == 0 && said > files->max_tokens)
        files->max_tokens = said < WICK_MAX_POSITIONS ? said : WICK_MAX_POSITIONS;
    files->max_seq_length = length && length < files->max_tokens ? length : files->max_tokens;
}

/* CrossEncoder.predict puts the default prompt in front of a pair's first text; here scores are computed without. */
static int check_no_prompt(const wick_sentence_settings *settings, const char *path, wick_error *error)
{
    const char *name = settings->default_prompt_name;
    for (size_t i = 0; name && i < settings->n_prompts; i++)
        if (strcmp(settings->prompts[i].name, name) == 0 && settings->prompts[i].text[0])
            return wick_fail(error, WICK_E_UNSUPPORTED, path, "choose a model without this setting",
                             "default_prompt_name \"%.200s\" is not supported with a head for labels", name);
    return WICK_OK;
}

/* config_sentence_transformers.json, which counts for a plain transformers folder only as far as its head is concerned. */
static int read_sentence_settings(opened_model *model, bool has_modules, wick_pipeline pipeline, wick_error *error)
{
    wick_model_files *files = &model->files;
    json_text text;
    int code =
        read_text(model, files->path, "config_sentence_transformers.json", WICK_MAX_CONFIG_BYTES, true, &text, error);
    if (code == WICK_OK && text.bytes)
        code = wick_sentence_settings_parse(text.bytes, text.n, text.path, &model->arena, &files->sentence, error);
    if (code == WICK_OK && text.bytes && pipeline == WICK_PIPELINE_LABELS)
        code = wick_head_activation_parse(text.bytes, text.n, text.path, &files->head, error);
    if (!has_modules)
        wick_sentence_settings_init(&files->sentence);
    if (code == WICK_OK && pipeline == WICK_PIPELINE_LABELS)
        code = check_no_prompt(&files->sentence, text.path, error);
    free(text.bytes);
    return code;
}

/* Fills max_seq_length and the side that is cut. */
static int read_text_rules(opened_model *model, bool has_modules, wick_pipeline pipeline, wick_error *error)
{
    wick_model_files *files = &model->files;
    wick_text_rules rules = {0};
    json_text text;
    int code = read_sentence_settings(model, has_modules, pipeline, error);
    if (code == WICK_OK && has_modules) /* a plain transformers folder has none that counts */
        code = read_sentence_bert(model, &rules, error);
    if (code == WICK_OK && has_modules)
        code = check_task(model, pipeline, rules.task, error);
    if (code != WICK_OK)
        return code;
    code = read_text(model, files->transformer_path, "tokenizer_config.json", WICK_MAX_TOKENIZER_CONFIG_BYTES, true,
                     &text, error);
    if (code == WICK_OK && text.bytes)
        code = wick_tokenizer_config_parse(text.bytes, text.n, text.path, &rules, error);
    if (code == WICK_OK && text.bytes && pipeline == WICK_PIPELINE_LABELS)
        code = wick_head_types_parse(text.bytes, text.n, text.path, &files->head, error);
    free(text.bytes);
    if (code != WICK_OK)
        return code;
    if (rules.lower_case && !rules.tokenizer_lower_case)
        return wick_fail(
            error, WICK_E_UNSUPPORTED, text.path, "choose a model whose tokenizer lower-cases by itself",
            "sentence_bert_config.json's do_lower_case asks for lower case, but do_lower_case is not true here");
    set_lengths(files, &rules);
    files->truncate_side = rules.truncate_side;
    return WICK_OK;
}

static int open_pooling(opened_model *model, const char *folder, wick_error *error)
{
    json_text text;
    int code = read_text(model, folder, "config.json", WICK_MAX_CONFIG_BYTES, false, &text, error);
    if (code == WICK_OK)
        code = wick_pooling_parse(text.bytes, text.n, text.path, model->files.encoder.hidden_size,
                                  &model->files.pooling, &model->files.sentence.pools_prompt, error);
    free(text.bytes);
    return code;
}

static int open_dense(opened_model *model, const char *folder, wick_error *error)
{
    wick_model_files *files = &model->files;
    const char *feature = files->tokens.is_wanted ? WICK_FEATURE_TOKENS : WICK_FEATURE_VECTOR;
    wick_dense *dense = &files->dense[files->n_dense]; /* modules.c lets no more than WICK_MAX_DENSE through */
    bool has_bias = true;
    json_text text;
    int code = read_text(model, folder, "config.json", WICK_MAX_CONFIG_BYTES, false, &text, error);
    if (code == WICK_OK)
        code = wick_dense_parse(text.bytes, text.n, text.path, files->dimension, feature, dense, &has_bias, error);
    free(text.bytes);
    wick_weights *weights = &model->dense_weights[files->n_dense];
    if (code == WICK_OK)
        code = wick_weights_open(folder, &model->arena, weights, error);
    if (code == WICK_OK)
        code = wick_dense_bind(weights, has_bias, dense, &files->n_parameters, error);
    files->n_dense++; /* even after an error: closing looks at all */
    files->dimension = dense->out_features;
    return code;
}

static int open_splade(opened_model *model, const char *folder, wick_error *error)
{
    json_text text;
    int code = read_text(model, folder, "config.json", WICK_MAX_CONFIG_BYTES, false, &text, error);
    if (code == WICK_OK)
        code = wick_head_splade_parse(text.bytes, text.n, text.path, &model->files.head, error);
    free(text.bytes);
    return code;
}

static int open_mask(opened_model *model, const char *folder, wick_error *error)
{
    json_text text;
    int code = read_text(model, folder, "config.json", WICK_MAX_CONFIG_BYTES, false, &text, error);
    if (code == WICK_OK)
        code = wick_multi_vector_mask_parse(text.bytes, text.n, text.path, &model->arena, &model->files.tokens, error);
    free(text.bytes);
    return code;
}

/* Of one vector a text the module has nothing to say. */
static int open_normalize(opened_model *model, const char *folder, wick_error *error)
{
    json_text text = {0};
    wick_model_files *files = &model->files;
    int code = WICK_OK;
    files->has_normalize = !files->tokens.is_wanted;
    if (files->tokens.is_wanted)
        code = read_text(model, folder, "config.json", WICK_MAX_CONFIG_BYTES, true, &text, error);
    if (code == WICK_OK && text.bytes)
        code = wick_multi_vector_normalize_parse(text.bytes, text.n, text.path, &files->tokens.has_normalize, error);
    free(text.bytes);
    return code;
}

static int open_module(opened_model *model, const wick_module *module, wick_error *error)
{
    const char *folder = wick_model_path(&model->arena, model->files.path, module->path);
    if (!folder)
        return wick_fail_memory(error, model->files.path);
    switch (module->kind) {
    case WICK_MODULE_POOLING:
        return open_pooling(model, folder, error);
    case WICK_MODULE_DENSE:
        return open_dense(model, folder, error);
    case WICK_MODULE_NORMALIZE:
        return open_normalize(model, folder, error);
    case WICK_MODULE_SPLADE:
        return open_splade(model, folder, error);
    case WICK_MODULE_MASK:
        return open_mask(model, folder, error);
    case WICK_MODULE_TRANSFORMER: /* the first alone */
    case WICK_MODULE_STATIC:
        break;
    }
    return WICK_OK;
}

/* Everything behind the transformer. */
static int open_modules(opened_model *model, const wick_module_list *list, wick_error *error)
{
    wick_model_files *files = &model->files;
    files->tokens.is_wanted = list->pipeline == WICK_PIPELINE_TOKENS;
    files->dimension = files->encoder.hidden_size;
    int code = WICK_OK;
    for (size_t i = 1; i < list->n_modules && code == WICK_OK; i++)
        code = open_module(model, &list->modules[i], error);
    return code;
}

static uint64_t mix_identities(const wick_weights *weights, uint64_t so_far)
{
    for (size_t i = 0; i < weights->n_files; i++)
        so_far = wick_hash64(&weights->files[i].mapped.identity, sizeof weights->files[i].mapped.identity, so_far);
    return so_far;
}

/* No config.json, and of the small files the one that sentence-transformers itself writes: its StaticEmbedding looks at no other. */
static int open_static(opened_model *model, wick_error *error)
{
    int code = read_sentence_settings(model, true, WICK_PIPELINE_STATIC, error);
    if (code == WICK_OK)
        code = wick_weights_open(model->files.transformer_path, &model->arena, &model->weights, error);
    return code == WICK_OK ? wick_static_bind(&model->weights, &model->arena, &model->files, error) : code;
}

static int open_transformer(opened_model *model, bool has_modules, wick_module_list *list, wick_error *error)
{
    const wick_architecture *architecture = NULL;
    int code = read_config(model, has_modules, list, &architecture, error);
    if (code == WICK_OK)
        code = read_text_rules(model, has_modules, list->pipeline, error);
    if (code == WICK_OK)
        code = wick_weights_open(model->files.transformer_path, &model->arena, &model->weights, error);
    if (code == WICK_OK)
        code = wick_names_bind(architecture->names, &model->weights, &model->arena, &model->files, error);
    return code == WICK_OK ? wick_head_bind(&model->weights, &model->files, error) : code;
}

static int open_all(opened_model *model, wick_error *error)
{
    wick_module_list list;
    bool has_modules = false;
    int code = read_modules(model, &list, &has_modules, error);
    if (code != WICK_OK)
        return code;
    model->files.transformer_path = wick_model_path(&model->arena, model->files.path, list.modules[0].path);
    if (!model->files.transformer_path)
        return wick_fail_memory(error, model->files.path);
    model->files.pooling = WICK_POOL_MEAN; /* until something says otherwise */
    code = list.pipeline == WICK_PIPELINE_STATIC ? open_static(model, error)
                                                 : open_transformer(model, has_modules, &list, error);
    if (code == WICK_OK)
        code = open_modules(model, &list, error);
    if (code == WICK_OK && !has_modules && list.pipeline == WICK_PIPELINE_VECTORS)
        wick_log(WICK_LOG_INFO, "%s has no modules.json: %s pooling is taken, as by sentence-transformers",
                 model->files.path, wick_pooling_name(model->files.pooling));
    model->files.weights_identity = mix_identities(&model->weights, 0);
    for (size_t i = 0; i < WICK_MAX_DENSE; i++)
        model->files.weights_identity = mix_identities(&model->dense_weights[i], model->files.weights_identity);
    return code;
}

static int check_folder(const char *folder, wick_error *error)
{
    struct stat status;
    if (stat(folder, &status) != 0) {
        bool is_absent = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
        return wick_fail_errno(error, is_absent ? WICK_E_MODEL_NOT_FOUND : WICK_E_IO, folder,
                               "check the model's name or folder", "cannot open the model's folder");
    }
    if (!S_ISDIR(status.st_mode))
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, folder, "name the folder that holds config.json",
                         "the model is a file, expected a folder");
    return WICK_OK;
}

int wick_model_files_new(const char *path, wick_model_files **out, wick_error *error)
{
    wick_arena arena = {0};
    opened_model *model = wick_arena_take(&arena, 1, sizeof *model);
    if (!model)
        return wick_fail_memory(error, path);
    model->arena = arena; /* from here on the arena is the model's */
    wick_sentence_settings_init(&model->files.sentence);
    model->files.path = wick_arena_copy_text(&model->arena, path, strlen(path));
    if (!model->files.path) {
        wick_model_files_close(&model->files);
        return wick_fail_memory(error, path);
    }
    *out = &model->files;
    return WICK_OK;
}

wick_arena *wick_model_files_arena(wick_model_files *files)
{
    return &((opened_model *)(void *)files)->arena;
}

int wick_model_files_open(const char *folder, wick_model_files **out, wick_error *error)
{
    wick_model_files *files = NULL;
    int code = check_folder(folder, error);
    if (code == WICK_OK)
        code = wick_model_files_new(folder, &files, error);
    if (code == WICK_OK)
        code = open_all((opened_model *)(void *)files, error);
    if (code != WICK_OK) {
        wick_model_files_close(files);
        return code;
    }
    *out = files;
    return WICK_OK;
}

void wick_model_files_close(wick_model_files *files)
{
    if (!files)
        return;
    opened_model *model = (opened_model *)(void *)files;
    wick_weights_close(&model->weights);
    for (size_t i = 0; i < WICK_MAX_DENSE; i++)
        wick_weights_close(&model->dense_weights[i]);
    wick_arena arena = model->arena; /* the model itself lies in it */
    wick_arena_clear(&arena);
}
