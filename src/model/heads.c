/* SPDX-License-Identifier: Apache-2.0
 * heads.c: heads by family, as transformers builds them: what config.json says of one (heads.h). In: the bytes of config.json, config_sentence_transformers.json,
 * 1_SpladePooling/config.json. Out: wick_output_head without tensors; heads_bind.c finds those. */
#include "model/heads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/config.h"
#include "model/heads_table.h"

static int unsupported(const wick_keys *keys, const char *key, const char *value, const char *supported)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model without this setting",
                     "%s %s is not supported, only: %s", key, wick_shown(value, shown), supported);
}

static int corrupt(const wick_keys *keys, const char *what)
{
    return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again", "%s", what);
}

/* ---- which head ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

int wick_head_kind_parse(const char *text, size_t n, const char *where, wick_head_kind *out, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const char *name = wick_json_string(wick_json_at(wick_json_get(root, "architectures"), 0), NULL);
    *out = name && ends_with(name, "ForSequenceClassification") ? WICK_HEAD_LABELS : WICK_HEAD_NONE;
    wick_json_free(root);
    return WICK_OK;
}

/* ---- labels -------------------------------------------------------------------------------------------------------- */

/* id2label is an object of "0", "1"...: each number below their count stands once, since keys are unique. */
static int read_labels(const wick_keys *keys, const wick_json *map, size_t n, const char **labels, wick_arena *arena)
{
    for (const wick_json_member *it = wick_json_first(map); it; it = wick_json_next(map, it)) {
        const char *key = wick_json_key(it, NULL), *label = wick_json_string(wick_json_value(it), NULL);
        char *end;
        const unsigned long index = strtoul(key, &end, 10);
        if (key[0] < '0' || key[0] > '9' || (key[0] == '0' && key[1]) || *end || index >= n)
            return corrupt(keys, "id2label: its keys are not the numbers from 0 on");
        if (!label)
            return corrupt(keys, "id2label: a label is not a string");
        labels[index] = wick_arena_copy_text(arena, label, strlen(label));
        if (!labels[index])
            return wick_fail_memory(keys->error, keys->where);
    }
    return WICK_OK;
}

static int name_labels(size_t n, const char **labels, wick_arena *arena, const wick_keys *keys)
{
    for (size_t i = 0; i < n; i++) {
        char name[32];
        const int n_bytes = snprintf(name, sizeof name, "LABEL_%zu", i);
        labels[i] = wick_arena_copy_text(arena, name, (size_t)n_bytes);
        if (!labels[i])
            return wick_fail_memory(keys->error, keys->where);
    }
    return WICK_OK;
}

/* transformers counts id2label where it stands, else takes num_labels, else 2. */
static int read_all_labels(const wick_keys *keys, wick_arena *arena, wick_output_head *head)
{
    const wick_json *map = wick_json_get(keys->object, "id2label");
    const bool has_map = wick_json_type_of(map) != WICK_JSON_NULL;
    size_t n = 2;
    if (has_map && wick_json_type_of(map) != WICK_JSON_OBJECT)
        return corrupt(keys, "id2label is not an object");
    int code = has_map ? WICK_OK : wick_key_size(keys, "num_labels", 1, WICK_MAX_LABELS, &n);
    if (code != WICK_OK)
        return code;
    n = has_map ? wick_json_count(map) : n;
    if (n == 0 || n > WICK_MAX_LABELS)
        return corrupt(keys, "id2label has no labels, or more than there can be");
    const char **labels = wick_arena_take(arena, n, sizeof *labels);
    if (!labels)
        return wick_fail_memory(keys->error, keys->where);
    head->n_out = n;
    head->labels = labels;
    return has_map ? read_labels(keys, map, n, labels, arena) : name_labels(n, labels, arena, keys);
}

/* ---- scores -------------------------------------------------------------------------------------------------------- */

/* A class of torch; another package's is not trusted by sentence-transformers either, which then takes its default. */
static int read_activation(const wick_keys *keys, const char *key, const char *name, wick_output_head *head)
{
    if (!name || strncmp(name, "torch.", 6) != 0)
        return WICK_OK;
    head->has_sigmoid =
        strcmp(name, "torch.nn.modules.activation.Sigmoid") == 0 || strcmp(name, "torch.nn.Sigmoid") == 0;
    if (head->has_sigmoid || strcmp(name, "torch.nn.modules.linear.Identity") == 0 ||
        strcmp(name, "torch.nn.Identity") == 0)
        return WICK_OK;
    return unsupported(keys, key, name, "torch.nn.Sigmoid, torch.nn.Identity");
}

/* config.json says it since sentence-transformers 4 in an object, before in a key of its own; the default is the sigmoid for one label. */
static int read_scores(const wick_keys *keys, wick_output_head *head)
{
    static const char old_key[] = "sbert_ce_default_activation_function";
    const wick_keys inner = {wick_json_get(keys->object, "sentence_transformers"), keys->where, keys->error};
    const char *name = NULL, *key = "sentence_transformers.activation_fn";
    head->has_sigmoid = head->n_out == 1;
    int code = wick_key_text(&inner, "activation_fn", &name);
    if (code == WICK_OK && !wick_json_get(inner.object, "activation_fn")) {
        key = old_key;
        code = wick_key_text(keys, old_key, &name);
    }
    return code == WICK_OK ? read_activation(keys, key, name, head) : code;
}

int wick_head_activation_parse(const char *text, size_t n, const char *where, wick_output_head *head, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    const char *name = NULL;
    code = wick_key_text(&keys, "activation_fn", &name);
    if (code == WICK_OK)
        code = read_activation(&keys, "activation_fn", name, head);
    wick_json_free(root);
    return code;
}

/* ---- token types --------------------------------------------------------------------------------------------------- */

/* Of transformers' tokenizer classes for these families only BERT's gives token types by itself. */
int wick_head_types_parse(const char *text, size_t n, const char *where, wick_output_head *head, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse_reals(text, n, where, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    const wick_json *names = wick_json_get(root, "model_input_names");
    const char *class_name = NULL;
    code = wick_key_text(&keys, "tokenizer_class", &class_name);
    if (code == WICK_OK && class_name)
        head->has_types = strcmp(class_name, "BertTokenizer") == 0 || strcmp(class_name, "BertTokenizerFast") == 0;
    if (wick_json_type_of(names) == WICK_JSON_ARRAY)
        head->has_types = false;
    for (size_t i = 0; i < wick_json_count(names) && wick_json_type_of(names) == WICK_JSON_ARRAY; i++) {
        const char *name = wick_json_string(wick_json_at(names, i), NULL);
        head->has_types |= name && strcmp(name, "token_type_ids") == 0;
    }
    wick_json_free(root);
    return code;
}

/* ---- settings of a family's head ----------------------------------------------------------------------------------- */

/* ModernBERT alone lets the file choose (its classifier_* keys serve the masked words too). */
static int read_choices(const wick_keys *keys, wick_output_head *head)
{
    const char *pooling = "cls";
    bool has_last_bias = true;
    head->has_dense_bias = head->has_norm_bias = false;
    int code = wick_key_bool(keys, "classifier_bias", &head->has_dense_bias);
    if (code == WICK_OK)
        code = wick_key_bool(keys, "norm_bias", &head->has_norm_bias);
    if (code == WICK_OK && head->kind == WICK_HEAD_TERMS)
        code = wick_key_bool(keys, "decoder_bias", &has_last_bias);
    if (code == WICK_OK && head->kind == WICK_HEAD_LABELS)
        code = wick_key_text(keys, "classifier_pooling", &pooling);
    head->has_last_bias = has_last_bias;
    if (code != WICK_OK)
        return code;
    if (strcmp(pooling, "cls") != 0 && strcmp(pooling, "mean") != 0)
        return unsupported(keys, "classifier_pooling", pooling, "cls, mean");
    head->row = pooling[0] == 'c' ? WICK_POOL_CLS : WICK_POOL_MEAN;
    return WICK_OK;
}

static int read_head(const wick_keys *keys, const wick_head_names *names, wick_arena *arena, wick_model_files *files)
{
    wick_output_head *head = &files->head;
    const char *activation = NULL;
    *head = (wick_output_head){.kind = names->kind,
                               .row = names->row,
                               .activation = names->activation,
                               .n_out = files->encoder.vocab_size,
                               .has_dense = names->dense != NULL,
                               .has_norm = names->norm != NULL,
                               .has_dense_bias = names->dense != NULL,
                               .has_norm_bias = names->norm != NULL,
                               .has_last_bias = !names->is_plain,
                               .has_types = names->gives_types,
                               .ties_words = true}; /* transformers' default */
    int code = names->activation_key ? wick_key_text(keys, names->activation_key, &activation) : WICK_OK;
    if (code == WICK_OK && activation && !wick_activation_of_name(activation, &head->activation))
        return unsupported(keys, names->activation_key, activation,
                           "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh");
    if (code == WICK_OK)
        code = wick_key_bool(keys, "tie_word_embeddings", &head->ties_words);
    if (code == WICK_OK && names->has_choices)
        code = read_choices(keys, head);
    if (code == WICK_OK && head->kind == WICK_HEAD_LABELS)
        code = read_all_labels(keys, arena, head);
    return code == WICK_OK && head->kind == WICK_HEAD_LABELS ? read_scores(keys, head) : code;
}

int wick_head_read(const wick_keys *keys, wick_head_kind kind, wick_arena *arena, wick_model_files *files)
{
    if (kind == WICK_HEAD_NONE)
        return WICK_OK;
    const wick_head_names *names = wick_head_names_of(files->architecture, kind);
    if (!names)
        return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "choose a model with a head of a supported type",
                         "a head for %s on model_type %s is not supported",
                         kind == WICK_HEAD_LABELS ? "labels" : "masked words", files->architecture);
    return read_head(keys, names, arena, files);
}

int wick_head_parse(const char *text, size_t n, const char *where, wick_head_kind kind, wick_arena *arena,
                    wick_model_files *files, wick_error *error)
{
    wick_json *root = NULL;
    if (kind == WICK_HEAD_NONE)
        return WICK_OK;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    code = wick_head_read(&keys, kind, arena, files);
    wick_json_free(root);
    return code;
}

/* ---- SPLADE -------------------------------------------------------------------------------------------------------- */

/* words: "FIRST, SECOND"; the first where the key is absent. */
static int read_word(const wick_keys *keys, const char *key, const char *words, bool *is_second)
{
    const char *second = strstr(words, ", ") + 2, *value = NULL;
    const size_t n_first = (size_t)(second - 2 - words);
    const int code = wick_key_text(keys, key, &value);
    *is_second = value && strcmp(value, second) == 0;
    if (code != WICK_OK || !value || *is_second || (strlen(value) == n_first && strncmp(value, words, n_first) == 0))
        return code;
    return unsupported(keys, key, value, words);
}

int wick_head_splade_parse(const char *text, size_t n, const char *where, wick_output_head *head, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse(text, n, where, WICK_JSON_OBJECT, &root, error);
    if (code != WICK_OK)
        return code;
    const wick_keys keys = {root, where, error};
    code = read_word(&keys, "pooling_strategy", "max, sum", &head->sums_tokens);
    if (code == WICK_OK)
        code = read_word(&keys, "activation_function", "relu, log1p_relu", &head->has_second_log);
    wick_json_free(root);
    return code;
}
