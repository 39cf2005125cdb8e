/* SPDX-License-Identifier: Apache-2.0
 * sentence_bert.c: how long texts may be and how they are prepared, as sentence-transformers 6 takes it from its
 * small JSON files. Settings that would change vectors and that we do not carry out are refused by name. */
#include "model/sentence_bert.h"

#include <string.h>

#include "base/error.h"

static const char mend_setting[] = "choose a model without this setting";

static int unsupported(const wick_keys *keys, const char *key, const char *value)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, mend_setting, "%s %s is not supported", key,
                     wick_shown(value, shown));
}

/* A key that must be absent, null or the one value we do. */
static int expect_text(const wick_keys *keys, const char *key, const char *expected)
{
    const char *value = expected;
    int code = wick_key_text(keys, key, &value);
    if (code == WICK_OK && strcmp(value, expected) != 0)
        code = unsupported(keys, key, value);
    return code;
}

/* A length in tokens. null: not said. transformers writes 10^30 for "no limit": anything beyond 2^53 counts as not
 * said. */
static int read_length(const wick_keys *keys, const char *key, size_t *out)
{
    double length;
    if (wick_json_type_of(wick_json_get(keys->object, key)) == WICK_JSON_NULL)
        return WICK_OK;
    int code = wick_key_number(keys, key, &length);
    if (code != WICK_OK)
        return code;
    if (!(length >= 1))
        return wick_fail(keys->error, WICK_E_CORRUPT, keys->where, "download the model again",
                         "%s is %g, expected at least 1", key, length);
    *out = length < 0x1p53 ? (size_t)length : 0;
    return WICK_OK;
}

/* An object of settings in which only the harmless keys may stand. */
static int check_settings(const wick_keys *keys, const char *key, const char *const *harmless)
{
    const wick_json *settings = wick_json_get(keys->object, key);
    for (const wick_json_member *it = wick_json_first(settings); it; it = wick_json_next(settings, it)) {
        const char *name = wick_json_key(it, NULL);
        bool is_harmless = false;
        for (size_t i = 0; harmless[i]; i++)
            is_harmless = is_harmless || strcmp(name, harmless[i]) == 0;
        if (!is_harmless)
            return unsupported(keys, key, name);
    }
    return WICK_OK;
}

/* transformer_task and modality_config say which output of which method goes on to the next module. */
static int read_task(const wick_keys *keys, wick_task *out)
{
    static const struct {
        const char *name, *module_output, *method_output;
        wick_task task;
    } tasks[] = {{"feature-extraction", "token_embeddings", "last_hidden_state", WICK_TASK_FEATURES},
                 {"sequence-classification", "scores", "logits", WICK_TASK_LABELS},
                 {"fill-mask", "token_embeddings", "logits", WICK_TASK_WORDS}};
    const char *name = NULL;
    size_t i = 0;
    int code = wick_key_text(keys, "transformer_task", &name);
    if (code != WICK_OK)
        return code;
    while (name && i < sizeof tasks / sizeof *tasks && strcmp(tasks[i].name, name) != 0)
        i++;
    if (i == sizeof tasks / sizeof *tasks)
        return unsupported(keys, "transformer_task", name);
    *out = name ? tasks[i].task : WICK_TASK_UNSAID;
    code = expect_text(keys, "module_output_name", tasks[i].module_output);
    const wick_json *modalities = wick_json_get(keys->object, "modality_config");
    if (code != WICK_OK || wick_json_type_of(modalities) == WICK_JSON_NULL)
        return code;
    wick_keys text = {wick_json_get(modalities, "text"), keys->where, keys->error};
    if (wick_json_type_of(text.object) != WICK_JSON_OBJECT)
        return wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, mend_setting, "modality_config has no text");
    code = expect_text(&text, "method", "forward");
    return code == WICK_OK ? expect_text(&text, "method_output_name", tasks[i].method_output) : code;
}

/* ColBERT's: queries filled up with masks, and lengths of their own. */
static int check_query_keys(const wick_keys *keys)
{
    static const char *const names[] = {"query_expansion", "query_length", "document_length"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (wick_json_type_of(wick_json_get(keys->object, names[i])) != WICK_JSON_NULL)
            return unsupported(keys, names[i], "(tokens of queries or documents alone)");
    return WICK_OK;
}

static int read_sentence_bert(const wick_keys *keys, wick_text_rules *rules)
{
    static const char *const harmless_config[] = {"trust_remote_code", NULL};
    static const char *const harmless_tokenizer[] = {"trust_remote_code", "model_max_length", NULL};
    static const char *const none[] = {NULL};
    static const struct {
        const char *key;
        const char *const *harmless;
    } settings[] = {
        {"config_args", harmless_config},
        {"config_kwargs", harmless_config},
        {"tokenizer_args", harmless_tokenizer},
        {"processor_kwargs", harmless_tokenizer},
        {"processing_kwargs", none},
    };
    int code = read_task(keys, &rules->task);
    if (code == WICK_OK)
        code = check_query_keys(keys);
    for (size_t i = 0; i < sizeof settings / sizeof *settings && code == WICK_OK; i++)
        code = check_settings(keys, settings[i].key, settings[i].harmless);
    if (code == WICK_OK && wick_json_type_of(wick_json_get(keys->object, "tokenizer_name_or_path")) != WICK_JSON_NULL)
        code = unsupported(keys, "tokenizer_name_or_path", "(another model's tokenizer)");
    if (code == WICK_OK)
        code = wick_key_bool(keys, "do_lower_case", &rules->lower_case);
    if (code == WICK_OK)
        code = read_length(keys, "max_seq_length", &rules->max_seq_length);
    /* The tokenizer's own arguments win over max_seq_length. */
    static const char *const arguments[] = {"tokenizer_args", "processor_kwargs"};
    for (size_t i = 0; i < 2 && code == WICK_OK; i++) {
        wick_keys inner = {wick_json_get(keys->object, arguments[i]), keys->where, keys->error};
        code = read_length(&inner, "model_max_length", &rules->max_seq_length);
    }
    return code;
}

int wick_sentence_bert_parse(const char *text, size_t n, const char *where, wick_text_rules *rules, wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse_reals(text, n, where, &root, error);
    if (code != WICK_OK)
        return code;
    wick_keys keys = {root, where, error};
    code = read_sentence_bert(&keys, rules);
    wick_json_free(root);
    return code;
}

static int read_side(const wick_keys *keys, uint8_t *out)
{
    const char *side = NULL;
    int code = wick_key_text(keys, "truncation_side", &side);
    if (code != WICK_OK || !side)
        return code;
    if (strcmp(side, "left") != 0 && strcmp(side, "right") != 0)
        return unsupported(keys, "truncation_side", side);
    *out = side[0] == 'l' ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    return WICK_OK;
}

int wick_tokenizer_config_parse(const char *text, size_t n, const char *where, wick_text_rules *rules,
                                wick_error *error)
{
    wick_json *root = NULL;
    int code = wick_bounded_json_parse_reals(text, n, where, &root, error);
    if (code != WICK_OK)
        return code;
    wick_keys keys = {root, where, error};
    code = wick_key_bool(&keys, "do_lower_case", &rules->tokenizer_lower_case);
    if (code == WICK_OK)
        code = read_length(&keys, "max_len", &rules->model_max_length); /* the old name */
    if (code == WICK_OK)
        code = read_length(&keys, "model_max_length", &rules->model_max_length);
    if (code == WICK_OK)
        code = read_side(&keys, &rules->truncate_side);
    wick_json_free(root);
    return code;
}
