/* SPDX-License-Identifier: Apache-2.0
 * test_pack.c: a model packed into one file gives the vectors of its folder to the bit, in every dtype and on every tier; a file that is cut, changed, of another version or made
 * to deceive ends in a typed error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <wick.h>

#include "base/pack_format.h"
#include "provider/pack.h"
#include "support_kernels.h"
#include "support_model.h"
#include "support_pack.h"
#include "support_texts.h"

#define N_TEXTS 40
#define MAX_DIMENSION 64
#define FILE_NAME "tiny.wick"

static char folder[SUPPORT_PATH_BYTES], files[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
static uint8_t *good; /* the tiny model in int8 */
static size_t n_good;
static support_texts texts;
static float expected[N_TEXTS * MAX_DIMENSION];

static const char modules[] =
    "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
    "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
    "{\"idx\":2,\"name\":\"2\",\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"},"
    "{\"idx\":3,\"name\":\"3\",\"path\":\"3_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}]";

static int set_up(void **state)
{
    (void)state;
    support_tiny_make(folder);
    support_file_write(folder, "modules.json", modules);
    support_folder_make(files);
    support_path(files, FILE_NAME, path);
    texts = support_texts_make(N_TEXTS, 24);
    good = support_pack_make(folder, "int8", &n_good);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(good);
    support_texts_free(&texts);
    support_folder_remove(folder);
    support_folder_remove(files);
    return 0;
}

static wick_model *open_model(const char *name, const char *dtype)
{
    wick_model_options options;
    wick_model *model = NULL;
    wick_error error = {0};
    wick_model_options_init(&options);
    options.dtype = dtype;
    options.n_threads = 2;
    if (wick_model_open(name, &options, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", name, error.message, error.where);
    return model;
}

static void check_same(const char *dtype)
{
    float packed[N_TEXTS * MAX_DIMENSION];
    wick_model_info from_folder = {.size = sizeof from_folder}, from_file = {.size = sizeof from_file};
    wick_model *model = open_model(folder, dtype), *one = open_model(path, NULL);
    wick_model_get_info(model, &from_folder);
    wick_model_get_info(one, &from_file);
    assert_true(from_folder.dimension <= MAX_DIMENSION);
    support_embed(model, (const char *const *)texts.texts, N_TEXTS, expected);
    support_embed(one, (const char *const *)texts.texts, N_TEXTS, packed);
    assert_memory_equal(expected, packed, N_TEXTS * from_folder.dimension * sizeof *packed);
    assert_string_equal(from_file.path, path);
    assert_string_equal(from_file.dtype, dtype);
    assert_string_equal(from_file.pooling, from_folder.pooling);
    assert_int_equal(from_file.max_seq_length, from_folder.max_seq_length);
    assert_int_equal(from_file.n_parameters, from_folder.n_parameters);
    assert_int_equal(from_file.has_normalize, from_folder.has_normalize);
    wick_model_close(model);
    wick_model_close(one);
}

static void same_bits_as_the_folder(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"f32", "bf16", "int8"};
    for (size_t i = 0; i < 3; i++) {
        size_t n;
        uint8_t *bytes = support_pack_make(folder, dtypes[i], &n);
        support_bytes_write(files, FILE_NAME, bytes, n);
        free(bytes);
        for (size_t tier = 0; tier < SUPPORT_N_TIERS; tier++) {
            const bool is_generic = strcmp(support_tiers[tier], "generic") == 0;
            if (!wick_kernels_named(support_tiers[tier]) ||
                (is_generic && i == 2)) /* its calibration rounds otherwise */
                continue;
            support_env("WICK_CPU", support_tiers[tier]);
            check_same(dtypes[i]);
            support_env("WICK_CPU", NULL);
        }
    }
}

static void generic_is_the_same_as_its_own(void **state)
{
    (void)state;
    size_t n;
    support_env("WICK_CPU", "generic");
    uint8_t *bytes = support_pack_make(folder, "int8", &n);
    support_bytes_write(files, FILE_NAME, bytes, n);
    free(bytes);
    check_same("int8");
    support_env("WICK_CPU", NULL);
}

static void the_same_model_packs_to_the_same_bytes(void **state)
{
    (void)state;
    size_t n;
    uint8_t *again = support_pack_make(folder, "int8", &n);
    assert_int_equal(n, n_good);
    assert_memory_equal(again, good, n);
    free(again);
}

static void the_tokenizer_alone(void **state)
{
    (void)state;
    wick_tokenizer *packed = NULL, *own = NULL;
    wick_encoding *a = wick_encoding_new(), *b = wick_encoding_new();
    support_bytes_write(files, FILE_NAME, good, n_good);
    assert_int_equal(wick_tokenizer_open(path, NULL, &packed, NULL), WICK_OK);
    assert_int_equal(wick_tokenizer_open(folder, NULL, &own, NULL), WICK_OK);
    assert_int_equal(wick_tokenizer_vocab_size(packed), wick_tokenizer_vocab_size(own));
    for (size_t i = 0; i < wick_tokenizer_vocab_size(own); i++) {
        const char *x = wick_tokenizer_token(packed, (int32_t)i), *y = wick_tokenizer_token(own, (int32_t)i);
        assert_true((!x && !y) || (x && y && strcmp(x, y) == 0));
        assert_int_equal(wick_tokenizer_is_special(packed, (int32_t)i), wick_tokenizer_is_special(own, (int32_t)i));
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        const size_t length = strlen(texts.texts[i]);
        assert_int_equal(wick_tokenize(packed, texts.texts[i], length, NULL, a, NULL), WICK_OK);
        assert_int_equal(wick_tokenize(own, texts.texts[i], length, NULL, b, NULL), WICK_OK);
        assert_int_equal(a->n_tokens, b->n_tokens);
        assert_memory_equal(a->ids, b->ids, a->n_tokens * sizeof *a->ids);
    }
    wick_encoding_free(a);
    wick_encoding_free(b);
    wick_tokenizer_close(packed);
    wick_tokenizer_close(own);
}

/* ---- what is wrong ---------------------------------------------------------------------------------------------------- */

/* Opens the bytes as a file, which must fail; returns the code. */
static int failing(const uint8_t *bytes, size_t n, wick_error *error)
{
    wick_model_options options;
    wick_model *model = NULL;
    wick_model_options_init(&options);
    options.n_threads = 1;
    support_bytes_write(files, FILE_NAME, bytes, n);
    const int code = wick_model_open(path, &options, &model, error);
    wick_model_close(model);
    return code;
}

static void check_fails(const char *label, const uint8_t *bytes, size_t n, int code, const char *message)
{
    wick_error error = {0};
    const int found = failing(bytes, n, &error);
    if (found != code || !strstr(error.message, message) || !error.mend[0] || !error.where[0])
        fail_msg("%s: code %d, \"%s\" (%s; %s)", label, found, error.message, error.where, error.mend);
}

static void asked_for_wrongly(void **state)
{
    (void)state;
    wick_model_options options;
    wick_model *model = NULL;
    wick_error error = {0};
    wick_pack_writer *writer = NULL;
    const wick_pack_options pack_options = {.dtype = "int8"};
    char absent[SUPPORT_PATH_BYTES];
    support_bytes_write(files, FILE_NAME, good, n_good);
    wick_model_options_init(&options);
    options.dtype = "f32";
    assert_int_equal(wick_model_open(path, &options, &model, &error), WICK_E_INVALID_INPUT);
    assert_non_null(strstr(error.message, "packed in int8"));
    assert_int_equal(wick_model_pack(path, &pack_options, &writer, &error), WICK_E_INVALID_INPUT);
    support_path(files, "absent.wick", absent);
    assert_int_equal(wick_model_open(absent, NULL, &model, &error), WICK_E_MODEL_NOT_FOUND);
    assert_int_equal(wick_model_open("absent.wick", NULL, &model, &error), WICK_E_MODEL_NOT_FOUND);
    assert_null(model);
}

static void other_headers(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(n_good);
    pack_header header;
    memcpy(bytes, good, n_good);
    memcpy(&header, good, sizeof header);
    header.format = PACK_FORMAT + 1;
    memcpy(bytes, &header, sizeof header);
    check_fails("newer", bytes, n_good, WICK_E_UNSUPPORTED, "newer Wick");
    header.format = PACK_FORMAT - 1;
    memcpy(bytes, &header, sizeof header);
    check_fails("older", bytes, n_good, WICK_E_UNSUPPORTED, "older Wick");
    header.byte_order = 0x04030201u;
    memcpy(bytes, &header, sizeof header);
    check_fails("foreign", bytes, n_good, WICK_E_UNSUPPORTED, "byte order");
    memcpy(bytes, "#!/bin/sh\n", 10);
    check_fails("something else", bytes, n_good, WICK_E_CORRUPT, "not a packed model");
    check_fails("nothing", bytes, 0, WICK_E_CORRUPT, "not a packed model");
    free(bytes);
}

static void cut_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < 60; i++) {
        wick_error error = {0};
        const size_t n = i < 30 ? i * 9 : n_good - 1 - (i - 30) * (n_good / 31);
        assert_int_equal(failing(good, n, &error), WICK_E_CORRUPT);
        assert_true(error.message[0] && error.mend[0]);
    }
    uint8_t *longer = calloc(n_good + 64, 1);
    memcpy(longer, good, n_good);
    check_fails("longer", longer, n_good + 64, WICK_E_CORRUPT, "cut or was added to");
    free(longer);
}

/* Every changed bit is found, but for those between two sections, which nobody reads. */
static void changed_bits(void **state)
{
    (void)state;
    support_random random = {7};
    uint8_t *bytes = malloc(n_good);
    size_t n_found = 0;
    for (size_t i = 0; i < 250; i++) {
        memcpy(bytes, good, n_good);
        const size_t at = i < 64 ? i : support_random_below(&random, n_good);
        bytes[at] ^= (uint8_t)(1u << support_random_below(&random, 8));
        wick_error error = {0};
        const int code = failing(bytes, n_good, &error);
        if (code == WICK_OK) {
            assert_true(good[at] == 0 && i >= 64);
            continue;
        }
        assert_true(code == WICK_E_CORRUPT || code == WICK_E_UNSUPPORTED);
        assert_true(error.message[0] && error.mend[0]);
        n_found++;
    }
    assert_true(n_found > 200);
    free(bytes);
}

static void sections_missing_or_of_another_size(void **state)
{
    (void)state;
    pack_header header;
    memcpy(&header, good, sizeof header);
    const pack_entry *entries = (const pack_entry *)(const void *)(good + sizeof header);
    for (size_t i = 0; i < header.n_sections; i++) {
        const pack_entry *entry = &entries[i];
        for (unsigned way = 0; way < 3; way++) { /* missing, a byte less, a byte more */
            size_t n;
            wick_error error = {0};
            uint8_t *data = calloc((size_t)entry->n_bytes + 1, 1);
            memcpy(data, good + entry->begin, (size_t)entry->n_bytes);
            uint8_t *bytes = support_pack_replace(good, n_good, entry->name, way == 0 ? NULL : data,
                                                  (size_t)entry->n_bytes + way * 2 - 3, &n);
            const int code = failing(bytes, n, &error);
            if (code != WICK_E_CORRUPT)
                fail_msg("%s, way %u: code %d, %s", entry->name, way, code, error.message);
            assert_true(error.message[0] && error.where[0]);
            free(bytes);
            free(data);
        }
    }
}

/* The content of a section of good, terminated; free it. */
static char *section_text(const char *section)
{
    wick_pack *pack = NULL;
    size_t n;
    assert_int_equal(wick_pack_open_memory(good, n_good, "good", &pack, NULL), WICK_OK);
    const char *text = wick_pack_find(pack, section, &n);
    char *copy = calloc(n + 1, 1);
    memcpy(copy, text, n);
    wick_pack_close(pack);
    return copy;
}

/* good with text as its section, in which new_text stands in place of old_text. Returns the file. */
static uint8_t *edited(const char *section, const char *text, const char *old_text, const char *new_text, size_t *n)
{
    const size_t capacity = strlen(text) + strlen(new_text) + 1;
    char *own = calloc(capacity, 1), *found = strstr(text, old_text);
    if (!found)
        fail_msg("%s is not in %s", old_text, text);
    snprintf(own, capacity, "%.*s%s%s", (int)(found - text), text, new_text, found + strlen(old_text));
    uint8_t *bytes = support_pack_replace(good, n_good, section, own, strlen(own), n);
    free(own);
    return bytes;
}

typedef struct deceit {
    const char *old_text, *new_text;
    int code;
} deceit;

static void check_deceits(const char *text, const deceit *cases, size_t n_cases)
{
    for (size_t i = 0; i < n_cases; i++) {
        size_t n;
        uint8_t *bytes = edited("model", text, cases[i].old_text, cases[i].new_text, &n);
        wick_error error = {0};
        const int code = failing(bytes, n, &error);
        if (code != cases[i].code || !error.mend[0])
            fail_msg("%s: code %d, %s; %s", cases[i].new_text, code, error.message, error.mend);
        free(bytes);
    }
}

static void descriptions_that_deceive(void **state)
{
    (void)state;
    static const deceit cases[] = {
        {"\"config\":{", "\"config\":[],\"other\":{", WICK_E_CORRUPT},
        {"\"config\":{", "\"config\":{\"model_type\":\"gpt\"},\"other\":{", WICK_E_UNSUPPORTED},
        {"\"config\":{", "\"other\":{", WICK_E_CORRUPT},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0", WICK_E_CORRUPT},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", WICK_E_CORRUPT},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1025", WICK_E_CORRUPT},
        {"\"hidden_size\": 32", "\"hidden_size\": 65536", WICK_E_CORRUPT},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 5", WICK_E_CORRUPT},
        {"\"vocab_size\": 257", "\"vocab_size\": 16777216", WICK_E_CORRUPT},
        {"\"vocab_size\": 257", "\"vocab_size\": 10", WICK_E_CORRUPT},
        {"\"max_position_embeddings\": 64", "\"max_position_embeddings\": 16777216", WICK_E_CORRUPT},
        {"\"max_position_embeddings\": 64", "\"max_position_embeddings\": 63", WICK_E_CORRUPT},
        {"\"layer_norm_eps\": 1", "\"layer_norm_eps\": -1", WICK_E_CORRUPT},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"xielu\"", WICK_E_UNSUPPORTED},
        {"\"max_tokens\":64", "\"max_tokens\":65", WICK_E_CORRUPT},
        {"\"max_seq_length\":", "\"max_seq_length\":9", WICK_E_CORRUPT},
        {"\"dtype\":\"int8\"", "\"dtype\":\"int4\"", WICK_E_UNSUPPORTED},
        {"\"dtype\":\"int8\"", "\"dtype\":\"f32\"", WICK_E_CORRUPT},
        {"\"dtype\":\"int8\"", "\"dtype\":8", WICK_E_CORRUPT},
        {"\"pooling\":\"mean\"", "\"pooling\":\"median\"", WICK_E_UNSUPPORTED},
        {"\"truncate_side\":\"default\"", "\"truncate_side\":\"up\"", WICK_E_UNSUPPORTED},
        {"\"truncate_side\":\"default\"", "\"truncate_side\":1", WICK_E_CORRUPT},
        {"\"has_normalize\":true", "\"has_normalize\":1", WICK_E_CORRUPT},
        {"\"dense\":[", "\"dense\":[{\"in_features\":32,\"out_features\":32,\"activation\":\"none\"},", WICK_E_CORRUPT},
        {"\"dense\":[{", "\"dense\":[1,{", WICK_E_CORRUPT},
        {"\"in_features\":32", "\"in_features\":31", WICK_E_CORRUPT},
        {"\"dense\":[", "\"dense\":{}, \"other\":[", WICK_E_CORRUPT},
        {"{", "[", WICK_E_CORRUPT},
    };
    char *text = section_text("model");
    check_deceits(text, cases, sizeof cases / sizeof *cases);
    free(text);
}

/* The description as it was before it held config.json; free it. */
static char *old_description(void)
{
    char *text = section_text("model"), *own = calloc(strlen(text) + 512, 1);
    char *dtype = strstr(text, "\"dtype\""), *config = strstr(text, ",\"config\":");
    assert_true(dtype && config && dtype < config);
    sprintf(own,
            "%.*s\"n_layers\":2,\"hidden_size\":32,\"n_heads\":4,\"intermediate_size\":64,\"vocab_size\":257,"
            "\"max_positions\":64,\"type_vocab_size\":2,\"layer_norm_eps\":1e-12,\"activation\":\"gelu\",%.*s}",
            (int)(dtype - text), text, (int)(config - dtype), dtype);
    free(text);
    return own;
}

static void old_descriptions_are_read(void **state)
{
    (void)state;
    static const deceit cases[] = {
        {"\"n_layers\":2", "\"n_layers\":0", WICK_E_CORRUPT},
        {"\"n_layers\":2", "\"n_layers\":3", WICK_E_CORRUPT},
        {"\"n_layers\":2", "\"n_layers\":1025", WICK_E_CORRUPT},
        {"\"n_layers\":2,", "", WICK_E_CORRUPT},
        {"\"n_layers\":2", "\"n_layers\":2.5", WICK_E_CORRUPT},
        {"\"n_layers\":2", "\"n_layers\":-1", WICK_E_CORRUPT},
        {"\"hidden_size\":32", "\"hidden_size\":65536", WICK_E_CORRUPT},
        {"\"hidden_size\":32", "\"hidden_size\":33", WICK_E_CORRUPT},
        {"\"n_heads\":4", "\"n_heads\":5", WICK_E_CORRUPT},
        {"\"n_heads\":4", "\"n_heads\":0", WICK_E_CORRUPT},
        {"\"vocab_size\":257", "\"vocab_size\":16777216", WICK_E_CORRUPT},
        {"\"vocab_size\":257", "\"vocab_size\":10", WICK_E_CORRUPT},
        {"\"max_positions\":64", "\"max_positions\":16777216", WICK_E_CORRUPT},
        {"\"max_tokens\":64", "\"max_tokens\":65", WICK_E_CORRUPT},
        {"\"intermediate_size\":64", "\"intermediate_size\":65535", WICK_E_CORRUPT},
        {"\"layer_norm_eps\":1", "\"layer_norm_eps\":-1", WICK_E_CORRUPT},
        {"\"architecture\":\"bert\"", "\"architecture\":\"gpt\"", WICK_E_UNSUPPORTED},
        {"\"activation\":\"gelu\"", "\"activation\":\"swish\"", WICK_E_UNSUPPORTED},
    };
    size_t n;
    char *text = old_description();
    uint8_t *bytes = edited("model", text, "{", "{", &n);
    support_bytes_write(files, FILE_NAME, bytes, n);
    free(bytes);
    check_same("int8");
    check_deceits(text, cases, sizeof cases / sizeof *cases);
    free(text);
}

static void vocabularies_that_deceive(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } lists[] = {{"", 0},
                 {"\x01\x00\x00", 3},
                 {"\xff\xff\xff\xff\x00\x00", 6},
                 {"\x01\x00\x00\x00\x05\x00"
                  "ab",
                  8},
                 {"\x01\x00\x00\x00\x01\x00\xff", 7},
                 {"\x01\x00\x00\x00\x01\x00\x00", 7},
                 {"\x01\x00\x00\x00\x01\x00"
                  "ab",
                  8},
                 {"\x02\x00\x00\x00\x01\x00"
                  "a\x00",
                  8}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t n;
        uint8_t *bytes = support_pack_replace(good, n_good, "vocabulary", lists[i].bytes, lists[i].n, &n);
        wick_error error = {0};
        assert_int_equal(failing(bytes, n, &error), WICK_E_CORRUPT);
        free(bytes);
    }
    size_t n;
    char *text = section_text("tokenizer");
    uint8_t *bytes = edited("tokenizer", text, "WordPiece\",\"unk", "BytePair\",\"unk", &n);
    check_fails("another model", bytes, n, WICK_E_UNSUPPORTED, "BytePair");
    free(text);
    free(bytes);
}

/* Whatever its readers make of a file whose checksums are right: an error, or vectors. */
static void changed_bits_that_checksums_hide(void **state)
{
    (void)state;
    support_random random = {11};
    uint8_t *bytes = NULL;
    assert_int_equal(posix_memalign((void **)&bytes, WICK_PACK_ALIGNMENT, n_good), 0);
    for (size_t i = 0; i < 300; i++) {
        memcpy(bytes, good, n_good);
        const size_t n_changes = 1 + support_random_below(&random, 3),
                     within = i % 2 ? n_good : sizeof(pack_header) + 80 * sizeof(pack_entry);
        for (size_t j = 0; j < n_changes; j++)
            bytes[support_random_below(&random, within)] = (uint8_t)support_random_bits(&random);
        support_pack_reseal(bytes, n_good);
        support_bytes_write(files, FILE_NAME, bytes, n_good);
        wick_model *model = NULL;
        wick_error error = {0};
        float vector[MAX_DIMENSION];
        if (wick_model_open(path, NULL, &model, &error) != WICK_OK) {
            assert_true(error.message[0]);
            continue;
        }
        const char *const text = "the ferry leaves at dawn";
        if (support_dimension(model) <= MAX_DIMENSION)
            wick_embed(model, &text, NULL, 1, NULL, vector, NULL, &error);
        wick_model_close(model);
    }
    free(bytes);
}

/* A folder may be called so, and a file need not be. */
static void other_names(void **state)
{
    (void)state;
    char other[SUPPORT_PATH_BYTES];
    support_bytes_write(files, "model", good, n_good);
    support_path(files, "model", other);
    wick_model_close(open_model(other, "int8"));
    support_path(files, "folder.wick", other);
    assert_int_equal(rename(folder, other), 0);
    wick_model_close(open_model(other, "f32"));
    assert_int_equal(rename(other, folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_as_the_folder),
        cmocka_unit_test(generic_is_the_same_as_its_own),
        cmocka_unit_test(the_same_model_packs_to_the_same_bytes),
        cmocka_unit_test(the_tokenizer_alone),
        cmocka_unit_test(asked_for_wrongly),
        cmocka_unit_test(other_headers),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(changed_bits),
        cmocka_unit_test(sections_missing_or_of_another_size),
        cmocka_unit_test(descriptions_that_deceive),
        cmocka_unit_test(old_descriptions_are_read),
        cmocka_unit_test(vocabularies_that_deceive),
        cmocka_unit_test(changed_bits_that_checksums_hide),
        cmocka_unit_test(other_names),
    };
    return cmocka_run_group_tests_name("pack", tests, set_up, tear_down);
}
