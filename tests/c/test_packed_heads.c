/* SPDX-License-Identifier: Apache-2.0
 * test_packed_heads.c: rerankers, classifiers, sparse and multi-vector encoders in one file (docs/pack.md): the bits of their folders in every dtype, and what is wrong with the
 * sections that are theirs alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_files.h"
#include "support_model.h"
#include "support_pack.h"
#include <wick.h>

#define HEADS WICK_FIXTURES "/heads/"
#define N_TEXTS 4

static const char *const texts[N_TEXTS] = {"Who reads the file?", "The ferry leaves!", "", "file, ferry; file"},
                         *const seconds[N_TEXTS] = {"The reader opens the file.", NULL, "the ferry", ""};
static const char *const dtypes[] = {"f32", "bf16", "int8"};

/* What the model gives for the texts, as bytes. */
typedef struct given {
    char kind[32];
    size_t n_labels, dimension;
    float scores[N_TEXTS * 3];
    wick_rows_response rows;
} given;

static void ask(const char *name, const char *dtype, given *out)
{
    wick_model_options options;
    wick_model *model = NULL;
    wick_model_info info = {.size = sizeof info};
    wick_error error = {0};
    wick_model_options_init(&options);
    options.dtype = dtype;
    options.n_threads = 2;
    *out = (given){0};
    if (wick_model_open(name, &options, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
    snprintf(out->kind, sizeof out->kind, "%s", info.kind);
    out->n_labels = info.n_labels;
    out->dimension = info.dimension;
    int code;
    if (strcmp(info.kind, "sparse") == 0)
        code = wick_embed_sparse(model, texts, NULL, N_TEXTS, NULL, &out->rows, &error);
    else if (strcmp(info.kind, "multi-vector") == 0)
        code = wick_embed_tokens(model, texts, NULL, N_TEXTS, NULL, &out->rows, &error);
    else
        code = wick_classify(model, texts, NULL, seconds, NULL, N_TEXTS, NULL, out->scores, NULL, &error);
    if (code != WICK_OK)
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    wick_model_close(model);
}

static void check_same(const given *a, const given *b)
{
    assert_string_equal(a->kind, b->kind);
    assert_true(a->n_labels == b->n_labels && a->dimension == b->dimension);
    assert_memory_equal(a->scores, b->scores, sizeof a->scores);
    assert_int_equal(!a->rows.offsets, !b->rows.offsets);
    if (!a->rows.offsets)
        return;
    assert_memory_equal(a->rows.offsets, b->rows.offsets, (N_TEXTS + 1) * sizeof *a->rows.offsets);
    const size_t n = a->rows.offsets[N_TEXTS], width = a->rows.indices ? 1 : a->rows.dimension;
    assert_true(n > 0);
    assert_memory_equal(a->rows.values, b->rows.values, n * width * sizeof *a->rows.values);
    if (a->rows.indices)
        assert_memory_equal(a->rows.indices, b->rows.indices, n * sizeof *a->rows.indices);
}

static void test_a_packed_model_gives_the_bits_of_its_folder(void **state)
{
    static const char *const names[] = {"rerank-bert", "classify-bert",     "rerank-modernbert", "rerank-xlm-roberta",
                                        "splade-bert", "splade-distilbert", "colbert-bert",      "colbert-modernbert"};
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    support_folder_make(folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t d = 0; d < 3; d++) {
            char name[SUPPORT_PATH_BYTES];
            given of_folder, of_pack;
            size_t n;
            snprintf(name, sizeof name, HEADS "%s", names[i]);
            uint8_t *bytes = support_pack_make(name, dtypes[d], &n);
            support_bytes_write(folder, "model.wick", bytes, n);
            support_path(folder, "model.wick", path);
            ask(name, dtypes[d], &of_folder);
            ask(path, dtypes[d], &of_pack);
            check_same(&of_folder, &of_pack);
            wick_rows_response_clear(&of_folder.rows);
            wick_rows_response_clear(&of_pack.rows);
            free(bytes);
        }
    support_folder_remove(folder);
}

static void test_spoiled_sections_are_named(void **state)
{
    static const struct {
        const char *model, *dtype, *section, *data;
        int code;
        const char *fragment;
    } cases[] = {
        {"rerank-bert", "f32", "head", NULL, WICK_E_CORRUPT, "head"},
        {"rerank-bert", "f32", "head", "[", WICK_E_CORRUPT, ""},
        {"rerank-bert", "f32", "head", "{}", WICK_E_UNSUPPORTED, "head is of a kind"},
        {"rerank-bert", "f32", "head", "{\"kind\":\"images\"}", WICK_E_UNSUPPORTED, "head is of a kind"},
        {"rerank-bert", "f32", "head", "{\"kind\":7}", WICK_E_CORRUPT, "kind"},
        {"rerank-bert", "f32", "head", "{\"kind\":\"labels\",\"has_types\":1}", WICK_E_CORRUPT, "has_types"},
        {"rerank-bert", "f32", "head", "{\"kind\":\"terms\"}", WICK_E_CORRUPT, "head.norm.weight"},
        {"rerank-bert", "f32", "head.last.weights", NULL, WICK_E_CORRUPT,
         "head.last.weights of the packed model is missing"},
        {"rerank-bert", "f32", "types", "1234", WICK_E_CORRUPT, "types of the packed model is not as large"},
        {"splade-bert", "int8", "head.words", NULL, WICK_E_CORRUPT, "head.words"},
        {"splade-bert", "int8", "head.words", "1234", WICK_E_CORRUPT, "head.words"},
        {"splade-bert", "f32", "head.terms.bias", NULL, WICK_E_CORRUPT,
         "head.terms.bias of the packed model is missing"},
        {"colbert-bert", "f32", "skipped", "a", WICK_E_CORRUPT, "skipped"},
    };
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    support_folder_make(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[SUPPORT_PATH_BYTES];
        size_t n, n_spoiled;
        wick_model *model = NULL;
        wick_error error = {0};
        snprintf(name, sizeof name, HEADS "%s", cases[i].model);
        uint8_t *bytes = support_pack_make(name, cases[i].dtype, &n);
        uint8_t *spoiled = support_pack_replace(bytes, n, cases[i].section, cases[i].data,
                                                cases[i].data ? strlen(cases[i].data) : 0, &n_spoiled);
        support_bytes_write(folder, "model.wick", spoiled, n_spoiled);
        support_path(folder, "model.wick", path);
        const int code = wick_model_open(path, NULL, &model, &error);
        support_error_check(cases[i].section, code, &error, cases[i].code, cases[i].fragment, "model.wick");
        free(spoiled);
        free(bytes);
    }
    support_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_packed_model_gives_the_bits_of_its_folder),
        cmocka_unit_test(test_spoiled_sections_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
