/* SPDX-License-Identifier: Apache-2.0
 * test_dtypes.c: whole models in bf16 and int8: how near their vectors are to those in f32, that a text's vector stays the same bits however it is
 * batched, that warm calls allocate nothing, and that weights which are no numbers end in an error. On the tiny model in every tier, on
 * models of odd sizes made up here, and on all-MiniLM-L6-v2 (`make model`). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mapped.h"
#include "cpu/model_cpu.h"
#include "support_alloc.h"
#include "support_kernels.h"
#include "support_model.h"
#include "support_texts.h"

#define TINY WICK_FIXTURES "/tiny-bert"
#define REAL "sentence-transformers/all-MiniLM-L6-v2"

static const char *const dtypes[] = {"f32", "bf16", "int8"};
#define N_DTYPES 3
#define BF16 1
#define INT8 2

/* WICK_TEST_SLOW=1 (valgrind, qemu): fewer texts and threads, and the real model only for how near it is. */
static bool is_slow(void)
{
    const char *slow = getenv("WICK_TEST_SLOW");
    return slow && slow[0] == '1';
}

static wick_model *open_as(const char *name, const char *dtype, unsigned n_threads)
{
    wick_model_options options;
    wick_model_options_init(&options);
    options.dtype = dtype;
    options.n_threads = n_threads;
    wick_model *model = NULL;
    wick_error error = {0};
    if (wick_model_open(name, &options, &model, &error) != WICK_OK)
        fail_msg("%s in %s: %s (%s); the tests need the model: run `make model`", name, dtype, error.message,
                 error.where);
    wick_model_info info = {.size = sizeof info};
    assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
    assert_string_equal(info.dtype, dtype);
    return model;
}

/* ---- made-up models --------------------------------------------------------------------------------------------------- */

#define VOCAB_SIZE 257 /* of the tiny model's tokenizer */
#define N_POSITIONS 64
#define N_LAYERS 2
#define HEADER_BYTES 16384

typedef struct sizes {
    size_t hidden, heads, inner;
} sizes;

/* A safetensors file while it is written. */
typedef struct weights {
    char header[HEADER_BYTES];
    size_t n_header, n_values, capacity;
    float *values;
    support_random random;
} weights;

/* A tensor [rows, columns], or [columns] where rows is 0, of normal numbers. */
static void add(weights *w, const char *prefix, const char *name, size_t rows, size_t columns, float scale,
                float offset)
{
    size_t n = (rows ? rows : 1) * columns;
    char shape[64];
    snprintf(shape, sizeof shape, rows ? "%zu,%zu" : "%.0zu%zu", rows, columns);
    w->n_header +=
        (size_t)snprintf(w->header + w->n_header, HEADER_BYTES - w->n_header,
                         "%s\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                         w->n_header > 1 ? "," : "", prefix, name, shape, 4 * w->n_values, 4 * (w->n_values + n));
    assert_true(w->n_header < HEADER_BYTES - 1 && w->n_values + n <= w->capacity);
    for (size_t i = 0; i < n; i++)
        w->values[w->n_values++] = support_random_normal(&w->random) * scale + offset;
}

static void add_linear(weights *w, const char *prefix, const char *name, size_t out, size_t in)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    add(w, full, ".weight", out, in, 1.0f / sqrtf((float)in), 0.0f);
    add(w, full, ".bias", 0, out, 0.1f, 0.0f);
}

static void add_norm(weights *w, const char *prefix, size_t n)
{
    add(w, prefix, "LayerNorm.weight", 0, n, 0.1f, 1.0f);
    add(w, prefix, "LayerNorm.bias", 0, n, 0.1f, 0.0f);
}

static void write_weights(const char *folder, sizes s)
{
    weights *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->capacity = (size_t)1 << 18;
    w->values = malloc(w->capacity * sizeof *w->values);
    assert_non_null(w->values);
    w->header[w->n_header++] = '{';
    add(w, "embeddings.", "word_embeddings.weight", VOCAB_SIZE, s.hidden, 1.0f, 0.0f);
    add(w, "embeddings.", "position_embeddings.weight", N_POSITIONS, s.hidden, 0.3f, 0.0f);
    add(w, "embeddings.", "token_type_embeddings.weight", 2, s.hidden, 0.1f, 0.0f);
    add_norm(w, "embeddings.", s.hidden);
    for (size_t i = 0; i < N_LAYERS; i++) {
        char layer[64], part[96];
        snprintf(layer, sizeof layer, "encoder.layer.%zu.", i);
        add_linear(w, layer, "attention.self.query", s.hidden, s.hidden);
        add_linear(w, layer, "attention.self.key", s.hidden, s.hidden);
        add_linear(w, layer, "attention.self.value", s.hidden, s.hidden);
        add_linear(w, layer, "attention.output.dense", s.hidden, s.hidden);
        snprintf(part, sizeof part, "%sattention.output.", layer);
        add_norm(w, part, s.hidden);
        add_linear(w, layer, "intermediate.dense", s.inner, s.hidden);
        add_linear(w, layer, "output.dense", s.hidden, s.inner);
        snprintf(part, sizeof part, "%soutput.", layer);
        add_norm(w, part, s.hidden);
    }
    w->header[w->n_header] = '}';
    size_t n;
    unsigned char *file = support_safetensors_make(w->header, 4 * w->n_values, &n);
    memcpy(file + n - 4 * w->n_values, w->values, 4 * w->n_values);
    support_bytes_write(folder, "model.safetensors", file, n);
    free(file);
    free(w->values);
    free(w);
}

static void replace_number(const char *folder, const char *file, const char *key, unsigned old, size_t now)
{
    char from[64], to[64];
    snprintf(from, sizeof from, "\"%s\": %u", key, old);
    snprintf(to, sizeof to, "\"%s\": %zu", key, now);
    support_file_edit(folder, file, from, to);
}

/* The tiny model with its tokenizer, in another size. */
static void make_model(char folder[SUPPORT_PATH_BYTES], sizes s)
{
    support_tiny_make(folder);
    replace_number(folder, "config.json", "hidden_size", 32, s.hidden);
    replace_number(folder, "config.json", "intermediate_size", 64, s.inner);
    replace_number(folder, "config.json", "num_attention_heads", 4, s.heads);
    replace_number(folder, "1_Pooling/config.json", "embedding_dimension", 32, s.hidden);
    write_weights(folder, s);
}

/* Nothing that stands in fours, and less than one panel of any tier. */
static const sizes odd_sizes[] = {{30, 3, 37}, {27, 3, 41}, {33, 1, 5}, {3, 1, 1}, {66, 2, 131}};
#define N_ODD (sizeof odd_sizes / sizeof *odd_sizes)

/* ---- how near to f32 --------------------------------------------------------------------------------------------------- */

static double cosine_of(const float *x, const float *y, size_t n)
{
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        xy += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
    }
    return xy / sqrt(xx * yy);
}

typedef struct nearness {
    double least, sum;
    size_t n;
} nearness;

static void measure(nearness *near, double cosine)
{
    near->least = cosine < near->least || isnan(cosine) ? cosine : near->least;
    near->sum += cosine;
    near->n++;
}

static nearness compare(const char *name, const char *dtype, size_t n_texts)
{
    nearness near = {.least = 2};
    support_texts made = support_texts_make(n_texts, 30);
    wick_model *f32 = open_as(name, "f32", 2), *narrow = open_as(name, dtype, 2);
    size_t dimension = support_dimension(f32);
    float *want = malloc(n_texts * dimension * sizeof *want), *got = malloc(n_texts * dimension * sizeof *got);
    assert_true(want && got);
    support_embed(f32, (const char *const *)made.texts, n_texts, want);
    support_embed(narrow, (const char *const *)made.texts, n_texts, got);
    assert_memory_not_equal(want, got, n_texts * dimension * sizeof *want); /* it is another dtype indeed */
    for (size_t i = 0; i < n_texts; i++)
        measure(&near, cosine_of(want + i * dimension, got + i * dimension, dimension));
    free(want);
    free(got);
    wick_model_close(f32);
    wick_model_close(narrow);
    support_texts_free(&made);
    return near;
}

static void check_near(const char *name, const char *what, double least_bf16, double least_int8)
{
    const double limits[N_DTYPES] = {0, least_bf16, least_int8};
    for (size_t d = BF16; d < N_DTYPES; d++) {
        nearness near = compare(name, dtypes[d], is_slow() ? 10 : 60);
        print_message("%s, %s: cosine %.6f at least, %.6f in the mean\n", what, dtypes[d], near.least,
                      near.sum / (double)near.n);
        if (!(near.least >= limits[d]))
            fail_msg("%s, %s: cosine %.6f is less than %.6f", what, dtypes[d], near.least, limits[d]);
    }
}

/* The tiny model in this tier, and models of odd sizes; the limits leave half of what was measured. */
static void small_models_are_near(void **state)
{
    const char *tier = *state, *set = getenv("WICK_CPU");
    char *old = set ? strdup(set) : NULL;
    support_kernels(state);
    support_env("WICK_CPU", tier);
    check_near(TINY, "tiny", 0.9999, 0.9995);
    for (size_t i = 0; i < N_ODD; i++) {
        char folder[SUPPORT_PATH_BYTES], what[64];
        snprintf(what, sizeof what, "hidden %zu, inner %zu", odd_sizes[i].hidden, odd_sizes[i].inner);
        make_model(folder, odd_sizes[i]);
        check_near(folder, what, 0.9999, 0.999);
        support_folder_remove(folder);
    }
    support_env("WICK_CPU", old);
    free(old);
}

/* Words between blanks, each counted once, up to `most`. */
static size_t distinct_words(const char *text, size_t most)
{
    const char *words[16];
    size_t lengths[16], n = 0;
    assert_in_range(most, 1, 16);
    for (const char *at = text; *at && n < most;) {
        size_t length = strcspn(at, " \t\n");
        bool seen = length == 0;
        for (size_t i = 0; i < n && !seen; i++)
            seen = lengths[i] == length && memcmp(words[i], at, length) == 0;
        if (!seen) {
            words[n] = at;
            lengths[n++] = length;
        }
        at += length + (at[length] != '\0');
    }
    return n;
}

/* Texts of fewer words, or of one word over and over, lose more in int8: little evens the rounding out. */
#define SENTENCE_WORDS 5

typedef struct golden_nearness {
    nearness sentences, all;
} golden_nearness;

/* The texts of tests/fixtures/minilm against the vectors that sentence-transformers made in f32. */
static golden_nearness against_golden(const wick_json *texts, const float *vectors, const char *dtype)
{
    golden_nearness near = {{.least = 2}, {.least = 2}};
    wick_model *model = open_as(REAL, dtype, 0);
    size_t dimension = support_dimension(model);
    float *got = malloc(dimension * sizeof *got);
    assert_non_null(got);
    for (size_t i = 0; i < wick_json_count(texts); i += is_slow() ? 12 : 1) {
        size_t n_bytes;
        const char *text = wick_json_string(wick_json_get(wick_json_at(texts, i), "text"), &n_bytes);
        wick_error error = {0};
        assert_non_null(text);
        assert_int_equal(wick_embed(model, &text, &n_bytes, 1, NULL, got, NULL, &error), WICK_OK);
        double cosine = cosine_of(got, vectors + i * dimension, dimension);
        measure(&near.all, cosine);
        if (distinct_words(text, SENTENCE_WORDS) == SENTENCE_WORDS)
            measure(&near.sentences, cosine);
    }
    free(got);
    wick_model_close(model);
    return near;
}

static void check_golden(const char *dtype, const char *which, const nearness *near, double least, double mean)
{
    double average = near->sum / (double)near->n;
    print_message("all-MiniLM-L6-v2, %s, %zu %s: cosine %.6f at least, %.6f in the mean\n", dtype, near->n, which,
                  near->least, average);
    if (!(near->least >= least && average >= mean))
        fail_msg("%s, %s: cosine %.6f (limit %.6f), mean %.6f (limit %.6f)", dtype, which, near->least, least, average,
                 mean);
}

static void real_model_is_near(void **state)
{
    static const struct {
        double least, mean; /* of the sentences */
        double all_least, all_mean;
    } limits[N_DTYPES] = {
        {0.999999, 0.999999, 0.999999, 0.999999}, {0.9999, 0.9999, 0.9999, 0.9999}, {0.998, 0.999, 0.98, 0.997}};
    wick_json *json;
    wick_mapped vectors;
    wick_error error = {0};
    if (wick_json_read(WICK_FIXTURES "/minilm/texts.json", 1 << 20, &json, &error) ||
        wick_mapped_open(WICK_FIXTURES "/minilm/vectors.f32", &vectors, &error))
        fail_msg("%s (%s)", error.message, error.where);
    const wick_json *texts = wick_json_get(json, "texts");
    assert_in_range(wick_json_count(texts), 60, 1000);
    for (size_t d = 0; d < N_DTYPES; d++) {
        golden_nearness near = against_golden(texts, (const float *)(const void *)vectors.data, dtypes[d]);
        assert_in_range(near.sentences.n, is_slow() ? 2 : 20, near.all.n);
        check_golden(dtypes[d], "sentences", &near.sentences, limits[d].least, limits[d].mean);
        check_golden(dtypes[d], "texts of any kind", &near.all, limits[d].all_least, limits[d].all_mean);
    }
    wick_mapped_close(&vectors);
    wick_json_free(json);
}

/* ---- the same bits however batched ------------------------------------------------------------------------------------ */

static void check_batches(wick_model *model, const support_texts *made, size_t batch, const float *want,
                          const char *how)
{
    size_t dimension = support_dimension(model);
    float *got = malloc(batch * dimension * sizeof *got);
    assert_non_null(got);
    for (size_t first = 0; first < made->n; first += batch) {
        size_t n = made->n - first < batch ? made->n - first : batch;
        support_embed(model, (const char *const *)made->texts + first, n, got);
        for (size_t i = 0; i < n; i++)
            if (memcmp(got + i * dimension, want + (first + i) * dimension, dimension * sizeof *got) != 0)
                fail_msg("%s, in batches of %zu: text %zu has other bits", how, batch, first + i);
    }
    free(got);
}

static void check_same_bits(const char *name, const char *dtype, size_t n_texts, size_t max_words)
{
    support_texts made = support_texts_make(n_texts, max_words);
    wick_model *model = open_as(name, dtype, 1);
    size_t dimension = support_dimension(model);
    float *want = malloc(n_texts * dimension * sizeof *want);
    assert_non_null(want);
    for (size_t i = 0; i < n_texts; i++)
        support_embed(model, (const char *const *)made.texts + i, 1, want + i * dimension);
    wick_model_close(model);
    for (unsigned n_threads = 1; n_threads <= (is_slow() ? 2 : 4); n_threads++) {
        char how[SUPPORT_PATH_BYTES + 64];
        snprintf(how, sizeof how, "%s, %s, %u threads", name, dtype, n_threads);
        model = open_as(name, dtype, n_threads);
        check_batches(model, &made, n_texts, want, how);
        check_batches(model, &made, 7, want, how);
        check_batches(model, &made, 1, want, how);
        wick_model_close(model);
    }
    free(want);
    support_texts_free(&made);
}

static void small_models_give_the_same_bits(void **state)
{
    char folder[SUPPORT_PATH_BYTES];
    for (size_t d = 0; d < N_DTYPES; d++) {
        check_same_bits(TINY, dtypes[d], is_slow() ? 20 : 100, 40);
        for (size_t i = 0; i < N_ODD; i++) {
            make_model(folder, odd_sizes[i]);
            check_same_bits(folder, dtypes[d], is_slow() ? 10 : 60, 40);
            support_folder_remove(folder);
        }
    }
}

static void real_model_gives_the_same_bits(void **state)
{
    if (is_slow()) {
        print_message("WICK_TEST_SLOW: not on the real model\n");
        skip();
    }
    for (size_t d = BF16; d < N_DTYPES; d++)
        check_same_bits(REAL, dtypes[d], 24, 50);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

/* Compilers take it that strdup changes no variable of ours. */
static size_t n_allocations(void)
{
    return *(volatile size_t *)&support_n_allocations;
}

static void check_warm(const char *name, const char *dtype, unsigned n_threads, size_t n_texts)
{
    support_texts made = support_texts_make(n_texts, 30);
    wick_model *model = open_as(name, dtype, n_threads);
    float *out = malloc(n_texts * support_dimension(model) * sizeof *out);
    assert_non_null(out);
    support_embed(model, (const char *const *)made.texts, n_texts, out);
    size_t before = n_allocations();
    support_embed(model, (const char *const *)made.texts, n_texts, out);
    support_embed(model, (const char *const *)made.texts + 1, 1, out);
    if (n_allocations() != before)
        fail_msg("%s, %s, %u threads: %zu allocations in warm calls", name, dtype, n_threads, n_allocations() - before);
    free(out);
    wick_model_close(model);
    support_texts_free(&made);
}

static void warm_calls_allocate_nothing(void **state)
{
    if (!SUPPORT_ALLOC)
        skip();
    size_t before = n_allocations();
    char *volatile seen = strdup("allocated by the C library"); /* the counter counts */
    assert_true(n_allocations() > before);
    free(seen);
    char folder[SUPPORT_PATH_BYTES];
    make_model(folder, odd_sizes[0]);
    for (size_t d = 0; d < N_DTYPES; d++)
        for (unsigned n_threads = 1; n_threads <= 3; n_threads++) {
            check_warm(TINY, dtypes[d], n_threads, 200);
            check_warm(folder, dtypes[d], n_threads, 200);
        }
    support_folder_remove(folder);
    if (!is_slow()) {
        check_warm(REAL, "bf16", 2, 12);
        check_warm(REAL, "int8", 2, 12);
    }
}

/* ---- weights that are no numbers --------------------------------------------------------------------------------------- */

/* Puts value in the tensor's element `at`. */
static void spoil(const char *folder, const char *tensor, size_t at, float value)
{
    char path[SUPPORT_PATH_BYTES], quoted[128];
    support_path(folder, "model.safetensors", path);
    size_t n, n_header = 0;
    char *bytes = support_bytes_read(path, &n);
    for (unsigned i = 0; i < 8; i++)
        n_header |= (size_t)(unsigned char)bytes[i] << (8 * i);
    snprintf(quoted, sizeof quoted, "\"%s\"", tensor);
    char *entry = memmem(bytes + 8, n_header, quoted, strlen(quoted));
    assert_non_null(entry);
    char *offset = strstr(entry, "data_offsets");
    assert_non_null(offset);
    size_t begin = strtoul(strchr(offset, '[') + 1, NULL, 10);
    memcpy(bytes + 8 + n_header + begin + at * sizeof value, &value, sizeof value);
    support_bytes_write(folder, "model.safetensors", bytes, n);
    free(bytes);
}

static void weights_that_are_no_numbers_are_an_error(void **state)
{
    static const char *const tensors[] = {
        "embeddings.position_embeddings.weight",           "embeddings.LayerNorm.weight",
        "encoder.layer.0.attention.self.query.weight",     "encoder.layer.0.attention.self.value.weight",
        "encoder.layer.0.attention.self.key.bias",         "encoder.layer.0.attention.output.dense.weight",
        "encoder.layer.0.attention.output.LayerNorm.bias", "encoder.layer.1.intermediate.dense.weight",
        "encoder.layer.1.intermediate.dense.bias",         "encoder.layer.1.output.dense.weight",
        "encoder.layer.1.output.LayerNorm.weight",
    };
    static const float values[] = {NAN, INFINITY, -INFINITY};
    static const char *const text = "the harbour at dawn";
    for (size_t t = 0; t < sizeof tensors / sizeof *tensors; t++)
        for (size_t v = 0; v < 3; v++) {
            char folder[SUPPORT_PATH_BYTES];
            make_model(folder, odd_sizes[0]);
            spoil(folder, tensors[t], 0, values[v]);
            for (size_t d = 0; d < N_DTYPES; d++) {
                wick_model *model = open_as(folder, dtypes[d], 1);
                float out[64];
                wick_error error = {0};
                int code = wick_embed(model, &text, NULL, 1, NULL, out, NULL, &error);
                if (code != WICK_E_INTERNAL || !strstr(error.message, "not finite"))
                    fail_msg("%s, %s = %f: code %d, \"%s\", and a vector of %g, %g ..", dtypes[d], tensors[t],
                             (double)values[v], code, error.message, (double)out[0], (double)out[1]);
                wick_model_close(model);
            }
            support_folder_remove(folder);
        }
}

/* The sums of int8 products have room for 2^16 of them: a layer with more inputs is refused, not run wrong. */
static void too_many_inputs_for_int8(void **state)
{
    (void)state;
    wick_model_files files = {.path = "made-up", .max_tokens = 8};
    wick_encoder *e = &files.encoder;
    wick_encoder_set_plain(e);
    e->n_layers = e->n_heads = e->type_vocab_size = 1;
    e->hidden_size = 4;
    e->intermediate_size = 65537;
    e->vocab_size = e->max_positions = 8;
    wick_encoder_derive(e);
    wick_cpu_model model = {.kernels = wick_kernels_select(), .compute = WICK_COMPUTE_I8, .files = &files};
    wick_error error = {0};
    wick_pool *pool = NULL;
    assert_int_equal(wick_pool_new(1, &pool, &error), WICK_OK);
    assert_int_equal(wick_cpu_model_open(&model, NULL, pool, &error), WICK_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "65537"));
    wick_pool_free(pool);
}

int main(void)
{
    static const struct CMUnitTest near = cmocka_unit_test(small_models_are_near);
    static const struct CMUnitTest once[] = {
        cmocka_unit_test(real_model_is_near),
        cmocka_unit_test(small_models_give_the_same_bits),
        cmocka_unit_test(real_model_gives_the_same_bits),
        cmocka_unit_test(warm_calls_allocate_nothing),
        cmocka_unit_test(weights_that_are_no_numbers_are_an_error),
        cmocka_unit_test(too_many_inputs_for_int8),
    };
    support_env("WICK_PREPARED_DIR", "off"); /* what another build has left would be tested instead */
    return support_tiers_run(&near, 1, once, sizeof once / sizeof *once);
}
