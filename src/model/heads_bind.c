/* SPDX-License-Identifier: Apache-2.0
 * heads_bind.c: the table of heads, and a head's tensors by name (heads.h). The names are those that transformers' models write: ...ForSequenceClassification and
 * ...ForMaskedLM. What stands in front of a name ("bert.", "model.") is not looked at: of each name there is one. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/heads.h"
#include "model/heads_table.h"

static const char *const bert[] = {"bert", NULL}, *const nomic[] = {"nomic_bert", NULL},
                         *const gte[] = {"gte", "new", NULL}, *const distilbert[] = {"distilbert", NULL},
                         *const roberta[] = {"roberta", "xlm-roberta", "camembert", "mpnet", NULL},
                         *const modernbert[] = {"modernbert", NULL}, *const decoders[] = {"qwen2",       "qwen3",
                                                                                          "gemma3_text", "mistral",
                                                                                          "llama",       NULL};

static const wick_head_names heads[] = {
    /* A pooler, which belongs to the encoder's classes, and one layer. */
    {WICK_HEAD_LABELS, bert, "pooler.dense", NULL, "classifier", NULL, NULL, WICK_ACT_TANH, WICK_POOL_CLS, false, false,
     true},
    {WICK_HEAD_LABELS, nomic, "pooler.dense", NULL, "classifier", NULL, NULL, WICK_ACT_TANH, WICK_POOL_CLS, false,
     false, true},
    {WICK_HEAD_LABELS, gte, "pooler.dense", NULL, "classifier", NULL, NULL, WICK_ACT_TANH, WICK_POOL_CLS, false, false,
     false},
    {WICK_HEAD_LABELS, roberta, "classifier.dense", NULL, "classifier.out_proj", NULL, NULL, WICK_ACT_TANH,
     WICK_POOL_CLS, false, false, false},
    {WICK_HEAD_LABELS, distilbert, "pre_classifier", NULL, "classifier", NULL, NULL, WICK_ACT_RELU, WICK_POOL_CLS,
     false, false, false},
    {WICK_HEAD_LABELS, modernbert, "head.dense", "head.norm", "classifier", NULL, "classifier_activation",
     WICK_ACT_GELU, WICK_POOL_CLS, true, false, false},
    {WICK_HEAD_LABELS, decoders, NULL, NULL, "score", NULL, NULL, WICK_ACT_NONE, WICK_POOL_LASTTOKEN, false, true,
     false},
    {WICK_HEAD_TERMS, bert, "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
     "cls.predictions.decoder", "cls.predictions.bias", "hidden_act", WICK_ACT_GELU, WICK_POOL_CLS, false, false,
     false},
    {WICK_HEAD_TERMS, roberta, "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias", NULL,
     WICK_ACT_GELU, WICK_POOL_CLS, false, false, false},
    {WICK_HEAD_TERMS, gte, "lm_head.dense", "lm_head.norm", "lm_head.decoder", NULL, NULL, WICK_ACT_GELU, WICK_POOL_CLS,
     false, false, false},
    {WICK_HEAD_TERMS, distilbert, "vocab_transform", "vocab_layer_norm", "vocab_projector", NULL, "activation",
     WICK_ACT_GELU, WICK_POOL_CLS, false, false, false},
    {WICK_HEAD_TERMS, modernbert, "head.dense", "head.norm", "decoder", NULL, "classifier_activation", WICK_ACT_GELU,
     WICK_POOL_CLS, true, false, false},
};

const wick_head_names *wick_head_names_of(const char *model_type, wick_head_kind kind)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (size_t j = 0; heads[i].kind == kind && heads[i].types[j]; j++)
            if (strcmp(heads[i].types[j], model_type) == 0)
                return &heads[i];
    return NULL;
}

/* ---- tensors by name ----------------------------------------------------------------------------------------------- */

#define NAME_BYTES 96

/* The whole name of the one tensor that is called `name`, or ends in ".name"; name itself where there is none. */
static const char *whole_name(const wick_weights *weights, const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < weights->n_weights; i++) {
        const char *whole = weights->by_name[i].tensor->name;
        const size_t n_whole = strlen(whole);
        if (n_whole >= n && strcmp(whole + n_whole - n, name) == 0 && (n_whole == n || whole[n_whole - n - 1] == '.'))
            return whole;
    }
    return name;
}

static bool is_there(const wick_weights *weights, const char *stem, const char *part)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", stem, part);
    return wick_weights_find(weights, whole_name(weights, name)) != NULL;
}

/* STEM.PART; rows 0: one dimension. */
static int take(const wick_weights *weights, const char *stem, const char *part, size_t rows, size_t columns,
                wick_tensor *out, wick_model_files *files, wick_error *error)
{
    char name[NAME_BYTES];
    const size_t shape[2] = {rows, columns};
    snprintf(name, sizeof name, "%s%s%s", stem, part[0] ? "." : "", part);
    files->n_parameters += rows ? rows * columns : columns;
    return wick_weights_take(weights, whole_name(weights, name), rows ? 2 : 1, rows ? shape : shape + 1, out, error);
}

static int take_dense(const wick_weights *weights, const wick_head_names *names, wick_model_files *files,
                      wick_error *error)
{
    wick_output_head *head = &files->head;
    const size_t hidden = files->encoder.hidden_size;
    int code = take(weights, names->dense, "weight", hidden, hidden, &head->dense.weight, files, error);
    if (code == WICK_OK && head->has_dense_bias)
        code = take(weights, names->dense, "bias", 0, hidden, &head->dense.bias, files, error);
    return code;
}

/* Files converted from TensorFlow call weight and bias gamma and beta. */
static int take_norm(const wick_weights *weights, const wick_head_names *names, wick_model_files *files,
                     wick_error *error)
{
    wick_output_head *head = &files->head;
    const size_t hidden = files->encoder.hidden_size;
    const bool is_old = !is_there(weights, names->norm, "weight") && is_there(weights, names->norm, "gamma");
    int code = take(weights, names->norm, is_old ? "gamma" : "weight", 0, hidden, &head->norm.weight, files, error);
    if (code == WICK_OK && head->has_norm_bias)
        code = take(weights, names->norm, is_old ? "beta" : "bias", 0, hidden, &head->norm.bias, files, error);
    return code;
}

/* What transformers would draw at random. */
static int fail_untied(const wick_weights *weights, const wick_head_names *names, const char *part, wick_error *error)
{
    return wick_fail(error, WICK_E_CORRUPT, weights->origin, "download the model again",
                     "tensor %s.%s is missing, and config.json's tie_word_embeddings is false", names->last, part);
}

/* Tied, as transformers has it by default: a weight that the file lacks is the word embeddings, a bias that it lacks has its other name. */
static int take_last(const wick_weights *weights, const wick_head_names *names, wick_model_files *files,
                     wick_error *error)
{
    wick_output_head *head = &files->head;
    const bool is_tied = head->kind == WICK_HEAD_TERMS && !is_there(weights, names->last, "weight");
    const bool has_other_bias = names->last_bias && !is_there(weights, names->last, "bias");
    if (!head->ties_words && (is_tied || has_other_bias))
        return fail_untied(weights, names, is_tied ? "weight" : "bias", error);
    int code = WICK_OK;
    if (is_tied)
        head->last.weight = files->word_embeddings;
    else
        code = take(weights, names->last, "weight", head->n_out, files->encoder.hidden_size, &head->last.weight, files,
                    error);
    if (code == WICK_OK && head->has_last_bias)
        code = take(weights, has_other_bias ? names->last_bias : names->last, has_other_bias ? "" : "bias", 0,
                    head->n_out, &head->last.bias, files, error);
    return code;
}

int wick_head_bind(const wick_weights *weights, wick_model_files *files, wick_error *error)
{
    if (files->head.kind == WICK_HEAD_NONE)
        return WICK_OK;
    const wick_head_names *names = wick_head_names_of(files->architecture, files->head.kind);
    int code = names->dense ? take_dense(weights, names, files, error) : WICK_OK;
    if (code == WICK_OK && names->norm)
        code = take_norm(weights, names, files, error);
    return code == WICK_OK ? take_last(weights, names, files, error) : code;
}
