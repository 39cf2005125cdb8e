/* SPDX-License-Identifier: Apache-2.0
 * packed_head.c: heads in packed files (packed_head.h). What is read is checked as the files of a folder are. */
#include "model/packed_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "model/heads.h"
#include "model/multi_vector.h"

#define HEAD "head"
#define SKIPPED "skipped"
#define HEAD_WORDS "head.words"
#define MAX_BYTES 1024

static const char *const kinds[] = {
    [WICK_HEAD_NONE] = "none", [WICK_HEAD_LABELS] = "labels", [WICK_HEAD_TERMS] = "terms"};
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* Settings that are true or false. */
typedef struct flag {
    const char *key;
    size_t offset; /* in wick_model_files */
} flag;

static const flag flags[] = {
    {"has_types", offsetof(wick_model_files, head.has_types)},
    {"has_sigmoid", offsetof(wick_model_files, head.has_sigmoid)},
    {"sums_tokens", offsetof(wick_model_files, head.sums_tokens)},
    {"has_second_log", offsetof(wick_model_files, head.has_second_log)},
    {"is_multi_vector", offsetof(wick_model_files, tokens.is_wanted)},
    {"has_token_normalize", offsetof(wick_model_files, tokens.has_normalize)},
    {"skips_in_query", offsetof(wick_model_files, tokens.skips_in_query)},
    {"skips_in_document", offsetof(wick_model_files, tokens.skips_in_document)},
};
#define N_FLAGS (sizeof flags / sizeof *flags)

static bool *flag_of(wick_model_files *files, const flag *one)
{
    return (bool *)(void *)((char *)files + one->offset);
}

bool wick_head_is_packed(const wick_model_files *files)
{
    return files->head.kind != WICK_HEAD_NONE || files->tokens.is_wanted;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static int pack_settings(const wick_model_files *files, wick_pack_writer *writer, wick_error *error)
{
    char *text = malloc(MAX_BYTES);
    if (!text)
        return wick_fail_memory(error, "the packed model's head");
    size_t n = (size_t)snprintf(text, MAX_BYTES, "{\"kind\":\"%s\"", kinds[files->head.kind]);
    for (size_t i = 0; i < N_FLAGS; i++) /* far shorter than the buffer, whatever they say */
        n += (size_t)snprintf(text + n, MAX_BYTES - n, ",\"%s\":%s", flags[i].key,
                              *flag_of((wick_model_files *)(uintptr_t)files, &flags[i]) ? "true" : "false");
    n += (size_t)snprintf(text + n, MAX_BYTES - n, "}");
    return wick_pack_give(writer, HEAD, text, n, error);
}

/* Each word with its terminator. */
static int pack_skipped(const wick_token_vectors *tokens, wick_pack_writer *writer, wick_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < tokens->n_skipped; i++)
        n += strlen(tokens->skipped[i]) + 1;
    char *text = malloc(n > 0 ? n : 1), *at = text;
    if (!text)
        return wick_fail_memory(error, "the packed model's head");
    for (size_t i = 0; i < tokens->n_skipped; i++) {
        const size_t n_word = strlen(tokens->skipped[i]) + 1;
        memcpy(at, tokens->skipped[i], n_word);
        at += n_word;
    }
    return wick_pack_give(writer, SKIPPED, text, n, error);
}

static int pack_words(const wick_model_files *files, wick_pack_writer *writer, wick_error *error)
{
    const size_t n = files->head.n_out * files->encoder.hidden_size; /* no overflow: the tensor is that large */
    size_t n_bytes;
    float *words = wick_mul_size(n, sizeof *words, &n_bytes) ? malloc(n_bytes) : NULL;
    if (!words)
        return wick_fail_memory(error, "the packed model's head");
    wick_tensor_to_f32(&files->head.last.weight, 0, n, words);
    return wick_pack_give(writer, HEAD_WORDS, words, n_bytes, error);
}

int wick_head_pack(const wick_model_files *files, const char *dtype, wick_pack_writer *writer, wick_error *error)
{
    const bool is_tied = files->head.last.weight.data == files->word_embeddings.data && strcmp(dtype, "f32") == 0;
    int code = pack_settings(files, writer, error);
    if (code == WICK_OK && files->tokens.n_skipped > 0)
        code = pack_skipped(&files->tokens, writer, error);
    if (code == WICK_OK && files->head.kind == WICK_HEAD_TERMS && !is_tied)
        code = pack_words(files, writer, error);
    return code;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static int unpack_settings(const wick_keys *keys, wick_head_kind *kind, wick_model_files *files)
{
    const char *name = NULL;
    size_t i = 0;
    int code = wick_key_text(keys, "kind", &name);
    while (name && i < N_KINDS && strcmp(kinds[i], name) != 0)
        i++;
    if (code == WICK_OK && (!name || i == N_KINDS))
        code = wick_fail(keys->error, WICK_E_UNSUPPORTED, keys->where, "update Wick, or pack the model again",
                         "the packed model's head is of a kind that this Wick does not know");
    *kind = code == WICK_OK ? (wick_head_kind)i : WICK_HEAD_NONE;
    for (size_t k = 0; k < N_FLAGS && code == WICK_OK; k++)
        code = wick_key_bool(keys, flags[k].key, flag_of(files, &flags[k]));
    return code;
}

static int unpack_skipped(const wick_pack *pack, wick_arena *arena, wick_token_vectors *tokens, wick_error *error)
{
    size_t n_bytes, n = 0;
    const char *text = wick_pack_find(pack, SKIPPED, &n_bytes);
    if (!text)
        return WICK_OK;
    for (size_t i = 0; i < n_bytes; i++)
        n += text[i] == '\0';
    if (n == 0 || n > WICK_MAX_SKIPPED || text[n_bytes - 1] != '\0')
        return wick_pack_fail(pack, SKIPPED, "is damaged", error);
    const char **words = wick_arena_take(arena, n, sizeof *words);
    if (!words)
        return wick_fail_memory(error, wick_pack_where(pack));
    for (size_t i = 0; i < n; i++, text += strlen(text) + 1)
        words[i] = text; /* the file stays mapped */
    tokens->skipped = words;
    tokens->n_skipped = n;
    return WICK_OK;
}

static int unpack_words(const wick_pack *pack, wick_model_files *files, wick_error *error)
{
    size_t n_bytes, wanted;
    const uint8_t *data = wick_pack_find(pack, HEAD_WORDS, &n_bytes);
    files->head.last.weight = files->word_embeddings;
    if (!data && files->word_embeddings.data)
        return WICK_OK;
    if (!data || !wick_mul_size(files->head.n_out, files->encoder.hidden_size, &wanted) ||
        !wick_mul_size(wanted, sizeof(float), &wanted) || wanted != n_bytes)
        return wick_pack_fail(pack, HEAD_WORDS, "is not as large as the model says", error);
    files->head.last.weight = (wick_tensor){.name = HEAD_WORDS,
                                            .dtype = WICK_DTYPE_F32,
                                            .dtype_name = "F32",
                                            .n_dims = 2,
                                            .shape = {files->head.n_out, files->encoder.hidden_size},
                                            .data = data,
                                            .size_bytes = n_bytes};
    return WICK_OK;
}

/* The head from config.json, then what other files said of it, over that. */
static int unpack_all(const wick_pack *pack, const wick_keys *keys, const wick_keys *config, wick_arena *arena,
                      wick_model_files *files)
{
    wick_head_kind kind;
    wick_model_files said = {0};
    int code = unpack_settings(keys, &kind, &said);
    if (code == WICK_OK)
        code = wick_head_read(config, kind, arena, files);
    for (size_t i = 0; i < N_FLAGS; i++)
        *flag_of(files, &flags[i]) = *flag_of(&said, &flags[i]);
    if (code == WICK_OK)
        code = unpack_skipped(pack, arena, &files->tokens, keys->error);
    if (code == WICK_OK && kind == WICK_HEAD_TERMS)
        code = unpack_words(pack, files, keys->error);
    return code;
}

int wick_head_unpack(const wick_pack *pack, const wick_keys *config, wick_arena *arena, wick_model_files *files,
                     wick_error *error)
{
    const void *text;
    size_t n;
    wick_json *root = NULL;
    int code = wick_pack_take(pack, HEAD, &text, &n, error);
    if (code == WICK_OK && n > MAX_BYTES)
        code = wick_pack_fail(pack, HEAD, "is too long", error);
    if (code == WICK_OK)
        code = wick_bounded_json_parse(text, n, wick_pack_where(pack), WICK_JSON_OBJECT, &root, error);
    if (code == WICK_OK) {
        const wick_keys keys = {root, wick_pack_where(pack), error};
        code = unpack_all(pack, &keys, config, arena, files);
    }
    wick_json_free(root);
    return code;
}
