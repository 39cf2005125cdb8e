/* SPDX-License-Identifier: Apache-2.0
 * fuzz_config_json.c: any bytes as one of the small JSON files of a model folder; the first byte says which. Whatever
 * is accepted must keep what the headers promise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/dense.h"
#include "model/heads.h"
#include "model/modules.h"
#include "model/multi_vector.h"
#include "model/pooling.h"
#include "model/sentence_bert.h"
#include "model/sentence_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_config(const char *text, size_t n)
{
    const wick_architecture *architecture;
    wick_model_files files = {0};
    wick_error error;
    if (wick_model_config_parse(text, n, "fuzz", &architecture, &files, &error) != WICK_OK)
        return;
    const wick_encoder *e = &files.encoder;
    expect(e->n_layers > 0 && e->n_layers <= WICK_MAX_LAYERS && e->hidden_size > 0 && e->vocab_size > 0 &&
           e->hidden_size <= WICK_MAX_HIDDEN_SIZE && e->intermediate_size > 0 && files.max_tokens > 0);
    expect(e->head_dim > 0 && e->n_kv_heads > 0 && e->n_heads % e->n_kv_heads == 0);
    expect(wick_encoder_query_width(e) <= WICK_MAX_QUERY_WIDTH &&
           wick_encoder_qkv_width(e) <= 3 * WICK_MAX_QUERY_WIDTH);
    expect(isfinite(e->norm_eps) && e->norm_eps > 0 && isfinite(e->score_scale) && e->score_scale > 0);
    expect(isfinite(e->embedding_scale) && e->embedding_scale > 0);
    const bool has_table = e->position == WICK_POSITION_LEARNED || e->position == WICK_POSITION_RELATIVE;
    expect(has_table == (e->max_positions > 0));
    expect(!has_table || files.max_tokens + e->position_first <= e->max_positions);
    expect(e->padding_id < 0 ||
           ((size_t)e->padding_id < e->vocab_size && e->position_first == (size_t)e->padding_id + 1));
    expect(e->position != WICK_POSITION_ROTARY ||
           (e->head_dim % 2 == 0 && e->rope_theta > 0 && e->rope_theta_local > 0 && e->rope_divisor >= 1));
}

static void fuzz_modules(const char *text, size_t n)
{
    wick_module_list list;
    wick_error error;
    if (wick_modules_parse(text, n, "fuzz", &list, &error) != WICK_OK)
        return;
    expect(list.n_modules >= 1 && list.n_modules <= WICK_MAX_MODULES);
    size_t n_dense = 0;
    for (size_t i = 0; i < list.n_modules; i++) {
        const char *path = list.modules[i].path;
        expect(path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 && !strstr(path, "/../"));
        n_dense += list.modules[i].kind == WICK_MODULE_DENSE;
    }
    expect(n_dense <= WICK_MAX_DENSE);
}

static void fuzz_settings(const char *text, size_t n)
{
    wick_arena arena = {0};
    wick_error error;
    wick_sentence_settings settings;
    wick_sentence_settings_init(&settings);
    if (wick_sentence_settings_parse(text, n, "fuzz", &arena, &settings, &error) == WICK_OK) {
        bool is_default_there = settings.default_prompt_name == NULL;
        size_t n_bytes = 0;
        for (size_t i = 0; i < settings.n_prompts; i++) {
            n_bytes += strlen(settings.prompts[i].name) + strlen(settings.prompts[i].text);
            is_default_there |= settings.prompts[i].name == settings.default_prompt_name;
        }
        expect(is_default_there && settings.n_prompts <= WICK_MAX_PROMPTS + 2 && n_bytes <= WICK_MAX_PROMPT_BYTES + 16);
        expect(settings.truncate_dim <= 65536 && settings.similarity[0]);
    }
    wick_arena_clear(&arena);
}

static void fuzz_rest(uint8_t which, const char *text, size_t n)
{
    wick_error error;
    wick_pooling pooling;
    wick_dense dense;
    bool has_bias, pools_prompt;
    wick_text_rules rules = {0};
    if (which == 2 && wick_pooling_parse(text, n, "fuzz", 384, &pooling, &pools_prompt, &error) == WICK_OK)
        expect(strcmp(wick_pooling_name(pooling), "unknown") != 0);
    if (which == 3 && wick_dense_parse(text, n, "fuzz", 384, WICK_FEATURE_VECTOR, &dense, &has_bias, &error) == WICK_OK)
        expect(dense.in_features == 384 && dense.out_features > 0 && dense.out_features <= WICK_MAX_HIDDEN_SIZE);
    if (which == 4)
        wick_sentence_bert_parse(text, n, "fuzz", &rules, &error);
    if (which == 5)
        wick_tokenizer_config_parse(text, n, "fuzz", &rules, &error);
    if (which == 6)
        fuzz_settings(text, n);
}

static void fuzz_head(const char *text, size_t n)
{
    static const char *const types[] = {"bert", "roberta", "modernbert", "qwen3"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        wick_arena arena = {0};
        wick_error error;
        wick_model_files files = {.architecture = types[i], .encoder = {.vocab_size = 9}};
        if (wick_head_parse(text, n, "fuzz", WICK_HEAD_LABELS, &arena, &files, &error) == WICK_OK) {
            expect(files.head.n_out > 0 && files.head.n_out <= WICK_MAX_LABELS);
            for (size_t j = 0; j < files.head.n_out; j++)
                expect(files.head.labels[j] != NULL);
        }
        wick_head_parse(text, n, "fuzz", WICK_HEAD_TERMS, &arena, &files, &error);
        wick_head_activation_parse(text, n, "fuzz", &files.head, &error);
        wick_head_types_parse(text, n, "fuzz", &files.head, &error);
        wick_arena_clear(&arena);
    }
}

static void fuzz_behind_head(uint8_t which, const char *text, size_t n)
{
    wick_arena arena = {0};
    wick_error error;
    wick_output_head head = {0};
    wick_token_vectors tokens = {0};
    bool is_there;
    if (which == 8)
        wick_head_splade_parse(text, n, "fuzz", &head, &error);
    if (which == 9 && wick_multi_vector_mask_parse(text, n, "fuzz", &arena, &tokens, &error) == WICK_OK)
        expect(tokens.n_skipped <= WICK_MAX_SKIPPED);
    if (which == 10)
        wick_multi_vector_normalize_parse(text, n, "fuzz", &is_there, &error);
    wick_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    uint8_t which = (uint8_t)(data[0] - '0'); /* '0' to ':', so that the seeds are texts */
    const char *text = (const char *)data + 1;
    if (which == 0)
        fuzz_config(text, n - 1);
    else if (which == 1)
        fuzz_modules(text, n - 1);
    else if (which == 7)
        fuzz_head(text, n - 1);
    else if (which > 7)
        fuzz_behind_head(which, text, n - 1);
    else
        fuzz_rest(which, text, n - 1);
    return 0;
}
